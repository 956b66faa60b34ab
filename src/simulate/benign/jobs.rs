//! Jobs of servers: nightly backups, builds, replication, mail.

use std::net::IpAddr;

use super::Machine;
use crate::simulate::conversation::{Protocol, Turn, upload_turns};
use crate::simulate::network::{Host, Service, Talk};
use crate::simulate::pace::{Pace, Sources, routine};
use crate::simulate::payload::record;
use crate::simulate::random::{Random, whole};
use crate::simulate::stage::Stage;
use crate::time::{Span, Timestamp};

const SMTP: Protocol = Protocol::Greeted("220 mx ESMTP ready\r\n", "EHLO mail.office.example\r\n");

pub(super) fn add_server(machine: &mut Machine, all: &mut Sources) {
    let (host, start, index) = (machine.host, machine.start, machine.index);
    let night = Span::from_secs(2 * 3600);
    // Every server has about as much to save each night as the night before.
    let usual = machine.random().size(900e6, 0.8) as f64;
    all.push(routine(start, Pace::Daily(night), machine.random(), move |now, random, stage| {
        back_up(&host, random.size(usual, 0.15), now, random, stage);
    }));
    let partner = Host::simulated(if index >= 10 { index - 10 } else { index + 10 });
    let pace = Pace::Every(Span::from_secs(600), 0.05);
    all.push(routine(start, pace, machine.random(), move |now, random, stage| {
        replicate(&host, partner.end.ip, now, random, stage);
    }));
    all.push(routine(start, Pace::Random(240.0), machine.random(), move |now, random, stage| {
        reverse_look_up(&host, now, random, stage);
    }));
}

pub(super) fn add_build(machine: &mut Machine, all: &mut Sources) {
    let (host, start) = (machine.host, machine.start);
    all.push(routine(start, Pace::Random(1_500.0), machine.random(), move |now, random, stage| {
        build(&host, now, random, stage);
    }));
}

pub(super) fn add_mail(machine: &mut Machine, all: &mut Sources) {
    let (host, start) = (machine.host, machine.start);
    all.push(routine(start, Pace::Random(240.0), machine.random(), move |now, random, stage| {
        send_mail(&host, now, random, stage);
    }));
}

fn back_up(host: &Host, bytes: u64, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    const PART: u64 = 64_000_000;
    let turns = upload_turns(bytes, PART, Span::from_millis(80));
    let service = Service::https("eu1.backup-vault.example");
    host.connect(&service, Talk::new(turns).at_rate(30e6), now, random, stage);
}

fn replicate(host: &Host, to: IpAddr, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let turn = Turn { up: random.size(40_000.0, 1.0), down: 3_000, ..Turn::default() };
    let service = Service::raw(to, 5432);
    host.connect(&service, Talk::new(std::iter::once(turn)).at_rate(80e6), now, random, stage);
}

/// A scanner of logs wants the names of addresses.
fn reverse_look_up(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let [a, b, c] = [0; 3].map(|_: u64| random.below(256));
    host.ask(&format!("{a}.{b}.{c}.198.in-addr.arpa"), record::PTR, None, now, random, stage);
}

/// Sources and packages come down, what was built goes up.
fn build(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let fetch = [
        ("git.forge.example", random.size(8_000_000.0, 1.0)),
        ("packages.registry.example", random.size(40_000_000.0, 1.0)),
    ];
    for (name, down) in fetch {
        let turn = Turn { up: 3_000, down, ..Turn::default() };
        let talk = Talk::new(std::iter::once(turn)).at_rate(20e6);
        host.connect(&Service::https(name), talk, now, random, stage);
    }
    let built = upload_turns(random.size(25_000_000.0, 1.0), 16_000_000, Span::from_millis(50));
    let later = now + random.wait(300.0);
    host.connect(
        &Service::https("artifacts.forge.example"),
        Talk::new(built).at_rate(15e6),
        later,
        random,
        stage,
    );
}

/// Looks the sender up in a block list, as mail servers do, and passes a message on.
fn send_mail(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let [a, b, c, d] = [0; 4].map(|_: u64| random.below(256));
    let listed = random.chance(0.2).then(|| vec![vec![127, 0, 0, 2]]);
    host.ask(&format!("{a}.{b}.{c}.{d}.zen.blocklist.example"), record::A, listed, now, random, stage);
    let turns = [
        Turn { up: 120, down: 160, ..Turn::default() },
        Turn { up: random.size(18_000.0, 1.5).min(20_000_000), down: 60, ..Turn::default() },
    ];
    // A few companies get much of the mail.
    let name = format!("mx.company{}.example", whole(2_000_f64.powf(random.unit())));
    let service = Service { port: 25, protocol: SMTP, ..Service::https(&name) };
    host.connect(&service, Talk::new(turns.into_iter()), now + Span::from_millis(300), random, stage);
}

//! Programs on every machine: time, telemetry at exact periods, push connections, updates, name look-ups that carry digests.

use super::Machine;
use crate::simulate::conversation::{Ending, Turn};
use crate::simulate::datagrams::{Carrier, Datagram, Datagrams};
use crate::simulate::frame::Endpoint;
use crate::simulate::network::{Host, Service, Talk, address_of};
use crate::simulate::pace::{Pace, Sources, routine};
use crate::simulate::payload::{base32, ntp, record};
use crate::simulate::random::Random;
use crate::simulate::stage::Stage;
use crate::time::{Span, Timestamp};

/// Vendors' telemetry: name, seconds between reports, jitter, share of the hosts that have it, bytes sent and received.
const TELEMETRY: [(&str, i64, f64, f64, u64, u64); 5] = [
    ("agent.monitoring.example", 300, 0.0, 0.3, 2_100, 380),
    ("v10.events.vendor-a.example", 900, 0.02, 0.7, 3_400, 620),
    ("telemetry.vendor-b.example", 1_800, 0.1, 0.4, 1_500, 500),
    ("config.vendor-c.example", 3_600, 0.0, 0.9, 700, 4_200),
    ("inventory.vendor-d.example", 14_400, 0.05, 0.5, 48_000, 900),
];

pub(super) fn add(machine: &mut Machine, all: &mut Sources) {
    let (host, start) = (machine.host, machine.start);
    for (name, period, jitter, share, up, down) in TELEMETRY {
        let mut random = machine.random();
        if random.chance(share) {
            let service = Service::https(name);
            let pace = Pace::Every(Span::from_secs(period), jitter);
            all.push(routine(start, pace, random, move |now, random, stage| {
                let turn =
                    Turn { up: up + random.below(up / 8), down: down + random.below(40), ..Turn::default() };
                host.connect(&service, Talk::new(std::iter::once(turn)), now, random, stage);
            }));
        }
    }
    all.push(routine(
        start,
        Pace::Every(Span::from_secs(1_024), 0.01),
        machine.random(),
        move |now, random, stage| {
            ask_time(&host, now, random, stage);
        },
    ));
    all.push(routine(
        start,
        Pace::Every(Span::from_secs(10 * 3_600), 0.6),
        machine.random(),
        move |now, random, stage| {
            hold_push(&host, now, random, stage);
        },
    ));
    if machine.random().chance(0.05) {
        let pace = Pace::Every(Span::from_secs(600), 0.01);
        all.push(routine(start, pace, machine.random(), move |now, random, stage| {
            let mut talk = Talk::new(std::iter::empty());
            talk.ending = Ending::Unanswered;
            host.connect(&Service::https("licence.retired-tool.example"), talk, now, random, stage);
        }));
    }
    let hour = machine.random().between(0.0, 86_400.0);
    all.push(routine(
        start,
        Pace::Daily(Span::from_secs_f64(hour)),
        machine.random(),
        move |now, random, stage| {
            update(&host, now, random, stage);
        },
    ));
    let shift = machine.shift;
    if machine.random().chance(0.35) {
        all.push(routine(start, Pace::Human(150.0, shift), machine.random(), move |now, random, stage| {
            look_up_digest(&host, now, random, stage);
        }));
    }
}

fn ask_time(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let server = address_of(&format!("time{}.pool.example", random.below(4)));
    let question = Datagram { head: ntp(true), ..Datagram::default() };
    let answer =
        Datagram { after: Span::from_millis(20), from_peer: true, head: ntp(false), ..Datagram::default() };
    let client = Endpoint { port: stage.port(host.end.ip), ..host.end };
    let both = [question, answer].into_iter();
    let exchange = Datagrams::new(client, host.far(server, 123), Carrier::Udp, Box::new(both));
    stage.start(now, Box::new(exchange));
}

/// A connection over which a vendor can wake the machine: held for hours, a sign of life every few minutes.
fn hold_push(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let beats = 20 + random.below(160);
    let service =
        Service { port: 5223, ..Service::https(&format!("push{}.vendor-a.example", random.below(3))) };
    let turns = (0..beats).map(|_| Turn { after: Span::from_secs(240), up: 31, down: 31, ..Turn::default() });
    host.connect(&service, Talk::new(turns), now, random, stage);
}

fn update(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let down = random.size(25_000_000.0, 1.2).min(800_000_000);
    let turns = [
        Turn { up: 2_400, down: 30_000, ..Turn::default() },
        Turn { after: random.wait(3.0), up: 600, down, ..Turn::default() },
    ];
    let service = Service::https("download.updates.example");
    host.connect(&service, Talk::new(turns.into_iter()).at_rate(8e6), now, random, stage);
}

/// A virus scanner asks for the reputation of a file: its digest is the name. Distinct, long and random, as a tunnel's names are.
fn look_up_digest(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let mut digest = [0; 20];
    random.fill(&mut digest);
    let name = format!("{}.files.reputation.example", base32(&digest));
    let known = random.chance(0.1).then(|| vec![vec![127, 0, 0, 4]]);
    host.ask(&name, record::A, known, now, random, stage);
}

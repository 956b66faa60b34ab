//! People at their desks: pages, shared files, chat, calls, remote shells.

use super::{KNOWN_DESTINATIONS, Machine, known_name};
use crate::simulate::conversation::{Protocol, Turn};
use crate::simulate::datagrams::{Carrier, Datagram, Datagrams};
use crate::simulate::frame::Endpoint;
use crate::simulate::network::{Host, Service, Talk, address_of};
use crate::simulate::pace::{Pace, Sources, routine};
use crate::simulate::payload::base32;
use crate::simulate::random::{Random, whole};
use crate::simulate::stage::Stage;
use crate::time::{Span, Timestamp};

/// Sites that anybody visits; a few are visited by all.
const SITES: f64 = 3_000.0;

pub(super) fn add(machine: &mut Machine, all: &mut Sources) {
    let (host, start, shift) = (machine.host, machine.start, machine.shift);
    let busy = machine.random().between(240.0, 1200.0);
    all.push(routine(start, Pace::Human(busy, shift), machine.random(), move |now, random, stage| {
        browse(&host, now, random, stage);
    }));
    all.push(routine(start, Pace::Human(2_400.0, shift), machine.random(), move |now, random, stage| {
        share_file(&host, now, random, stage);
    }));
    if machine.random().chance(0.6) {
        all.push(routine(start, Pace::Human(9_000.0, shift), machine.random(), move |now, random, stage| {
            chat(&host, now, random, stage);
        }));
    }
    if machine.random().chance(0.25) {
        all.push(routine(
            start,
            Pace::Human(14_000.0, shift),
            machine.random(),
            move |now, random, stage| {
                call(&host, now, random, stage);
            },
        ));
    }
    if machine.random().chance(0.05) {
        all.push(routine(start, Pace::Human(7_000.0, shift), machine.random(), move |now, random, stage| {
            shell(&host, now, random, stage);
        }));
    }
}

/// A site by its rank: the chance falls as one over the rank (Zipf).
fn site(random: &mut Random) -> u64 {
    whole(SITES.powf(random.unit()))
}

/// A page with its parts: the site, some of its content network's names, an advertiser or two.
fn browse(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let rank = site(random);
    let mut names = vec![format!("www.site{rank}.example")];
    for part in 0..random.below(4) {
        names.push(match random.below(3) {
            0 => format!("static{part}.site{rank}.example"),
            1 => format!("ads{}.adnet{}.example", random.below(4), random.below(6)),
            _ => format!("{}.edge.cdn{}.example", cache_name(random), random.below(5)),
        });
    }
    for (nth, name) in names.iter().enumerate() {
        let pages = if nth == 0 { 1 + random.below(4) } else { 1 };
        let turns: Vec<Turn> = (0..pages).flat_map(|page| page_turns(page > 0, random)).collect();
        let at = now + Span::from_secs_f64(nth as f64 * random.between(0.02, 0.3));
        let service = if random.chance(0.06) { Service::http(name) } else { Service::https(name) };
        host.connect(&service, Talk::new(turns.into_iter()), at, random, stage);
    }
}

/// A name as content networks and load balancers make them.
fn cache_name(random: &mut Random) -> String {
    let mut bytes = [0; 6];
    random.fill(&mut bytes);
    // Few enough to be met again.
    bytes.iter_mut().take(4).for_each(|byte| *byte &= 3);
    base32(&bytes)
}

fn page_turns(after_reading: bool, random: &mut Random) -> Vec<Turn> {
    let parts = 1 + random.below(5);
    let of_part = |part| {
        let reading = random.wait(25.0);
        Turn {
            after: if part > 0 || !after_reading { random.wait(0.15) } else { reading },
            up: 350 + random.size(300.0, 0.6),
            down: random.size(9_000.0, 1.3),
            server_first: false,
        }
    };
    (0..parts).map(of_part).collect()
}

/// Most shared files are small, some are large; a third are fetched, not sent.
fn share_file(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let index = whole((KNOWN_DESTINATIONS as f64).powf(random.unit())) - 1;
    let size = random.size(250_000.0, 1.8).min(400_000_000);
    let (up, down) = if random.chance(0.67) { (size, 900) } else { (900, size) };
    let turns = [Turn { up: 1_200, down: 2_000, ..Turn::default() }, Turn { up, down, ..Turn::default() }];
    host.connect(&Service::https(&known_name(index)), Talk::new(turns.into_iter()), now, random, stage);
}

/// A connection that is held open: a sign of life every minute, messages as people write them, from the server or to it.
fn chat(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let mut left = random.between(0.3, 7.0) * 3600.0;
    let mut inner = Random::new(random.below(u64::MAX), 1);
    let turns = std::iter::from_fn(move || {
        let message = inner.chance(0.25);
        let after = if message { inner.wait(30.0) } else { Span::from_secs(60) };
        left -= after.as_secs_f64();
        let size = inner.size(400.0, 1.0);
        let turn = if message {
            Turn { after, up: 120 + size / 3, down: 120 + size, server_first: inner.chance(0.6) }
        } else {
            Turn { after, up: 48, down: 44, server_first: false }
        };
        (left > 0.0).then_some(turn)
    });
    let service = Service::https(&format!("gateway{}.chat.example", random.below(4)));
    host.connect(&service, Talk::new(turns), now, random, stage);
}

/// A video call: datagrams both ways for some minutes, through a relay. Offloaded, so that a frame holds many.
fn call(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let ticks = whole(random.size(1_300.0, 0.6) as f64 / 0.25);
    let name = format!("relay{}.meet.example", random.below(12));
    let mut inner = Random::new(random.below(u64::MAX), 2);
    let own = random.between(6_000.0, 45_000.0);
    // The first is a binding request (RFC 8489), as every call has.
    let hello =
        Datagram { head: b"\x00\x01\x00\x00\x21\x12\xa4\x42uc-simulated".to_vec(), ..Datagram::default() };
    let media = (0..ticks * 2).map(move |tick| Datagram {
        after: Span::from_secs_f64(if tick % 2 == 0 { 0.25 } else { 0.002 }),
        from_peer: tick % 2 == 1,
        head: vec![0x80, 0x60],
        zeros: u32::try_from(inner.size(own, 0.25).min(60_000)).unwrap_or_default(),
        seq: 0,
    });
    let client = Endpoint { port: stage.port(host.end.ip), ..host.end };
    let relay = host.far(address_of(&name), 3478);
    let all = std::iter::once(hello).chain(media);
    stage.start(now, Box::new(Datagrams::new(client, relay, Carrier::Udp, Box::new(all))));
}

/// A remote shell as administrators use it: they type, the server answers.
fn shell(host: &Host, now: Timestamp, random: &mut Random, stage: &mut Stage<'_>) {
    let name = format!("vm{}.cloud{}.example", random.below(9), random.below(3));
    let commands = 5 + random.below(80);
    let mut inner = Random::new(random.below(u64::MAX), 3);
    let turns = (0..commands).map(move |_| Turn {
        after: inner.wait(20.0),
        up: 60 + inner.size(120.0, 0.8),
        down: 80 + inner.size(900.0, 1.4),
        server_first: false,
    });
    let service = Service { port: 22, protocol: Protocol::Ssh, ..Service::https(&name) };
    host.connect(&service, Talk::new(turns), now, random, stage);
}

//! The stage against a plain one over ordered maps, and against itself with other batches and tables.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What is asked of a packet: client, port, whether the server sends, protocol, flags, seconds since the one
/// before, payload.
type Draw = (u8, u16, bool, bool, u8, f64, u32);

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let flags = prop::sample::select(vec![2_u8, 16, 16, 16, 18, 17, 4]);
    prop::collection::vec(
        (0_u8..3, 0_u16..3, any::<bool>(), any::<bool>(), flags, 0.0..20.0, 0_u32..1000),
        1..150,
    )
}

fn packets(draws: &[Draw]) -> Vec<Packet> {
    let mut now = 0.0;
    draws
        .iter()
        .map(|&(client, port, back, is_tcp, flags, wait, len)| {
            now += wait;
            let from = if back { Direction::Resp } else { Direction::Orig };
            let protocol = if is_tcp { proto::TCP } else { proto::UDP };
            let mut packet = packet(from, protocol, 50_000 + port, 4444, now, len);
            let client = Addr::from_v4([10, 0, 0, client]);
            *(if back { &mut packet.dst } else { &mut packet.src }) = client;
            (packet.flags, packet.seq) = (TcpFlags(flags), 77);
            packet
        })
        .collect()
}

/// UDP flows as a map says: keyed by both ends in order, ended after a minute of silence.
fn naive(packets: &[Packet]) -> Vec<(FlowKey, Timestamp, Timestamp, Counters)> {
    let mut open: BTreeMap<_, (FlowKey, Timestamp, Timestamp, Counters)> = BTreeMap::new();
    let mut ended = Vec::new();
    for p in packets.iter().filter(|p| p.proto == proto::UDP) {
        let (source, target) = ((p.src, p.src_port), (p.dst, p.dst_port));
        let ends = (source.min(target), source.max(target));
        if open.get(&ends).is_some_and(|flow| p.ts - flow.2 >= Span::from_secs(60)) {
            ended.extend(open.remove(&ends));
        }
        let key = FlowKey {
            orig: p.src,
            resp: p.dst,
            orig_port: p.src_port,
            resp_port: p.dst_port,
            proto: p.proto,
        };
        let flow = open.entry(ends).or_insert((key, p.ts, p.ts, Counters::default()));
        flow.2 = p.ts;
        let from = if flow.0.orig == p.src { Direction::Orig } else { Direction::Resp };
        flow.3.add(from, p);
    }
    ended.extend(open.into_values());
    ended.sort_by_key(|flow| (flow.1, flow.0));
    ended
}

/// How packets are run: by so many workers, in batches of so many packets, sweeps drained at so many ordinals, and whether a table goes from one
/// worker to another before each batch.
#[derive(Clone, Copy, Debug)]
struct Way {
    workers: usize,
    batch: usize,
    parts: usize,
    moving: bool,
}

const PLAIN: Way = Way { workers: 1, batch: 64, parts: 1, moving: false };

/// Runs packets with a sweep every 10 s; all events in order.
fn run(packets: &[Packet], config: &Config, way: Way) -> Vec<Told> {
    let hasher = FlowHasher::new(Seed::REPLAY);
    let hashes: Vec<u64> = packets.iter().map(|packet| hasher.packet(packet)).collect();
    let mut workers: Vec<_> = (0..way.workers)
        .map(|n| FlowTables::new(config, Seed::REPLAY, |shard| shard % way.workers == n))
        .collect();
    let tick = |packet: &Packet| packet.ts.floor_to(Span::from_secs(10));
    let (mut told, mut done) = (Vec::new(), 0);
    for span in packets.chunk_by(|a, b| tick(a) == tick(b)) {
        for packets in span.chunks(way.batch) {
            let hashes = &hashes[done..][..packets.len()];
            let segment = Segment { packets, hashes, first_ordinal: done as u64, data: &[] };
            if way.moving
                && let [from, .., to] = workers.as_mut_slice()
            {
                from.give(to);
                workers.rotate_left(1);
            }
            tell(&mut told, &mut workers, |tables, events| tables.process(&segment, events));
            done += packets.len();
        }
        sweep(&mut told, &mut workers, way, done, Some(tick(&span[0]) + Span::from_secs(10)));
    }
    sweep(&mut told, &mut workers, way, done, None);
    told
}

fn sweep(told: &mut Vec<Told>, workers: &mut [FlowTables], way: Way, done: usize, now: Option<Timestamp>) {
    for tables in &mut *workers {
        assert!(tables.sweep(now).is_empty(), "too few for a mark");
    }
    let step = done / way.parts + 1;
    for before in (1..way.parts).map(|part| (part * step) as u64).chain([u64::MAX]) {
        tell(told, workers, |tables, events| tables.drain(before, events));
    }
}

fn tell(told: &mut Vec<Told>, workers: &mut [FlowTables], mut ask: impl FnMut(&mut FlowTables, &mut Events)) {
    let mut parts: Vec<Events> = workers
        .iter_mut()
        .map(|tables| {
            let mut events = Events::default();
            ask(tables, &mut events);
            events
        })
        .collect();
    told.extend(super::told(&mut parts));
}

fn finals(told: &[Told]) -> impl Iterator<Item = &FlowReport> {
    told.iter().filter_map(|event| match event {
        Told::Report(report) if report.phase != ReportPhase::Interim => Some(&**report),
        _ => None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn udp_flows_are_those_of_a_map(draws in draws()) {
        let packets = packets(&draws);
        let events = run(&packets, &Config::default(), PLAIN);
        let mut flows: Vec<_> = finals(&events)
            .map(|report| &report.record)
            .filter(|record| record.key.proto == proto::UDP)
            .map(|record| (record.key, record.first, record.last, record.counters))
            .collect();
        flows.sort_by_key(|flow| (flow.1, flow.0));
        prop_assert_eq!(flows, naive(&packets));
    }

    /// Every packet is in one flow, in one burst, and in the news of one report.
    #[test]
    fn packets_are_counted_once(draws in draws()) {
        let packets = packets(&draws);
        let events = run(&packets, &Config { max_flows: 2 * SHARDS, ..Config::default() }, PLAIN);
        let (mut total, mut news, mut bursts) = (0, 0, 0);
        for event in &events {
            match event {
                Told::Report(report) => {
                    let of = |counters: &Counters| counters.orig_pkts + counters.resp_pkts;
                    news += of(&report.new);
                    total += if report.phase == ReportPhase::Interim { 0 } else { of(&report.record.counters) };
                }
                Told::Exchange(exchange) => bursts += u64::from(exchange.packets),
                Told::Dns(_) => {}
            }
        }
        prop_assert_eq!((total, news), (packets.len() as u64, packets.len() as u64));
        prop_assert!(bursts <= total);
    }

    /// Few flows fit, so that it also matters which slot a flow is in.
    #[test]
    fn the_way_does_not_matter(
        draws in draws(),
        batch in 1_usize..100,
        workers in 1_usize..=SHARDS,
        parts in 1_usize..9,
        moving: bool,
    ) {
        let packets = packets(&draws);
        let config = Config { max_flows: 2 * SHARDS, ..Config::default() };
        let expected = format!("{:?}", run(&packets, &config, PLAIN));
        prop_assert_eq!(format!("{:?}", run(&packets, &config, Way { workers, batch, parts, moving })), expected);
    }

    /// The steps in which the pipeline ends many flows change nothing.
    #[test]
    fn draining_in_steps_is_draining(draws in draws(), step in 1_usize..5, later in 0.0..120.0) {
        let packets = packets(&draws);
        let now = packets.iter().map(|p| p.ts).max().unwrap_or_default() + Span::from_secs_f64(later);
        for now in [Some(now), None] {
            let [mut at_once, mut in_steps] = [(); 2].map(|()| {
                let mut net = Net::new(&Config::default());
                for packet in &packets {
                    net.send(*packet);
                }
                net.tables.sweep(now);
                net.told.clear();
                net
            });
            at_once.tell(|tables, events| tables.drain(u64::MAX, events));
            let bounds = (0..packets.len() as u64).step_by(step).chain([u64::MAX]);
            bounds.for_each(|before| {
                in_steps.tell(|tables, events| tables.drain(before, events));
            });
            prop_assert_eq!(format!("{:?}", at_once.told), format!("{:?}", in_steps.told));
        }
    }
}

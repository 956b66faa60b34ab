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

fn packets(draws: &[Draw]) -> Vec<FlowPacket> {
    let hasher = FlowHasher::new(Seed::REPLAY);
    let mut now = 0.0;
    (0..)
        .zip(draws)
        .map(|(ordinal, &(client, port, back, is_tcp, flags, wait, len))| {
            now += wait;
            let from = if back { Direction::Resp } else { Direction::Orig };
            let protocol = if is_tcp { proto::TCP } else { proto::UDP };
            let mut packet = packet(from, protocol, 50_000 + port, 4444, now, len);
            let client = Addr::from_v4([10, 0, 0, client]);
            *(if back { &mut packet.dst } else { &mut packet.src }) = client;
            (packet.flags, packet.seq) = (TcpFlags(flags), 77);
            FlowPacket { ordinal, hash: hasher.packet(&packet), packet }
        })
        .collect()
}

/// UDP flows as a map says: keyed by both ends in order, ended after a minute of silence.
fn naive(packets: &[FlowPacket]) -> Vec<(FlowKey, Timestamp, Timestamp, Counters)> {
    let mut open: BTreeMap<_, (FlowKey, Timestamp, Timestamp, Counters)> = BTreeMap::new();
    let mut ended = Vec::new();
    for FlowPacket { packet: p, .. } in packets.iter().filter(|p| p.packet.proto == proto::UDP) {
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

/// Runs packets through as many tables as asked, in batches, with a sweep every 10 s; all events in order.
fn run(packets: &[FlowPacket], config: &Config, tables: usize, batch: usize) -> Vec<FlowEvent> {
    let hasher = FlowHasher::new(Seed::REPLAY);
    let mut shards: Vec<_> = (0..tables).map(|_| FlowTable::new(config, Seed::REPLAY)).collect();
    let tick = |packet: &FlowPacket| packet.packet.ts.floor_to(Span::from_secs(10));
    let mut all = Vec::new();
    for span in packets.chunk_by(|a, b| tick(a) == tick(b)) {
        let mut events = Vec::new();
        for (n, table) in shards.iter_mut().enumerate().rev() {
            let mine = |p: &&FlowPacket| hasher.shard_of(&p.packet).0 * tables / SHARDS == n;
            let mine: Vec<_> = span.iter().filter(mine).copied().collect();
            mine.chunks(batch).for_each(|batch| table.process(batch, &[], &mut events));
            table.sweep(tick(&span[0]) + Span::from_secs(10), &mut events);
        }
        events.sort_by_key(|event| (event.order, event.sub));
        all.append(&mut events);
    }
    let mut events = Vec::new();
    for table in &mut shards {
        table.finish(&mut events);
    }
    events.sort_by_key(|event| (event.order, event.sub));
    all.append(&mut events);
    all
}

fn finals(events: &[FlowEvent]) -> impl Iterator<Item = &FlowReport> {
    events.iter().filter_map(|event| match &event.kind {
        FlowEventKind::Report(report) if report.phase != ReportPhase::Interim => Some(&**report),
        _ => None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn udp_flows_are_those_of_a_map(draws in draws()) {
        let packets = packets(&draws);
        let events = run(&packets, &Config::default(), SHARDS, 64);
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
        let events = run(&packets, &Config { max_flows: 2 * SHARDS, ..Config::default() }, SHARDS, 64);
        let (mut total, mut news, mut bursts) = (0, 0, 0);
        for event in &events {
            match &event.kind {
                FlowEventKind::Report(report) => {
                    let of = |counters: &Counters| counters.orig_pkts + counters.resp_pkts;
                    news += of(&report.new);
                    total += if report.phase == ReportPhase::Interim { 0 } else { of(&report.record.counters) };
                }
                FlowEventKind::Exchange(exchange) => bursts += u64::from(exchange.packets),
                FlowEventKind::Dns(_) => {}
            }
        }
        prop_assert_eq!((total, news), (packets.len() as u64, packets.len() as u64));
        prop_assert!(bursts <= total);
    }

    #[test]
    fn batches_and_tables_do_not_matter(draws in draws(), batch in 1_usize..100, tables in 1_usize..=SHARDS) {
        let packets = packets(&draws);
        let expected = format!("{:?}", run(&packets, &Config::default(), SHARDS, 1));
        prop_assert_eq!(format!("{:?}", run(&packets, &Config::default(), tables, batch)), expected);
    }

    /// The steps in which the pipeline ends many flows change nothing.
    #[test]
    fn sweeping_in_steps_is_sweeping(draws in draws(), step in 1_usize..5, later in 0.0..120.0) {
        let packets = packets(&draws);
        let now = packets.iter().map(|p| p.packet.ts).max().unwrap_or_default() + Span::from_secs_f64(later);
        let table = || {
            let mut table = FlowTable::new(&Config::default(), Seed::REPLAY);
            table.process(&packets, &[], &mut Vec::new());
            table
        };
        let in_order = |mut events: Vec<FlowEvent>| {
            events.sort_by_key(|event| (event.order, event.sub));
            format!("{events:?}")
        };
        for now in [Some(now), None] {
            let (mut at_once, mut in_steps) = (Vec::new(), Vec::new());
            let (mut one, mut other) = (table(), table());
            let mut ending: Vec<u64> = one.ending(now).collect();
            ending.sort_unstable();
            let bounds = ending.iter().copied().step_by(step).chain([u64::MAX]);
            if let Some(now) = now {
                one.sweep(now, &mut at_once);
                bounds.for_each(|before| other.sweep_before(before, now, &mut in_steps));
            } else {
                one.finish(&mut at_once);
                bounds.for_each(|before| other.finish_before(before, &mut in_steps));
            }
            prop_assert_eq!(ending.len(), finals(&at_once).count());
            prop_assert_eq!(in_order(at_once), in_order(in_steps));
        }
    }
}

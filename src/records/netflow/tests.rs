//! Exports written byte by byte, and the conversations that they tell of.

use std::io::Write as _;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::flow::{ConnState, FlowRecord, FlowReport, ReportPhase, Unseen};
use crate::records::{Record, RecordSource, Told};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// When the exporters were started.
const BOOT: i64 = 1_700_000_000;
const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [192, 0, 2, 7];
const SYN_FIN: u8 = 0x1b;

/// One direction of a flow; times in milliseconds since [`BOOT`].
#[derive(Clone, Copy)]
struct Told5 {
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    proto: u8,
    times_ms: (u32, u32),
    packets: u32,
    bytes: u32,
    flags: u8,
}

const ASKED: Told5 = Told5 {
    from: (CLIENT, 5000),
    to: (SERVER, 443),
    proto: 6,
    times_ms: (1_000, 3_000),
    packets: 10,
    bytes: 1_000,
    flags: SYN_FIN,
};

const ANSWERED: Told5 = Told5 {
    from: (SERVER, 443),
    to: (CLIENT, 5000),
    times_ms: (1_020, 3_000),
    packets: 8,
    bytes: 9_000,
    ..ASKED
};

/// A datagram of v5, sent at a time.
fn v5(sequence: u32, sent_ms: u32, sampling: u16, flows: &[Told5]) -> Vec<u8> {
    let seconds = u32::try_from(BOOT).unwrap() + sent_ms / 1000;
    let mut out = Vec::new();
    out.extend(5_u16.to_be_bytes());
    out.extend(u16::try_from(flows.len()).unwrap().to_be_bytes());
    for word in [sent_ms, seconds, sent_ms % 1000 * 1_000_000, sequence] {
        out.extend(word.to_be_bytes());
    }
    out.extend([0, 0]);
    out.extend(sampling.to_be_bytes());
    for flow in flows {
        out.extend(flow.from.0);
        out.extend(flow.to.0);
        out.extend([0; 8]);
        for word in [flow.packets, flow.bytes, flow.times_ms.0, flow.times_ms.1] {
            out.extend(word.to_be_bytes());
        }
        out.extend(flow.from.1.to_be_bytes());
        out.extend(flow.to.1.to_be_bytes());
        out.extend([0, flow.flags, flow.proto, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    out
}

/// A set: its number, its length, its content.
fn set(id: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap();
    [&id.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
}

/// A template: number and length of each element; those of the way back have the enterprise of RFC 5103.
fn template(id: u16, elements: &[(u16, u16)]) -> Vec<u8> {
    let mut out = [id, u16::try_from(elements.len()).unwrap()].map(u16::to_be_bytes).concat();
    for (element, length) in elements {
        out.extend(element.to_be_bytes());
        out.extend(length.to_be_bytes());
        if element & 0x8000 != 0 {
            out.extend(29_305_u32.to_be_bytes());
        }
    }
    out
}

fn ipfix(sequence: u32, sent_s: u32, domain: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let mut out = [10, u16::try_from(16 + body.len()).unwrap()].map(u16::to_be_bytes).concat();
    for word in [u32::try_from(BOOT).unwrap() + sent_s, sequence, domain] {
        out.extend(word.to_be_bytes());
    }
    out.extend(body);
    out
}

fn v9(sequence: u32, sent_ms: u32, source: u32, records: u16, sets: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [9, records].map(u16::to_be_bytes).concat();
    for word in [sent_ms, u32::try_from(BOOT).unwrap() + sent_ms / 1000, sequence, source] {
        out.extend(word.to_be_bytes());
    }
    out.extend(sets.concat());
    out
}

/// Source, destination, ports, protocol, times since the start, packets, octets, flags.
const V9_ELEMENTS: &[(u16, u16)] =
    &[(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (22, 4), (21, 4), (2, 4), (1, 4), (6, 1)];

fn v9_record(flow: &Told5) -> Vec<u8> {
    let mut out = [flow.from.0, flow.to.0].concat();
    out.extend([flow.from.1, flow.to.1].map(u16::to_be_bytes).concat());
    out.push(flow.proto);
    out.extend([flow.times_ms.0, flow.times_ms.1, flow.packets, flow.bytes].map(u32::to_be_bytes).concat());
    out.push(flow.flags);
    out
}

fn exporter(n: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, n], 9996))
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_secs_nanos(BOOT, ms * 1_000_000)
}

fn collector() -> Collector {
    Collector::new(&crate::flow::Config::default(), Seed(1))
}

/// Takes datagrams that come a minute after the start, and all reports up to the end.
fn collect(collector: &mut Collector, datagrams: &[(SocketAddr, Vec<u8>)]) -> Vec<FlowReport> {
    let mut records = Vec::new();
    for (from, datagram) in datagrams {
        collector.take(*from, at(3_600_000), datagram, &mut records);
    }
    collector.finish(usize::MAX, &mut records);
    reports(records)
}

fn reports(records: Vec<Record>) -> Vec<FlowReport> {
    let report = |record: Record| match record.what {
        Told::Flow(burst, report) => {
            assert_eq!(burst.is_some(), report.first, "a burst comes with the first report");
            Some(report)
        }
        Told::Dns(_) => None,
    };
    records.into_iter().filter_map(report).collect()
}

fn only(reports: &[FlowReport]) -> &FlowRecord {
    let [report] = reports else { panic!("{reports:?}") };
    &report.record
}

fn counts(record: &FlowRecord) -> [u64; 4] {
    let c = &record.counters;
    [c.orig_pkts, c.resp_pkts, c.orig_ip_bytes, c.resp_ip_bytes]
}

/// The same two pieces in each of the formats.
fn in_every_format(flows: &[Told5]) -> Vec<(&'static str, Vec<u8>)> {
    let count = u16::try_from(flows.len()).unwrap();
    let templates = template(256, V9_ELEMENTS);
    let data = set(256, &flows.iter().flat_map(v9_record).collect::<Vec<_>>());
    // Of IPFIX, times of their own: the start of the exporter is not in its header.
    let elements: Vec<(u16, u16)> = V9_ELEMENTS
        .iter()
        .map(|element| match element {
            (22, _) => (152, 8),
            (21, _) => (153, 8),
            other => *other,
        })
        .collect();
    let with_times = |flow: &Told5| {
        let record = v9_record(flow);
        let millis = |ms: u32| (u64::try_from(BOOT * 1000).unwrap() + u64::from(ms)).to_be_bytes();
        [&record[..13], &millis(flow.times_ms.0), &millis(flow.times_ms.1), &record[21..]].concat()
    };
    let of_ipfix = set(256, &flows.iter().flat_map(with_times).collect::<Vec<_>>());
    vec![
        ("v5", v5(0, 5_000, 0, flows)),
        ("v9", v9(0, 5_000, 0, count + 1, &[set(0, &templates), data])),
        ("ipfix", ipfix(0, 5, 0, &[set(2, &template(256, &elements)), of_ipfix])),
    ]
}

#[test]
fn two_directions_are_one_conversation_in_every_format() {
    for flows in [[ASKED, ANSWERED], [ANSWERED, ASKED]] {
        for (format, datagram) in in_every_format(&flows) {
            let reports = collect(&mut collector(), &[(exporter(1), datagram)]);
            let record = only(&reports);
            assert_eq!((record.key.orig_port, record.key.resp_port), (5000, 443), "{format}");
            assert_eq!((record.first, record.last), (at(1_000), at(3_000)), "{format}");
            assert_eq!(counts(record), [10, 8, 1_000, 9_000], "{format}");
            assert_eq!((record.counters.orig_payload, record.state), (600, ConnState::SF), "{format}");
            for unseen in [Unseen::PACING, Unseen::FRAMES, Unseen::SERVICE, Unseen::NAMES, Unseen::MISSED] {
                assert!(record.unseen.has(unseen), "{format}");
            }
            assert!(!record.unseen.has(Unseen::IP_BYTES.or(Unseen::PACKETS).or(Unseen::STATE)), "{format}");
        }
    }
}

#[test]
fn who_began_is_told_by_time_or_else_by_port() {
    let check = |client: (u16, u32), server: (u16, u32), expected: u16| {
        let asked =
            Told5 { from: (CLIENT, client.0), to: (SERVER, server.0), times_ms: (client.1, 9_000), ..ASKED };
        let answered =
            Told5 { from: (SERVER, server.0), to: (CLIENT, client.0), times_ms: (server.1, 9_000), ..ASKED };
        let reports = collect(&mut collector(), &[(exporter(1), v5(0, 10_000, 0, &[answered, asked]))]);
        assert_eq!(only(&reports).key.resp_port, expected, "{client:?} {server:?}");
    };
    check((5000, 1_000), (443, 1_001), 443);
    check((443, 1_000), (5000, 1_001), 5000);
    check((5000, 1_000), (443, 1_000), 443);
    check((5000, 1_000), (4999, 1_000), 4999);
}

#[test]
fn a_direction_that_nobody_answered_is_an_attempt() {
    let syn = Told5 { flags: 2, packets: 3, bytes: 180, ..ASKED };
    let reports = collect(&mut collector(), &[(exporter(1), v5(0, 5_000, 0, &[syn]))]);
    let record = only(&reports);
    assert_eq!((record.state, counts(record)), (ConnState::S0, [3, 0, 180, 0]));
}

#[test]
fn the_counter_of_uptime_may_begin_anew_between_flow_and_export() {
    let early = Told5 { times_ms: (u32::MAX - 999, u32::MAX), ..ASKED };
    let datagram = v5(0, 4_000, 0, &[early]);
    let reports = collect(&mut collector(), &[(exporter(1), datagram)]);
    let record = only(&reports);
    assert_eq!((record.first, record.last - record.first), (at(-1_000), Span::from_millis(999)));
}

#[test]
fn headers_in_whole_seconds_do_not_move_the_flows() {
    let mut collector = collector();
    let mut records = Vec::new();
    // A flow every ten seconds, told when the uptime has any fraction of a second.
    for (n, sent_ms) in (0_u32..).zip([10_900, 20_100, 30_500, 40_999, 50_000]) {
        let flow = Told5 {
            from: (CLIENT, 5000 + u16::try_from(n).unwrap()),
            times_ms: (n * 10_000, n * 10_000),
            ..ASKED
        };
        let sets = [set(0, &template(256, V9_ELEMENTS)), set(256, &v9_record(&flow))];
        collector.take(exporter(1), at(60_000), &v9(n, sent_ms, 0, 2, &sets), &mut records);
    }
    collector.finish(usize::MAX, &mut records);
    let mut starts: Vec<i64> =
        reports(records).iter().map(|report| report.record.first.as_millis()).collect();
    starts.sort_unstable();
    let off = starts.iter().zip(0..).map(|(start, n)| BOOT * 1000 + n * 10_000 - start);
    assert_eq!(off.collect::<Vec<_>>(), [900, 100, 100, 100, 0]);
}

#[test]
fn both_directions_may_be_in_one_record() {
    let elements = [
        (8, 4),
        (12, 4),
        (7, 2),
        (11, 2),
        (4, 1),
        (150, 4),
        (151, 4),
        (2, 4),
        (1, 4),
        (0x8002, 4),
        (0x8001, 4),
        (239, 1),
    ];
    let check = |biflow: u8, back: [u32; 2], expected: ([u64; 4], u16, ConnState)| {
        let mut record = [CLIENT, SERVER].concat();
        record.extend([5000_u16, 53].map(u16::to_be_bytes).concat());
        record.push(17);
        let (first, last) = (u32::try_from(BOOT).unwrap(), u32::try_from(BOOT).unwrap() + 2);
        record.extend([first, last, 3, 300, back[0], back[1]].map(u32::to_be_bytes).concat());
        record.push(biflow);
        let message = ipfix(0, 5, 0, &[set(2, &template(300, &elements)), set(300, &record)]);
        let reports = collect(&mut collector(), &[(exporter(1), message)]);
        let record = only(&reports);
        assert_eq!((counts(record), record.key.resp_port, record.state), expected, "{biflow} {back:?}");
    };
    check(1, [2, 900], ([3, 2, 300, 900], 53, ConnState::SF));
    check(2, [2, 900], ([2, 3, 900, 300], 5000, ConnState::SF));
    check(0, [2, 900], ([3, 2, 300, 900], 53, ConnState::SF));
    check(1, [0, 0], ([3, 0, 300, 0], 53, ConnState::S0));
}

#[test]
fn an_echo_and_its_reply_are_one_conversation() {
    // Type 8 and code 0 are in the port of the destination.
    let echo = Told5 { from: (CLIENT, 0), to: (SERVER, 8 << 8), proto: 1, flags: 0, ..ASKED };
    let reply = Told5 { from: (SERVER, 0), to: (CLIENT, 0), proto: 1, flags: 0, ..ANSWERED };
    let reports = collect(&mut collector(), &[(exporter(1), v5(0, 5_000, 0, &[echo, reply]))]);
    let record = only(&reports);
    assert_eq!((record.key.orig_port, record.key.resp_port, record.state), (8, 0, ConnState::SF));
}

#[test]
fn what_the_exporters_timeout_cut_is_one_conversation_that_goes_on() {
    let mut collector = collector();
    let mut records = Vec::new();
    // A connection of six hours, told of every half hour.
    for half_hour in 0..12_u32 {
        let times_ms = (half_hour * 1_800_000 + 1_000, (half_hour + 1) * 1_800_000);
        let flags = if half_hour == 11 { SYN_FIN } else { 0x18 };
        let pieces = [Told5 { times_ms, flags, ..ASKED }, Told5 { times_ms, flags, ..ANSWERED }];
        let datagram = v5(half_hour * 2, times_ms.1 + 1_000, 0, &pieces);
        collector.take(exporter(1), at(i64::from(times_ms.1) + 1_000), &datagram, &mut records);
        for _ in 0..2 {
            collector.advance(collector.now() + Span::from_secs(1), &mut records);
        }
    }
    collector.finish(usize::MAX, &mut records);
    let reports = reports(records);
    let finals = reports.iter().filter(|report| matches!(report.phase, ReportPhase::Final(_)));
    assert_eq!((reports.iter().filter(|report| report.first).count(), finals.count()), (1, 1));
    assert!(reports.len() >= 10, "it is told of while it is open: {}", reports.len());
    let last = &reports.last().unwrap().record;
    assert_eq!((counts(last), last.last - last.first), ([120, 96, 12_000, 108_000], Span::from_secs(21_599)));
    let told: u64 = reports.iter().map(|report| report.new.resp_ip_bytes).sum();
    assert_eq!(told, 108_000, "no byte is told twice");
}

#[test]
fn connections_of_one_pair_of_ports_are_told_apart() {
    let check = |gap_ms: u32, flags: u8, proto: u8, expected: usize| {
        let later = |flow: Told5| Told5 {
            times_ms: (flow.times_ms.0 + gap_ms, flow.times_ms.1 + gap_ms),
            flags,
            proto,
            ..flow
        };
        let first = [Told5 { proto, flags, ..ASKED }, Told5 { proto, flags, ..ANSWERED }];
        let flows = [first, [later(ASKED), later(ANSWERED)]].concat();
        let reports = collect(&mut collector(), &[(exporter(1), v5(0, 200_000, 0, &flows))]);
        assert_eq!(reports.len(), expected, "{gap_ms} {flags} {proto}");
    };
    check(4_000, SYN_FIN, 6, 2);
    check(4_000, 0x18, 6, 1);
    check(20_000, 0, 17, 1);
    check(120_000, 0, 17, 2);
}

#[test]
fn what_two_exporters_tell_counts_once() {
    let mut collector = collector();
    let both = [ASKED, ANSWERED];
    let reports = collect(
        &mut collector,
        &[(exporter(1), v5(0, 5_000, 0, &both)), (exporter(2), v5(0, 5_000, 0, &both))],
    );
    assert_eq!(counts(only(&reports)), [10, 8, 1_000, 9_000]);
    assert_eq!(collector.stats().skipped["duplicate_flow"], 2);
}

#[test]
fn exporters_and_domains_have_templates_of_their_own() {
    let mut collector = collector();
    let record = v9_record(&ASKED);
    let mut turned = V9_ELEMENTS.to_vec();
    turned.swap(0, 1);
    turned.swap(2, 3);
    let with = |source, elements: &[(u16, u16)]| {
        v9(0, 5_000, source, 2, &[set(0, &template(256, elements)), set(256, &record)])
    };
    let datagrams = [
        (exporter(1), with(0, V9_ELEMENTS)),
        (exporter(1), with(7, &turned)),
        (exporter(2), v9(0, 5_000, 0, 1, &[set(256, &record)])),
    ];
    let reports = collect(&mut collector, &datagrams);
    assert_eq!(reports.len(), 1, "the turned one is the other direction of the same flow");
    assert_eq!(counts(&reports[0].record), [10, 10, 1_000, 1_000]);
    let stats = collector.stats();
    assert_eq!((stats.exporters, stats.templates, stats.skipped["no_template"]), (3, 2, 1));
}

#[test]
fn options_tell_when_the_exporter_was_started_and_what_it_looks_at() {
    // An options template: number, fields, fields of the scope.
    let options: Vec<u8> = [400_u16, 3, 1, 149, 4, 160, 8, 305, 4].map(u16::to_be_bytes).concat();
    let options = [options, [306_u16, 4].map(u16::to_be_bytes).concat()].concat();
    let mut options = options;
    options[3] = 4;
    let boot = (u64::try_from(BOOT).unwrap() * 1000).to_be_bytes();
    let told = [&0_u32.to_be_bytes()[..], &boot, &1_u32.to_be_bytes(), &99_u32.to_be_bytes()].concat();
    let sets = [
        set(3, &options),
        set(400, &told),
        set(2, &template(256, V9_ELEMENTS)),
        set(256, &[v9_record(&ASKED), v9_record(&ANSWERED)].concat()),
    ];
    let mut collector = collector();
    let reports = collect(&mut collector, &[(exporter(1), ipfix(0, 5, 0, &sets))]);
    let record = only(&reports);
    assert_eq!(record.first, at(1_000));
    assert!(record.unseen.has(Unseen::PACKETS) && record.unseen.has(Unseen::IP_BYTES));
    let notices: Vec<_> = std::iter::from_fn(|| collector.take_notice()).collect();
    assert!(
        matches!(&notices[..], [Notice::Begun(_), Notice::Sampled(text)] if text.contains("one of 100 packets")),
        "{notices:?}"
    );
}

#[test]
fn what_cannot_be_used_is_counted_by_reason() {
    let check = |datagram: Vec<u8>, reason: &str| {
        let mut collector = collector();
        assert!(collect(&mut collector, &[(exporter(1), datagram)]).is_empty(), "{reason}");
        assert_eq!(collector.stats().skipped.get(reason), Some(&1), "{reason}: {:?}", collector.stats());
    };
    check(b"hello".to_vec(), "malformed_datagram");
    check(vec![0, 5, 0, 1], "malformed_datagram");
    check(v5(0, 5_000, 0, &[ASKED])[..60].to_vec(), "malformed_datagram");
    check(v9(0, 5_000, 0, 1, &[set(256, &v9_record(&ASKED))]), "no_template");
    // Neither an address nor a time.
    check(
        ipfix(0, 5, 0, &[set(2, &template(256, &[(7, 2), (11, 2)])), set(256, &[1, 2, 3, 4])]),
        "untold_record",
    );
    // A day ahead of when it came.
    check(v5(0, 90_000_000, 0, &[Told5 { times_ms: (1_000, 90_000_000), ..ASKED }]), "future_flow");
}

#[test]
fn what_never_came_is_counted() {
    let mut one = collector();
    collect(
        &mut one,
        &[(exporter(1), v5(0, 5_000, 0, &[ASKED])), (exporter(1), v5(8, 5_000, 0, &[ANSWERED]))],
    );
    assert_eq!((one.stats().lost_flows, one.stats().lost_datagrams), (7, 0));
    let mut other = collector();
    let empty = |sequence| v9(sequence, 5_000, 0, 1, &[set(0, &template(256, V9_ELEMENTS))]);
    collect(&mut other, &[(exporter(1), empty(4)), (exporter(1), empty(7))]);
    assert_eq!((other.stats().lost_flows, other.stats().lost_datagrams), (0, 2));
}

#[test]
fn exporters_and_conversations_are_bounded() {
    let mut many = collector();
    many.conversations.most = 10;
    let flows: Vec<Told5> = (0..30).map(|n| Told5 { from: (CLIENT, 1000 + n), ..ASKED }).collect();
    let mut records = Vec::new();
    many.take(exporter(1), at(5_000), &v5(0, 5_000, 0, &flows), &mut records);
    assert_eq!((records.len(), many.stats().conversations), (20, 10));
    assert_eq!(many.stats().skipped["conversation_evicted"], 20);
    for n in 0..1000_u16 {
        let from = SocketAddr::from(([198, 51, 100, 1], n));
        many.take(from, at(5_000), &v5(0, 5_000, 0, &[ASKED]), &mut records);
    }
    assert_eq!(many.stats().exporters, 256);
    assert_eq!(many.stats().skipped["exporter_forgotten"], 1001 - 256);
}

#[test]
fn a_file_of_messages_is_read_up_to_its_damage() {
    let messages: Vec<u8> = in_every_format(&[ASKED, ANSWERED])[2].1.clone();
    let check = |bytes: &[u8], expected: (usize, u64, &[&str])| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut timeline =
            ExportTimeline::of_files(vec![file.path().to_owned()], &crate::flow::Config::default(), Seed(1));
        let (mut batch, mut flows) = (Vec::new(), 0);
        while timeline.next_batch(&mut batch).unwrap() {
            flows += batch.len();
        }
        let stats = timeline.stats();
        let skipped: Vec<&str> = stats.skipped.keys().copied().collect();
        assert_eq!((flows, stats.truncated_inputs, &skipped[..]), expected);
        assert_eq!(timeline.bytes_read(), bytes.len() as u64);
    };
    check(&messages, (1, 0, &[]));
    check(&[&messages[..], &messages[..40]].concat(), (1, 1, &[]));
    check(&[&messages[..], &[7; 20]].concat(), (1, 0, &["damaged_message"]));
    check(&[], (0, 0, &[]));
}

proptest! {
    /// Whatever comes is taken or counted.
    #[test]
    fn any_bytes_are_taken_or_counted(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        version in prop::sample::select(vec![5_u8, 9, 10]),
    ) {
        let mut collector = collector();
        let mut records = Vec::new();
        for mut datagram in datagrams {
            if let [high, low, ..] = &mut datagram[..] {
                (*high, *low) = (0, version);
            }
            collector.take(exporter(1), at(0), &datagram, &mut records);
        }
        collector.finish(usize::MAX, &mut records);
        prop_assert_eq!(collector.stats().conversations, 0);
    }

    /// A datagram of which some bytes were changed is taken or counted, and the next one is read all the same.
    #[test]
    fn a_damaged_datagram_harms_no_other(
        format in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let (_, good) = in_every_format(&[ASKED, ANSWERED]).swap_remove(format);
        let mut damaged = good.clone();
        for (place, byte) in changes {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        let mut collector = collector();
        let mut records = Vec::new();
        collector.take(exporter(1), at(3_600_000), &damaged, &mut records);
        collector.take(exporter(2), at(3_600_000), &good, &mut records);
        let stats = collector.stats();
        prop_assert!(stats.flows + stats.skipped.get("duplicate_flow").unwrap_or(&0) >= 2);
    }
}

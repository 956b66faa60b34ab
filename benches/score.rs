//! A scoring pass over 100,000 channels of 20,000 hosts by the shipped models, on one thread, in processor time; and what a channel and a host weigh in memory.
//!
//! `cargo bench --bench score`. Three networks of that size. In the usual one the channels have as many bursts as those of a simulated day of 200
//! hosts (two thirds have one, one in forty as many as are kept); in the busy one every channel has 64, so that all are judged. The answer is checked
//! before it is timed: a pass by four threads is the pass by one, and the one clock among random channels
//! is among the oddest.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop at a broken premise")]

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use undercurrent::addr::Addr;
use undercurrent::decode::app::DnsMessage;
use undercurrent::decode::proto;
use undercurrent::detect::{Allowlist, ChannelScore, Detector, Scores};
use undercurrent::features::{Config, FeatureStore, LocalNetworks, Peer, RecentActivity};
use undercurrent::flow::{
    ConnState, Counters, DnsEvent, EndReason, Exchange, FlowEvent, FlowKey, FlowRecord, FlowReport,
    ReportPhase,
};
use undercurrent::model::Model;
use undercurrent::seed::Seed;
use undercurrent::time::Timestamp;

const HOSTS: u32 = 20_000;
const CHANNELS_A_HOST: u32 = 5;
const CHANNELS: usize = 100_000;
const MOST_BURSTS: u32 = 64;

/// Bursts of a channel of the usual network: (share of the channels in hundredths, bursts).
const USUAL: [(u32, u32); 6] = [(68, 1), (81, 2), (86, 3), (94, 10), (97, 24), (100, MOST_BURSTS)];

/// A number without pattern, the same in every run.
fn scattered(number: u32) -> u32 {
    let mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32).unwrap()
}

fn usual(channel: u32) -> u32 {
    let part = scattered(channel) % 100;
    USUAL.iter().find(|(upto, _)| part < *upto).unwrap().1
}

/// A flow of a channel to a peer of its own. Channel 0 is a clock, the others come as chance has it.
fn report(channel: u32, nth: u32, bursts: u32) -> FlowReport {
    let gap = 86_400 / i64::from(bursts);
    let chance = i64::from(scattered(channel ^ nth << 17)) % gap;
    let start = gap * i64::from(nth) + if channel == 0 { 0 } else { chance };
    let [_, b, c, d] = (channel / CHANNELS_A_HOST).to_be_bytes();
    let size = u64::from(scattered(channel.wrapping_add(nth)) % 5_000);
    let counters = Counters {
        orig_pkts: 6,
        resp_pkts: 6,
        orig_ip_bytes: size + 300,
        resp_ip_bytes: 3 * size + 300,
        orig_payload: size,
        resp_payload: 3 * size,
        ..Counters::default()
    };
    let record = FlowRecord {
        key: FlowKey {
            orig: Addr::from_v4([10, b, c, d]),
            resp: Addr::from_v4((0xc612_0000 | channel).to_be_bytes()),
            orig_port: u16::try_from(1024 + nth).unwrap(),
            resp_port: 443,
            proto: proto::TCP,
        },
        first: Timestamp::from_secs_nanos(start, 0),
        last: Timestamp::from_secs_nanos(start + 1, 0),
        state: ConnState::SF,
        counters,
        ..FlowRecord::default()
    };
    let phase = ReportPhase::Final(EndReason::Closed);
    FlowReport { phase, first: true, record, app_is_new: true, new: counters }
}

fn burst(record: &FlowRecord) -> Exchange {
    Exchange {
        key: record.key,
        flow_first: record.first,
        start: record.first,
        end: record.last,
        opens_flow: true,
        orig_payload: u32::try_from(record.counters.orig_payload).unwrap(),
        resp_payload: u32::try_from(record.counters.resp_payload).unwrap(),
        packets: 12,
        answered: true,
        ..Exchange::default()
    }
}

fn answer(client: Addr) -> DnsEvent {
    let message = DnsMessage {
        name: "example".into(),
        is_response: true,
        addresses: [Addr::from_v4([203, 0, 113, 1])].into_iter().collect(),
        ..DnsMessage::default()
    };
    let (ts, server) = (Timestamp::from_secs_nanos(0, 0), Addr::from_v4([10, 255, 0, 1]));
    DnsEvent { ts, client, server, server_port: 53, proto: proto::UDP, message_len: 60, message }
}

/// The state of a network whose channels have so many bursts.
fn store(bursts_of: impl Fn(u32) -> u32) -> FeatureStore {
    let mut store = FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed(1));
    // Every host has had an answer of DNS that gave none of these addresses.
    for host in 0..HOSTS {
        let [_, b, c, d] = host.to_be_bytes();
        store.apply([FlowEvent::Dns(&answer(Addr::from_v4([10, b, c, d])))].into_iter());
    }
    for channel in 0..HOSTS * CHANNELS_A_HOST {
        let bursts = bursts_of(channel);
        for nth in 0..bursts {
            let report = report(channel, nth, bursts);
            let exchange = burst(&report.record);
            store.apply([FlowEvent::Exchange(&exchange), FlowEvent::Report(&report)].into_iter());
        }
    }
    assert_eq!((store.channels().len(), store.hosts().len()), (CHANNELS, usize::try_from(HOSTS).unwrap()));
    store
}

fn detector() -> Detector {
    let [c2, exfil] = ["c2", "exfil"].map(|name| {
        let path = format!("{}/models/{name}.ucmodel", env!("CARGO_MANIFEST_DIR"));
        Model::from_bytes(&std::fs::read(path).unwrap()).unwrap()
    });
    Detector::new(c2, exfil, Allowlist::default()).unwrap()
}

/// Whether as many channels are judged as should be, the clock scores higher for C2 than all but one in a thousand of them, and threads change
/// nothing.
fn check(detector: &Detector, store: &FeatureStore, judged: std::ops::Range<usize>) {
    let scores = detector.score_judged(store);
    assert!(judged.contains(&scores.channels.len()), "{} judged", scores.channels.len());
    let clock = report(0, 0, MOST_BURSTS).record.key;
    let c2 = |row: &ChannelScore| row.verdicts.first().unwrap().score;
    let is_clock = |row: &&ChannelScore| row.key.host == clock.orig && row.key.peer == Peer::Addr(clock.resp);
    let of_clock = c2(scores.channels.iter().find(is_clock).unwrap());
    let above = scores.channels.iter().filter(|row| c2(row) > of_clock).count();
    assert!(above * 1000 <= scores.channels.len(), "{above} channels above the clock");
    let told = |scores: &Scores| -> Vec<(String, u64)> {
        scores.findings.iter().map(|f| (f.id.clone(), f.score.to_bits())).collect()
    };
    assert_eq!(told(&scores), told(&detector.clone().with_threads(4).score_judged(store)));
}

/// Memory that the process takes, bytes. Nothing where `/proc` does not tell.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// Prints what a network weighs a channel, with its share of its host.
fn weigh(name: &str, bursts_of: impl Fn(u32) -> u32) -> FeatureStore {
    let before = resident();
    let store = store(bursts_of);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{name}: {} bytes a channel", after.saturating_sub(before) / CHANNELS as u64);
    }
    store
}

/// Processor time of this thread: the machine may be shared.
fn on_one_core(bencher: &mut Bencher<'_>, mut pass: impl FnMut()) {
    bencher.iter_custom(|passes| {
        let begin = ThreadTime::now();
        (0..passes).for_each(|_| pass());
        begin.elapsed()
    });
}

fn bench(c: &mut Criterion) {
    let detector = detector();
    let kept = u32::try_from(RecentActivity::CAPACITY).unwrap();
    assert_eq!(kept, MOST_BURSTS);
    let with_clock = |channel: u32| if channel == 0 { MOST_BURSTS } else { usual(channel) };
    let usual = weigh("usual", with_clock);
    let busy = weigh("64 bursts each", |_| MOST_BURSTS);
    let small = weigh("a burst each", |_| 1);
    let few = weigh("four bursts each", |_| 4);
    check(&detector, &usual, 8_000..30_000);
    check(&detector, &busy, CHANNELS..CHANNELS + 1);

    let mut group = c.benchmark_group("score");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Elements(CHANNELS as u64));
    let mut pass = |name: &str, store: &FeatureStore| {
        group.bench_function(format!("{name}, what can be judged"), |b| {
            on_one_core(b, || drop(black_box(detector.score_judged(store))));
        });
        group.bench_function(format!("{name}, a row for every channel"), |b| {
            on_one_core(b, || drop(black_box(detector.score(store))));
        });
    };
    pass("usual", &usual);
    pass("64 bursts each", &busy);
    group.finish();
    drop((small, few));
}

criterion_group!(benches, bench);
criterion_main!(benches);

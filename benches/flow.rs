//! Updates of the flow tables, against a table of bare 64-byte records that only counts.
//!
//! `cargo bench --bench flow`. Packets are data segments of established TCP connections, keys drawn evenly, so that
//! at a million keys nearly every packet misses the caches. Dated results are in `benches/flow.md`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop at a broken premise")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hashbrown::HashTable;
use undercurrent::addr::Addr;
use undercurrent::decode::{Packet, TcpFlags, proto};
use undercurrent::flow::{Config, FlowEvent, FlowEventKind, FlowHasher, FlowPacket, FlowTable, SHARDS};
use undercurrent::seed::Seed;
use undercurrent::time::{Span, Timestamp};

const PACKETS: usize = 1 << 20;
const PAYLOAD: u32 = 100;
/// Packets that the pipeline hands over at a time.
const BLOCK: usize = 4096;

/// A stream of packets over a number of connections, a microsecond apart.
struct Stream {
    next_seq: Vec<u32>,
    hasher: FlowHasher,
    ordinal: u64,
    random: u64,
}

impl Stream {
    fn new(keys: usize) -> Self {
        Self { next_seq: vec![1; keys], hasher: FlowHasher::new(Seed::REPLAY), ordinal: 0, random: 1 }
    }

    fn packet(&mut self, key: usize, flags: u8) -> (usize, FlowPacket) {
        let octets = u32::try_from(key).unwrap().to_be_bytes();
        let seq = self.next_seq[key];
        self.next_seq[key] = seq.wrapping_add(if flags == TcpFlags::SYN { 1 } else { PAYLOAD });
        let packet = Packet {
            ts: self.now(),
            src: Addr::from_v4([10, octets[1], octets[2], octets[3]]),
            dst: Addr::from_v4([198, 51, 100, octets[3]]),
            src_port: 40_000,
            dst_port: 4444,
            proto: proto::TCP,
            flags: TcpFlags(flags),
            seq,
            window: 1000,
            payload_len: if flags == TcpFlags::SYN { 0 } else { PAYLOAD },
            ip_len: 40 + PAYLOAD,
            wire_len: 54 + PAYLOAD,
            ..Packet::default()
        };
        let (shard, hash) = self.hasher.shard_of(&packet);
        self.ordinal += 1;
        (shard, FlowPacket { ordinal: self.ordinal, hash, packet })
    }

    fn now(&self) -> Timestamp {
        Timestamp::default() + Span::from_nanos(i64::try_from(self.ordinal).unwrap() * 1000)
    }

    /// The SYNs of all connections.
    fn open(&mut self) -> Vec<Vec<FlowPacket>> {
        let mut shards = vec![Vec::new(); SHARDS];
        for key in 0..self.next_seq.len() {
            let (shard, packet) = self.packet(key, TcpFlags::SYN);
            shards[shard].push(packet);
        }
        shards
    }

    /// The next packets, by shard.
    fn next(&mut self) -> Vec<Vec<FlowPacket>> {
        let mut shards = vec![Vec::new(); SHARDS];
        for _ in 0..PACKETS {
            self.random =
                self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = usize::try_from(self.random >> 33).unwrap() % self.next_seq.len();
            let (shard, packet) = self.packet(key, TcpFlags::ACK);
            shards[shard].push(packet);
        }
        shards
    }
}

/// Hands the packets of all shards over in blocks, as the pipeline does.
fn in_blocks(shards: &[Vec<FlowPacket>], mut process: impl FnMut(usize, &[FlowPacket])) {
    let size = BLOCK / SHARDS;
    for block in 0..shards.iter().map(Vec::len).max().unwrap_or_default().div_ceil(size) {
        for (shard, packets) in shards.iter().enumerate() {
            let rest = packets.get(block * size..).unwrap_or_default();
            process(shard, &rest[..size.min(rest.len())]);
        }
    }
}

/// What a flow table costs at the least: key, packets, bytes and the last time.
struct Bare {
    index: HashTable<u32>,
    records: Vec<([u64; 5], [u64; 3])>,
}

impl Bare {
    fn new(keys: usize) -> Self {
        Self { index: HashTable::with_capacity(keys), records: Vec::with_capacity(keys) }
    }

    fn process(&mut self, packets: &[FlowPacket]) {
        for batch in packets.chunks(64) {
            let mut slots = [None; 64];
            for (slot, packet) in slots.iter_mut().zip(batch) {
                let key = words(&packet.packet);
                *slot = self.index.find(packet.hash, |&n| self.records[n as usize].0 == key).copied();
            }
            for (slot, packet) in slots.into_iter().zip(batch) {
                let slot = slot.unwrap_or_else(|| self.insert(packet));
                let counters = &mut self.records[slot as usize].1;
                counters[0] += 1;
                counters[1] += u64::from(packet.packet.ip_len);
                counters[2] = packet.packet.ts.as_nanos().unsigned_abs();
            }
        }
    }

    fn insert(&mut self, packet: &FlowPacket) -> u32 {
        let slot = u32::try_from(self.records.len()).unwrap();
        self.records.push((words(&packet.packet), [0; 3]));
        self.index.insert_unique(packet.hash, slot, |_| unreachable!("made large enough"));
        slot
    }
}

/// All packets of a stream go one way: their key needs no orientation.
fn words(packet: &Packet) -> [u64; 5] {
    let ([s0, s1], [d0, d1]) = (packet.src.words(), packet.dst.words());
    [s0, s1, d0, d1, u64::from(packet.src_port) << 16 | u64::from(packet.dst_port)]
}

fn bench_table(criterion: &mut Criterion) {
    for keys in [10_000, 1_000_000] {
        let mut group = criterion.benchmark_group("flow");
        group.sample_size(10).throughput(Throughput::Elements(PACKETS as u64));
        let mut stream = Stream::new(keys);
        let mut tables: Vec<_> =
            (0..SHARDS).map(|_| FlowTable::new(&Config::default(), Seed::REPLAY)).collect();
        let mut events: Vec<FlowEvent> = Vec::new();
        in_blocks(&stream.open(), |shard, packets| tables[shard].process(packets, &[], &mut events));
        group.bench_function(BenchmarkId::new("table", keys), |b| {
            b.iter_batched(
                || stream.next(),
                |packets| {
                    in_blocks(&packets, |n, packets| tables[n].process(packets, &[], &mut events));
                    packets
                },
                BatchSize::PerIteration,
            );
        });
        group.throughput(Throughput::Elements(keys as u64));
        let now = stream.now();
        group.bench_function(BenchmarkId::new("sweep", keys), |b| {
            b.iter(|| {
                for table in &mut tables {
                    table.sweep(black_box(now), &mut events);
                }
            });
        });
        group.finish();
        assert_eq!(tables.iter().map(FlowTable::len).sum::<usize>(), keys);
        events.clear();
        for table in &mut tables {
            table.finish(&mut events);
        }
        assert_eq!(packets_of(&events), stream.ordinal, "every packet is in a flow");
    }
}

fn packets_of(events: &[FlowEvent]) -> u64 {
    events
        .iter()
        .map(|event| match &event.kind {
            FlowEventKind::Report(report) => report.record.counters.orig_pkts,
            _ => 0,
        })
        .sum()
}

fn bench_bare(criterion: &mut Criterion) {
    for keys in [10_000, 1_000_000] {
        let mut group = criterion.benchmark_group("flow");
        group.sample_size(10).throughput(Throughput::Elements(PACKETS as u64));
        let mut stream = Stream::new(keys);
        let mut tables: Vec<_> = (0..SHARDS).map(|_| Bare::new(keys)).collect();
        in_blocks(&stream.open(), |shard, packets| tables[shard].process(packets));
        group.bench_function(BenchmarkId::new("bare", keys), |b| {
            b.iter_batched(
                || stream.next(),
                |packets| {
                    in_blocks(&packets, |shard, packets| tables[shard].process(packets));
                    packets
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
        let records = || tables.iter().flat_map(|table| &table.records);
        assert_eq!(records().count(), keys);
        assert_eq!(records().map(|record| record.1[0]).sum::<u64>(), stream.ordinal);
    }
}

criterion_group!(benches, bench_table, bench_bare);
criterion_main!(benches);

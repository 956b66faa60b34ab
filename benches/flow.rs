//! Updates of the flow tables, against a table of bare 64-byte records that only counts.
//!
//! `cargo bench --bench flow`. Packets are data segments of established TCP connections, keys drawn evenly, so that
//! at a million keys nearly every packet misses the caches. Dated results are in `benches/RESULTS.md`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop at a broken premise")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use undercurrent::addr::Addr;
use undercurrent::decode::{Packet, TcpFlags, proto};
use undercurrent::flow::{Config, Events, FlowEvent, FlowHasher, FlowTables, Segment};
use undercurrent::memory::Index;
use undercurrent::seed::Seed;
use undercurrent::time::{Span, Timestamp};

const PACKETS: usize = 1 << 20;
const PAYLOAD: u32 = 100;
/// Packets that the pipeline hands over at a time.
const BLOCK: usize = 2048;

/// Packets and the hashes of their flows.
#[derive(Default)]
struct Packets {
    packets: Vec<Packet>,
    hashes: Vec<u64>,
}

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

    fn push(&mut self, to: &mut Packets, key: usize, flags: u8) {
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
        self.ordinal += 1;
        to.hashes.push(self.hasher.packet(&packet));
        to.packets.push(packet);
    }

    fn now(&self) -> Timestamp {
        Timestamp::default() + Span::from_nanos(i64::try_from(self.ordinal).unwrap() * 1000)
    }

    /// The SYNs of all connections.
    fn open(&mut self) -> Packets {
        let mut packets = Packets::default();
        (0..self.next_seq.len()).for_each(|key| self.push(&mut packets, key, TcpFlags::SYN));
        packets
    }

    /// The next packets.
    fn next(&mut self) -> Packets {
        let mut packets = Packets::default();
        for _ in 0..PACKETS {
            self.random =
                self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = usize::try_from(self.random >> 33).unwrap() % self.next_seq.len();
            self.push(&mut packets, key, TcpFlags::ACK);
        }
        packets
    }
}

impl Packets {
    /// The packets in blocks, as the pipeline hands them over.
    fn in_blocks(&self) -> impl Iterator<Item = Segment<'_>> {
        self.packets.chunks(BLOCK).zip(self.hashes.chunks(BLOCK)).map(|(packets, hashes)| Segment {
            packets,
            hashes,
            first_ordinal: 0,
            data: &[],
        })
    }
}

/// What a flow table costs at the least: key, packets, bytes and the last time in one cache line.
struct Bare {
    index: Index,
    records: Vec<([u64; 5], [u64; 3])>,
}

impl Bare {
    fn new(keys: usize) -> Self {
        Self { index: Index::default(), records: Vec::with_capacity(keys) }
    }

    fn process(&mut self, segment: &Segment<'_>) {
        for (packets, hashes) in segment.packets.chunks(64).zip(segment.hashes.chunks(64)) {
            let mut slots = [None; 64];
            for (slot, (packet, hash)) in slots.iter_mut().zip(packets.iter().zip(hashes)) {
                let key = words(packet);
                *slot = self.index.find(short(*hash), |n| self.records[n as usize].0 == key);
            }
            for (slot, (packet, hash)) in slots.into_iter().zip(packets.iter().zip(hashes)) {
                let slot = slot.unwrap_or_else(|| self.insert(packet, *hash));
                let counters = &mut self.records[slot as usize].1;
                counters[0] += 1;
                counters[1] += u64::from(packet.ip_len);
                counters[2] = packet.ts.as_nanos().unsigned_abs();
            }
        }
    }

    fn insert(&mut self, packet: &Packet, hash: u64) -> u32 {
        let slot = u32::try_from(self.records.len()).unwrap();
        self.records.push((words(packet), [0; 3]));
        self.index.insert(short(hash), slot);
        slot
    }
}

fn short(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap()
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
        let mut tables = FlowTables::new(&Config::default(), Seed::REPLAY, |_| true);
        let mut events = Events::default();
        stream.open().in_blocks().for_each(|segment| tables.process(&segment, &mut events));
        group.bench_function(BenchmarkId::new("table", keys), |b| {
            b.iter_batched(
                || stream.next(),
                |packets| {
                    packets.in_blocks().for_each(|segment| tables.process(&segment, &mut events));
                    packets
                },
                BatchSize::PerIteration,
            );
        });
        group.throughput(Throughput::Elements(keys as u64));
        let now = stream.now();
        group.bench_function(BenchmarkId::new("sweep", keys), |b| {
            b.iter(|| tables.sweep(black_box(Some(now))));
        });
        group.finish();
        assert_eq!(tables.len(), keys);
        events.clear();
        tables.sweep(None);
        tables.drain(u64::MAX, &mut events);
        assert_eq!(packets_of(events), stream.ordinal, "every packet is in a flow");
    }
}

fn packets_of(mut events: Events) -> u64 {
    Events::in_order(std::slice::from_mut(&mut events))
        .map(|event| match event {
            FlowEvent::Report(report) => report.record.counters.orig_pkts,
            _ => 0,
        })
        .sum()
}

fn bench_bare(criterion: &mut Criterion) {
    for keys in [10_000, 1_000_000] {
        let mut group = criterion.benchmark_group("flow");
        group.sample_size(10).throughput(Throughput::Elements(PACKETS as u64));
        let mut stream = Stream::new(keys);
        let mut table = Bare::new(keys);
        stream.open().in_blocks().for_each(|segment| table.process(&segment));
        group.bench_function(BenchmarkId::new("bare", keys), |b| {
            b.iter_batched(
                || stream.next(),
                |packets| {
                    packets.in_blocks().for_each(|segment| table.process(&segment));
                    packets
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
        assert_eq!(table.records.len(), keys);
        assert_eq!(table.records.iter().map(|record| record.1[0]).sum::<u64>(), stream.ordinal);
    }
}

criterion_group!(benches, bench_table, bench_bare);
criterion_main!(benches);

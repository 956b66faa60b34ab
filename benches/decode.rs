//! Nanoseconds a packet for decoding an IMIX-like block, against etherparse's lax slicing of the same frames, and for the
//! general path alone. Both must find the same packets.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "frames are built here, of known lengths")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::{LaxNetSlice, LaxSlicedPacket, PacketBuilder, TransportSlice};
use undercurrent::capture::{Block, FrameRef, LinkType};
use undercurrent::decode::{Config, Decoder, Packet};
use undercurrent::seed::Seed;
use undercurrent::time::Timestamp;

/// As many frames as a block of 1 MiB holds on average, cut as sensors often do.
const FRAMES: u32 = 3_000;
const SNAP_LENGTH: usize = 96;

/// Six small, five middle and one large frame in twelve (IMIX), four fifths of them TCP.
fn imix_frame(n: u32) -> Vec<u8> {
    let payload_len = match n.wrapping_mul(2_654_435_761) >> 16 {
        hash if hash % 12 < 6 => 6,
        hash if hash % 12 < 11 => 540,
        _ => 1_460,
    };
    let [_, _, high, low] = n.to_be_bytes();
    let source_port = 1_024 + u16::from_be_bytes([high, low]);
    let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, high, low], [198, 18, low, high], 64);
    let (mut frame, payload) = (Vec::new(), vec![0xa5; payload_len]);
    if n.is_multiple_of(5) {
        ip.udp(source_port, 443).write(&mut frame, &payload).expect("a vector takes any frame");
    } else {
        ip.tcp(source_port, 443, n, 64_240)
            .ack(7)
            .write(&mut frame, &payload)
            .expect("a vector takes any frame");
    }
    frame
}

fn imix_block() -> Block {
    let mut block = Block::default();
    for n in 0..FRAMES {
        let frame = imix_frame(n);
        let kept = &frame[..frame.len().min(SNAP_LENGTH)];
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block is small");
        block.frames.push(FrameRef {
            ts: Timestamp::from_nanos(i64::from(n) * 10_000),
            offset: length(&block.data),
            captured_len: length(kept),
            wire_len: length(&frame),
            link: LinkType(1),
        });
        block.data.own().extend(kept);
    }
    block
}

/// A sum over the 5-tuples, so that both decoders have to find them.
fn digest(packets: &[Packet]) -> u64 {
    let ports = |packet: &Packet| u64::from(packet.src_port) + u64::from(packet.dst_port);
    packets
        .iter()
        .map(|packet| packet.src.words()[1] ^ packet.dst.words()[1] ^ ports(packet) ^ u64::from(packet.proto))
        .fold(0, u64::wrapping_add)
}

fn etherparse_digest(block: &Block) -> (usize, u64) {
    const MAPPED: u64 = 0x0000_ffff_0000_0000;
    let (mut count, mut sum) = (0, 0u64);
    for frame in &block.frames {
        let Ok(sliced) = LaxSlicedPacket::from_ethernet(block.bytes(frame)) else { continue };
        let Some(LaxNetSlice::Ipv4(ip)) = &sliced.net else { continue };
        let ports = match &sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                u64::from(tcp.source_port()) + u64::from(tcp.destination_port())
            }
            Some(TransportSlice::Udp(udp)) => {
                u64::from(udp.source_port()) + u64::from(udp.destination_port())
            }
            _ => continue,
        };
        let address = |octets: [u8; 4]| MAPPED | u64::from(u32::from_be_bytes(octets));
        let ends = address(ip.header().source()) ^ address(ip.header().destination());
        sum = sum.wrapping_add(ends ^ ports ^ u64::from(ip.payload_ip_number().0));
        count += 1;
    }
    (count, sum)
}

fn decode(criterion: &mut Criterion) {
    let block = imix_block();
    let mut packets = Vec::new();
    let mut fast = Decoder::new(Config::default(), Seed::REPLAY);
    fast.decode_block(&block, &mut packets);
    assert_eq!((packets.len(), digest(&packets)), etherparse_digest(&block), "the decoders disagree");

    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(u64::from(FRAMES)));
    group.bench_function("fast", |bencher| {
        bencher.iter(|| {
            packets.clear();
            fast.decode_block(black_box(&block), &mut packets);
            packets.len()
        });
    });
    // Frames are cut, so that no checksum is computed: what is measured is the way there.
    let mut general = Decoder::new(Config { verify_checksums: true, ..Config::default() }, Seed::REPLAY);
    group.bench_function("general", |bencher| {
        bencher.iter(|| {
            packets.clear();
            general.decode_block(black_box(&block), &mut packets);
            packets.len()
        });
    });
    group.bench_function("etherparse lax", |bencher| bencher.iter(|| etherparse_digest(black_box(&block))));
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);

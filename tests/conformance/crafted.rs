//! Lies of our own: each is read as far as it goes, in bounded memory, and what is wrong is counted or said.

use etherparse::PacketBuilder;

use crate::formats::{block, classic, classic_header, enhanced, gzip, interface, record, section};
use crate::replay::{Outcome, command, replay_bytes};

const ETHERNET: u32 = 1;
const RAW_IP: u32 = 101;
/// Most memory for any of the cases, bytes. The program itself takes some 10 MB.
const MAX_RSS_BYTES: u64 = 200 << 20;

/// Replays a capture that must be read without failing; the numbers of its summary must be these.
fn check(name: &str, capture: &[u8], expected: &[(&str, u64)]) -> Outcome {
    let outcome = replay_bytes(capture);
    assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
    for (pointer, number) in expected {
        assert_eq!(outcome.number(pointer), *number, "{name}: {pointer} in {}", outcome.summary);
    }
    assert!(outcome.number("/peak_rss_bytes") < MAX_RSS_BYTES, "{name}: {}", outcome.summary);
    outcome
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64);
    ip.udp(50_000, port).write(&mut packet, payload).unwrap();
    packet
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64);
    ip.tcp(50_000, 443, 1, 512).ack(1).write(&mut packet, payload).unwrap();
    packet
}

/// A piece of a UDP datagram: `offset` in units of eight bytes.
fn fragment(offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = udp(53, payload);
    let field = (offset | if more { 0x2000 } else { 0 }).to_be_bytes();
    packet[6..8].copy_from_slice(&field);
    packet
}

#[test]
fn records_that_lie_about_their_length() {
    let frame = tcp(b"x");
    let good = classic(RAW_IP, std::slice::from_ref(&frame));
    let len = u32::try_from(frame.len()).unwrap();
    let oversized = [good.clone(), record(1_700_000_001, u32::MAX, u32::MAX, &frame)].concat();
    check("oversized", &oversized, &[("/packets", 1), ("/skipped/oversized_record", 1)]);
    let cut = [good.clone(), record(1_700_000_001, len, len, &frame[..7])].concat();
    let outcome = check("cut", &cut, &[("/packets", 1), ("/truncated_inputs", 1)]);
    assert!(outcome.stderr.contains(&format!("byte {}", good.len())), "{}", outcome.stderr);
    let shorter_on_the_wire = [classic_header(RAW_IP), record(1, len, 1, &frame)].concat();
    check("wire length below captured", &shorter_on_the_wire, &[("/packets", 1), ("/bytes", len.into())]);
    let huge_wire = [classic_header(RAW_IP), record(1, len, u32::MAX, &frame)].concat();
    check("wire length of 4 GiB", &huge_wire, &[("/packets", 1), ("/bytes", len.into())]);
}

#[test]
fn blocks_that_lie_about_their_length() {
    let start = [section(), interface(&[]), enhanced(0, 1, &tcp(b"x"))].concat();
    let huge = [start.clone(), [6_u32.to_le_bytes(), 0xffff_fff0_u32.to_le_bytes()].concat()].concat();
    check("a block of 4 GiB", &huge, &[]);
    let mut trailer = [start.clone(), enhanced(0, 2, &tcp(b"y"))].concat();
    let at = trailer.len() - 4;
    trailer[at] ^= 0x40;
    check("a trailer that disagrees", &trailer, &[("/packets", 1), ("/skipped/damaged_block", 1)]);
    let unknown = [start.clone(), block(0x0bad_f00d, &vec![7; 1 << 20]), enhanced(0, 3, &tcp(b"z"))].concat();
    check("an unknown block is passed over", &unknown, &[("/packets", 2)]);
}

#[test]
fn interfaces_and_options_without_end() {
    const INTERFACES: u32 = 100_000;
    let mut capture = section();
    (0..INTERFACES).for_each(|_| capture.extend(interface(&[])));
    capture.extend(enhanced(0, 1, &[0; 60]));
    check("many interfaces", &capture, &[("/packets", 1)]);
    // Options that never end, and one that claims more than there is.
    let endless = [section(), interface(&[9, 0, 0, 0].repeat(10_000)), enhanced(0, 1, &[0; 60])].concat();
    check("many empty options", &endless, &[("/packets", 1)]);
    let lying = [section(), interface(&[9, 0, 255, 255, 6, 0, 0, 0]), enhanced(0, 1, &[0; 60])].concat();
    check("an option longer than its block", &lying, &[]);
    let resolution = [9, 0, 1, 0, 0xff, 0, 0, 0, 0, 0, 0, 0];
    let odd = [section(), interface(&resolution), enhanced(0, u64::MAX, &[0; 60])].concat();
    check("a resolution of 2^-127 s", &odd, &[("/packets", 1)]);
}

#[test]
fn compression_bombs() {
    const EMPTY_RECORDS: usize = 1 << 20;
    let mut zeros = classic_header(ETHERNET);
    zeros.resize(zeros.len() + 16 * EMPTY_RECORDS, 0);
    check("endless empty records", &gzip(&zeros), &[("/packets", EMPTY_RECORDS as u64)]);

    // One block of no record, 64 MiB of it: must be passed over, not held.
    let padding = [section(), interface(&[]), block(0x0bad_f00d, &vec![0; 64 << 20])].concat();
    check("a block of 64 MiB", &gzip(&padding), &[("/packets", 0)]);

    // A frame header that asks for a window of 2 GiB (RFC 8878, section 3.1.1.1.2), then one raw block.
    let body = classic(RAW_IP, &[tcp(b"x")]);
    let len = u32::try_from(body.len() << 3 | 1).unwrap().to_le_bytes();
    let bomb = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8][..], &len[..3], &body].concat();
    let outcome = replay_bytes(&bomb);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("compressed stream is damaged"), "{}", outcome.stderr);
}

#[test]
fn headers_that_lie() {
    let tunnels = (0..100).fold(tcp(b"x"), |inner, _| {
        let mut packet = Vec::new();
        let ip = PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64);
        ip.write(&mut packet, etherparse::IpNumber(4), &inner).unwrap();
        packet
    });
    check("100 tunnels", &classic(RAW_IP, &[tunnels]), &[("/flows", 1), ("/decode_errors/tunnel", 1)]);

    let chain = [60, 0, 1, 4, 0, 0, 0, 0].repeat(100);
    let len = u16::try_from(chain.len()).unwrap().to_be_bytes();
    let v6 = [&[0x60, 0, 0, 0, len[0], len[1], 60, 64][..], &[0x20; 32], &chain].concat();
    check("100 extension headers", &classic(RAW_IP, &[v6]), &[("/flows", 1), ("/decode_errors/ip", 1)]);

    let pieces = [fragment(0, true, &[1; 64]), fragment(2, true, &[2; 64]), fragment(4, false, &[3; 64])];
    check(
        "overlapping fragments",
        &classic(RAW_IP, &pieces),
        &[("/flows", 1), ("/decode_errors/fragment", 0)],
    );
    check(
        "a fragment past 64 KiB",
        &classic(RAW_IP, &[fragment(0x1fff, false, &[1; 64])]),
        &[("/decode_errors/fragment", 1)],
    );

    let mut options = tcp(&[2, 0, 3, 0, 253, 255, 8, 1]);
    options[32] = 0xf0;
    check("TCP options past the end", &classic(RAW_IP, &[options]), &[("/decode_errors/transport", 1)]);
    check(
        "tags without end",
        &classic(ETHERNET, &[[0x81, 0, 0, 1].repeat(300)]),
        &[("/decode_errors/link", 1)],
    );
}

#[test]
fn payloads_that_lie() {
    let dns =
        |name: &[u8]| udp(53, &[&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], name, &[0, 1, 0, 1]].concat());
    let loops = [
        dns(&[0xc0, 12]),
        dns(&[1, b'a', 0xc0, 12]),
        dns(&[0xc0, 14, 0xc0, 12]),
        dns(&[0xff, 0xff]),
        dns(&[63; 600]),
        udp(53, &[0xff; 12]),
    ];
    check("DNS names that loop", &classic(RAW_IP, &loops), &[("/packets", 6), ("/flows", 1)]);

    let hello = |record_len: u16, handshake_len: u32, session: u8, rest: &[u8]| {
        let [_, a, b, c] = handshake_len.to_be_bytes();
        let head = [&[22, 3, 1][..], &record_len.to_be_bytes(), &[1, a, b, c, 3, 3]].concat();
        tcp(&[&head[..], &[7; 32], &[session], rest].concat())
    };
    let hellos = [
        hello(u16::MAX, 0x00ff_ffff, 0, &[0, 2, 0x13, 1, 1, 0, 255, 255]),
        hello(48, 40, 255, &[]),
        hello(60, 50, 0, &[255, 255]),
        hello(70, 60, 0, &[0, 2, 0x13, 1, 1, 0, 0, 9, 0, 0, 0, 5, 0, 255, 0, 0, 255]),
    ];
    check("TLS hellos", &classic(RAW_IP, &hellos), &[("/packets", 4), ("/flows", 1)]);
}

#[test]
fn times_far_apart() {
    let frame = tcp(b"x");
    let len = u32::try_from(frame.len()).unwrap();
    let jumps = [0, u32::MAX, 1, 1 << 31].map(|seconds| record(seconds, len, len, &frame)).concat();
    check("times forth and back", &[classic_header(RAW_IP), jumps].concat(), &[("/packets", 4)]);
}

#[test]
fn a_filter_that_fits_no_frame_is_said() {
    const MADE_UP_LINK: u32 = 65_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("capture");
    std::fs::write(&path, classic(MADE_UP_LINK, &[tcp(b"x")])).unwrap();
    let output = command().args(["--quiet", "--filter", "tcp"]).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be applied to link type 65000: ") && said.contains("1 frames"), "{said}");
}

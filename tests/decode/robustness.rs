//! Any bytes, of any link type, cut anywhere: no panic, and the promises of a packet hold.

use etherparse::PacketBuilder;
use proptest::prelude::*;
use undercurrent::addr::Addr;

use crate::cases::CASES;
use crate::frames::{ETHERNET, RAW, decode, decode_cut};

/// Every link type that is decoded, and one that is not.
const LINKS: [u16; 28] = [
    0, 1, 9, 10, 11, 12, 14, 50, 51, 100, 101, 104, 105, 107, 108, 113, 127, 226, 228, 229, 239, 242, 258,
    276, 281, 284, 285, 65_000,
];

#[test]
fn every_cut_of_every_case_is_sound() {
    for case in CASES {
        let frame = case.frame();
        for captured in 0..=frame.len() {
            decode_cut(case.link, &frame, captured);
        }
    }
}

#[test]
fn every_changed_byte_of_every_case_is_sound() {
    for case in CASES {
        let frame = case.frame();
        for at in 0..frame.len() {
            for value in [0x00, 0x01, 0x45, 0x60, 0x7f, 0xff] {
                let mut changed = frame.clone();
                changed[at] = value;
                decode(case.link, &changed);
            }
        }
    }
}

/// What must be known of a TCP packet cut to each length.
#[test]
fn a_cut_packet_gives_what_is_left() {
    let mut frame = Vec::new();
    let ip = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    ip.tcp(40_000, 443, 77, 500).psh().write(&mut frame, &[1; 100]).unwrap();
    for captured in 0..=frame.len() {
        let packet = decode_cut(RAW, &frame, captured);
        let Some(packet) = packet else {
            assert!(captured < 20, "a whole IP header is always reported");
            continue;
        };
        assert_eq!((packet.src, packet.proto), (Addr::from_v4([10, 0, 0, 1]), 6));
        assert_eq!((packet.ip_len, packet.payload_len), (140, 100));
        assert_eq!(packet.dst_port, if captured < 24 { 0 } else { 443 });
        assert_eq!(packet.seq, if captured < 40 { 0 } else { 77 });
        assert_eq!(packet.headless, captured < 40);
        assert_eq!(usize::from(packet.payload_captured), captured.saturating_sub(40));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_of_any_link_type(
        link in prop::sample::select(&LINKS[..]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0usize..200,
    ) {
        decode_cut(link, &bytes, cut.min(bytes.len()));
    }

    /// Random bytes behind headers that lead deep into the decoder.
    #[test]
    fn any_bytes_behind_a_sound_start(
        case in prop::sample::select(CASES),
        keep in 0usize..120,
        bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut frame = case.frame();
        frame.truncate(keep);
        frame.extend(bytes);
        decode(case.link, &frame);
    }

    #[test]
    fn several_changed_bytes(
        case in prop::sample::select(CASES),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        link in prop::option::weighted(0.1, prop::sample::select(&LINKS[..])),
    ) {
        let mut frame = case.frame();
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        decode(link.unwrap_or(case.link), &frame);
    }
}

#[test]
fn nothing_is_lost_in_a_tunnel_of_garbage() {
    let mut frame = Vec::new();
    let udp = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(999, 4789);
    udp.write(&mut frame, b"this is no VXLAN at all").unwrap();
    let packet = decode(ETHERNET, &frame).unwrap();
    assert_eq!((packet.dst_port, packet.payload_len, packet.tunnel_depth), (4789, 23, 0));
}

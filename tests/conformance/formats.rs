//! Captures of every format, made by hand byte by byte: both byte orders, several interfaces and resolutions, packed.

use std::io::Write;

/// One block of little-endian pcapng: its length stands before and behind the body.
pub(crate) fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = u32::try_from(padded + 12).unwrap().to_le_bytes();
    let mut bytes = [&kind.to_le_bytes()[..], &len, body].concat();
    bytes.resize(8 + padded, 0);
    [bytes, len.to_vec()].concat()
}

pub(crate) fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
}

/// An Ethernet interface with options.
pub(crate) fn interface(options: &[u8]) -> Vec<u8> {
    block(1, &[&[1, 0, 0, 0, 0, 0, 4, 0][..], options].concat())
}

/// An enhanced packet block.
pub(crate) fn enhanced(interface: u32, ticks: u64, frame: &[u8]) -> Vec<u8> {
    let len = u32::try_from(frame.len()).unwrap().to_le_bytes();
    let [low, high] =
        [ticks & 0xffff_ffff, ticks >> 32].map(|half| u32::try_from(half).unwrap().to_le_bytes());
    let mut body = [&interface.to_le_bytes()[..], &high, &low, &len, &len, frame].concat();
    body.resize(body.len().next_multiple_of(4), 0);
    block(6, &body)
}

/// The header of little-endian classic pcap with microseconds.
pub(crate) fn classic_header(link: u32) -> Vec<u8> {
    let fields = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, link];
    fields.iter().flat_map(|field: &u32| field.to_le_bytes()).collect()
}

/// A record whose header says `captured` and `wire` whatever follows.
pub(crate) fn record(seconds: u32, captured: u32, wire: u32, frame: &[u8]) -> Vec<u8> {
    [&seconds.to_le_bytes()[..], &[0; 4], &captured.to_le_bytes(), &wire.to_le_bytes(), frame].concat()
}

/// A capture of whole frames of a link type, a second apart.
pub(crate) fn classic(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = classic_header(link);
    for (seconds, frame) in (1_700_000_000..).zip(frames) {
        let len = u32::try_from(frame.len()).unwrap();
        bytes.extend(record(seconds, len, len, frame));
    }
    bytes
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_capture_made_by_hand_is_read() {
    let frame = [&[2; 12][..], &[0x08, 0x06], &[0; 28]].concat();
    let outcome = crate::replay::replay_bytes(&classic(1, &[frame.clone(), frame.clone()]));
    assert_eq!((outcome.code, outcome.number("/packets"), outcome.number("/skipped/arp")), (Some(0), 2, 2));
    let pcapng = [section(), interface(&[]), enhanced(0, 7_000_000, &frame)].concat();
    let outcome = crate::replay::replay_bytes(&gzip(&pcapng));
    assert_eq!((outcome.code, outcome.number("/packets")), (Some(0), 1));
    assert_eq!(outcome.summary["first_packet"], "1970-01-01T00:00:07.000Z");
}

//! What the decode tests share: blocks of one frame, and the promises that hold for any packet.

use undercurrent::capture::{Block, FrameRef, LinkType};
use undercurrent::decode::{Config, Decoder, Packet};
use undercurrent::seed::Seed;
use undercurrent::time::Timestamp;

pub(crate) const ETHERNET: u16 = 1;
pub(crate) const RAW: u16 = 101;

/// Bytes before the frame in its block, so that offsets are seen to be the block's.
const LEAD: usize = 7;

/// A frame of which `captured` bytes were kept.
pub(crate) fn block(link: u16, frame: &[u8], captured: usize) -> (Block, FrameRef) {
    let data = [&[0xee; LEAD], &frame[..captured], &[0xdd; 9]].concat();
    let frame = FrameRef {
        ts: Timestamp::from_nanos(1_700_000_000_000_000_000),
        offset: u32::try_from(LEAD).unwrap(),
        captured_len: u32::try_from(captured).unwrap(),
        wire_len: u32::try_from(frame.len()).unwrap(),
        link: LinkType(link),
    };
    (Block { data: data.into(), frames: vec![frame] }, frame)
}

pub(crate) fn decoder() -> Decoder {
    Decoder::new(Config::default(), Seed::REPLAY)
}

/// A decoder that takes the general path for every frame.
pub(crate) fn general_decoder() -> Decoder {
    Decoder::new(Config { verify_checksums: true, ..Config::default() }, Seed::REPLAY)
}

/// Decodes one frame with a fresh decoder, on both paths, and holds the result against what is promised.
pub(crate) fn decode_cut(link: u16, frame: &[u8], captured: usize) -> Option<Packet> {
    let (block, at) = block(link, frame, captured);
    let (mut fast, mut general) = (decoder(), general_decoder());
    let packet = fast.decode(&block, &at);
    let same = general.decode(&block, &at).map(|packet| Packet { bad_checksum: false, ..packet });
    assert_eq!(packet, same, "fast and general path differ on {frame:02x?} cut to {captured}");
    assert_eq!(fast.stats(), general.stats());

    let counted = fast.stats().errors.total() + fast.stats().skipped.total();
    match &packet {
        Some(packet) => {
            check_promises(packet, &at);
            assert!(counted <= 1 && fast.stats().skipped.total() == 0);
        }
        None => assert_eq!(counted, 1, "what gives no packet is counted once"),
    }
    packet
}

pub(crate) fn decode(link: u16, frame: &[u8]) -> Option<Packet> {
    decode_cut(link, frame, frame.len())
}

/// What holds for every packet of every frame.
pub(crate) fn check_promises(packet: &Packet, frame: &FrameRef) {
    let end = frame.offset + frame.captured_len;
    assert!(packet.payload_offset >= frame.offset, "{packet:?}");
    assert!(packet.payload_offset + u32::from(packet.payload_captured) <= end, "{packet:?}");
    assert!(u32::from(packet.payload_captured) <= packet.payload_len, "{packet:?}");
    assert!(packet.payload_len <= packet.ip_len && packet.ip_len <= frame.wire_len, "{packet:?}");
    assert!(packet.tunnel_depth <= 8 && packet.ts == frame.ts && packet.wire_len == frame.wire_len);
    if packet.headless {
        assert!(packet.flags.0 == 0 && packet.seq == 0 && packet.payload_captured == 0, "{packet:?}");
    }
}

/// The payload of a packet of a block.
pub(crate) fn payload<'a>(block: &'a Block, packet: &Packet) -> &'a [u8] {
    &block.data[packet.payload_offset as usize..][..usize::from(packet.payload_captured)]
}

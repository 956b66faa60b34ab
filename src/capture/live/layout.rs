//! Reads a `TPACKET_V3` block, or a copy of one: where its frames lie, when they came, and the VLAN tag that the network card or
//! the kernel took out of them.

use crate::capture::{Block, FrameRef, LinkType};
use crate::memory::{LINE, prefetch};
use crate::time::Timestamp;

/// Where the fields of `struct tpacket3_hdr` lie.
mod at {
    pub(super) const NEXT: usize = 0;
    pub(super) const SEC: usize = 4;
    pub(super) const NSEC: usize = 8;
    pub(super) const CAPTURED: usize = 12;
    pub(super) const WIRE: usize = 16;
    pub(super) const STATUS: usize = 20;
    pub(super) const MAC: usize = 24;
    pub(super) const VLAN_TCI: usize = 32;
    pub(super) const VLAN_TPID: usize = 36;
}

/// Bytes that are asked for ahead of the header that is read: another processor has written them, and where the next header lies, each tells.
const AHEAD_BYTES: usize = 1024;

const STATUS_VLAN: u32 = 1 << 4;
const STATUS_VLAN_TPID: u32 = 1 << 6;
/// IEEE 802.1Q, where the kernel does not say of which kind a tag is.
const TPID_DEFAULT: u16 = 0x8100;
/// Both hardware addresses: what stands before a tag.
const ADDRESSES_BYTES: usize = 12;
const TAG_BYTES: u8 = 4;

/// Finds the frames in the bytes of the block, which begin with the header of the first. Gives the sum of their bytes on the wire.
///
/// The walk ends early where a header points outside of the bytes, which the kernel never does.
pub(super) fn append_frames(block: &mut Block, count: u32, link: LinkType) -> u64 {
    let (mut header, mut wire_bytes, mut asked) = (0, 0, 0);
    let Block { data, frames } = block;
    let data: &mut [u8] = data;
    frames.reserve(count as usize);
    for _ in 0..count {
        while asked < data.len().min(header + AHEAD_BYTES) {
            if let Some(line) = data.get(asked) {
                prefetch(line, 1);
            }
            asked += LINE;
        }
        let Some((frame, next)) = frame_at(data, header, link) else { break };
        wire_bytes += u64::from(frame.wire_len);
        frames.push(frame);
        header += next;
    }
    wire_bytes
}

/// The frame whose header lies at `header`, and how far it is from there to the next.
#[inline]
fn frame_at(data: &mut [u8], header: usize, link: LinkType) -> Option<(FrameRef, usize)> {
    let head: &[u8; 48] = data.get(header..)?.first_chunk()?;
    let word = |at: usize| head.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word));
    let half = |at: usize| head.get(at..)?.first_chunk().map(|half| u16::from_ne_bytes(*half));
    let ts = Timestamp::from_secs_nanos(word(at::SEC)?.into(), word(at::NSEC)?.into());
    let (next, status) = (word(at::NEXT)? as usize, word(at::STATUS)?);
    let (captured_len, wire_len) = (word(at::CAPTURED)?, word(at::WIRE)?);
    let offset = u32::try_from(header).ok()? + u32::from(half(at::MAC)?);
    let mut frame = FrameRef { ts, offset, captured_len, wire_len: wire_len.max(captured_len), link };
    if status & STATUS_VLAN != 0 {
        let tpid = if status & STATUS_VLAN_TPID == 0 { TPID_DEFAULT } else { half(at::VLAN_TPID)? };
        restore_tag(data, &mut frame, tpid, half(at::VLAN_TCI)?);
    }
    Some((frame, next))
}

/// Puts a tag back where it was on the wire. The addresses move into the end of the ring's header, which has been read.
fn restore_tag(data: &mut [u8], frame: &mut FrameRef, tpid: u16, tci: u16) {
    let [p, q] = tpid.to_be_bytes();
    let [t, u] = tci.to_be_bytes();
    let start = frame.offset as usize;
    let head = start.checked_sub(TAG_BYTES.into()).and_then(|at| data.get_mut(at..start + ADDRESSES_BYTES));
    let Some(head) = head.filter(|_| frame.captured_len as usize >= ADDRESSES_BYTES) else { return };
    head.copy_within(usize::from(TAG_BYTES).., 0);
    if let Some(tag) = head.last_chunk_mut() {
        *tag = [p, q, t, u];
    }
    frame.offset -= u32::from(TAG_BYTES);
    frame.captured_len += u32::from(TAG_BYTES);
    frame.wire_len += u32::from(TAG_BYTES);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with a frame of `len` bytes 82 bytes behind its start, as the kernel lays them.
    fn record(n: u32, len: u32, status: u32) -> Vec<u8> {
        let next = (82 + len).next_multiple_of(16);
        let mut bytes = Vec::new();
        for word in [next, 100 + n, 7, len, len + n, status] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(82_u16.to_ne_bytes());
        bytes.extend(96_u16.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(0x2064_u32.to_ne_bytes());
        bytes.extend(0x88a8_u16.to_ne_bytes());
        bytes.resize(82, 0);
        bytes.extend((0..len).map(|i| i.to_le_bytes()[0]));
        bytes.resize(next as usize, 0xee);
        bytes
    }

    fn read(data: Vec<u8>, count: u32) -> (Block, u64) {
        let mut block = Block { data: data.into(), frames: Vec::new() };
        let bytes = append_frames(&mut block, count, LinkType(1));
        (block, bytes)
    }

    #[test]
    fn frames_lie_where_their_headers_say() {
        let (block, bytes) = read([record(0, 60, 0), record(1, 61, 0), record(2, 0, 0)].concat(), 3);
        let lens: Vec<_> =
            block.frames.iter().map(|f| (f.ts.as_nanos(), f.captured_len, f.wire_len)).collect();
        assert_eq!(lens, [(100_000_000_007, 60, 60), (101_000_000_007, 61, 62), (102_000_000_007, 0, 2)]);
        assert_eq!(bytes, 60 + 62 + 2);
        assert_eq!(block.bytes(&block.frames[1]), (0..61).collect::<Vec<u8>>());
    }

    #[test]
    fn tags_are_put_back() {
        for (status, tpid) in [(STATUS_VLAN, [0x81, 0x00]), (STATUS_VLAN | STATUS_VLAN_TPID, [0x88, 0xa8])] {
            let (block, bytes) = read([record(0, 60, status), record(0, 11, status)].concat(), 2);
            let tagged = block.bytes(&block.frames[0]);
            assert_eq!(tagged[..12], (0..12).collect::<Vec<u8>>());
            assert_eq!(tagged[12..16], [tpid[0], tpid[1], 0x20, 0x64]);
            assert_eq!(tagged[16..], (12..60).collect::<Vec<u8>>());
            // A frame cut within its addresses has no place for a tag.
            assert_eq!(block.bytes(&block.frames[1]).len(), 11);
            assert_eq!(bytes, 64 + 11);
        }
    }

    #[test]
    fn headers_that_point_outside_end_the_walk() {
        assert_eq!(read(record(0, 60, 0), 5).0.frames.len(), 1);
        assert_eq!(read(vec![0; 20], 1).0.frames.len(), 0);
        assert_eq!(read(Vec::new(), 1).0.frames.len(), 0);
    }
}

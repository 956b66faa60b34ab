//! A bounded window on the bytes of a frame that knows how long it was on the wire.

use crate::capture::{Block, FrameRef};

/// What was captured of a piece of a frame, and how many bytes it had on the wire.
///
/// Invariant: `bytes.len() <= wire`, and `bytes` begins at `offset` in [`Block::data`]. No method panics on any bytes:
/// what is not captured reads as `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    bytes: &'a [u8],
    wire: usize,
    offset: u32,
}

impl<'a> View<'a> {
    pub(super) fn of(block: &'a Block, frame: &FrameRef) -> Self {
        let bytes = block.bytes(frame);
        Self { bytes, wire: bytes.len().max(frame.wire_len as usize), offset: frame.offset }
    }

    /// Bytes on the wire.
    pub(super) fn wire(&self) -> usize {
        self.wire
    }

    /// The captured bytes.
    pub(super) fn captured(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether every byte that was on the wire was captured.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes.len() == self.wire
    }

    /// Offset of the first byte in [`Block::data`].
    pub(super) fn offset(&self) -> u32 {
        self.offset
    }

    pub(super) fn array<const N: usize>(&self, at: usize) -> Option<&'a [u8; N]> {
        self.bytes.get(at..)?.first_chunk()
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn be16(&self, at: usize) -> Option<u16> {
        self.array(at).map(|b| u16::from_be_bytes(*b))
    }

    pub(super) fn be32(&self, at: usize) -> Option<u32> {
        self.array(at).map(|b| u32::from_be_bytes(*b))
    }

    pub(super) fn le16(&self, at: usize) -> Option<u16> {
        self.array(at).map(|b| u16::from_le_bytes(*b))
    }

    pub(super) fn le32(&self, at: usize) -> Option<u32> {
        self.array(at).map(|b| u32::from_le_bytes(*b))
    }

    /// What follows the first `n` bytes; `None` where they were not all captured.
    pub(super) fn skip(&self, n: usize) -> Option<Self> {
        (n <= self.bytes.len()).then(|| self.after(n))
    }

    /// What follows the first `n` bytes, captured or not.
    pub(super) fn after(&self, n: usize) -> Self {
        let cut = n.min(self.bytes.len());
        Self {
            bytes: self.bytes.get(cut..).unwrap_or_default(),
            wire: self.wire.saturating_sub(n),
            offset: self.offset.saturating_add(u32::try_from(cut).unwrap_or(u32::MAX)),
        }
    }

    /// The same piece as if nothing of it had been captured.
    pub(super) fn uncaptured(&self) -> Self {
        Self { bytes: &[], ..*self }
    }

    /// At most the first `n` bytes on the wire: what comes after is padding or a trailer.
    pub(super) fn limit(&self, n: usize) -> Self {
        let kept = n.min(self.bytes.len());
        Self {
            bytes: self.bytes.get(..kept).unwrap_or_default(),
            wire: self.wire.min(n),
            offset: self.offset,
        }
    }
}

#[cfg(test)]
impl<'a> View<'a> {
    /// A wholly captured piece at offset 0.
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, wire: bytes.len(), offset: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::time::Timestamp;

    #[test]
    fn keeps_its_invariant_past_every_end() {
        let block = Block { data: (0..10).collect::<Vec<u8>>().into(), frames: Vec::new() };
        let frame =
            FrameRef { ts: Timestamp::default(), offset: 2, captured_len: 6, wire_len: 9, link: LinkType(1) };
        let view = View::of(&block, &frame);
        assert_eq!((view.be16(0), view.be16(5), view.byte(5)), (Some(0x0203), None, Some(7)));
        for n in 0..12 {
            let (rest, head) = (view.after(n), view.limit(n));
            assert_eq!(rest.wire(), 9usize.saturating_sub(n));
            assert!(rest.captured().len() <= rest.wire() && head.captured().len() <= head.wire());
            assert_eq!(view.skip(n).is_some(), n <= 6);
            assert_eq!(rest.offset(), 2 + u32::try_from(n.min(6)).unwrap());
        }
        assert!(!view.is_whole() && view.limit(6).is_whole());
    }

    #[test]
    fn a_frame_outside_its_block_is_empty() {
        let frame = FrameRef {
            ts: Timestamp::default(),
            offset: u32::MAX,
            captured_len: u32::MAX,
            wire_len: 0,
            link: LinkType(1),
        };
        assert_eq!(View::of(&Block::default(), &frame).captured(), b"");
    }
}

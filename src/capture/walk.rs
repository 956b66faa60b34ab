//! What the walks over classic and pcapng records share: byte order, the sink for frames, where a walk ended.

use super::error::Damage;
use super::{CaptureStats, FrameRef, LinkType};
use crate::time::Timestamp;

/// The most bytes that a capture program keeps of a frame (libpcap's `MAXIMUM_SNAPLEN`). A record that claims
/// more is a lie or belongs to no network.
pub(super) const CAPTURED_MAX_BYTES: u32 = 256 * 1024;

/// The longest frame that any network hands over: twice what BIG TCP merges into one.
pub(super) const WIRE_MAX_BYTES: u32 = 1 << 20;

/// The byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Reads a 32-bit field.
    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Reads a 32-bit field at an offset. Nothing where the bytes end before.
    pub(super) fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        bytes.get(at..)?.first_chunk().map(|field| self.u32(*field))
    }

    /// Reads a 16-bit field at an offset. Nothing where the bytes end before.
    pub(super) fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        })
    }
}

/// How far a walk over bytes in memory came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// Where the first record lies that was not taken.
    pub(super) stopped_at: usize,
    /// Why it was not.
    pub(super) stop: Stop,
}

/// Why a record was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end before it does: it takes at least so many.
    Needs(usize),
    /// It says nothing of interest in so many bytes, more than are worth holding.
    Skip(u64),
    /// It cannot be read, nor anything behind it.
    Damaged(Damage),
}

/// Where a walk puts the frames that it finds.
pub(super) struct Sink<'a> {
    pub(super) frames: &'a mut Vec<FrameRef>,
    pub(super) stats: &'a mut CaptureStats,
}

impl Sink<'_> {
    /// Takes a frame whose captured bytes lie at `offset` of the block.
    #[expect(clippy::cast_possible_truncation, reason = "a block is at most BLOCK_MAX_BYTES long")]
    pub(super) fn push(
        &mut self,
        ts: Timestamp,
        offset: usize,
        captured_len: u32,
        claimed_wire_len: u32,
        link: LinkType,
    ) {
        let believable = (captured_len..=WIRE_MAX_BYTES).contains(&claimed_wire_len);
        let wire_len = if believable { claimed_wire_len } else { captured_len };
        self.stats.frames += 1;
        self.stats.captured_bytes += u64::from(captured_len);
        self.stats.wire_bytes += u64::from(wire_len);
        self.stats.wire_lengths_corrected += u64::from(!believable);
        self.frames.push(FrameRef { ts, offset: offset as u32, captured_len, wire_len, link });
    }
}

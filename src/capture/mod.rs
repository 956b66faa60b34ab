//! Packet sources: capture files and live interfaces. A source fills blocks with frames in the order of
//! their inputs; it never looks into a frame, except to ask libpcap whether a [`Filter`] wants it.

mod bpf;
mod bytes;
mod classic;
mod error;
mod file;
mod filter;
mod format;
mod input;
pub mod live;
mod pcapng;
mod read_ahead;
mod resolution;
mod sniff;
mod stats;
#[cfg(test)]
mod testing;
mod timeline;
mod walk;
pub mod write;

use crate::time::Timestamp;
pub use bytes::Bytes;
pub use error::CaptureError;
pub(crate) use error::Damage;
pub use file::{BLOCK_BYTES, CaptureFile};
pub use filter::{Filter, FilterError};
pub(crate) use input::{End, Input};
pub use stats::{CaptureStats, Warning};
pub use timeline::Timeline;

/// A link-layer header type as numbered by the tcpdump group (LINKTYPE_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// Where one captured frame lies in its [`Block`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef {
    /// When the frame was captured.
    pub ts: Timestamp,
    /// Offset of the first captured byte in [`Block::data`].
    pub offset: u32,
    /// Bytes captured.
    pub captured_len: u32,
    /// Bytes on the wire; at least `captured_len`.
    pub wire_len: u32,
    /// What the frame begins with.
    pub link: LinkType,
}

/// A run of frames that were read together. Reused from read to read: no allocation per frame.
#[derive(Debug, Default)]
pub struct Block {
    /// The bytes that the frames lie in; there may be others between and behind them.
    pub data: Bytes,
    /// The frames, in the order of the input.
    pub frames: Vec<FrameRef>,
}

impl Block {
    /// The captured bytes of a frame; empty where the reference does not lie in this block.
    pub fn bytes(&self, frame: &FrameRef) -> &[u8] {
        let start = frame.offset as usize;
        self.data.get(start..start.saturating_add(frame.captured_len as usize)).unwrap_or_default()
    }

    /// Forgets all frames; keeps the memory, but for what was lent.
    pub fn clear(&mut self) {
        self.data.clear();
        self.frames.clear();
    }
}

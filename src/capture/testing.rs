//! Builds captures byte by byte for the tests of this stage.

use std::io::{Cursor, Write};

use super::walk::ByteOrder;
use super::{Block, CaptureError, CaptureFile, CaptureStats, LinkType};
use crate::time::Timestamp;

/// A frame as the tests compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) ts: Timestamp,
    pub(super) wire_len: u32,
    pub(super) link: LinkType,
    pub(super) bytes: Vec<u8>,
}

/// A frame of Ethernet at a time in nanoseconds.
pub(super) fn frame(nanos: i64, wire_len: u32, bytes: &[u8]) -> Frame {
    Frame { ts: Timestamp::from_nanos(nanos), wire_len, link: LinkType(1), bytes: bytes.to_vec() }
}

/// `count` frames a millisecond apart, of lengths from 0 to 299 and contents that tell them apart.
pub(super) fn frames(count: u32) -> Vec<Frame> {
    let one = |i: u32| {
        let bytes: Vec<u8> = (0..i * 37 % 300).map(|k| (k * 7 + i).to_le_bytes()[0]).collect();
        frame(i64::from(i) * 1_000_000, 300 + i, &bytes)
    };
    (0..count).map(one).collect()
}

/// All frames of a file read in blocks of `block_bytes`, and what reading came to.
pub(super) fn read_all(bytes: &[u8], block_bytes: usize) -> Result<(Vec<Frame>, CaptureStats), CaptureError> {
    let mut file = CaptureFile::from_reader("test", Cursor::new(bytes.to_vec()))?;
    file.set_block_bytes(block_bytes);
    let (mut block, mut frames) = (Block::default(), Vec::new());
    while file.next_block(&mut block)? {
        frames.extend(owned(&block));
    }
    Ok((frames, file.stats().clone()))
}

/// The frames of a block.
pub(super) fn owned(block: &Block) -> impl Iterator<Item = Frame> {
    block.frames.iter().map(|frame| Frame {
        ts: frame.ts,
        wire_len: frame.wire_len,
        link: frame.link,
        bytes: block.bytes(frame).to_vec(),
    })
}

/// Writes fields in one byte order.
pub(super) struct Builder {
    order: ByteOrder,
    pub(super) bytes: Vec<u8>,
}

impl Builder {
    pub(super) fn new(order: ByteOrder) -> Self {
        Self { order, bytes: Vec::new() }
    }

    pub(super) fn u16(mut self, value: u16) -> Self {
        match self.order {
            ByteOrder::Little => self.bytes.extend(value.to_le_bytes()),
            ByteOrder::Big => self.bytes.extend(value.to_be_bytes()),
        }
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        match self.order {
            ByteOrder::Little => self.bytes.extend(value.to_le_bytes()),
            ByteOrder::Big => self.bytes.extend(value.to_be_bytes()),
        }
        self
    }

    /// A time of pcapng: two halves, the high one first.
    pub(super) fn ticks(self, ticks: u64) -> Self {
        self.u32(u32::try_from(ticks >> 32).unwrap()).u32(u32::try_from(ticks & 0xffff_ffff).unwrap())
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A classic pcap file header.
    pub(super) fn classic(self, magic: u32, link: u32) -> Self {
        self.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(65_535).u32(link)
    }

    /// A classic record.
    pub(super) fn record(self, secs: u32, fraction: u32, wire_len: u32, bytes: &[u8]) -> Self {
        self.u32(secs).u32(fraction).u32(len_of(bytes)).u32(wire_len).raw(bytes)
    }

    /// A pcapng block around a body, padded.
    pub(super) fn block(self, kind: u32, body: &Self) -> Self {
        let padded = body.bytes.len().next_multiple_of(4);
        let total = u32::try_from(padded + 12).unwrap();
        let padding = vec![0; padded - body.bytes.len()];
        self.u32(kind).u32(total).raw(&body.bytes).raw(&padding).u32(total)
    }

    pub(super) fn body(&self) -> Self {
        Self::new(self.order)
    }

    pub(super) fn section(self) -> Self {
        let body = self.body().u32(0x1a2b_3c4d).u16(1).u16(0).raw(&[0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface description with options as they lie in the file.
    pub(super) fn interface(self, link: u16, snap_len: u32, options: &Self) -> Self {
        let body = self.body().u16(link).u16(0).u32(snap_len).raw(&options.bytes);
        self.block(1, &body)
    }

    /// One option, padded.
    pub(super) fn option(self, code: u16, value: &[u8]) -> Self {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        self.u16(code).u16(u16::try_from(value.len()).unwrap()).raw(value).raw(&padding)
    }

    /// An enhanced packet block.
    pub(super) fn packet(self, interface: u32, ticks: u64, wire_len: u32, bytes: &[u8]) -> Self {
        let body = self.body().u32(interface).ticks(ticks).u32(len_of(bytes)).u32(wire_len).raw(bytes);
        self.block(6, &body)
    }
}

fn len_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// Frames as classic pcap with nanoseconds.
pub(super) fn classic_of(frames: &[Frame]) -> Vec<u8> {
    let mut writer = super::write::PcapWriter::new(Vec::new(), LinkType(1)).unwrap();
    for frame in frames {
        writer.write(frame.ts, frame.wire_len, &frame.bytes).unwrap();
    }
    writer.finish().unwrap()
}

/// Frames as one pcapng section with nanoseconds.
pub(super) fn pcapng_of(frames: &[Frame], order: ByteOrder) -> Vec<u8> {
    let builder = Builder::new(order).section();
    let options = builder.body().option(9, &[9]).u32(0);
    let builder = builder.interface(1, 0, &options);
    let add = |builder: Builder, frame: &Frame| {
        builder.packet(0, frame.ts.as_nanos().unsigned_abs(), frame.wire_len, &frame.bytes)
    };
    frames.iter().fold(builder, add).bytes
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

//! A block of frames and what came of them: what the workers share.

use std::ops::Range;

use crate::capture::Block;
use crate::decode::{Decoder, Packet};
use crate::flow::{FlowHasher, Segment};

/// A decoded block. Its memory is used again for later blocks.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The frames, and the bytes that the payloads of the packets lie in.
    pub(super) block: Block,
    /// The packets, in the order of the input.
    pub(super) packets: Vec<Packet>,
    hashes: Vec<u64>,
    first_ordinal: u64,
}

impl Batch {
    /// Decodes a block, whose first packet has this ordinal in the whole input.
    pub(super) fn fill(
        &mut self,
        block: Block,
        first_ordinal: u64,
        decoder: &mut Decoder,
        hasher: &FlowHasher,
    ) {
        self.block = block;
        self.first_ordinal = first_ordinal;
        self.packets.clear();
        decoder.decode_block(&self.block, &mut self.packets);
        self.hashes.clear();
        self.hashes.extend(self.packets.iter().map(|packet| hasher.packet(packet)));
    }

    /// Some of the packets.
    pub(super) fn segment(&self, range: Range<usize>) -> Segment<'_> {
        Segment {
            first_ordinal: self.first_ordinal + range.start as u64,
            packets: self.packets.get(range.clone()).unwrap_or_default(),
            hashes: self.hashes.get(range).unwrap_or_default(),
            data: &self.block.data,
        }
    }
}

//! Where the packet loop gets its blocks from.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::capture::Block;
use crate::capture::live::{Capture, LinkState};
use crate::time::Timestamp;

use super::super::clock;

/// A source of blocks that never keeps the loop waiting for longer than it is asked to.
pub(super) trait Feed {
    /// The next block; nothing where none comes in time.
    fn next(&mut self, timeout: Duration) -> Option<Block>;
    /// Gives the memory of a block back.
    fn recycle(&mut self, block: Block);
    /// Whether blocks may come yet.
    fn is_open(&self) -> bool;
    /// Stops capturing; what was captured can still be had.
    fn stop(&mut self);
    /// Packets lost or left out on the way, by reason.
    fn losses(&self) -> BTreeMap<String, u64>;
    /// What there is to know of the interfaces.
    fn interfaces(&self) -> Vec<(String, LinkState)>;
    /// The time by the clock that stamps packets; nothing where packets are not of now.
    fn now(&self) -> Option<Timestamp>;
}

impl Feed for Capture {
    fn next(&mut self, timeout: Duration) -> Option<Block> {
        Self::next(self, timeout)
    }

    fn recycle(&mut self, block: Block) {
        Self::recycle(self, block);
    }

    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    fn stop(&mut self) {
        Self::stop(self);
    }

    fn losses(&self) -> BTreeMap<String, u64> {
        let stats = self.stats();
        let losses = [
            ("ring", stats.ring_dropped_packets),
            ("interface", stats.interface_dropped_packets),
            ("filter", stats.filtered_packets),
            ("shed", stats.shed_packets),
        ];
        losses.map(|(reason, count)| (reason.to_owned(), count)).into()
    }

    fn interfaces(&self) -> Vec<(String, LinkState)> {
        Self::interfaces(self).into_iter().map(|status| (status.interface, status.state)).collect()
    }

    fn now(&self) -> Option<Timestamp> {
        Some(clock::now())
    }
}

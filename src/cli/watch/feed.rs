//! Where the packet loop gets its blocks and flow records from.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::capture::Block;
use crate::capture::live::{Capture, LinkState};
use crate::export::metrics::NetflowState;
use crate::records::Record;
use crate::time::Timestamp;

use super::super::clock;
use super::exports::Exports;

/// What a source gives.
pub(super) enum Fed {
    Frames(Block),
    Records(Vec<Record>),
}

/// A source that never keeps the loop waiting for longer than it is asked to.
pub(super) trait Feed {
    /// What comes next; nothing where nothing comes in time.
    fn next(&mut self, timeout: Duration) -> Option<Fed>;
    /// Gives the memory of a block back.
    fn recycle(&mut self, block: Block);
    /// Whether anything may come yet.
    fn is_open(&self) -> bool;
    /// Stops capturing; what was captured can still be had.
    fn stop(&mut self);
    /// Packets lost or left out on the way, by reason.
    fn losses(&self) -> BTreeMap<String, u64>;
    /// What there is to know of the interfaces.
    fn interfaces(&self) -> Vec<(String, LinkState)>;
    /// What exports came to; nothing where none are listened for.
    fn exports(&self) -> Option<NetflowState> {
        None
    }
    /// The time by the clock that stamps packets or flows; nothing where they are not of now.
    fn now(&self) -> Option<Timestamp>;
}

/// Live interfaces, exports, or both.
pub(super) struct Live {
    pub(super) capture: Option<Capture>,
    pub(super) exports: Option<Exports>,
}

impl Feed for Live {
    fn next(&mut self, timeout: Duration) -> Option<Fed> {
        let Some(exports) = &mut self.exports else {
            return self.capture.as_ref()?.next(timeout).map(Fed::Frames);
        };
        // Where there are packets as well, exports wait for as long as these are waited for.
        let wait = if self.capture.is_some() { Duration::ZERO } else { timeout };
        let records = exports.next(wait);
        if !records.is_empty() {
            return Some(Fed::Records(records));
        }
        self.capture.as_ref()?.next(timeout).map(Fed::Frames)
    }

    fn recycle(&mut self, block: Block) {
        if let Some(capture) = &self.capture {
            capture.recycle(block);
        }
    }

    fn is_open(&self) -> bool {
        self.capture.as_ref().is_some_and(Capture::is_open)
            || self.exports.as_ref().is_some_and(Exports::is_open)
    }

    fn stop(&mut self) {
        if let Some(capture) = &mut self.capture {
            capture.stop();
        }
        if let Some(exports) = &mut self.exports {
            exports.stop();
        }
    }

    fn losses(&self) -> BTreeMap<String, u64> {
        let Some(capture) = &self.capture else { return BTreeMap::new() };
        let stats = capture.stats();
        let losses = [
            ("ring", stats.ring_dropped_packets),
            ("interface", stats.interface_dropped_packets),
            ("filter", stats.filtered_packets),
            ("shed", stats.shed_packets),
        ];
        losses.map(|(reason, count)| (reason.to_owned(), count)).into()
    }

    fn interfaces(&self) -> Vec<(String, LinkState)> {
        let capture = self.capture.iter();
        capture.flat_map(Capture::interfaces).map(|status| (status.interface, status.state)).collect()
    }

    fn exports(&self) -> Option<NetflowState> {
        self.exports.as_ref().map(Exports::state)
    }

    fn now(&self) -> Option<Timestamp> {
        match (&self.capture, &self.exports) {
            (None, Some(exports)) => exports.now(),
            _ => Some(clock::now()),
        }
    }
}

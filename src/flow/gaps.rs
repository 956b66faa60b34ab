//! Content gaps: bytes of a TCP stream that the receiver acknowledged and that never passed here.
//!
//! Instead of the segments beyond a hole (Zeek's reassembler, whose buffer an attacker fills), the holes themselves
//! are kept, at most [`MOST_HOLES`] a flow.

use crate::decode::Direction;

/// Holes kept of one flow. A hole beyond them is not noticed.
const MOST_HOLES: usize = 16;

/// Full sequence numbers `start..end` of one direction that have not been seen yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    from: Direction,
    start: i64,
    end: i64,
}

/// The holes of a flow, in the order in which they opened.
#[derive(Debug, Default)]
pub(super) struct Holes(Vec<Hole>);

impl Holes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes were skipped.
    pub(super) fn open(&mut self, from: Direction, start: i64, end: i64) {
        if self.0.len() < MOST_HOLES {
            self.0.push(Hole { from, start, end });
        }
    }

    /// Bytes came late.
    pub(super) fn fill(&mut self, from: Direction, start: i64, end: i64) {
        let mut rest = None;
        self.0.retain_mut(|hole| {
            if hole.from != from || end <= hole.start || hole.end <= start {
                return true;
            }
            if hole.start < start && end < hole.end {
                rest = Some(Hole { start: end, ..*hole });
                hole.end = start;
            } else if hole.start < start {
                hole.end = start;
            } else {
                hole.start = end;
            }
            hole.start < hole.end
        });
        if let Some(Hole { start, end, .. }) = rest {
            self.open(from, start, end);
        }
    }

    /// The receiver acknowledged all bytes before `up_to`: forgets the holes there and calls `missed` with the
    /// bytes of each.
    pub(super) fn acknowledge(&mut self, from: Direction, up_to: i64, mut missed: impl FnMut(u64)) {
        self.0.retain_mut(|hole| {
            if hole.from != from || up_to <= hole.start {
                return true;
            }
            missed((up_to.min(hole.end) - hole.start).unsigned_abs());
            hole.start = up_to;
            hole.start < hole.end
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FROM: Direction = Direction::Orig;

    proptest! {
        /// Against a bitmap of the stream. Few enough segments that the bound is not met.
        #[test]
        fn agrees_with_a_bitmap(segments in prop::collection::vec((0_i64..100, 1_i64..20), 0..14), acks in prop::collection::vec(0_i64..100, 0..5)) {
            let mut holes = Holes::default();
            let (mut seen, mut last) = ([false; 120], 0);
            for &(start, len) in &segments {
                let end = start + len;
                if start > last {
                    holes.open(FROM, last, start);
                } else {
                    holes.fill(FROM, start, end);
                }
                last = last.max(end);
                (start..end).for_each(|at| seen[usize::try_from(at).unwrap()] = true);
            }
            let (mut acked, mut missed, mut expected) = (0, 0, 0);
            for ack in acks {
                let ack = ack.min(last);
                holes.acknowledge(FROM, ack, |bytes| missed += bytes);
                holes.acknowledge(Direction::Resp, ack, |_| panic!("no holes there"));
                expected += (acked..ack).filter(|&at| !seen[usize::try_from(at).unwrap()]).count() as u64;
                acked = acked.max(ack);
                prop_assert_eq!(missed, expected);
            }
        }
    }

    #[test]
    fn holes_are_bounded() {
        let mut holes = Holes::default();
        (0..1000).for_each(|n| holes.open(FROM, n * 10, n * 10 + 5));
        assert_eq!(holes.0.len(), MOST_HOLES);
    }
}

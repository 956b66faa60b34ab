//! What is lost on the way, by the sequence numbers of datagrams.

/// Numbers that are missed at most for a gap; a larger step is an exporter that was started anew.
const GAP_MAX: u32 = 1 << 20;

/// The numbers of one exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sequence {
    /// The number of the next datagram, and how many things the last one held.
    next: Option<(u32, u32)>,
    lost: u64,
}

impl Sequence {
    /// Takes the number of a datagram that holds `count` of what is numbered: flows (v5), records (IPFIX), or one datagram (v9).
    /// Nothing is known of what follows a datagram of which the count is not.
    pub(super) fn take(&mut self, number: u32, count: Option<u32>) {
        if let (Some((next, before)), Some(count)) = (self.next, count) {
            let ahead = number.wrapping_sub(next);
            let behind = next.wrapping_sub(number);
            if ahead == 0 || ahead.wrapping_add(before) == count {
                // Some exporters number a datagram by what it ends with, not by what it begins with (RFC 7011, section 3.1).
            } else if ahead < GAP_MAX {
                self.lost += u64::from(ahead);
            } else if behind < GAP_MAX && behind >= count {
                // It was counted as lost, and has only come late.
                self.lost = self.lost.saturating_sub(u64::from(count));
                return;
            }
        }
        self.next = count.map(|count| (number.wrapping_add(count), count));
    }

    /// How many never came.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_once() {
        let check = |datagrams: &[(u32, u32)], lost: u64| {
            let mut sequence = Sequence::default();
            for (number, count) in datagrams {
                sequence.take(*number, Some(*count));
            }
            assert_eq!(sequence.lost(), lost, "{datagrams:?}");
        };
        check(&[], 0);
        check(&[(7, 30), (37, 30), (67, 1)], 0);
        check(&[(7, 30), (47, 30)], 10);
        check(&[(u32::MAX, 2), (1, 2), (6, 1)], 3);
        // A datagram that came late.
        check(&[(0, 10), (20, 10), (10, 10), (30, 10)], 0);
        // Numbers by the end of a datagram.
        check(&[(10, 10), (25, 15), (30, 5)], 0);
        // An exporter that was started anew.
        check(&[(4_000_000, 10), (0, 10), (10, 10)], 0);
        check(&[(0, 10), (3_000_000, 10), (3_000_010, 1)], 0);
    }

    #[test]
    fn nothing_is_known_behind_records_that_cannot_be_counted() {
        let mut sequence = Sequence::default();
        sequence.take(0, Some(10));
        sequence.take(10, None);
        sequence.take(99, Some(1));
        assert_eq!(sequence.lost(), 0);
    }
}

//! Zeek's history letters, and the facts that few flows have.

use crate::decode::Direction;
use crate::flow::Counters;
use crate::flow::cold::Beside;
use crate::flow::compact::Letters;
use crate::flow::endpoint::Endpoint;
use crate::flow::gaps::Holes;
use crate::time::Timestamp;

/// What most flows never need: kept out of the records, made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// What the counters of the record had no room for.
    pub(super) carried: Counters,
    /// The first letters of a history that has too many for the record.
    pub(super) earlier: Letters,
    /// When and with which counters the flow was reported last.
    pub(super) reported: Option<(Timestamp, Counters)>,
    /// Whether that report had what the payload told.
    pub(super) app_reported: bool,
    /// Bytes acknowledged that were never seen.
    pub(super) missed_bytes: u64,
    pub(super) holes: Holes,
    repeats: [Repeats; 2],
}

#[derive(Clone, Copy, Debug, Default)]
struct Repeats {
    checksums: u32,
    gaps: u32,
    /// Less those that the side itself counts.
    retransmissions: u32,
    zero_windows: u32,
}

/// What may happen often in a flow: its letter is given at the 1st, 10th, 100th … time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    BadChecksum,
    Gap,
    ZeroWindow,
}

/// Where the history of one flow is written.
pub(super) struct Notes<'a> {
    history: &'a mut Letters,
    /// Whether [`Rare`] has holes: where it has none it need not be read.
    has_holes: bool,
    beside: Beside<'a>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(history: &'a mut Letters, has_holes: bool, beside: Beside<'a>) -> Self {
        Self { history, has_holes, beside }
    }

    #[inline]
    pub(super) fn has_holes(&self) -> bool {
        self.has_holes
    }

    /// Changes the holes.
    pub(super) fn holes(&mut self, change: impl FnOnce(&mut Holes)) {
        let holes = &mut self.rare().holes;
        change(holes);
        self.has_holes = !holes.is_empty();
    }

    /// Adds a letter, given in upper case.
    pub(super) fn letter(&mut self, from: Direction, letter: u8) {
        if self.history.are_full() {
            let earlier = &mut self.beside.rare().earlier;
            if earlier.are_none() {
                *earlier = std::mem::take(self.history);
            }
        }
        self.history.push_of(from, letter);
    }

    /// Counts something that may happen often.
    pub(super) fn repeated(&mut self, from: Direction, what: Repeated) {
        let [orig, resp] = &mut self.rare().repeats;
        let repeats = if from == Direction::Orig { orig } else { resp };
        let (count, letter) = match what {
            Repeated::BadChecksum => (&mut repeats.checksums, b'C'),
            Repeated::Gap => (&mut repeats.gaps, b'G'),
            Repeated::ZeroWindow => (&mut repeats.zero_windows, b'W'),
        };
        *count = count.saturating_add(1);
        if is_power_of_ten(*count) {
            self.letter(from, letter);
        }
    }

    /// Counts a retransmission of a side. Where one follows the other, most are counted by the side alone: what is rare lies elsewhere, and is slow to
    /// reach.
    pub(super) fn retransmitted(&mut self, from: Direction, end: &mut Endpoint) {
        let (mut count, is_full) = end.repeat();
        if is_full {
            let [orig, resp] = &mut self.rare().repeats;
            let carried = if from == Direction::Orig { orig } else { resp };
            count = count.saturating_add(carried.retransmissions);
            carried.retransmissions =
                carried.retransmissions.saturating_add(Endpoint::REPEATS_CARRIED.into());
        }
        if is_power_of_ten(count) {
            self.letter(from, b'T');
        }
    }

    /// What most flows never need, made where it is not there yet.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.beside.rare()
    }
}

const fn is_power_of_ten(n: u32) -> bool {
    matches!(
        n,
        1 | 10 | 100 | 1_000 | 10_000 | 100_000 | 1_000_000 | 10_000_000 | 100_000_000 | 1_000_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::History;
    use crate::flow::cold::{ColdId, Colds};

    #[test]
    fn repeated_letters_come_at_powers_of_ten() {
        let (mut history, mut id, mut colds) = (Letters::default(), ColdId::default(), Colds::default());
        let mut notes = Notes::new(&mut history, false, Beside::new(&mut id, &mut colds));
        notes.letter(Direction::Resp, b'A');
        (0..100).for_each(|_| notes.repeated(Direction::Orig, Repeated::BadChecksum));
        (0..9).for_each(|_| notes.repeated(Direction::Resp, Repeated::BadChecksum));
        notes.repeated(Direction::Resp, Repeated::ZeroWindow);
        assert!(!notes.has_holes());
        assert_eq!(history.history(Letters::default()).as_str(), "aCCCcw");
    }

    #[test]
    fn a_history_goes_on_beside_the_record() {
        let (mut history, mut id, mut colds) = (Letters::default(), ColdId::default(), Colds::default());
        let mut expected = History::default();
        for letter in b"SADFCTIQGWRH".repeat(3) {
            Notes::new(&mut history, false, Beside::new(&mut id, &mut colds)).letter(Direction::Orig, letter);
            expected.push(letter);
            let earlier = colds.get(id).and_then(|cold| cold.rare.as_ref()).map(|rare| rare.earlier);
            assert_eq!(history.history(earlier.unwrap_or_default()), expected);
        }
        assert_eq!(expected.as_str().len(), 24);
    }

    #[test]
    fn retransmissions_have_letters_as_if_all_were_counted_in_one_place() {
        let (mut history, mut id, mut colds) = (Letters::default(), ColdId::default(), Colds::default());
        let mut end = Endpoint::default();
        end.see_fin();
        let mut expected = String::new();
        for count in 1..=100_000 {
            let mut notes = Notes::new(&mut history, false, Beside::new(&mut id, &mut colds));
            notes.retransmitted(Direction::Resp, &mut end);
            if is_power_of_ten(count) {
                expected.push('t');
            }
            assert_eq!(history.history(Letters::default()).as_str(), expected, "{count}");
        }
        assert_eq!(expected.len(), 6);
    }
}

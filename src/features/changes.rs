//! Which entries of a map have changed since it was copied.

/// A bit a slot. Before the first copy there are no bits, and marking does nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    words: Vec<u64>,
}

impl Changes {
    /// Slots in a word.
    const WORD: usize = u64::BITS as usize;

    /// Of so many slots, none has changed from now on.
    pub(super) fn begin(&mut self, slots: usize) {
        self.words.clear();
        self.words.resize(slots.div_ceil(Self::WORD), 0);
    }

    /// A slot has changed. Those that were not there at the begin are not remembered: they are new.
    #[inline]
    pub(super) fn mark(&mut self, slot: u32) {
        if let Some(word) = self.words.get_mut(slot as usize / Self::WORD) {
            *word |= 1 << (slot as usize % Self::WORD);
        }
    }

    /// All slots have changed.
    pub(super) fn mark_all(&mut self) {
        self.words.fill(u64::MAX);
    }

    /// The slots that have changed, in ascending order; perhaps some behind those that there were.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(n, word)| {
            // Clears the lowest bit.
            let rests = std::iter::successors(Some(*word), |rest| Some(rest & rest.wrapping_sub(1)));
            rests
                .take_while(|rest| *rest != 0)
                .map(move |rest| n * Self::WORD + rest.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_were_there_are_remembered() {
        let mut changes = Changes::default();
        changes.mark(3);
        assert_eq!(changes.slots().count(), 0, "before the begin");
        changes.begin(130);
        for slot in [129, 0, 63, 64, 63, 500] {
            changes.mark(slot);
        }
        assert_eq!(changes.slots().collect::<Vec<_>>(), [0, 63, 64, 129]);
        changes.mark_all();
        assert_eq!(changes.slots().take(130).collect::<Vec<_>>(), (0..130).collect::<Vec<_>>());
        changes.begin(1);
        assert_eq!(changes.slots().count(), 0);
    }
}

//! Slots by hash: where in a slab a key lies.

use super::{make_ready_for_table, prefetch};

/// Entries of a cache line.
const WIDTH: usize = 8;

/// Lines of a new index.
const LEAST_LINES: usize = 2;

/// A hash table from 32-bit hashes to slots, eight bytes an entry, eight entries a cache line.
///
/// It knows no keys: whoever asks says which of the slots with a hash is meant. So it can tell the likely slot of a
/// key ([`Index::candidate`]) without touching the key, which lies in other cache lines, and it grows without asking for hashes.
///
/// An entry lies in the line at the low bits of its hash, or behind, with only full lines between; removal moves entries
/// back, so that there are no tombstones. Callers hash with a seed: whoever can choose hashes can make it slow.
#[derive(Clone, Debug)]
pub struct Index {
    /// A power of two of them.
    lines: Vec<Line>,
    len: usize,
}

/// Entries that lie together, from the first place on: the last place is free unless the line is full. Hashes and slots are apart, so
/// that all are compared at once.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line {
    hashes: [u32; WIDTH],
    /// Slot plus one; zero where free.
    slots: [u32; WIDTH],
}

impl Line {
    #[inline]
    fn is_full(&self) -> bool {
        self.slots[WIDTH - 1] != 0
    }

    /// Its slot with this hash, plus one; zero where there is none. Where there are two, their bits together.
    #[inline]
    fn slot_of(&self, hash: u32) -> u32 {
        // Without branches, for where in its line an entry lies cannot be foretold: all slots with another hash are masked.
        self.hashes
            .iter()
            .zip(self.slots)
            .fold(0, |found, (at, slot)| found | if *at == hash { slot } else { 0 })
    }

    fn len(&self) -> usize {
        self.slots.iter().map(|slot| usize::from(*slot != 0)).sum()
    }

    /// The hashes and slots of its entries.
    #[inline]
    fn entries(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        self.hashes.into_iter().zip(self.slots).filter_map(|(hash, slot)| Some((hash, slot.checked_sub(1)?)))
    }

    /// Adds an entry to those that are there, of which there are fewer than [`WIDTH`].
    fn push(&mut self, (hash, slot): (u32, u32)) {
        let place = self.len();
        if let (Some(hash_there), Some(slot_there)) = (self.hashes.get_mut(place), self.slots.get_mut(place))
        {
            *hash_there = hash;
            *slot_there = slot + 1;
        }
    }

    /// Takes out the entry at a place, if there is one; the last one fills its place.
    fn take(&mut self, place: usize) -> Option<(u32, u32)> {
        let last = self.len().checked_sub(1)?;
        let taken = self.entries().nth(place)?;
        let (hash, slot) = (*self.hashes.get(last)?, *self.slots.get(last)?);
        *self.hashes.get_mut(place)? = hash;
        *self.slots.get_mut(place)? = slot;
        *self.slots.get_mut(last)? = 0;
        Some(taken)
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { lines: vec![Line::default(); LEAST_LINES], len: 0 }
    }
}

impl Index {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Asks for the cache line in which a search for a hash begins.
    #[inline]
    pub fn prefetch(&self, hash: u32) {
        if let Some(line) = self.lines.get(self.home(hash)) {
            prefetch(line, size_of::<Line>());
        }
    }

    /// A slot with this hash: nearly always the one that is looked for, where that is in the index. Where two entries of a line have the
    /// same hash it may be none of theirs.
    #[inline]
    pub fn candidate(&self, hash: u32) -> Option<u32> {
        let line = self.lines.get(self.home(hash))?;
        let slot = line.slot_of(hash);
        if slot == 0 && line.is_full() { self.search(hash, |_| true) } else { slot.checked_sub(1) }
    }

    /// A slot with this hash that is the right one. May ask for one twice, and where two entries of a line have the same hash for one that
    /// is none of theirs.
    #[inline]
    pub fn find(&self, hash: u32, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        let line = self.lines.get(self.home(hash))?;
        match line.slot_of(hash).checked_sub(1) {
            None if !line.is_full() => None,
            Some(slot) if is_right(slot) => Some(slot),
            _ => self.search(hash, is_right),
        }
    }

    /// The first slot with this hash that is the right one.
    #[cold]
    fn search(&self, hash: u32, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let line = self.lines.get(at)?;
            if let Some((_, slot)) = line.entries().find(|(found, slot)| *found == hash && is_right(*slot)) {
                return Some(slot);
            }
            if !line.is_full() {
                return None;
            }
            at = self.after(at);
        }
    }

    /// Adds a slot below 2^32 - 1 that is not in the index.
    pub fn insert(&mut self, hash: u32, slot: u32) {
        // Up to five eighths full: most entries then lie in their own line.
        if (self.len + 1) * 8 > self.lines.len() * WIDTH * 5 {
            self.grow();
        }
        self.place((hash, slot));
        self.len += 1;
    }

    /// Removes a slot; whether it was there.
    pub fn remove(&mut self, hash: u32, slot: u32) -> bool {
        let mut at = self.home(hash);
        while let Some(line) = self.lines.get_mut(at) {
            let was_full = line.is_full();
            if let Some(place) = line.entries().position(|entry| entry == (hash, slot)) {
                line.take(place);
                self.len -= 1;
                if was_full {
                    self.close_up(at);
                }
                return true;
            }
            if !was_full {
                break;
            }
            at = self.after(at);
        }
        false
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Moves an entry that lies behind its home into a line that was full, if there is one, and so on for the line that it leaves.
    fn close_up(&mut self, mut gap: usize) {
        let mut at = self.after(gap);
        while let Some(&line) = self.lines.get(at) {
            let room = self.distance(gap, at);
            let fits = |(hash, _): (u32, u32)| self.distance(self.home(hash), at) >= room;
            if let Some(place) = line.entries().position(fits) {
                let moved = self.lines.get_mut(at).and_then(|line| line.take(place));
                if let (Some(entry), Some(line)) = (moved, self.lines.get_mut(gap)) {
                    line.push(entry);
                }
                gap = at;
            }
            if !line.is_full() {
                break;
            }
            at = self.after(at);
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    /// Steps from one line on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }

    #[inline]
    fn mask(&self) -> usize {
        self.lines.len() - 1
    }

    /// Puts an entry into the first line from its home on that is not full.
    fn place(&mut self, entry: (u32, u32)) {
        let mut at = self.home(entry.0);
        while self.lines.get(at).is_some_and(Line::is_full) {
            at = self.after(at);
        }
        if let Some(line) = self.lines.get_mut(at) {
            line.push(entry);
        }
    }

    fn grow(&mut self) {
        let lines = self.lines.len() * 2;
        let mut larger = Vec::with_capacity(lines);
        make_ready_for_table(&mut larger, lines);
        larger.resize(lines, Line::default());
        for line in std::mem::replace(&mut self.lines, larger) {
            line.entries().for_each(|entry| self.place(entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Against a set of pairs. Few different hashes, so that entries crowd, run into each other and around the end.
        #[test]
        fn is_a_set_of_pairs(steps in prop::collection::vec((any::<bool>(), 0_u32..24, 0_u32..40), 1..400)) {
            let (mut index, mut pairs) = (Index::default(), BTreeSet::new());
            for (insert, hash, slot) in steps {
                // Homes at the end of the smallest table and of a grown one.
                let hash = hash.wrapping_mul(0x0101_0101).wrapping_sub(5);
                if !insert {
                    prop_assert_eq!(index.remove(hash, slot), pairs.remove(&(hash, slot)));
                } else if pairs.insert((hash, slot)) {
                    index.insert(hash, slot);
                }
                prop_assert_eq!((index.len(), index.is_empty()), (pairs.len(), pairs.is_empty()));
            }
            for &(hash, slot) in &pairs {
                prop_assert_eq!(index.find(hash, |found| found == slot), Some(slot));
                let alike = pairs.iter().filter(|pair| pair.0 == hash).count();
                let candidate = index.candidate(hash).map(|slot| (hash, slot));
                prop_assert!(alike > 1 || candidate.is_some_and(|pair| pairs.contains(&pair)));
            }
            for hash in (0..24_u32).map(|hash| hash.wrapping_mul(0x0101_0101).wrapping_sub(5)) {
                let mut asked = BTreeSet::new();
                prop_assert_eq!(index.find(hash, |slot| { asked.insert(slot); false }), None);
                let alike: BTreeSet<u32> = pairs.iter().filter(|pair| pair.0 == hash).map(|pair| pair.1).collect();
                prop_assert!(asked.is_superset(&alike), "{asked:?} {alike:?}");
                prop_assert!(alike.len() > 1 || asked == alike, "{asked:?} {alike:?}");
            }
        }
    }

    #[test]
    fn grows_and_forgets() {
        let mut index = Index::default();
        for slot in 0..10_000_u32 {
            index.insert(slot.wrapping_mul(0x9e37_79b9), slot);
            index.prefetch(slot);
        }
        assert!((0..10_000_u32).all(|slot| index.candidate(slot.wrapping_mul(0x9e37_79b9)) == Some(slot)));
        index.clear();
        assert_eq!((index.len(), index.candidate(0)), (0, None));
    }
}

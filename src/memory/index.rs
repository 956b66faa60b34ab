//! Slots by hash: where in a slab a key lies.

use super::prefetch;

/// Entries of a new index.
const LEAST_ENTRIES: usize = 16;

/// An open-addressing table from 32-bit hashes to slots, eight bytes an entry, eight entries a cache line.
///
/// It knows no keys: whoever asks says which of the slots with a hash is meant. So it can tell the likely slot of a
/// key ([`Index::candidate`]) without touching the key, which lies in other cache lines, and it grows without asking for hashes.
///
/// Entries lie at the low bits of their hash or behind, with no free entry between (linear probing); removal moves entries
/// back, so that there are no tombstones. Callers hash with a seed: whoever can choose hashes can make it slow.
#[derive(Clone, Debug)]
pub struct Index {
    /// Hash in the high half, slot plus one in the low half; zero where free. A power of two of them.
    entries: Vec<u64>,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { entries: vec![0; LEAST_ENTRIES], len: 0 }
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
        if let Some(entry) = self.entries.get(self.home(hash)) {
            prefetch(entry, size_of::<u64>());
        }
    }

    /// The first slot with this hash: nearly always the one that is looked for, where that is in the index.
    #[inline]
    pub fn candidate(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// The first slot with this hash that is the right one.
    #[inline]
    pub fn find(&self, hash: u32, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let (found, slot) = self.entry(at)?;
            if found == hash && is_right(slot) {
                return Some(slot);
            }
            at = self.after(at);
        }
    }

    /// Adds a slot below 2^32 - 1 that is not in the index.
    pub fn insert(&mut self, hash: u32, slot: u32) {
        // Up to five eighths full: an unsuccessful search then takes four steps on average.
        if (self.len + 1) * 8 > self.entries.len() * 5 {
            self.grow();
        }
        self.place(pack(hash, slot));
        self.len += 1;
    }

    /// Removes a slot; whether it was there.
    pub fn remove(&mut self, hash: u32, slot: u32) -> bool {
        let wanted = pack(hash, slot);
        let mut free = self.home(hash);
        loop {
            match self.entries.get(free) {
                None | Some(0) => return false,
                Some(&entry) if entry == wanted => break,
                Some(_) => free = self.after(free),
            }
        }
        // Entries behind move back into the gap, unless that lies before their home.
        let mut at = self.after(free);
        while let Some((hash, _)) = self.entry(at) {
            if self.distance(self.home(hash), at) >= self.distance(free, at) {
                self.copy(at, free);
                free = at;
            }
            at = self.after(at);
        }
        if let Some(entry) = self.entries.get_mut(free) {
            *entry = 0;
        }
        self.len -= 1;
        true
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    /// Steps from one place on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }

    #[inline]
    fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    /// The hash and the slot at a place, where it is not free.
    #[inline]
    fn entry(&self, at: usize) -> Option<(u32, u32)> {
        self.entries.get(at).and_then(|&entry| unpack(entry))
    }

    fn copy(&mut self, from: usize, to: usize) {
        if from < self.entries.len() && to < self.entries.len() {
            self.entries.copy_within(from..=from, to);
        }
    }

    /// Puts an entry into the first free place from its home on.
    fn place(&mut self, entry: u64) {
        let Some((hash, _)) = unpack(entry) else { return };
        let mut at = self.home(hash);
        while let Some(there) = self.entries.get_mut(at) {
            if *there == 0 {
                *there = entry;
                return;
            }
            at = self.after(at);
        }
    }

    fn grow(&mut self) {
        let larger = vec![0; self.entries.len() * 2];
        for entry in std::mem::replace(&mut self.entries, larger) {
            self.place(entry);
        }
    }
}

#[inline]
fn pack(hash: u32, slot: u32) -> u64 {
    u64::from(hash) << 32 | (u64::from(slot) + 1)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of an entry")]
fn unpack(entry: u64) -> Option<(u32, u32)> {
    Some(((entry >> 32) as u32, (entry as u32).checked_sub(1)?))
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
                let candidate = index.candidate(hash).map(|slot| (hash, slot));
                prop_assert!(candidate.is_some_and(|pair| pairs.contains(&pair)));
            }
            for hash in (0..24_u32).map(|hash| hash.wrapping_mul(0x0101_0101).wrapping_sub(5)) {
                let mut seen = Vec::new();
                prop_assert_eq!(index.find(hash, |slot| { seen.push(slot); false }), None);
                seen.sort_unstable();
                let expected: Vec<u32> = pairs.iter().filter(|pair| pair.0 == hash).map(|pair| pair.1).collect();
                prop_assert_eq!(seen, expected);
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

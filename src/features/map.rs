//! The maps of hosts and channels behind one type: bounded, asked ahead of time, sorted by key where their order can be seen.
//!
//! One thread writes them, in windows of events, and scoring reads them between: no lock is needed. With a million channels,
//! an update in such windows takes a quarter of the time that it takes in `DashMap`, `scc`, `papaya` or `hashbrown`, or less
//! (`docs/adr/0016-host-map-of-our-own.md`).

use std::hash::{BuildHasher, Hash};

use foldhash::quality::SeedableRandomState;

use super::changes::Changes;
use crate::memory::{Index, ask_for_huge_pages, is_worth_huge_pages, prefetch};
use crate::seed::Seed;

/// Entries for which room is reserved at once, at most; memory becomes resident as it is used.
const RESERVED: usize = 1 << 18;
/// Bytes of an entry that an update nearly always needs.
const ASKED_BYTES: usize = 320;

/// A bounded map. When it is full, new keys are refused and counted until [`BoundedMap::trim`] makes room.
#[derive(Clone, Debug)]
pub struct BoundedMap<K, V> {
    index: Index,
    entries: Vec<Option<(K, V)>>,
    /// The capacity for which huge pages were asked for.
    on_huge_pages: usize,
    free: Vec<u32>,
    hasher: SeedableRandomState,
    max_entries: usize,
    refused: u64,
    evicted: u64,
    /// Since the last copy.
    changes: Changes,
    /// Copies that were made of this map; of a copy, its number.
    copies: u64,
}

impl<K: Hash + Ord, V> BoundedMap<K, V> {
    /// An empty map that holds at most `max_entries`.
    pub fn new(max_entries: usize, seed: Seed) -> Self {
        Self {
            index: Index::default(),
            entries: Vec::with_capacity(max_entries.min(RESERVED)),
            on_huge_pages: 0,
            free: Vec::new(),
            hasher: seed.hasher(),
            max_entries,
            refused: 0,
            evicted: 0,
            changes: Changes::default(),
            copies: 0,
        }
    }

    /// The hash by which the other calls find a key.
    #[expect(clippy::cast_possible_truncation, reason = "any half of the hash will do")]
    pub fn hash(&self, key: &K) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    /// First step towards an update, for many keys before the next step: a key with this hash will be asked for.
    pub fn expect(&self, hash: u32) {
        self.index.prefetch(hash);
    }

    /// Second step: asks for the entry that it most likely is.
    pub fn approach(&self, hash: u32) {
        if let Some(entry) = self.index.candidate(hash).and_then(|slot| self.entries.get(slot as usize)) {
            prefetch(entry, ASKED_BYTES);
        }
    }

    /// The entry that [`BoundedMap::approach`] asked for, which need not be of the key that is meant: to ask for what it points to.
    pub fn likely(&self, hash: u32) -> Option<(&K, &V)> {
        let slot = self.index.candidate(hash)?;
        self.entries.get(slot as usize)?.as_ref().map(|(key, value)| (key, value))
    }

    /// Updates the value of a key with this hash, made first where there is none. Gives what the closure gives, nothing where
    /// the map is full and the key is new.
    pub fn update<R>(
        &mut self,
        key: &K,
        hash: u32,
        make: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R>
    where
        K: Clone,
    {
        let slot = match self.find(key, hash) {
            Some(slot) => slot,
            None if self.len() >= self.max_entries => {
                self.refused += 1;
                return None;
            }
            None => self.insert(key.clone(), hash, make()),
        };
        self.changes.mark(slot);
        self.entries.get_mut(slot as usize)?.as_mut().map(|(_, value)| change(value))
    }

    /// The value of a key with this hash.
    pub fn get(&self, key: &K, hash: u32) -> Option<&V> {
        let slot = self.find(key, hash)?;
        self.entries.get(slot as usize)?.as_ref().map(|(_, value)| value)
    }

    /// The entries, in the order of the keys. `prefix` must order keys as they are ordered, or leave them equal; it keeps sorting from
    /// looking at the keys themselves, which lie all over the memory.
    pub fn sorted_by<P: Ord>(&self, prefix: impl Fn(&K) -> P) -> Vec<(&K, &V)> {
        let mut entries: Vec<(P, &K, &V)> =
            self.iter().map(|(key, value)| (prefix(key), key, value)).collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)));
        entries.into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    /// What the closure gives of every entry, in the order of the keys.
    pub fn collect_sorted<R>(&self, mut look: impl FnMut(&K, &V) -> Option<R>) -> Vec<(K, R)>
    where
        K: Clone,
    {
        self.sorted_by(|_| ())
            .into_iter()
            .filter_map(|(key, value)| Some((key.clone(), look(key, value)?)))
            .collect()
    }

    /// When the map is over nine tenths full, gives up the tenth of its entries that is worth least by `worth` (ties by
    /// key, so that the same entries go in every run).
    pub fn trim<W: Ord>(&mut self, worth: impl Fn(&K, &V) -> W) {
        let excess = self.max_entries / 10;
        if self.len() < excess * 9 {
            return;
        }
        let mut ranked: Vec<(W, u32)> = (0..)
            .zip(&self.entries)
            .filter_map(|(slot, entry)| entry.as_ref().map(|(key, value)| (worth(key, value), slot)))
            .collect();
        if excess < ranked.len() {
            let key =
                |slot: u32| self.entries.get(slot as usize).and_then(Option::as_ref).map(|(key, _)| key);
            let order = |a: &(W, u32), b: &(W, u32)| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(&key(b.1)));
            ranked.select_nth_unstable_by(excess, order);
        }
        let given_up: Vec<u32> = ranked.into_iter().take(excess).map(|(_, slot)| slot).collect();
        for slot in given_up {
            self.remove(slot);
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Updates that were refused because the map was full.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Entries given up to make room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Changes every value, in no order.
    pub fn change_all(&mut self, mut change: impl FnMut(&mut V)) {
        self.changes.mark_all();
        self.entries.iter_mut().flatten().for_each(|(_, value)| change(value));
    }

    /// The slots in which entries lie, some of them free: for those who look at all entries in no order, by parts.
    pub fn slots(&self) -> &[Option<(K, V)>] {
        &self.entries
    }

    /// A copy of the map as it is now, made of the one before where that is given: then only what has changed since is cloned.
    #[must_use]
    pub fn copy(&mut self, before: Option<Self>) -> Self
    where
        K: Clone,
        V: Clone,
    {
        let last = before.filter(|before| self.copies > 0 && before.copies == self.copies);
        let mut copy = match last {
            Some(mut copy) => {
                self.bring_up_to_date(&mut copy);
                copy
            }
            None => self.clone(),
        };
        self.copies += 1;
        self.changes.begin(self.entries.len());
        copy.copies = self.copies;
        copy.changes = Changes::default();
        copy
    }

    /// The entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().flatten().map(|(key, value)| (key, value))
    }

    /// Clones into the last copy what has changed since it was made.
    fn bring_up_to_date(&self, copy: &mut Self)
    where
        K: Clone,
        V: Clone,
    {
        for slot in self.changes.slots() {
            if let (Some(place), Some(entry)) = (copy.entries.get_mut(slot), self.entries.get(slot)) {
                place.clone_from(entry);
            }
        }
        copy.entries.extend(self.entries.iter().skip(copy.entries.len()).cloned());
        copy.index.clone_from(&self.index);
        copy.free.clone_from(&self.free);
        (copy.refused, copy.evicted) = (self.refused, self.evicted);
    }

    fn find(&self, key: &K, hash: u32) -> Option<u32> {
        let is_it = |slot: u32| {
            self.entries.get(slot as usize).and_then(Option::as_ref).is_some_and(|(known, _)| known == key)
        };
        self.index.find(hash, is_it)
    }

    fn insert(&mut self, key: K, hash: u32, value: V) -> u32 {
        let entry = Some((key, value));
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => u32::try_from(self.entries.len()).unwrap_or(u32::MAX),
        };
        match self.entries.get_mut(slot as usize) {
            Some(place) => *place = entry,
            None => self.push(entry),
        }
        self.index.insert(hash, slot);
        slot
    }

    fn push(&mut self, entry: Option<(K, V)>) {
        // Once they are worth it, and wherever they have moved: huge pages from here on.
        let is_large = is_worth_huge_pages(self.entries.len() * size_of::<Option<(K, V)>>());
        if is_large && self.on_huge_pages != self.entries.capacity() {
            ask_for_huge_pages(&mut self.entries);
            self.on_huge_pages = self.entries.capacity();
        }
        self.entries.push(entry);
    }

    fn remove(&mut self, slot: u32) {
        if let Some((key, _)) = self.entries.get_mut(slot as usize).and_then(Option::take) {
            let hash = self.hash(&key);
            self.index.remove(hash, slot);
            self.changes.mark(slot);
            self.free.push(slot);
            self.evicted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 20;

    fn add(map: &mut BoundedMap<u32, u32>, key: u32) -> Option<u32> {
        let hash = map.hash(&key);
        map.expect(hash);
        map.approach(hash);
        map.update(
            &key,
            hash,
            || 0,
            |value| {
                *value += key;
                *value
            },
        )
    }

    #[test]
    fn is_bounded_counts_and_iterates_in_order() {
        let mut map: BoundedMap<u32, u32> = BoundedMap::new(MAX, Seed::REPLAY);
        for key in (0..30).rev() {
            add(&mut map, key);
        }
        assert_eq!((map.len(), map.refused()), (20, 10));
        assert_eq!(map.get(&29, map.hash(&29)), Some(&29));
        assert_eq!(map.get(&3, map.hash(&3)), None);
        map.trim(|_, v| *v);
        assert_eq!((map.len(), map.evicted()), (18, 2));
        let keys: Vec<u32> = map.sorted_by(|key| key / 2).into_iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, (12..30).collect::<Vec<_>>());
    }

    /// What there is to see of a map.
    fn contents(map: &BoundedMap<u32, u32>) -> (Vec<(u32, u32)>, usize, u64, u64) {
        let entries: Vec<(u32, u32)> = map.collect_sorted(|_, value| Some(*value));
        let found = entries.iter().all(|(key, value)| map.get(key, map.hash(key)) == Some(value));
        assert!(found, "an entry that is not found by its key");
        (entries, map.len(), map.refused(), map.evicted())
    }

    #[test]
    fn a_copy_of_another_time_is_not_built_on() {
        let mut map: BoundedMap<u32, u32> = BoundedMap::new(MAX, Seed::REPLAY);
        let empty = map.copy(None);
        add(&mut map, 1);
        let first = map.copy(Some(empty));
        add(&mut map, 1);
        let second = map.copy(None);
        assert_eq!((contents(&first).0, contents(&second).0), (vec![(1, 1)], vec![(1, 2)]));
        add(&mut map, 2);
        assert_eq!(contents(&map.copy(Some(first))), contents(&map), "the change before the second copy too");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// However often it is copied, and whichever copies come back, a copy is what the map is.
        #[test]
        fn a_copy_is_the_map(steps in prop::collection::vec((0_u32..60, 0_u8..40), 0..300)) {
            let mut map: BoundedMap<u32, u32> = BoundedMap::new(MAX, Seed::REPLAY);
            let mut kept = None;
            for (key, what) in steps {
                match what {
                    0 => map.trim(|_, value| *value),
                    1 => map.change_all(|value| *value += 1),
                    2..4 => drop(map.copy(kept.clone())),
                    4..10 => {
                        let copy = map.copy(kept.take());
                        prop_assert_eq!(contents(&copy), contents(&map));
                        kept = Some(copy);
                    }
                    _ => drop(add(&mut map, key)),
                }
            }
        }

        /// Against an ordered map that refuses and trims by the same words.
        #[test]
        fn is_an_ordered_map_with_a_bound(steps in prop::collection::vec((0_u32..60, prop::bool::weighted(0.05)), 0..300)) {
            let (mut map, mut plain) = (BoundedMap::new(MAX, Seed::REPLAY), BTreeMap::<u32, u32>::new());
            for (key, trim) in steps {
                if trim {
                    map.trim(|_, value| *value);
                    if plain.len() >= MAX / 10 * 9 {
                        let mut ranked: Vec<(u32, u32)> = plain.iter().map(|(key, value)| (*value, *key)).collect();
                        ranked.sort_unstable();
                        ranked.truncate(MAX / 10);
                        plain.retain(|key, value| !ranked.contains(&(*value, *key)));
                    }
                } else if plain.len() < MAX || plain.contains_key(&key) {
                    let value = plain.entry(key).or_default();
                    *value += key;
                    prop_assert_eq!(add(&mut map, key), Some(*value));
                } else {
                    prop_assert_eq!(add(&mut map, key), None);
                }
                let sorted: Vec<(u32, u32)> = map.collect_sorted(|_, value| Some(*value));
                prop_assert_eq!(sorted, plain.clone().into_iter().collect::<Vec<_>>());
                prop_assert_eq!(map.is_empty(), plain.is_empty());
            }
        }
    }
}

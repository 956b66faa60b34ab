//! The concurrent map behind one type: closure updates, no guard escapes, iteration only in key order.
//!
//! It is `DashMap`: sharded reader-writer locks, not lock-free. It is written once a flow event, never once a packet, so
//! its cost is a small part of the path (see `docs/adr/0004-host-map.md`).

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use foldhash::quality::SeedableRandomState;

use crate::seed::Seed;

/// A bounded concurrent map. When it is full, new keys are refused and counted until [`SharedMap::trim`] makes room.
pub struct SharedMap<K: Hash + Eq, V> {
    entries: DashMap<K, V, SeedableRandomState>,
    max_entries: usize,
    len: AtomicU64,
    refused: AtomicU64,
    evicted: AtomicU64,
}

impl<K: Hash + Eq, V> std::fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedMap")
            .field("len", &self.len)
            .field("max_entries", &self.max_entries)
            .finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Ord + Clone, V> SharedMap<K, V> {
    /// An empty map that holds at most `max_entries`.
    pub fn new(max_entries: usize, seed: Seed) -> Self {
        Self {
            entries: DashMap::with_hasher(seed.hasher()),
            max_entries,
            len: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Updates the value of a key, made first where there is none. Gives what the closure gives, nothing where
    /// the map is full and the key is new.
    pub fn update<R>(&self, key: K, make: impl FnOnce() -> V, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        if let Some(mut value) = self.entries.get_mut(&key) {
            return Some(change(&mut value));
        }
        if self.len() >= self.max_entries {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let mut value = make();
        let result = change(&mut value);
        if self.entries.insert(key, value).is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        Some(result)
    }

    /// Looks at the value of a key.
    pub fn view<R>(&self, key: &K, look: impl FnOnce(&V) -> R) -> Option<R> {
        self.entries.get(key).map(|value| look(&value))
    }

    /// What the closure gives of every entry, in the order of the keys.
    pub fn collect_sorted<R>(&self, mut look: impl FnMut(&K, &V) -> Option<R>) -> Vec<(K, R)> {
        let mut rows: Vec<(K, R)> = self
            .entries
            .iter()
            .filter_map(|entry| look(entry.key(), entry.value()).map(|row| (entry.key().clone(), row)))
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    }

    /// When the map is over nine tenths full, gives up the tenth of its entries that is worth least by `worth` (ties by
    /// key, so that the same entries go in every run).
    pub fn trim<W: Ord>(&self, worth: impl Fn(&K, &V) -> W) {
        if self.len() < self.max_entries / 10 * 9 {
            return;
        }
        let mut ranked: Vec<(W, K)> =
            self.entries.iter().map(|e| (worth(e.key(), e.value()), e.key().clone())).collect();
        ranked.sort();
        for (_, key) in ranked.into_iter().take(self.max_entries / 10) {
            if self.entries.remove(&key).is_some() {
                self.len.fetch_sub(1, Ordering::Relaxed);
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        usize::try_from(self.len.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Updates that were refused because the map was full.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Entries given up to make room.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_counts_and_iterates_in_order() {
        let map: SharedMap<u32, u32> = SharedMap::new(20, Seed::REPLAY);
        for key in (0..30).rev() {
            map.update(key, || 0, |v| *v += key);
        }
        assert_eq!((map.len(), map.refused()), (20, 10));
        assert_eq!(map.update(29, || 0, |v| *v), Some(29));
        assert_eq!(map.view(&3, |v| *v), None);
        map.trim(|_, v| *v);
        assert_eq!((map.len(), map.evicted()), (18, 2));
        let keys: Vec<u32> = map.collect_sorted(|_, _| Some(())).into_iter().map(|(k, ())| k).collect();
        assert_eq!(keys, (12..30).collect::<Vec<_>>());
    }
}

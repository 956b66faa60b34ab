//! Which name DNS gave a host for an address.

use std::sync::Arc;

use super::map::BoundedMap;
use crate::addr::Addr;
use crate::memory::prefetch_text;
use crate::seed::Seed;

type Generation = BoundedMap<(Addr, Addr), Arc<str>>;

/// (asking host, address) → name of the question that the address answered. Two generations bound it: when
/// the young one is full it becomes the old one, and what the old one held and nobody asked for again is forgotten.
#[derive(Clone, Debug)]
pub(super) struct NameTable {
    young: Generation,
    old: Generation,
    generation_size: usize,
    seed: Seed,
}

impl NameTable {
    /// A table of at most `max_entries`.
    pub(super) fn new(max_entries: usize, seed: Seed) -> Self {
        let generation_size = (max_entries / 2).max(1);
        let generation = || BoundedMap::new(generation_size, seed);
        Self { young: generation(), old: generation(), generation_size, seed }
    }

    /// First step towards an update or a look-up, for many before the next step: gives the hash by which the other calls find a pair.
    pub(super) fn expect(&self, host: Addr, addr: Addr) -> u32 {
        let hash = self.hash(host, addr);
        self.young.expect(hash);
        hash
    }

    /// The hash by which the other calls find a pair.
    pub(super) fn hash(&self, host: Addr, addr: Addr) -> u32 {
        self.young.hash(&(host, addr))
    }

    /// Second step: asks for the entry that it most likely is.
    pub(super) fn approach(&self, hash: u32) {
        self.young.approach(hash);
    }

    /// Third step: asks for the text of its name.
    pub(super) fn follow_up(&self, hash: u32) {
        if let Some((_, name)) = self.young.likely(hash) {
            prefetch_text(name);
        }
    }

    /// DNS told `host` that `name` has the address `addr`.
    pub(super) fn learn(&mut self, host: Addr, addr: Addr, name: &Arc<str>) {
        let key = (host, addr);
        let hash = self.young.hash(&key);
        if self.young.len() >= self.generation_size && self.young.get(&key, hash).is_none() {
            self.old = std::mem::replace(&mut self.young, BoundedMap::new(self.generation_size, self.seed));
        }
        let learn = |known: &mut Arc<str>| {
            if *known != *name {
                known.clone_from(name);
            }
        };
        self.young.update(&key, hash, || Arc::clone(name), learn);
    }

    /// What is remembered, the older generation first: learnt in this order, another table comes to know the same.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&(Addr, Addr), &Arc<str>)> {
        self.old.iter().chain(self.young.iter())
    }

    /// The newest name that DNS gave `host` for `addr`.
    pub(super) fn name_of(&self, host: Addr, addr: Addr, hash: u32) -> Option<&Arc<str>> {
        let key = (host, addr);
        self.young.get(&key, hash).or_else(|| self.old.get(&key, hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u8) -> Addr {
        Addr::from_v4([10, 0, 0, n])
    }

    fn name_of(names: &NameTable, host: u8, peer: u8) -> Option<&Arc<str>> {
        let (host, peer) = (addr(host), addr(peer));
        names.name_of(host, peer, names.expect(host, peer))
    }

    #[test]
    fn remembers_the_newest_and_stays_bounded() {
        let mut names = NameTable::new(20, Seed::REPLAY);
        let name = |n: u8| -> Arc<str> { format!("host{n}.example").into() };
        for n in 0..200 {
            names.learn(addr(1), addr(n), &name(n));
        }
        assert!(names.young.len() + names.old.len() <= 20);
        assert_eq!(name_of(&names, 1, 199).map(|n| &**n), Some("host199.example"));
        assert_eq!(name_of(&names, 2, 199), None, "told to another host");
        assert_eq!(name_of(&names, 1, 3), None, "long forgotten");
        names.learn(addr(1), addr(199), &name(7));
        assert_eq!(name_of(&names, 1, 199).map(|n| &**n), Some("host7.example"));
    }
}

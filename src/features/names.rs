//! Which name DNS gave a host for an address.

use std::sync::Arc;

use foldhash::quality::SeedableRandomState;
use hashbrown::HashMap;

use crate::addr::Addr;
use crate::seed::Seed;

type Generation = HashMap<(Addr, Addr), Arc<str>, SeedableRandomState>;

/// (asking host, address) → name of the question that the address answered. Two generations bound it: when
/// the young one is full it becomes the old one, and what the old one held and nobody asked for again is forgotten.
#[derive(Clone, Debug)]
pub(super) struct NameTable {
    young: Generation,
    old: Generation,
    generation_size: usize,
}

impl NameTable {
    /// A table of at most `max_entries`.
    pub(super) fn new(max_entries: usize, seed: Seed) -> Self {
        Self {
            young: HashMap::with_hasher(seed.hasher()),
            old: HashMap::with_hasher(seed.hasher()),
            generation_size: (max_entries / 2).max(1),
        }
    }

    /// DNS told `host` that `name` has the address `addr`.
    pub(super) fn learn(&mut self, host: Addr, addr: Addr, name: &Arc<str>) {
        if self.young.len() >= self.generation_size && !self.young.contains_key(&(host, addr)) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert((host, addr), Arc::clone(name));
    }

    /// What is remembered, the older generation first: learnt in this order, another table comes to know the same.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&(Addr, Addr), &Arc<str>)> {
        self.old.iter().chain(&self.young)
    }

    /// The newest name that DNS gave `host` for `addr`.
    pub(super) fn name_of(&self, host: Addr, addr: Addr) -> Option<&Arc<str>> {
        self.young.get(&(host, addr)).or_else(|| self.old.get(&(host, addr)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u8) -> Addr {
        Addr::from_v4([10, 0, 0, n])
    }

    #[test]
    fn remembers_the_newest_and_stays_bounded() {
        let mut names = NameTable::new(20, Seed::REPLAY);
        let name = |n: u8| -> Arc<str> { format!("host{n}.example").into() };
        for n in 0..200 {
            names.learn(addr(1), addr(n), &name(n));
        }
        assert!(names.young.len() + names.old.len() <= 20);
        assert_eq!(names.name_of(addr(1), addr(199)).map(|n| &**n), Some("host199.example"));
        assert_eq!(names.name_of(addr(2), addr(199)), None, "told to another host");
        assert_eq!(names.name_of(addr(1), addr(3)), None, "long forgotten");
        names.learn(addr(1), addr(199), &name(7));
        assert_eq!(names.name_of(addr(1), addr(199)).map(|n| &**n), Some("host7.example"));
    }
}

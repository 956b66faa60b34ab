//! Places of a table by hash: which are taken, and by a key with which hash.

use super::lanes::{LANES, equal_lanes};
use super::prefetch;

/// Places of a group: one less than the lanes that are compared at once.
const WIDTH: usize = LANES - 1;

/// Which places of a table are taken, in groups of 15: two bytes a place, so that they stay in the cache where what lies in the places does not.
///
/// A key takes a place in the group that its hash leads to, or in a later one where that is full. So the place of a key is told from its hash and
/// these two bytes, and the records need no index beside them. A group counts those that passed it by (as F14 does,
/// <https://engineering.fb.com/2019/04/25/developer-tools/f14/>): a search goes no further than it must, and there are no tombstones.
///
/// It knows no keys: whoever asks says whether the key in a place is the right one. Callers hash with a seed: whoever can choose hashes can make it
/// slow.
#[derive(Clone, Debug)]
pub struct Places {
    groups: Vec<Group>,
    taken: usize,
}

/// Of each place, sixteen bits of the hash that took it, zero where it is free; in the last lane, how many keys found no place here and lie behind. Where
/// there were too many to count it stays so.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Group([u16; LANES]);

impl Group {
    /// Its places with this tag: a bit each, the first one lowest.
    #[inline]
    fn places_of(&self, tag: u16) -> Matches {
        Matches(equal_lanes(&self.0, tag) & ((1 << WIDTH) - 1))
    }

    fn tag_mut(&mut self, place: usize) -> Option<&mut u16> {
        self.0.get_mut(..WIDTH)?.get_mut(place)
    }

    #[inline]
    fn passed(&self) -> u16 {
        self.0[WIDTH]
    }

    fn set_passed(&mut self, passed: u16) {
        self.0[WIDTH] = passed;
    }
}

/// Places of a group, a bit each.
#[derive(Debug)]
struct Matches(u32);

impl Matches {
    /// The first, if there is one.
    #[inline]
    fn first(&self) -> Option<usize> {
        (self.0 != 0).then_some(self.0.trailing_zeros() as usize)
    }
}

impl Iterator for Matches {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

impl Places {
    /// Free places in groups, at least one and as many as 32 bits can number.
    pub fn new(groups: usize) -> Self {
        let groups = groups.clamp(1, u32::MAX as usize / WIDTH);
        Self { groups: vec![Group::default(); groups], taken: 0 }
    }

    /// Places that are taken.
    pub fn len(&self) -> usize {
        self.taken
    }

    /// Whether none is taken.
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Groups of places.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Groups that are needed so that some keys fill four fifths of the places, with which nearly all lie in their own group.
    pub const fn groups_for(keys: usize) -> usize {
        keys.div_ceil(WIDTH * 4 / 5)
    }

    /// Places of so many groups.
    pub const fn places_in(groups: usize) -> usize {
        groups * WIDTH
    }

    /// All places, free or taken.
    #[expect(clippy::cast_possible_truncation, reason = "no more are made")]
    pub fn all(&self) -> std::ops::Range<u32> {
        0..(self.groups.len() * WIDTH) as u32
    }

    /// Those that are taken.
    pub fn all_taken(&self) -> impl Iterator<Item = u32> {
        let taken = |group: &Group| Matches(!equal_lanes(&group.0, 0) & ((1 << WIDTH) - 1));
        self.groups
            .iter()
            .enumerate()
            .flat_map(move |(at, group)| taken(group).map(move |place| place_at(at, place)))
    }

    /// All places in an order in which neighbours are far apart, from a number below their count: the first place of each group, then the second. Whoever frees places one
    /// after the other must go in it, or one part of the table is empty and another overfull.
    pub fn across(&self, number: u32) -> u32 {
        let groups = self.groups.len();
        place_at(number as usize % groups, number as usize / groups)
    }

    /// Asks for what a search for a hash reads.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.prefetch_group(self.home(hash));
    }

    /// Asks for what is needed to free a place.
    #[inline]
    pub fn prefetch_place(&self, place: u32) {
        self.prefetch_group(place as usize / WIDTH);
    }

    #[inline]
    fn prefetch_group(&self, at: usize) {
        if let Some(group) = self.groups.get(at) {
            prefetch(group, size_of::<Group>());
        }
    }

    /// A place taken by this hash: nearly always that of the key that is looked for, if it has one; and whether there is one. Where there is none, the place that
    /// such a key would most likely take.
    #[inline]
    pub fn candidate(&self, hash: u64) -> (u32, bool) {
        let home = self.home(hash);
        let Some(group) = self.groups.get(home) else { return (0, false) };
        match group.places_of(tag(hash)).first() {
            Some(place) => (place_at(home, place), true),
            None if group.passed() > 0 => {
                self.search(hash, |_| true).map_or((place_at(home, 0), false), |place| (place, true))
            }
            None => (place_at(home, group.places_of(0).first().unwrap_or(0)), false),
        }
    }

    /// The place taken by this hash that is the right one. May ask for one twice.
    #[inline]
    pub fn find(&self, hash: u64, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        let home = self.home(hash);
        let group = self.groups.get(home)?;
        match group.places_of(tag(hash)).first().map(|place| place_at(home, place)) {
            None if group.passed() == 0 => None,
            Some(place) if is_right(place) => Some(place),
            _ => self.search(hash, is_right),
        }
    }

    #[cold]
    fn search(&self, hash: u64, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        for _ in 0..self.groups.len() {
            let group = self.groups.get(at)?;
            let places = group.places_of(tag(hash)).map(|place| place_at(at, place));
            if let Some(place) = { places }.find(|place| is_right(*place)) {
                return Some(place);
            }
            if group.passed() == 0 {
                break;
            }
            at = self.after(at);
        }
        None
    }

    /// Takes a place; nothing where none is free.
    pub fn take(&mut self, hash: u64) -> Option<u32> {
        let home = self.home(hash);
        let group = self.groups.get_mut(home)?;
        if let Some(place) = group.places_of(0).first()
            && let Some(free) = group.tag_mut(place)
        {
            *free = tag(hash);
            self.taken += 1;
            return Some(place_at(home, place));
        }
        if self.taken < self.all().len() { self.take_where(hash, |_| true) } else { None }
    }

    /// Takes the first free place that may be taken, of which there is one.
    fn take_where(&mut self, hash: u64, may_be: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        for _ in 0..self.groups.len() {
            let group = self.groups.get_mut(at)?;
            if let Some(place) = group.places_of(0).find(|place| may_be(place_at(at, *place))) {
                *group.tag_mut(place)? = tag(hash);
                self.taken += 1;
                return Some(place_at(at, place));
            }
            group.set_passed(group.passed().saturating_add(1));
            at = self.after(at);
        }
        None
    }

    /// Frees a place that this hash took.
    pub fn free(&mut self, hash: u64, place: u32) {
        let (its_group, in_group) = (place as usize / WIDTH, place as usize % WIDTH);
        let mut at = self.home(hash);
        for _ in 0..self.groups.len() {
            let after = self.after(at);
            let Some(group) = self.groups.get_mut(at) else { return };
            if at == its_group {
                if let Some(taken) = group.tag_mut(in_group).filter(|taken| **taken == tag(hash)) {
                    *taken = 0;
                    self.taken -= 1;
                }
                return;
            }
            if group.passed() < u16::MAX {
                group.set_passed(group.passed() - 1);
            }
            at = after;
        }
    }

    /// Takes a place for every key that has one in `old`, which is smaller. What lies in the places is in `table`: asked for the hash that took a place, and
    /// told to move what lies in one place to a free one.
    pub fn take_over<T>(
        &mut self,
        mut old: Self,
        table: &mut T,
        hash_of: impl Fn(&T, u32) -> u64,
        mut relocate: impl FnMut(&mut T, u32, u32),
    ) {
        // From the end on: hardly any new place comes before the old one, so what lay there has moved away already.
        for from in old.all().rev() {
            if old.is_taken(from) {
                let hash = hash_of(table, from);
                old.vacate(from);
                if let Some(to) = self.take_where(hash, |place| !old.is_taken(place))
                    && to != from
                {
                    relocate(table, from, to);
                }
            }
        }
    }

    /// Whether a place is taken.
    pub fn is_taken(&self, place: u32) -> bool {
        let group = self.groups.get(place as usize / WIDTH);
        group.and_then(|group| group.0.get(place as usize % WIDTH)).is_some_and(|tag| *tag != 0)
    }

    fn vacate(&mut self, place: u32) {
        let group = self.groups.get_mut(place as usize / WIDTH);
        if let Some(tag) = group.and_then(|group| group.tag_mut(place as usize % WIDTH)) {
            *tag = 0;
        }
    }

    /// The group in which a search begins: the low half of the hash as a share of all groups (Lemire 2019).
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant; a share of a usize is one")]
    fn home(&self, hash: u64) -> usize {
        ((u64::from(hash as u32) * self.groups.len() as u64) >> u32::BITS) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.groups.len() { 0 } else { at + 1 }
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "there are no more places than 32 bits can number")]
const fn place_at(group: usize, place: usize) -> u32 {
    (group * WIDTH + place) as u32
}

/// What a place keeps of a hash, never zero: bits that [`Places::home`] does not go by.
#[inline]
fn tag(hash: u64) -> u16 {
    ((hash >> 48) as u16).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// Few different hashes, so that keys crowd, run into each other and around the end.
    fn hash(key: u32) -> u64 {
        let key = u64::from(key % 40);
        (key % 5) << 48 | (u64::from(u32::MAX) - (key % 3) * 0x2000_0000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Against a map from keys to places, grown now and then.
        #[test]
        fn is_a_map_from_keys_to_places(steps in prop::collection::vec((0_u8..8, 0_u32..200), 1..400)) {
            let (mut places, mut keys) = (Places::new(2), BTreeMap::<u32, u32>::new());
            for (what, key) in steps {
                match (what, keys.get(&key).copied()) {
                    (0, _) if places.groups() < 40 => {
                        let mut held: BTreeMap<u32, u32> = keys.iter().map(|(key, place)| (*place, *key)).collect();
                        let groups = places.groups() * 3 / 2;
                        let old = std::mem::replace(&mut places, Places::new(groups));
                        places.take_over(
                            old,
                            &mut held,
                            |held, place| hash(held[&place]),
                            |held, from, to| {
                                let key = held.remove(&from).unwrap();
                                assert_eq!(held.insert(to, key), None, "the place was not free");
                            },
                        );
                        keys = held.into_iter().map(|(place, key)| (key, place)).collect();
                    }
                    (1..3, Some(place)) => {
                        places.free(hash(key), place);
                        keys.remove(&key);
                    }
                    (_, None) => {
                        let place = places.take(hash(key));
                        prop_assert!(place.is_some() == (keys.len() < places.all().len()));
                        prop_assert!(keys.values().all(|taken| Some(*taken) != place));
                        keys.extend(place.map(|place| (key, place)));
                    }
                    _ => {}
                }
                prop_assert_eq!((places.len(), places.is_empty()), (keys.len(), keys.is_empty()));
                prop_assert_eq!(places.all_taken().collect::<BTreeSet<_>>(), keys.values().copied().collect());
            }
            for (&key, &place) in &keys {
                prop_assert_eq!(places.find(hash(key), |found| found == place), Some(place));
                let alike = keys.keys().filter(|other| hash(**other) == hash(key)).count();
                let others = keys.keys().any(|other| *other != key && tag(hash(*other)) == tag(hash(key)));
                prop_assert!(alike > 1 || others || places.candidate(hash(key)) == (place, true));
            }
            for key in 0..40 {
                let mut asked = Vec::new();
                prop_assert_eq!(places.find(hash(key), |place| { asked.push(place); false }), None);
                let alike = keys.iter().filter(|(other, _)| hash(**other) == hash(key)).map(|(_, place)| place);
                let mut alike = alike;
                prop_assert!(alike.all(|place| asked.contains(place)));
            }
            // All free again: nothing that passed is left counted.
            for (key, place) in keys {
                places.free(hash(key), place);
            }
            prop_assert!(places.groups.iter().all(|group| group.0 == [0; LANES]));
        }
    }

    #[test]
    fn all_places_lie_across_the_groups() {
        let places = Places::new(7);
        let across: BTreeSet<u32> = places.all().map(|number| places.across(number)).collect();
        assert_eq!(across, places.all().collect());
        assert_eq!((places.across(0), places.across(1), places.across(7)), (0, 15, 1));
    }

    #[test]
    fn a_group_is_half_a_cache_line() {
        assert_eq!(size_of::<Group>(), 32);
    }

    #[test]
    fn most_keys_lie_where_their_hash_leads() {
        let keys = 100_000_u32;
        let mut places = Places::new(Places::groups_for(keys as usize));
        let hash = |key: u32| u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(27);
        let at_home = (0..keys).filter(|key| {
            places.prefetch(hash(*key));
            let (likely, is_taken) = places.candidate(hash(*key));
            let place = places.take(hash(*key)).unwrap();
            places.prefetch_place(place);
            !is_taken && likely == place
        });
        assert!(at_home.count() > 95_000);
        assert!(places.all().len() * 79 / 100 < places.len());
    }
}

//! Rows that a question cannot tell apart are scored once.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Rows of which those that are alike in all features of a question stand there once. Most rows say nothing to most questions, for no channel
/// is both a conversation and a DNS tunnel: what is not known, and what is innocent, became the benign median.
pub(super) struct Distinct {
    /// Row after row.
    pub(super) rows: Vec<f32>,
    /// For each of the rows that were given, its place among those.
    pub(super) places: Vec<usize>,
}

impl Distinct {
    /// Of `rows` of `width` values each, to a forest that looks at `features` alone.
    pub(super) fn of(rows: &[f32], width: usize, features: &[u16]) -> Self {
        let (width, asked) = (width.max(1), features.len().max(1));
        let mut distinct = Self { rows: Vec::new(), places: Vec::with_capacity(rows.len() / width) };
        // Attackers choose the values. Places go by the order in which rows come, whatever their hashes.
        let hasher = RandomState::default();
        let mut table: HashTable<usize> = HashTable::new();
        let (mut keys, mut count): (Vec<u32>, usize) = (Vec::new(), 0);
        for row in rows.chunks(width) {
            let bits = |feature: &u16| row.get(usize::from(*feature)).copied().unwrap_or(f32::NAN).to_bits();
            keys.extend(features.iter().map(bits));
            let key_of = |place: &usize| keys.chunks_exact(asked).nth(*place).unwrap_or_default();
            let key = key_of(&count);
            let hash = hasher.hash_one(key);
            let entry =
                table.entry(hash, |place| key_of(place) == key, |place| hasher.hash_one(key_of(place)));
            let place = match entry {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => *entry.insert(count).get(),
            };
            if place == count {
                distinct.rows.extend(row);
                count += 1;
            }
            keys.truncate(count * asked);
            distinct.places.push(place);
        }
        distinct
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a look at all rows before each.
        #[test]
        fn rows_alike_in_the_features_asked_for_stand_once(
            rows in prop::collection::vec([0_u8..3, 0..3, 0..3], 0..60),
        ) {
            let rows: Vec<[f32; 3]> = rows.iter().map(|row| row.map(f32::from)).collect();
            let distinct = Distinct::of(rows.as_flattened(), 3, &[1, 2]);
            let alike = |a: &[f32; 3], b: &[f32; 3]| a[1..] == b[1..];
            let firsts: Vec<_> = rows.iter().enumerate().filter(|(i, row)| !rows[..*i].iter().any(|r| alike(r, row))).map(|(_, row)| *row).collect();
            prop_assert_eq!(&distinct.rows, firsts.as_flattened());
            let places: Vec<_> = rows.iter().map(|row| firsts.iter().position(|first| alike(first, row)).unwrap()).collect();
            prop_assert_eq!(distinct.places, places);
        }
    }
}

//! Rows that a question cannot tell apart are scored once.

use std::collections::BTreeMap;

/// Rows of which those with unknown values that are alike in all features of a question stand there once. A value that is not known takes both sides of every split on
/// its feature, so that such a row costs a forest a hundred times what another does; and most rows know nothing of most questions: no channel is
/// both a conversation and a DNS tunnel.
pub(super) struct Distinct {
    /// Row after row.
    pub(super) rows: Vec<f32>,
    /// For each of the rows that were given, its place among those.
    pub(super) places: Vec<usize>,
}

impl Distinct {
    /// Of `rows` of `width` values each, to a forest that looks at `features` alone.
    pub(super) fn of(rows: &[f32], width: usize, features: &[u16]) -> Self {
        let mut distinct = Self { rows: Vec::new(), places: Vec::with_capacity(rows.len() / width.max(1)) };
        let mut known: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        let mut count = 0;
        for row in rows.chunks(width.max(1)) {
            let value = |feature: &u16| row.get(usize::from(*feature)).copied().unwrap_or(f32::NAN);
            let mut place = count;
            if features.iter().any(|feature| value(feature).is_nan()) {
                let bits = |value: f32| if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
                let key = features.iter().map(|feature| bits(value(feature))).collect();
                place = *known.entry(key).or_insert(count);
            }
            if place == count {
                distinct.rows.extend(row);
                count += 1;
            }
            distinct.places.push(place);
        }
        distinct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_rows_alike_in_the_features_asked_for_stand_once() {
        const U: f32 = f32::NAN;
        let rows =
            [[1.0, 2.0, U], [1.0, 2.0, 3.0], [9.0, 2.0, U], [8.0, 3.0, U], [1.0, 2.0, 3.0], [7.0, 2.0, U]];
        let distinct = Distinct::of(rows.as_flattened(), 3, &[1, 2]);
        assert_eq!(distinct.places, [0, 1, 0, 2, 3, 0]);
        assert_eq!(distinct.rows.len(), 4 * 3);
        assert_eq!(Distinct::of(&[], 3, &[0]).places, [0; 0]);
    }
}

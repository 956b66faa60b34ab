//! Takes 64 rows at once down a tree, where the processor looks words up in its registers (AVX-512 BW).
//!
//! A row's value matters only by which thresholds of the forest lie below it. Their number fits in 16 bits, so that 32 rows fill a register, and a
//! level of splits a few more; each step of a walk waits for the one before it, so two registers of rows go side by side. To count the thresholds
//! below every value, and to lay the splits out, is worth it for many rows.

use std::hint::select_unpredictable;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::forest::Forest;
use crate::memory::sort_by_number;

/// Rows of a register.
const ROWS: usize = 32;
/// Registers of rows that go down a tree side by side.
const SIDES: usize = 2;
/// Rows that go down a tree together.
pub(super) const TOGETHER: usize = SIDES * ROWS;
/// Rows whose path lengths lie together.
const LANES: usize = 8;
/// Values of a row, at most: a level chooses from the first sixteen that are looked at by their bits, from further ones one by one.
const FEATURES_MOST: usize = 32;
/// Rows from which on laying out a forest is worth it: in one call, or in all calls so far. It takes as long as to score some thousand rows, and is done once.
const WORTH_IT: usize = 8192;

/// Words of 32 slots, or of 32 rows.
type Words = [u16; ROWS];

/// A forest, laid out for registers.
#[derive(Debug)]
pub(super) struct Wide {
    /// The features that the forest looks at, and of each the ranks of its thresholds, rising.
    asked: Vec<(usize, Vec<u32>)>,
    /// Of each slot of each tree how many thresholds of its feature are smaller than its own.
    ordinals: Vec<Words>,
    /// Of each slot the place of its feature among those that are looked at.
    features: Vec<Words>,
    /// Slots of a tree.
    slots: usize,
}

/// How a forest is laid out, once that is worth it: nothing that forests differ by.
#[derive(Debug, Default)]
pub(super) struct Laid {
    wide: OnceLock<Option<Wide>>,
    /// Rows that were scored without.
    scored: AtomicUsize,
}

impl Laid {
    /// How the forest that this is a part of is laid out, where so many rows more make it worth it.
    pub(super) fn out_for(&self, forest: &Forest, rows: usize) -> Option<&Wide> {
        if let Some(wide) = self.wide.get() {
            return wide.as_ref();
        }
        let scored = self.scored.fetch_add(rows, Ordering::Relaxed);
        if rows.max(scored) < WORTH_IT {
            return None;
        }
        self.wide.get_or_init(|| Wide::of(forest)).as_ref()
    }
}

impl Clone for Laid {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Laid {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Rows on their way through the forest.
#[derive(Default)]
pub(super) struct Columns {
    /// For each 32 rows and each feature, how many thresholds are smaller than the row's value.
    ordinals: Vec<Words>,
}

impl Wide {
    /// Lays a forest out; nothing where the processor or the forest is not made for it: trees of 512 or 256 slots, few features, and less than 65,536
    /// thresholds of each.
    pub(super) fn of(forest: &Forest) -> Option<Self> {
        let slots = 1 << forest.height();
        if !is_available() || !matches!(slots, 256 | 512) || forest.features() > FEATURES_MOST {
            return None;
        }
        // Of one feature after the other, its memory used again for the next.
        let (mut splits, mut beside) = (Vec::new(), Vec::new());
        let mut asked: Vec<(usize, Vec<u32>)> = Vec::new();
        // Nothing is above the ordinal of a split that everything passes.
        let mut ordinals = vec![[u16::MAX; ROWS]; forest.splits().len() / ROWS];
        let mut features = vec![[0; ROWS]; ordinals.len()];
        for feature in 0..forest.features() {
            splits.clear();
            for (place, split) in (0_u32..).zip(forest.splits()) {
                if split.feature as usize == feature && !split.is_pass() {
                    splits.push((split.rank, place));
                }
            }
            if splits.is_empty() {
                continue;
            }
            let column = u16::try_from(asked.len()).ok()?;
            sort_by_number(&mut splits, &mut beside, |(rank, _)| u64::from(*rank));
            let mut ranks: Vec<u32> = Vec::with_capacity(splits.len());
            for &(rank, place) in &splits {
                if ranks.last() != Some(&rank) {
                    ranks.push(rank);
                }
                let (block, lane) = (place as usize / ROWS, place as usize % ROWS);
                *ordinals.get_mut(block)?.get_mut(lane)? = u16::try_from(ranks.len() - 1).ok()?;
                *features.get_mut(block)?.get_mut(lane)? = column;
            }
            // A value above all of them is as many.
            u16::try_from(ranks.len()).ok()?;
            asked.push((feature, ranks));
        }
        // One that looks at nothing has nothing to be laid out.
        (!asked.is_empty()).then_some(Self { asked, ordinals, features, slots })
    }

    /// Adds the path lengths of rows in all trees to their sums, in the order of the trees. `ranks` has `stride` ranks of values a row; there are sums for
    /// whole multiples of [`TOGETHER`] rows.
    pub(super) fn walk(
        &self,
        forest: &Forest,
        columns: &mut Columns,
        ranks: &[u32],
        stride: usize,
        sums: &mut [[f64; LANES]],
    ) {
        let features = self.asked.len();
        columns.ordinals.clear();
        columns.ordinals.resize(sums.len() * LANES / ROWS * features, [0; ROWS]);
        let of_registers = columns.ordinals.chunks_exact_mut(features);
        for (columns, rows) in of_registers.zip(ranks.chunks(stride * ROWS)) {
            for (column, (feature, thresholds)) in columns.iter_mut().zip(&self.asked) {
                let mut values = [0; ROWS];
                for (value, row) in values.iter_mut().zip(rows.chunks(stride)) {
                    *value = row.get(*feature).copied().unwrap_or(0);
                }
                *column = smaller(thresholds, &values);
            }
        }
        match self.slots {
            512 => self.walk_trees::<16, 512>(forest.leaves(), columns, sums),
            _ => self.walk_trees::<8, 256>(forest.leaves(), columns, sums),
        }
    }

    fn walk_trees<const BLOCKS: usize, const SLOTS: usize>(
        &self,
        leaves: &[f32],
        columns: &Columns,
        sums: &mut [[f64; LANES]],
    ) {
        let (ordinals, _) = self.ordinals.as_chunks::<BLOCKS>();
        let (features, _) = self.features.as_chunks::<BLOCKS>();
        let (leaves, _) = leaves.as_chunks::<SLOTS>();
        let (sums, _) = sums.as_chunks_mut::<{ TOGETHER / LANES }>();
        for ((ordinals, features), leaves) in ordinals.iter().zip(features).zip(leaves) {
            let of_sides = columns.ordinals.chunks_exact(SIDES * self.asked.len());
            for (columns, sums) in of_sides.zip(&mut *sums) {
                let ends = descend(ordinals, features, columns);
                add_leaves(leaves, &ends, sums);
            }
        }
    }
}

/// Adds the path lengths that rows end with to their sums.
#[expect(clippy::indexing_slicing, reason = "the mask keeps every index in its array")]
fn add_leaves<const SLOTS: usize>(
    leaves: &[f32; SLOTS],
    ends: &[Words; SIDES],
    sums: &mut [[f64; LANES]; TOGETHER / LANES],
) {
    for (sum, end) in sums.as_flattened_mut().iter_mut().zip(ends.as_flattened()) {
        // The highest bit of a slot is of its level, the others are the place in it.
        *sum += f64::from(leaves[usize::from(*end) & (SLOTS - 1)]);
    }
}

/// For each value how many of some rising numbers are smaller, all of them searched for in step.
#[expect(clippy::indexing_slicing, reason = "a hot loop; `at + half` stays below the length by construction")]
fn smaller(numbers: &[u32], values: &[u32; ROWS]) -> Words {
    let mut at = [0; ROWS];
    let mut length = numbers.len();
    while length > 1 {
        let half = length / 2;
        for (at, value) in at.iter_mut().zip(values) {
            let is_smaller = numbers[*at + half - 1] < *value;
            *at += select_unpredictable(is_smaller, half, 0);
        }
        length -= half;
    }
    let mut counts = [0; ROWS];
    for ((count, at), value) in counts.iter_mut().zip(at).zip(values) {
        let is_last_smaller = numbers.get(at).is_some_and(|number| number < value);
        *count = u16::try_from(at + usize::from(is_last_smaller)).unwrap_or(u16::MAX);
    }
    counts
}

#[cfg(not(target_arch = "x86_64"))]
use elsewhere::{descend, is_available};
#[cfg(target_arch = "x86_64")]
use x86::{descend, is_available};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __m512i, __mmask32, _mm512_add_epi16, _mm512_cmpeq_epi16_mask, _mm512_cmpgt_epu16_mask,
        _mm512_loadu_si512, _mm512_mask_add_epi16, _mm512_mask_blend_epi16, _mm512_permutex2var_epi16,
        _mm512_permutexvar_epi16, _mm512_set1_epi16, _mm512_storeu_si512, _mm512_test_epi16_mask,
    };

    use super::{ROWS, SIDES, Words};

    /// Whether the processor has what [`descend`] is made of.
    pub(super) fn is_available() -> bool {
        is_x86_feature_detected!("avx512bw")
    }

    /// The slots below the lowest splits at which rows end. `columns` tells of each side and feature how many thresholds are smaller than the values.
    #[inline]
    pub(super) fn descend<const BLOCKS: usize>(
        ordinals: &[Words; BLOCKS],
        features: &[Words; BLOCKS],
        columns: &[Words],
    ) -> [Words; SIDES] {
        #[expect(unsafe_code, reason = "no safe way to instructions that not every processor has")]
        // SAFETY: a forest is laid out only where `is_available`.
        unsafe {
            match columns.len() / SIDES {
                ..=4 => descend_avx512::<BLOCKS, 4>(ordinals, features, columns),
                5..=11 => descend_avx512::<BLOCKS, 8>(ordinals, features, columns),
                _ => descend_avx512::<BLOCKS, 16>(ordinals, features, columns),
            }
        }
    }

    #[target_feature(enable = "avx512bw")]
    fn descend_avx512<const BLOCKS: usize, const CHOSEN: usize>(
        ordinals: &[Words; BLOCKS],
        features: &[Words; BLOCKS],
        columns: &[Words],
    ) -> [Words; SIDES] {
        let (one, other) = columns.split_at(columns.len() / SIDES);
        let (one_values, other_values) = (values_of::<CHOSEN>(one), values_of::<CHOSEN>(other));
        let (mut one_slots, mut other_slots) = (_mm512_set1_epi16(1), _mm512_set1_epi16(1));
        for level in 0..(BLOCKS * ROWS).ilog2() {
            one_slots = step(ordinals, features, one_values, one, one_slots, level);
            other_slots = step(ordinals, features, other_values, other, other_slots, level);
        }
        [store(one_slots), store(other_slots)]
    }

    /// The values of the first features.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn values_of<const CHOSEN: usize>(columns: &[Words]) -> [__m512i; CHOSEN] {
        let mut values = [_mm512_set1_epi16(0); CHOSEN];
        for (value, column) in values.iter_mut().zip(columns) {
            *value = load(column);
        }
        values
    }

    /// The slots of 32 rows a level further down.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn step<const BLOCKS: usize, const CHOSEN: usize>(
        ordinals: &[Words; BLOCKS],
        features: &[Words; BLOCKS],
        values: [__m512i; CHOSEN],
        columns: &[Words],
        slots: __m512i,
        level: u32,
    ) -> __m512i {
        let (split, feature) = (look_up(ordinals, slots, level), look_up(features, slots, level));
        let mut value = choose(values, feature);
        let further = columns.get(CHOSEN..).unwrap_or_default();
        for (column, number) in further.iter().zip(i16::try_from(CHOSEN).unwrap_or(i16::MAX)..) {
            let is_it = _mm512_cmpeq_epi16_mask(feature, _mm512_set1_epi16(number));
            value = _mm512_mask_blend_epi16(is_it, value, load(column));
        }
        let is_right = _mm512_cmpgt_epu16_mask(value, split);
        let left = _mm512_add_epi16(slots, slots);
        _mm512_mask_add_epi16(left, is_right, left, _mm512_set1_epi16(1))
    }

    /// What a table holds for the slots of 32 rows, all of them of one level.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn look_up<const BLOCKS: usize>(table: &[Words; BLOCKS], slots: __m512i, level: u32) -> __m512i {
        let block = |at: usize| table.get(at).map_or(_mm512_set1_epi16(0), |words| load(words));
        // By the six lowest bits of the slot.
        let two = |at: usize| _mm512_permutex2var_epi16(block(at), slots, block(at + 1));
        let bit = |bit: i16| _mm512_test_epi16_mask(slots, _mm512_set1_epi16(bit));
        let either = |which: __mmask32, a, b| _mm512_mask_blend_epi16(which, a, b);
        match level {
            ..5 => _mm512_permutexvar_epi16(slots, block(0)),
            5 => _mm512_permutexvar_epi16(slots, block(1)),
            6 => two(2),
            7 => either(bit(1 << 6), two(4), two(6)),
            _ => {
                let quarter = bit(1 << 6);
                either(bit(1 << 7), either(quarter, two(8), two(10)), either(quarter, two(12), two(14)))
            }
        }
    }

    /// For each of 32 rows the value of its feature, by the bits of the feature.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn choose<const CHOSEN: usize>(mut values: [__m512i; CHOSEN], feature: __m512i) -> __m512i {
        for bit in 0..CHOSEN.ilog2() {
            let is_set = _mm512_test_epi16_mask(feature, _mm512_set1_epi16(1 << bit));
            for pair in 0..CHOSEN >> (bit + 1) {
                if let Some([a, b]) =
                    values.get(2 * pair..2 * pair + 2).and_then(|pair| pair.as_array().copied())
                    && let Some(chosen) = values.get_mut(pair)
                {
                    *chosen = _mm512_mask_blend_epi16(is_set, a, b);
                }
            }
        }
        values.first().copied().unwrap_or(feature)
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn load(words: &Words) -> __m512i {
        #[expect(unsafe_code, reason = "no safe form of the load")]
        // SAFETY: the words are 64 bytes, which may lie anywhere.
        unsafe {
            _mm512_loadu_si512(words.as_ptr().cast())
        }
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn store(register: __m512i) -> Words {
        let mut words = [0; ROWS];
        #[expect(unsafe_code, reason = "no safe form of the store")]
        // SAFETY: the words are 64 bytes, which may lie anywhere.
        unsafe {
            _mm512_storeu_si512(words.as_mut_ptr().cast(), register);
        }
        words
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod elsewhere {
    use super::{SIDES, Words};

    /// Not here.
    pub(super) fn is_available() -> bool {
        false
    }

    /// The way down as [`is_available`] says, for nobody to call.
    pub(super) fn descend<const BLOCKS: usize>(
        _: &[Words; BLOCKS],
        _: &[Words; BLOCKS],
        _: &[Words],
    ) -> [Words; SIDES] {
        [Words::default(); SIDES]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn smaller_ones_are_counted(
            numbers in prop::collection::btree_set(0_u32..200, 0..90),
            values in prop::array::uniform32(0_u32..220),
        ) {
            let numbers: Vec<u32> = numbers.into_iter().collect();
            let expected = values.map(|value| numbers.partition_point(|number| *number < value));
            prop_assert_eq!(smaller(&numbers, &values).map(usize::from), expected);
        }
    }
}

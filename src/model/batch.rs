//! Takes many rows through a forest at once: the fast way to path lengths of rows without gaps.

use super::forest::{Forest, Split};
use super::order::rank;
use super::wide::{Columns, TOGETHER, Wide};

/// Rows that are taken through all trees before the next ones: few enough that they and one tree stay in the L1 cache.
pub(super) const TILE: usize = 128;
/// Rows that walk a tree together. Each step of a walk waits for the one before it, so several walks that do not
/// wait for each other keep the processor busy. 8 was faster than 4 and 16.
const LANES: usize = 8;
/// Slots of a tree of 512 rows, the usual sample.
const USUAL_SLOTS: usize = 512;

/// Up to [`TILE`] rows on their way through the forest.
#[derive(Default)]
pub(super) struct Tile<'a> {
    rows: &'a [f32],
    width: usize,
    /// For each row its place among those of which all values are known.
    places: Vec<Option<usize>>,
    /// The [`rank`]s of the known rows' values: `stride` a row, zeros behind the last value, whole groups of [`LANES`] rows.
    ranks: Vec<u32>,
    stride: usize,
    /// Path lengths of the known rows so far; lanes behind the last row hold no row.
    sums: Vec<[f64; LANES]>,
    columns: Columns,
}

impl<'a> Tile<'a> {
    /// Takes `count` rows of `width` values.
    pub(super) fn fill(&mut self, rows: &'a [f32], width: usize, count: usize) {
        self.rows = rows;
        self.width = width;
        self.stride = if width <= 64 { width.next_power_of_two().max(16) } else { width };
        self.places.clear();
        self.ranks.clear();
        let mut known = 0;
        for row in 0..count {
            let values = self.row(row);
            if values.len() < width || values.iter().any(|v| v.is_nan()) {
                self.places.push(None);
                continue;
            }
            self.places.push(Some(known));
            known += 1;
            self.ranks.extend(values.iter().map(|value| rank(*value)));
            self.ranks.resize(known * self.stride, 0);
        }
        self.ranks.resize(known.next_multiple_of(LANES) * self.stride, 0);
        self.sums.clear();
        self.sums.resize(known.next_multiple_of(TOGETHER) / LANES, [0.0; LANES]);
    }

    /// Takes the known rows through all trees, in the order of the trees.
    pub(super) fn walk(&mut self, forest: &Forest) {
        match (1 << forest.height(), self.stride) {
            (USUAL_SLOTS, 16) => self.walk_usual::<16>(forest),
            (USUAL_SLOTS, 32) => self.walk_usual::<32>(forest),
            (USUAL_SLOTS, 64) => self.walk_usual::<64>(forest),
            _ => self.walk_any(forest),
        }
    }

    /// The same, many rows at once.
    pub(super) fn walk_wide(&mut self, forest: &Forest, wide: &Wide) {
        wide.walk(forest, &mut self.columns, &self.ranks, self.stride, &mut self.sums);
    }

    /// The sum of a row's path lengths; nothing for a row with a gap.
    pub(super) fn path_sum(&self, row: usize) -> Option<f64> {
        let place = self.places.get(row).copied().flatten()?;
        self.sums.get(place / LANES)?.get(place % LANES).copied()
    }

    /// The values of one row, fewer than `width` where the input ends early.
    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        let start = (row * self.width).min(self.rows.len());
        let end = (start + self.width).min(self.rows.len());
        self.rows.get(start..end).unwrap_or_default()
    }

    fn walk_any(&mut self, forest: &Forest) {
        for tree in forest.iter() {
            for (rows, sums) in self.ranks.chunks_exact(self.stride * LANES).zip(&mut self.sums) {
                add_any(tree.splits, tree.leaves, forest.height(), rows, sums);
            }
        }
    }

    fn walk_usual<const STRIDE: usize>(&mut self, forest: &Forest) {
        let (splits, _) = forest.splits().as_chunks();
        let (leaves, _) = forest.leaves().as_chunks();
        let (rows, _) = self.ranks.as_chunks::<STRIDE>();
        let (groups, _) = rows.as_chunks();
        for (splits, leaves) in splits.iter().zip(leaves) {
            for (rows, sums) in groups.iter().zip(&mut self.sums) {
                add_usual(splits, leaves, rows, sums);
            }
        }
    }
}

/// Walks [`LANES`] rows down a tree of any height and adds their path lengths to `sums`.
#[expect(clippy::indexing_slicing, reason = "a hot loop; slots stay below `2 << height` by construction")]
fn add_any(splits: &[Split], leaves: &[f32], height: u32, rows: &[u32], sums: &mut [f64; LANES]) {
    let mut slots = [1_usize; LANES];
    let stride = rows.len() / LANES;
    for _ in 0..height {
        for (lane, slot) in slots.iter_mut().enumerate() {
            let split = splits[*slot];
            *slot = 2 * *slot + usize::from(rows[lane * stride + split.feature as usize] > split.rank);
        }
    }
    for (slot, sum) in slots.iter().zip(sums) {
        *sum += f64::from(leaves[slot - splits.len()]);
    }
}

/// [`add_any`] where the compiler knows the sizes: masks that change no slot and no feature leave no branch for bounds. Below the lowest
/// splits the mask takes the slot's highest bit away, and what remains is the place of the leaf.
#[expect(clippy::indexing_slicing, reason = "masks keep every index in its array")]
fn add_usual<const STRIDE: usize>(
    splits: &[Split; USUAL_SLOTS],
    leaves: &[f32; USUAL_SLOTS],
    rows: &[[u32; STRIDE]; LANES],
    sums: &mut [f64; LANES],
) {
    let mut slots = [1_usize; LANES];
    for _ in 0..USUAL_SLOTS.ilog2() {
        for (slot, row) in slots.iter_mut().zip(rows) {
            let split = splits[*slot & (USUAL_SLOTS - 1)];
            let is_right = split.rank < row[split.feature as usize & (STRIDE - 1)];
            *slot = 2 * *slot + usize::from(is_right);
        }
    }
    for (slot, sum) in slots.iter().zip(sums) {
        *sum += f64::from(leaves[*slot & (USUAL_SLOTS - 1)]);
    }
}

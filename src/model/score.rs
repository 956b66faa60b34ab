//! Scores rows: one by one, and many at a time.

use super::forest::{Forest, Tree};

/// Rows that walk a tree together. Each step of a walk waits for the one before it, so several walks that do not
/// wait for each other keep the processor busy.
const LANES: usize = 8;
/// Rows that are taken through all trees before the next ones: few enough that they and one tree stay in the L1 cache.
const TILE: usize = 128;

impl Forest {
    /// The anomaly score of one row, in (0, 1): 2^(-E[h] / c(sample)), where h is the row's path length in a tree. About
    /// 0.5 is average, towards 1 is isolated early (Liu, Ting and Zhou 2008, equation 2).
    ///
    /// A value that is not known (`NaN`, or behind the end of a short row) takes both sides of a split on its
    /// feature, each weighted by the share of training rows that went there: the path length is the expected
    /// one under the training distribution, as C4.5 treats missing values (Quinlan 1993, chapter 3). Infinities
    /// score like the largest finite values.
    pub fn score(&self, row: &[f32]) -> f32 {
        self.to_score(self.path_sum(row))
    }

    /// Scores many rows: `rows` holds `out.len()` rows of [`Forest::features`] values, row after row; where it ends early,
    /// nothing is known of the rest. Bit for bit the scores that [`Forest::score`] gives, whatever the number of
    /// rows: path lengths are added up in the order of the trees in both.
    pub fn score_rows(&self, rows: &[f32], out: &mut [f32]) {
        let mut tiles = rows.chunks(self.features() * TILE);
        let mut tile = Tile::default();
        for out in out.chunks_mut(TILE) {
            tile.fill(tiles.next().unwrap_or_default(), self.features(), out.len());
            tile.walk(self);
            for (row, &sum) in tile.known.iter().zip(tile.sums.iter().flatten()) {
                if let Some(score) = out.get_mut(*row) {
                    *score = self.to_score(sum);
                }
            }
            for &row in &tile.gappy {
                if let Some(score) = out.get_mut(row) {
                    *score = self.score(tile.row(row));
                }
            }
        }
    }

    /// The path lengths of a row in all trees, added up in the order of the trees.
    fn path_sum(&self, row: &[f32]) -> f64 {
        self.iter().fold(0.0, |sum, tree| sum + tree.path_length(1, row))
    }

    #[expect(clippy::cast_possible_truncation, reason = "scores are given in single precision")]
    fn to_score(&self, path_sum: f64) -> f32 {
        (-path_sum / self.trees() as f64 / self.mean_path()).exp2() as f32
    }
}

impl Tree<'_> {
    /// The expected path length of a row from a slot on. Recursion goes one level down each time, at most 12 levels.
    fn path_length(&self, slot: usize, row: &[f32]) -> f64 {
        let Some(split) = self.splits.get(slot) else {
            return self.leaves.get(slot - self.splits.len()).copied().map_or(0.0, f64::from);
        };
        if split.is_pass() {
            return self.path_length(2 * slot, row);
        }
        let value = row.get(split.feature as usize).copied().unwrap_or(f32::NAN);
        if value.is_nan() {
            let right = f64::from(self.count(2 * slot + 1)) / f64::from(self.count(slot));
            return (1.0 - right) * self.path_length(2 * slot, row)
                + right * self.path_length(2 * slot + 1, row);
        }
        self.path_length(2 * slot + usize::from(value > split.threshold), row)
    }

    /// Walks [`LANES`] rows of known values down the tree and adds their path lengths to `sums`. `rows` is turned:
    /// one entry a feature, with a value of each row.
    #[expect(
        clippy::indexing_slicing,
        reason = "the hot loop: slots stay below `2 << height` by construction"
    )]
    fn add_path_lengths(&self, height: u32, rows: &[[f32; LANES]], sums: &mut [f64; LANES]) {
        let mut slots = [1_usize; LANES];
        for _ in 0..height {
            for (lane, slot) in slots.iter_mut().enumerate() {
                let split = self.splits[*slot];
                *slot = 2 * *slot + usize::from(rows[split.feature as usize][lane] > split.threshold);
            }
        }
        for (slot, sum) in slots.iter().zip(sums) {
            *sum += f64::from(self.leaves[slot - self.splits.len()]);
        }
    }
}

/// Up to [`TILE`] rows on their way through the forest.
#[derive(Default)]
struct Tile<'a> {
    rows: &'a [f32],
    width: usize,
    /// Numbers of the rows of which all values are known.
    known: Vec<usize>,
    /// Numbers of the other rows.
    gappy: Vec<usize>,
    /// The known rows in groups of [`LANES`], turned: `width` entries a group.
    turned: Vec<[f32; LANES]>,
    /// Path lengths of the known rows so far; lanes behind the last row hold no row.
    sums: Vec<[f64; LANES]>,
}

impl<'a> Tile<'a> {
    /// Takes `count` rows of `width` values.
    fn fill(&mut self, rows: &'a [f32], width: usize, count: usize) {
        self.rows = rows;
        self.width = width;
        (self.known, self.gappy) = (0..count).partition(|&row| {
            let values = self.row(row);
            values.len() == width && !values.iter().any(|v| v.is_nan())
        });
        let groups = self.known.len().div_ceil(LANES);
        self.sums.clear();
        self.sums.resize(groups, [0.0; LANES]);
        self.turned.clear();
        self.turned.resize(groups * width, [0.0; LANES]);
        for (group, turned) in self.known.chunks(LANES).zip(self.turned.chunks_mut(width)) {
            for (lane, &row) in group.iter().enumerate() {
                let values = self.rows.get(row * width..).unwrap_or_default();
                for (value, lanes) in values.iter().zip(turned.iter_mut()) {
                    if let Some(slot) = lanes.get_mut(lane) {
                        *slot = *value;
                    }
                }
            }
        }
    }

    /// Takes the known rows through all trees.
    fn walk(&mut self, forest: &Forest) {
        for tree in forest.iter() {
            for (rows, sums) in self.turned.chunks_exact(self.width).zip(&mut self.sums) {
                tree.add_path_lengths(forest.height(), rows, sums);
            }
        }
    }

    /// The values of one row, fewer than `width` where the input ends early.
    fn row(&self, row: usize) -> &'a [f32] {
        let start = (row * self.width).min(self.rows.len());
        let end = (start + self.width).min(self.rows.len());
        self.rows.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "tests compare exact answers and make small data"
)]
mod tests {
    use proptest::prelude::*;

    use super::super::average_path::AveragePath;
    use super::super::forest::Node;
    use super::super::train::Params;
    use super::*;

    /// The paper's algorithm on the tree as the trainer grew it, as plainly as it can be put.
    fn naive_path(
        nodes: &mut impl Iterator<Item = Node>,
        row: &[f32],
        depth: u32,
        count: u16,
        c: &AveragePath,
    ) -> f64 {
        match nodes.next().unwrap() {
            Node::Leaf => f64::from((f64::from(depth) + c.of(count)) as f32),
            Node::Split { feature, threshold, left } => {
                let on_left = naive_path(nodes, row, depth + 1, left, c);
                let on_right = naive_path(nodes, row, depth + 1, count - left, c);
                let value = row[usize::from(feature)];
                let right_share = f64::from(count - left) / f64::from(count);
                if value.is_nan() {
                    (1.0 - right_share) * on_left + right_share * on_right
                } else if value > threshold {
                    on_right
                } else {
                    on_left
                }
            }
        }
    }

    fn naive_score(forest: &Forest, row: &[f32]) -> f32 {
        let c = AveragePath::up_to(forest.sample());
        let sample = u16::try_from(forest.sample()).unwrap();
        let mut sum = 0.0;
        for tree in forest.iter() {
            sum += naive_path(&mut tree.nodes().into_iter(), row, 0, sample, &c);
        }
        (-sum / forest.trees() as f64 / c.of(sample)).exp2() as f32
    }

    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![
            6 => -3.0_f32..3.0,
            1 => Just(f32::NAN),
            1 => Just(0.0_f32),
            1 => prop_oneof![Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::MAX), Just(f32::MIN)],
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn fast_scores_are_the_naive_ones_bit_for_bit(
            train in prop::collection::vec(value(), 6..400),
            rows in prop::collection::vec(prop_oneof![value(), -3.0_f32..3.0], 0..1000),
            seed in any::<u64>(),
        ) {
            let width = 3;
            let train = &train[..train.len() / width * width];
            let forest = Forest::train(width, train, Params { trees: 7, sample: 64, seed }).unwrap();
            let rows = &rows[..rows.len() / width * width];
            let mut fast = vec![-1.0; rows.len() / width];
            forest.score_rows(rows, &mut fast);
            for (row, fast) in rows.chunks(width).zip(&fast) {
                let naive = naive_score(&forest, row);
                prop_assert_eq!(fast.to_bits(), naive.to_bits());
                prop_assert_eq!(forest.score(row).to_bits(), naive.to_bits());
                prop_assert!(naive > 0.0 && naive < 1.0);
                let finite: Vec<f32> = row.iter().map(|v| v.clamp(f32::MIN, f32::MAX)).collect();
                prop_assert_eq!(forest.score(&finite).to_bits(), naive.to_bits());
            }
        }
    }

    fn grid() -> Vec<f32> {
        (0..600_u16).flat_map(|i| [f32::from(i % 25), f32::from(i / 25)]).collect()
    }

    #[test]
    fn batches_of_any_size_score_alike() {
        let rows = grid();
        let forest = Forest::train(2, &rows, Params { trees: 30, sample: 64, seed: 9 }).unwrap();
        let mut whole = vec![0.0; 600];
        forest.score_rows(&rows, &mut whole);
        for batch in [1, 5, 8, 127, 128, 129] {
            for (rows, whole) in rows.chunks(2 * batch).zip(whole.chunks(batch)) {
                let mut part = vec![0.0; whole.len()];
                forest.score_rows(rows, &mut part);
                assert_eq!(part, whole, "{batch}");
            }
        }
    }

    #[test]
    fn constant_rows_score_one_half() {
        let forest = Forest::train(2, &[4.0; 200], Params::default()).unwrap();
        let mut out = [0.0; 3];
        forest.score_rows(&[4.0, 4.0, 9.0, -9.0, f32::NAN, f32::NAN], &mut out);
        assert_eq!(out, [0.5; 3]);
    }

    #[test]
    fn the_odd_row_scores_higher_and_the_unknown_one_between() {
        let forest = Forest::train(2, &grid(), Params::default()).unwrap();
        let (odd, unknown, usual) =
            (forest.score(&[400.0, 400.0]), forest.score(&[f32::NAN; 2]), forest.score(&[12.0, 12.0]));
        assert!(odd > unknown && unknown > usual, "{odd} {unknown} {usual}");
    }

    #[test]
    fn rows_that_end_early_are_unknown_from_there() {
        let forest = Forest::train(2, &grid(), Params::default()).unwrap();
        let mut out = [0.0; 3];
        forest.score_rows(&[1.0, 2.0, 3.0], &mut out);
        let expected = [[1.0, 2.0], [3.0, f32::NAN], [f32::NAN; 2]].map(|row| forest.score(&row));
        assert_eq!(out, expected);
        forest.score_rows(&[], &mut []);
    }
}

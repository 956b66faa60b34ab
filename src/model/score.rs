//! Scores rows: one by one, and many at a time.

use super::batch::{TILE, Tile};
use super::forest::{Forest, Tree};
use super::wide::Wide;

impl Forest {
    /// The anomaly score of one row, in (0, 1): 2^(-E(h) / c(sample)), where h is the row's path length in a tree. About
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
        self.score_rows_by(self.laid_out_for(out.len()), rows, out);
    }

    fn score_rows_by(&self, wide: Option<&Wide>, rows: &[f32], out: &mut [f32]) {
        let mut tiles = rows.chunks(self.features() * TILE);
        let mut tile = Tile::default();
        for out in out.chunks_mut(TILE) {
            tile.fill(tiles.next().unwrap_or_default(), self.features(), out.len());
            match wide {
                Some(wide) => tile.walk_wide(self, wide),
                None => tile.walk(self),
            }
            for (row, score) in out.iter_mut().enumerate() {
                let sum = tile.path_sum(row).unwrap_or_else(|| self.path_sum(tile.row(row)));
                *score = self.to_score(sum);
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
        self.path_length(2 * slot + usize::from(value > split.threshold()), row)
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
    use super::super::rng::Rng;
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

    /// Rows of small numbers, one value in `gaps` unknown and now and then one that is extreme.
    fn rows(count: usize, gaps: usize, rng: &mut Rng) -> Vec<f32> {
        let mut value = || match rng.below(gaps) {
            0 => f32::NAN,
            1 => [0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN][rng.below(5)],
            _ => rng.unit() as f32,
        };
        (0..count).map(|_| value()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn fast_scores_are_the_naive_ones_bit_for_bit(
            // Few features and more than fit the kernels of fixed size; trees of the usual height and of others.
            width in prop_oneof![1_usize..5, 5_usize..13, Just(32), Just(33), Just(64), Just(65)],
            sample in prop_oneof![2_usize..80, Just(200), Just(256), Just(300)],
            count in 0_usize..150,
            seed in any::<u64>(),
        ) {
            let mut rng = Rng::new(seed, 0);
            let train = rows(300 * width, 9, &mut rng);
            let forest = Forest::train(width, &train, Params { trees: 5, sample, seed }).unwrap();
            let rows = rows(count * width, 20 * width, &mut rng);
            let mut fast = vec![-1.0; count];
            forest.score_rows(&rows, &mut fast);
            if let Some(wide) = Wide::of(&forest) {
                let mut many = vec![-1.0; count];
                forest.score_rows_by(Some(&wide), &rows, &mut many);
                prop_assert_eq!(&many, &fast);
            }
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

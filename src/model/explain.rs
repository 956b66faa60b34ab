//! Says which features isolated a row.

use super::artifact::Model;
use super::forest::{Forest, Tree};

/// Rows that go through a tree before the next tree is begun: one tree stays in the cache, all of them do not.
const TOGETHER: usize = 64;
/// Rows that go down a tree side by side, so that one waits for memory while others go on.
const ABREAST: usize = 8;

impl Model {
    /// For each raw row the features' shares of what sets it apart in the question of that place, in the order of the features; see
    /// [`Forest::explain`]. `rows` holds rows as [`Model::answer_rows`] takes them, which tells the questions.
    pub fn explain_rows(&self, rows: &[f32], questions: &[usize]) -> Vec<Vec<f32>> {
        let oriented = self.oriented(rows);
        let rows: Vec<&[f32]> = oriented.chunks(self.manifest().features.len().max(1)).collect();
        let mut shares = vec![Vec::new(); rows.len()];
        for (question, forest) in self.forests().iter().enumerate() {
            let (places, rows): (Vec<&mut Vec<f32>>, Vec<&[f32]>) = questions
                .iter()
                .zip(shares.iter_mut().zip(&rows))
                .filter(|(asked, _)| **asked == question)
                .map(|(_, (place, row))| (place, *row))
                .unzip();
            for (place, explained) in places.into_iter().zip(forest.explain_rows(&rows)) {
                *place = explained;
            }
        }
        shares
    }
}

impl Forest {
    /// Each feature's share of what made the row easier to isolate, in the order of the features. The shares are between
    /// 0 and 1 and add up to 1, or are all 0 where no feature sets the row apart.
    ///
    /// A split of `n` training rows sends the row into a part of `m`. Had it halved them, c(n / 2) further splits would be
    /// left on average; now c(m) are. The difference, in splits, is credited to the split's feature: positive
    /// where the row came into the smaller part, negative where it stayed with the crowd. Credits are summed over all
    /// trees with their signs, so that the chance hits of an ordinary feature cancel out, and what
    /// remains positive is the feature's credit. Where a value is not known the row takes both sides, weighted as
    /// in [`Forest::score`], and the feature has no credit.
    ///
    /// The credits along a path telescope to the row's saving against a tree of halves, so this splits
    /// the very quantity that the score is made of; compare DIFFI (Carletti, Terzi and Susto 2023), which weighs features by
    /// the depth and the imbalance of the splits.
    pub fn explain(&self, row: &[f32]) -> Vec<f32> {
        self.explain_rows(&[row]).pop().unwrap_or_default()
    }

    /// [`Forest::explain`] of each row.
    fn explain_rows(&self, rows: &[&[f32]]) -> Vec<Vec<f32>> {
        let mut credits = vec![vec![0.0; self.features()]; rows.len()];
        for (rows, credits) in rows.chunks(TOGETHER).zip(credits.chunks_mut(TOGETHER)) {
            let known: Vec<bool> =
                rows.chunks(ABREAST).map(|rows| rows.iter().all(|row| self.is_known(row))).collect();
            for tree in self.iter() {
                let groups = rows.chunks(ABREAST).zip(credits.chunks_mut(ABREAST));
                for ((rows, credits), known) in groups.zip(&known) {
                    if *known {
                        self.follow_abreast(tree, rows, credits);
                    } else {
                        for (row, credit) in rows.iter().zip(credits) {
                            Walk { forest: self, tree, row, credit }.follow(1, 1.0);
                        }
                    }
                }
            }
        }
        credits.iter().map(|credit| shares_of(credit)).collect()
    }

    /// Whether all values of a row are known.
    fn is_known(&self, row: &[f32]) -> bool {
        row.len() >= self.features() && !row.iter().any(|value| value.is_nan())
    }

    /// Follows rows of known values down a tree, all of them a level at a time: credits are those of [`Walk::follow`].
    fn follow_abreast(&self, tree: Tree<'_>, rows: &[&[f32]], credits: &mut [Vec<f64>]) {
        let mut slots = [1; ABREAST];
        for _ in 0..self.height() {
            for ((row, credit), slot) in rows.iter().zip(&mut *credits).zip(&mut slots) {
                let Some(split) = tree.splits.get(*slot).filter(|split| !split.is_pass()) else { continue };
                let feature = split.feature as usize;
                let (Some(value), Some(credit)) = (row.get(feature), credit.get_mut(feature)) else {
                    continue;
                };
                let child = 2 * *slot + usize::from(*value > split.threshold());
                *credit += self.saved(tree, *slot, child);
                *slot = child;
            }
        }
    }

    /// The splits that going from a slot to its child saves against halves.
    fn saved(&self, tree: Tree<'_>, slot: usize, child: usize) -> f64 {
        self.average().of_half(tree.count(slot)) - self.average().of(tree.count(child))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "shares are given in single precision")]
fn shares_of(credit: &[f64]) -> Vec<f32> {
    let total: f64 = credit.iter().filter(|c| **c > 0.0).sum();
    credit.iter().map(|c| if *c > 0.0 { (c / total) as f32 } else { 0.0 }).collect()
}

/// A row on its way down one tree.
struct Walk<'a> {
    forest: &'a Forest,
    tree: Tree<'a>,
    row: &'a [f32],
    credit: &'a mut [f64],
}

impl Walk<'_> {
    /// Follows the row from a slot on; `weight` is the share of it that comes this way.
    fn follow(&mut self, slot: usize, weight: f64) {
        let Some(split) = self.tree.splits.get(slot).filter(|s| !s.is_pass()) else { return };
        let value = self.row.get(split.feature as usize).copied().unwrap_or(f32::NAN);
        if value.is_nan() {
            let right = f64::from(self.tree.count(2 * slot + 1)) / f64::from(self.tree.count(slot));
            self.follow(2 * slot, weight * (1.0 - right));
            self.follow(2 * slot + 1, weight * right);
            return;
        }
        let child = 2 * slot + usize::from(value > split.threshold());
        let saved = self.forest.saved(self.tree, slot, child);
        if let Some(credit) = self.credit.get_mut(split.feature as usize) {
            *credit += weight * saved;
        }
        self.follow(child, weight);
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

    use super::super::rng::Rng;
    use super::super::train::Params;
    use super::*;

    /// Rows of bell-shaped features.
    fn bells(rows: usize, features: usize) -> Vec<f32> {
        let mut rng = Rng::new(11, 0);
        (0..rows * features).map(|_| (0..6).map(|_| rng.unit()).sum::<f64>() as f32 - 3.0).collect()
    }

    #[test]
    fn a_row_odd_in_one_feature_gets_its_share_there() {
        let forest = Forest::train(8, &bells(2000, 8), Params::default()).unwrap();
        for odd in 0..8 {
            let mut row = [0.0; 8];
            row[odd] = 6.0;
            let shares = forest.explain(&row);
            assert!(shares[odd] > 0.9, "{odd}: {shares:?}");
        }
        let mut two = [0.0; 8];
        (two[1], two[6]) = (5.0, -5.0);
        let shares = forest.explain(&two);
        assert!(shares[1] > 0.3 && shares[6] > 0.3 && shares[1] + shares[6] > 0.9, "{shares:?}");
    }

    #[test]
    fn rows_are_explained_together_as_alone() {
        let forest = Forest::train(4, &bells(300, 4), Params { trees: 20, ..Params::default() }).unwrap();
        let rows = bells(3 * TOGETHER / 2, 4);
        let rows: Vec<&[f32]> = rows.chunks(4).collect();
        let alone: Vec<Vec<f32>> = rows.iter().map(|row| forest.explain(row)).collect();
        assert_eq!(forest.explain_rows(&rows), alone);
    }

    #[test]
    fn rows_abreast_are_credited_as_each_by_itself() {
        let forest = Forest::train(4, &bells(300, 4), Params { trees: 20, ..Params::default() }).unwrap();
        let rows = bells(ABREAST - 1, 4);
        let rows: Vec<&[f32]> = rows.chunks(4).collect();
        for tree in forest.iter() {
            let mut abreast = vec![vec![0.0; 4]; rows.len()];
            forest.follow_abreast(tree, &rows, &mut abreast);
            for (row, expected) in rows.iter().zip(&abreast) {
                let mut credit = vec![0.0; 4];
                Walk { forest: &forest, tree, row, credit: &mut credit }.follow(1, 1.0);
                assert_eq!(&credit, expected);
            }
        }
    }

    #[test]
    fn an_unknown_feature_has_no_share() {
        let forest = Forest::train(3, &bells(500, 3), Params::default()).unwrap();
        let shares = forest.explain(&[f32::NAN, 4.0, 0.0]);
        assert_eq!(shares[0], 0.0);
        assert!(shares[1] > 0.9, "{shares:?}");
        assert_eq!(forest.explain(&[f32::NAN; 3]), [0.0; 3]);
        assert_eq!(forest.explain(&[]), [0.0; 3]);
    }

    #[test]
    fn nothing_is_credited_where_nothing_varies() {
        let forest = Forest::train(2, &[1.0; 50], Params::default()).unwrap();
        assert_eq!(forest.explain(&[9.0, 9.0]), [0.0; 2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn shares_add_up_to_one_or_nothing(row in prop::collection::vec(prop::num::f32::ANY, 4)) {
            let forest = Forest::train(4, &bells(300, 4), Params { trees: 20, ..Params::default() }).unwrap();
            let shares = forest.explain(&row);
            prop_assert!(shares.iter().all(|s| (0.0..=1.0).contains(s)));
            let sum: f32 = shares.iter().sum();
            prop_assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-5, "{}", sum);
        }
    }
}

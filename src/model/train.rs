//! Grows isolation trees.

use std::collections::BTreeSet;

use super::error::ModelError;
use super::forest::{Forest, Node};
use super::rng::Rng;

/// How a forest is grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Number of trees. Scores of one row under two seeds differ less the more there are.
    pub trees: usize,
    /// Rows drawn for each tree, without replacement; all rows where there are fewer.
    pub sample: usize,
    /// Where all randomness comes from.
    pub seed: u64,
}

impl Default for Params {
    /// 300 trees of 512 rows, seed 1.
    fn default() -> Self {
        Self { trees: 300, sample: 512, seed: 1 }
    }
}

/// What a forest looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// How far each feature is cut at least; [`f32::NEG_INFINITY`], and no entry, for a feature without an open side.
    pub limits: &'a [f32],
    /// The features that may be cut; all where there is no entry.
    pub candidates: &'a [u16],
}

impl Forest {
    /// Grows a forest on rows of `features` values each, row after row.
    ///
    /// A node is split at a uniformly drawn value of a uniformly drawn feature, among the features of which the
    /// node's rows have at least two different known values; where there is none, the node is a leaf. Rows that
    /// do not know the feature (`NaN`) go to either side with the probability of the rows that do.
    /// The same rows, parameters and seed give the same forest.
    ///
    /// # Errors
    /// [`ModelError::RowWidth`], [`ModelError::TooFewRows`] below two rows, [`ModelError::Invalid`] for parameters out of
    /// bounds.
    pub fn train(features: usize, rows: &[f32], params: Params) -> Result<Self, ModelError> {
        Self::train_open(features, rows, Scope::default(), params)
    }

    /// Grows a forest with open sides on some of the features. As [`Forest::train`], but a feature with a limit is cut
    /// anywhere from the least value of a node's rows up to the limit, even where none of them reaches it, and so can be
    /// cut in every node.
    ///
    /// A tree learns nothing of what lies beyond its sample: to a plain forest a hundred times the largest benign
    /// upload is as odd as the largest. With an open side what lies between is cut as often as its width asks for, and whoever
    /// is there alone is isolated early.
    ///
    /// # Errors
    /// As [`Forest::train`].
    pub fn train_open(
        features: usize,
        rows: &[f32],
        scope: Scope<'_>,
        params: Params,
    ) -> Result<Self, ModelError> {
        if features == 0 || !rows.len().is_multiple_of(features) {
            return Err(ModelError::RowWidth { values: rows.len(), features });
        }
        let count = rows.len() / features;
        if count < 2 {
            return Err(ModelError::TooFewRows { rows: count, needed: 2 });
        }
        let mut forest = Self::with_capacity(features, params.sample.min(count), params.trees)?;
        for tree in 0..params.trees {
            let rng = Rng::new(params.seed, tree as u64);
            let mut grower = Grower::new(features, rows, scope, forest.sample(), rng);
            forest.push(&grower.tree(forest.height()))?;
        }
        Ok(forest)
    }
}

/// Draws `take` of `count` numbers without replacement, in ascending order (Floyd's algorithm: Bentley and
/// Floyd, "A Sample of Brilliance", CACM 30(9), 1987).
fn draw(count: usize, take: usize, rng: &mut Rng) -> BTreeSet<usize> {
    let mut drawn = BTreeSet::new();
    for last in count.saturating_sub(take)..count {
        if !drawn.insert(rng.below(last + 1)) {
            drawn.insert(last);
        }
    }
    drawn
}

/// One tree while it grows.
struct Grower<'a> {
    /// The drawn rows, feature after feature.
    columns: Vec<f32>,
    /// How far a feature is cut at least; for the first features.
    limits: &'a [f32],
    /// Number of drawn rows.
    rows: usize,
    /// All features, in an order that changes as they are drawn.
    candidates: Vec<u16>,
    rng: Rng,
    /// The tree so far, in preorder.
    nodes: Vec<Node>,
}

/// A feature with the range of its known values among the rows of a node, up to its limit where it has an open side.
struct Range {
    feature: u16,
    low: f32,
    high: f32,
}

impl<'a> Grower<'a> {
    /// Draws `sample` of the rows.
    fn new(features: usize, rows: &[f32], scope: Scope<'a>, sample: usize, mut rng: Rng) -> Self {
        let drawn = draw(rows.len() / features, sample, &mut rng);
        let mut columns = Vec::with_capacity(features * drawn.len());
        for feature in 0..features {
            let value = |row: &usize| rows.get(row * features + feature).copied().unwrap_or(f32::NAN);
            // The width of an infinite range is no number, so infinities count as the largest finite values.
            columns.extend(drawn.iter().map(|row| value(row).clamp(f32::MIN, f32::MAX)));
        }
        let candidates = match scope.candidates {
            [] => (0..features).filter_map(|f| u16::try_from(f).ok()).collect(),
            some => some.iter().copied().filter(|f| usize::from(*f) < features).collect(),
        };
        Self { columns, limits: scope.limits, rows: drawn.len(), candidates, rng, nodes: Vec::new() }
    }

    /// The tree on all drawn rows.
    fn tree(&mut self, height: u32) -> Vec<Node> {
        let mut members: Vec<u16> = (0..self.rows).filter_map(|row| u16::try_from(row).ok()).collect();
        self.grow(&mut members, height);
        std::mem::take(&mut self.nodes)
    }

    /// Grows the subtree of the given rows, at most `height` splits deep.
    fn grow(&mut self, members: &mut [u16], height: u32) {
        let range = if height > 0 && members.len() > 1 { self.choose(members) } else { None };
        let Some(range) = range else {
            self.nodes.push(Node::Leaf);
            return;
        };
        let threshold = self.cut(&range);
        let left = self.partition(members, range.feature, threshold);
        self.nodes.push(Node::Split {
            feature: range.feature,
            threshold,
            left: u16::try_from(left).unwrap_or(u16::MAX),
        });
        if let Some((left, right)) = members.split_at_mut_checked(left) {
            self.grow(left, height - 1);
            self.grow(right, height - 1);
        }
    }

    /// Draws a feature among those with spread. Drawing without replacement until one has spread draws evenly
    /// among those that have, and looks at one feature only in the usual case.
    fn choose(&mut self, members: &[u16]) -> Option<Range> {
        for tried in 0..self.candidates.len() {
            let pick = tried + self.rng.below(self.candidates.len() - tried);
            self.candidates.swap(tried, pick);
            let feature = *self.candidates.get(tried)?;
            let known = self.known(members, feature);
            let (low, high) = known.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
            let limit = self.limits.get(usize::from(feature)).copied().unwrap_or(f32::NEG_INFINITY);
            let high = if low <= high { high.max(limit) } else { high };
            if low < high {
                return Some(Range { feature, low, high });
            }
        }
        None
    }

    /// A threshold in [low, high): at least one value is not above it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rounded threshold is as random; its bounds are held"
    )]
    fn cut(&mut self, range: &Range) -> f32 {
        let (low, high) = (f64::from(range.low), f64::from(range.high));
        let threshold = (low + self.rng.unit() * (high - low)) as f32;
        if threshold < range.high { threshold.max(range.low) } else { range.low }
    }

    /// Moves the rows for the left to the front and says how many they are.
    fn partition(&mut self, members: &mut [u16], feature: u16, threshold: f32) -> usize {
        let (known, below) = self
            .known(members, feature)
            .fold((0_usize, 0_usize), |(known, below), v| (known + 1, below + usize::from(v <= threshold)));
        let mut left = 0;
        for index in 0..members.len() {
            let value = members.get(index).map_or(f32::NAN, |&row| self.value(row, feature));
            let goes_left = if value.is_nan() { self.rng.below(known) < below } else { value <= threshold };
            if goes_left {
                members.swap(index, left);
                left += 1;
            }
        }
        left
    }

    /// The known values of a feature among the given rows.
    fn known(&self, members: &[u16], feature: u16) -> impl Iterator<Item = f32> {
        members.iter().map(move |&row| self.value(row, feature)).filter(|v| !v.is_nan())
    }

    fn value(&self, row: u16, feature: u16) -> f32 {
        self.columns.get(usize::from(feature) * self.rows + usize::from(row)).copied().unwrap_or(f32::NAN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rng::Rng;
    use super::*;

    fn small(seed: u64) -> Params {
        Params { trees: 20, sample: 16, seed }
    }

    /// Every training row must be under the leaf that the counts say, where all values are known.
    fn counts_agree(forest: &Forest, features: usize, rows: &[f32]) {
        if forest.sample() * features != rows.len() {
            return;
        }
        for tree in forest.iter() {
            let mut seen = vec![0_u16; tree.counts.len()];
            for row in rows.chunks(features) {
                let mut slot = 1;
                while slot < tree.splits.len() {
                    seen[slot] += 1;
                    let split = tree.splits[slot];
                    slot = 2 * slot + usize::from(row[split.feature as usize] > split.threshold());
                }
                seen[slot] += 1;
            }
            assert_eq!(seen, tree.counts);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn same_seed_same_forest_and_counts_are_true(
            values in prop::collection::vec(prop_oneof![Just(0.0_f32), Just(f32::INFINITY), -10.0_f32..10.0, prop::num::f32::NORMAL], 4..90),
            seed in any::<u64>(),
        ) {
            let rows = &values[..values.len() / 2 * 2];
            let forest = Forest::train(2, rows, small(seed)).unwrap();
            prop_assert_eq!(&forest, &Forest::train(2, rows, small(seed)).unwrap());
            counts_agree(&forest, 2, rows);
        }

        #[test]
        fn draws_are_distinct_and_in_range(count in 1_usize..400, take in 1_usize..400, seed in any::<u64>()) {
            let drawn = draw(count, take, &mut Rng::new(seed, 0));
            prop_assert_eq!(drawn.len(), take.min(count));
            prop_assert!(drawn.iter().all(|&n| n < count));
        }
    }

    #[test]
    fn seeds_differ() {
        let rows: Vec<f32> = (0..200_u16).map(f32::from).collect();
        assert_ne!(Forest::train(2, &rows, small(1)).unwrap(), Forest::train(2, &rows, small(2)).unwrap());
    }

    #[test]
    fn only_features_with_spread_are_split() {
        // Feature 0 is constant, feature 1 never known, feature 2 varies.
        let rows: Vec<f32> = (0..64_u16).flat_map(|i| [7.0, f32::NAN, f32::from(i)]).collect();
        let forest = Forest::train(3, &rows, small(3)).unwrap();
        let splits = forest.iter().flat_map(|t| t.nodes());
        let features: BTreeSet<_> = splits
            .filter_map(|n| if let Node::Split { feature, .. } = n { Some(feature) } else { None })
            .collect();
        assert_eq!(features, BTreeSet::from([2]));
    }

    #[test]
    fn an_open_side_tells_far_from_farther() {
        let rows: Vec<f32> = (0..512_u16).map(|i| f32::from(i % 32) / 32.0).collect();
        let params = Params { trees: 200, sample: 256, seed: 5 };
        let scores = |forest: &Forest| {
            let mut scores = [0.0; 3];
            forest.score_rows(&[0.97, 2.0, 9.0], &mut scores);
            scores
        };
        let [inside, near, far] = scores(&Forest::train(1, &rows, params).unwrap());
        assert!(inside <= near && (near - far).abs() < 1e-6, "closed: {inside} {near} {far}");
        let [inside, near, far] = scores(
            &Forest::train_open(1, &rows, Scope { limits: &[10.0], candidates: &[] }, params).unwrap(),
        );
        assert!(inside + 0.02 < near && near + 0.1 < far, "open: {inside} {near} {far}");
    }

    #[test]
    fn only_candidates_are_cut() {
        let rows: Vec<f32> = (0..64_u16).flat_map(|i| [f32::from(i), f32::from(i % 7)]).collect();
        let forest = Forest::train_open(2, &rows, Scope { limits: &[], candidates: &[1] }, small(3)).unwrap();
        let cut = |n: &Node| if let Node::Split { feature, .. } = n { *feature == 1 } else { true };
        assert!(forest.iter().all(|tree| tree.nodes().iter().all(cut)));
    }

    #[test]
    fn rows_with_gaps_grow_valid_trees() {
        let gap = |i: u16, every: u16| if i.is_multiple_of(every) { f32::NAN } else { f32::from(i) };
        let rows: Vec<f32> = (0..300_u16).flat_map(|i| [gap(i, 2), gap(i, 3)]).collect();
        let forest = Forest::train(2, &rows, Params { trees: 50, sample: 256, seed: 5 }).unwrap();
        assert_eq!(forest.trees(), 50);
    }

    #[test]
    fn refuses_bad_input() {
        let p = Params::default();
        assert!(matches!(Forest::train(2, &[1.0], p), Err(ModelError::RowWidth { .. })));
        assert!(matches!(Forest::train(0, &[], p), Err(ModelError::RowWidth { .. })));
        assert!(matches!(Forest::train(1, &[1.0], p), Err(ModelError::TooFewRows { .. })));
        assert!(matches!(
            Forest::train(1, &[1.0, 2.0], Params { trees: 0, ..p }),
            Err(ModelError::Invalid { .. })
        ));
    }
}

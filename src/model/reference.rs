//! Agreement with isolation trees that smartcore grows: an implementation that shares no code with ours.
//!
//! smartcore has no isolation forest, but an extremely randomised tree with a constant target gains nothing by any split,
//! and so takes the first feature of a random order that has spread, and a uniform threshold: an isolation tree.

use serde::Deserialize;
use smartcore::ensemble::extra_trees_regressor::{ExtraTreesRegressor, ExtraTreesRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::metrics::rank_correlation;
use super::rng::Rng;
use super::{Forest, Params};

const FEATURES: usize = 6;
const SAMPLE: usize = 256;

/// The parts of smartcore's serialised model that a walk needs.
#[derive(Deserialize)]
struct Regressor {
    forest_regressor: BaseForest,
}

#[derive(Deserialize)]
struct BaseForest {
    trees: Vec<BaseTree>,
}

#[derive(Deserialize)]
struct BaseTree {
    nodes: Vec<BaseNode>,
}

#[derive(Deserialize)]
struct BaseNode {
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

impl BaseTree {
    /// The leaf that a row ends in, and its depth.
    fn leaf(&self, row: &[f32]) -> (usize, f64) {
        let (mut at, mut depth) = (0, 0.0);
        while let (Some(low), Some(high)) = (self.nodes[at].true_child, self.nodes[at].false_child) {
            let node = &self.nodes[at];
            at = if f64::from(row[node.split_feature]) <= node.split_value.unwrap() { low } else { high };
            depth += 1.0;
        }
        (at, depth)
    }
}

/// The estimate of c(n) that the paper prints.
fn published_average(n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => 2.0 * (((n - 1) as f64).ln() + 0.577_215_664_9) - 2.0 * (n - 1) as f64 / n as f64,
    }
}

/// Sums of path lengths in smartcore's trees, one for each row.
fn reference_paths(rows: &[Vec<f32>], trees: u64) -> Vec<f32> {
    let mut sums = vec![0.0; rows.len()];
    for seed in 0..trees {
        let mut rng = Rng::new(99, seed);
        let sample: Vec<&Vec<f32>> = (0..SAMPLE).map(|_| &rows[rng.below(rows.len())]).collect();
        let values = sample.iter().map(|row| row.iter().copied().map(f64::from).collect()).collect();
        let x = DenseMatrix::from_2d_vec(&values).unwrap();
        let parameters = ExtraTreesRegressorParameters::default()
            .with_n_trees(1)
            .with_m(FEATURES)
            .with_max_depth(9)
            .with_seed(seed);
        let regressor = ExtraTreesRegressor::fit(&x, &vec![0.0; SAMPLE], parameters).unwrap();
        let json = serde_json::to_string(&regressor).unwrap();
        let parsed: Regressor = serde_json::from_str(&json).unwrap();
        let tree = &parsed.forest_regressor.trees[0];
        let mut sizes = vec![0; tree.nodes.len()];
        for row in sample {
            sizes[tree.leaf(row).0] += 1;
        }
        for (row, sum) in rows.iter().zip(&mut sums) {
            let (leaf, depth) = tree.leaf(row);
            *sum += depth + published_average(sizes[leaf]);
        }
    }
    sums.iter().map(|sum| -sum as f32).collect()
}

/// Two clouds, one of them stretched, and a few rows far out.
fn rows() -> Vec<Vec<f32>> {
    let mut rng = Rng::new(5, 0);
    let mut bell = move || (0..6).map(|_| rng.unit()).sum::<f64>() as f32 - 3.0;
    let centre = |i: usize| if i.is_multiple_of(3) { 4.0 } else { 0.0 };
    let stretch = |i: usize, f: usize| if i.is_multiple_of(100) { 6.0 } else { 1.0 + f as f32 * 0.3 };
    (0..1500).map(|i| (0..FEATURES).map(|f| centre(i) + stretch(i, f) * bell()).collect()).collect()
}

#[test]
fn agrees_in_rank_with_smartcore() {
    let rows = rows();
    let flat = rows.concat();
    for (trees, least) in [(100, 0.93), (300, 0.97)] {
        let forest = Forest::train(FEATURES, &flat, Params { trees, sample: SAMPLE, seed: 1 }).unwrap();
        let mut scores = vec![0.0; rows.len()];
        forest.score_rows(&flat, &mut scores);
        let agreement = rank_correlation(&scores, &reference_paths(&rows, trees as u64)).unwrap();
        assert!(agreement >= least, "{trees} trees: {agreement}");
    }
}

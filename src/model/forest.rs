//! The forest as flat arrays: every tree a full binary heap of one height.

use super::average_path::AveragePath;
use super::error::ModelError;
use super::order::{rank, unrank};
use super::wide::{Laid, Wide};
use crate::memory::make_ready;

/// The most trees a forest may have.
pub const MAX_TREES: usize = 4096;
/// The largest number of training rows a tree may be grown on.
pub const MAX_SAMPLE: usize = 4096;
/// The most features a row may have.
pub const MAX_FEATURES: usize = 1024;
/// The most heap slots of all trees together: bounds the memory of a forest to 60 MB.
const MAX_SLOTS: usize = 1 << 22;

/// An isolation forest.
///
/// All trees have the height limit ceil(log2(sample)), so each is stored as a heap: the children of slot `i` are `2i` and
/// `2i + 1`, slot 1 is the root, and a walk is always `height` steps without a branch on "is this a leaf". Where a tree ends
/// early its last node is continued by splits at +infinity, which everything passes on the left.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    features: usize,
    sample: u16,
    height: u32,
    average: AveragePath,
    /// `1 << height` slots a tree; slot 0 is not used.
    splits: Vec<Split>,
    /// `1 << height` path lengths a tree, one for each slot of the lowest level.
    leaves: Vec<f32>,
    /// `2 << height` slots a tree: the training rows under each.
    counts: Vec<u16>,
    laid: Laid,
}

/// Rows with a larger value than the threshold go to the right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    /// The threshold's [`rank`].
    pub(super) rank: u32,
    pub(super) feature: u32,
}

/// A tree's part of the flat arrays.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    pub(super) splits: &'a [Split],
    pub(super) leaves: &'a [f32],
    pub(super) counts: &'a [u16],
}

/// One node of a tree written in preorder: a split is followed by its left subtree, then by its right one. This is the
/// form in which the trainer hands trees over and in which files hold them: it has no links that could be wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Node {
    /// `left` of the node's rows have at most `threshold` in `feature`: all of them where an open side was cut off.
    Split { feature: u16, threshold: f32, left: u16 },
    /// Rows that were not split any further.
    Leaf,
}

impl Split {
    /// Continues a tree that has ended: nothing has a rank above this.
    const PASS: Self = Self { rank: u32::MAX, feature: 0 };

    /// Whether the tree has ended above this slot.
    pub(super) fn is_pass(self) -> bool {
        self == Self::PASS
    }

    /// The largest value that goes to the left.
    pub(super) fn threshold(self) -> f32 {
        unrank(self.rank)
    }
}

impl Forest {
    /// A forest without trees yet, for trees grown on `sample` rows of `features` values.
    pub(super) fn with_capacity(features: usize, sample: usize, trees: usize) -> Result<Self, ModelError> {
        let check = |what, value: usize, least: usize, most: usize| {
            let allowed = format_args!("{least} to {most}").to_string();
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(ModelError::invalid(what, value, allowed))
            }
        };
        check("number of features", features, 1, MAX_FEATURES)?;
        check("sample size", sample, 2, MAX_SAMPLE)?;
        check("number of trees", trees, 1, MAX_TREES)?;
        let slots = trees * sample.next_power_of_two();
        check("number of trees times sample size", slots, 2, MAX_SLOTS)?;
        let mut forest = Self {
            features,
            sample: u16::try_from(sample).unwrap_or(u16::MAX),
            height: sample.next_power_of_two().trailing_zeros(),
            average: AveragePath::up_to(sample),
            splits: Vec::with_capacity(slots),
            leaves: Vec::with_capacity(slots),
            counts: Vec::with_capacity(2 * slots),
            laid: Laid::default(),
        };
        make_ready(&mut forest.splits, slots);
        make_ready(&mut forest.leaves, slots);
        make_ready(&mut forest.counts, 2 * slots);
        Ok(forest)
    }

    /// Number of values of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of trees.
    pub fn trees(&self) -> usize {
        self.leaves.len() / self.width()
    }

    /// Training rows that each tree was grown on.
    pub fn sample(&self) -> usize {
        usize::from(self.sample)
    }

    /// Adds a tree after checking all of it. `nodes` must be one whole tree.
    pub(super) fn push(&mut self, nodes: &[Node]) -> Result<(), ModelError> {
        let width = self.width();
        let mut tree = Heap {
            features: self.features,
            height: self.height,
            average: &self.average,
            splits: vec![Split::PASS; width],
            leaves: vec![0.0; width],
            counts: vec![0; 2 * width],
        };
        let mut nodes = nodes.iter();
        tree.place(&mut nodes, 1, 0, self.sample)?;
        if nodes.len() > 0 {
            return Err(ModelError::invalid("nodes behind the end of a tree", nodes.len(), 0));
        }
        self.splits.append(&mut tree.splits);
        self.leaves.append(&mut tree.leaves);
        self.counts.append(&mut tree.counts);
        self.laid = Laid::default();
        Ok(())
    }

    /// The trees, each as its flat arrays.
    pub(super) fn iter(&self) -> impl Iterator<Item = Tree<'_>> {
        let width = self.width();
        self.splits
            .chunks_exact(width)
            .zip(self.leaves.chunks_exact(width))
            .zip(self.counts.chunks_exact(2 * width))
            .map(|((splits, leaves), counts)| Tree { splits, leaves, counts })
    }

    /// The splits of all trees, `1 << height` slots each.
    pub(super) fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// The path lengths of all trees, `1 << height` each.
    pub(super) fn leaves(&self) -> &[f32] {
        &self.leaves
    }

    /// The forest laid out for many rows, where it can be and so many more make it worth it.
    pub(super) fn laid_out_for(&self, rows: usize) -> Option<&Wide> {
        self.laid.out_for(self, rows)
    }

    /// Steps from the root to the lowest level.
    pub(super) fn height(&self) -> u32 {
        self.height
    }

    /// The path length of an average row: c(sample).
    pub(super) fn mean_path(&self) -> f64 {
        self.average.of(self.sample)
    }

    /// Average path lengths for up to [`Self::sample`] rows.
    pub(super) fn average(&self) -> &AveragePath {
        &self.average
    }

    /// Slots of the lowest level.
    fn width(&self) -> usize {
        1 << self.height
    }
}

impl Tree<'_> {
    /// The tree in preorder, as it was pushed.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut stack = vec![1];
        while let Some(slot) = stack.pop() {
            match self.splits.get(slot) {
                Some(split) if !split.is_pass() => {
                    nodes.push(Node::Split {
                        feature: u16::try_from(split.feature).unwrap_or(u16::MAX),
                        threshold: split.threshold(),
                        left: self.count(2 * slot),
                    });
                    stack.extend([2 * slot + 1, 2 * slot]);
                }
                _ => nodes.push(Node::Leaf),
            }
        }
        nodes
    }

    /// Training rows under a slot.
    pub(super) fn count(&self, slot: usize) -> u16 {
        self.counts.get(slot).copied().unwrap_or(0)
    }
}

/// A tree while it is checked and laid out.
struct Heap<'a> {
    features: usize,
    height: u32,
    average: &'a AveragePath,
    splits: Vec<Split>,
    leaves: Vec<f32>,
    counts: Vec<u16>,
}

impl Heap<'_> {
    /// Lays out the subtree that `nodes` begins with. Recursion ends at `height`, at most 12 deep.
    fn place(
        &mut self,
        nodes: &mut std::slice::Iter<'_, Node>,
        slot: usize,
        depth: u32,
        count: u16,
    ) -> Result<(), ModelError> {
        match nodes.next() {
            None => Err(ModelError::invalid("tree", "cut off", "whole")),
            Some(Node::Leaf) => {
                self.end(slot, depth, count);
                Ok(())
            }
            Some(&Node::Split { feature, threshold, left }) => {
                if depth >= self.height {
                    return Err(ModelError::invalid("depth of a tree", depth + 1, self.height));
                }
                if usize::from(feature) >= self.features {
                    return Err(ModelError::invalid("feature of a split", feature, self.features - 1));
                }
                if !threshold.is_finite() {
                    return Err(ModelError::invalid("threshold of a split", threshold, "finite"));
                }
                let right = count.checked_sub(left).filter(|_| left > 0).ok_or_else(|| {
                    ModelError::invalid("left part of a split", left, format_args!("1 to {count}"))
                })?;
                put(&mut self.splits, slot, Split { rank: rank(threshold), feature: u32::from(feature) });
                put(&mut self.counts, slot, count);
                self.place(nodes, 2 * slot, depth + 1, left)?;
                self.place(nodes, 2 * slot + 1, depth + 1, right)
            }
        }
    }

    /// Ends the tree at a slot: continues it on the left down to the lowest level, and sets the path length there.
    #[expect(clippy::cast_possible_truncation, reason = "path lengths are short; 24 bits hold them well")]
    fn end(&mut self, mut slot: usize, depth: u32, count: u16) {
        put(&mut self.counts, slot, count);
        for _ in depth..self.height {
            slot *= 2;
            put(&mut self.counts, slot, count);
        }
        let leaf = slot - (1 << self.height);
        put(&mut self.leaves, leaf, (f64::from(depth) + self.average.of(count)) as f32);
    }
}

fn put<T>(slots: &mut [T], index: usize, value: T) {
    if let Some(slot) = slots.get_mut(index) {
        *slot = value;
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "tests compare exact answers and make small data"
)]
mod tests {
    use super::*;

    const SPLIT: Node = Node::Split { feature: 1, threshold: 0.5, left: 3 };

    #[test]
    fn lays_a_tree_out_and_gives_it_back() {
        let mut forest = Forest::with_capacity(2, 4, 2).unwrap();
        let nodes =
            [SPLIT, Node::Split { feature: 0, threshold: -1.0, left: 1 }, Node::Leaf, Node::Leaf, Node::Leaf];
        forest.push(&nodes).unwrap();
        forest.push(&[Node::Leaf]).unwrap();
        assert_eq!(forest.trees(), 2);
        let trees: Vec<_> = forest.iter().collect();
        assert_eq!(trees[0].nodes(), nodes);
        assert_eq!(trees[0].leaves, [2.0, 3.0, 1.0, 0.0]);
        assert_eq!(trees[0].counts, [0, 4, 3, 1, 1, 2, 1, 0]);
        assert_eq!(trees[1].nodes(), [Node::Leaf]);
        assert_eq!(f64::from(trees[1].leaves[0]), f64::from(AveragePath::up_to(4).of(4) as f32));
    }

    #[test]
    fn refuses_trees_that_no_trainer_grows() {
        let check = |nodes: &[Node]| {
            let mut forest = Forest::with_capacity(2, 4, 1).unwrap();
            assert!(forest.push(nodes).is_err(), "{nodes:?}");
            assert_eq!(forest.trees(), 0);
        };
        let split = |feature, threshold, left| Node::Split { feature, threshold, left };
        check(&[]);
        check(&[SPLIT, Node::Leaf]);
        check(&[Node::Leaf, Node::Leaf]);
        for bad in [split(2, 0.0, 1), split(0, f32::NAN, 1), split(0, f32::INFINITY, 1), split(0, 0.0, 0)] {
            check(&[bad, Node::Leaf, Node::Leaf]);
        }
        check(&[split(0, 0.0, 5), Node::Leaf, Node::Leaf]);
        check(&[
            split(0, 0.0, 3),
            split(0, 0.0, 2),
            split(0, 0.0, 1),
            Node::Leaf,
            Node::Leaf,
            Node::Leaf,
            Node::Leaf,
        ]);
    }

    #[test]
    fn refuses_sizes_out_of_bounds() {
        for (features, sample, trees) in
            [(0, 4, 1), (1025, 4, 1), (1, 1, 1), (1, 4097, 1), (1, 4, 0), (1, 4, 4097), (1, 4096, 4096)]
        {
            assert!(Forest::with_capacity(features, sample, trees).is_err(), "{features} {sample} {trees}");
        }
        assert!(Forest::with_capacity(MAX_FEATURES, MAX_SAMPLE, 1024).is_ok());
    }
}

//! An isolation forest as a textbook has it: the detector's features without directions, trained on the very rows that it scores.

use crate::detect::{Kind, specs_of};
use crate::model::{Direction, FeatureSpec, Model, ModelError, Params, Provenance};

/// The threshold of scikit-learn's `contamination="auto"`.
pub(in super::super) const THRESHOLDS: &[(&str, f32)] = &[("0.5", 0.5)];

/// Scores of `rows` by a forest of `training` rows, both row after row. Too few rows to train on leave all scores at 0.
///
/// # Errors
/// Where rows are not of the width of the features.
pub(in super::super) fn plain_scores(
    kind: Kind,
    training: &[f32],
    rows: &[f32],
    seed: u64,
) -> Result<Vec<f32>, ModelError> {
    let both = |spec: FeatureSpec| FeatureSpec { direction: Direction::Both, ..spec };
    let specs: Vec<FeatureSpec> = specs_of(kind).into_iter().map(both).collect();
    let mut scores = vec![0.0; rows.len() / specs.len().max(1)];
    let params = Params { seed, ..Params::default() };
    match Model::train(kind.name(), &specs, &[], training, &[], params, Provenance::default()) {
        Ok(model) => model.score_rows(rows, &mut scores),
        Err(ModelError::TooFewRows { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_side_is_unusual_and_few_rows_are_no_error() {
        let width = specs_of(Kind::Exfil).len();
        let rows: Vec<f32> =
            (0..200_u16).flat_map(|i| vec![if i == 7 { 0.0 } else { 5e5 + f32::from(i) }; width]).collect();
        let scores = plain_scores(Kind::Exfil, &rows, &rows, 1).unwrap();
        let highest = scores.iter().copied().fold(0.0, f32::max);
        assert!((scores[7] - highest).abs() < 1e-6, "the one that sent nothing is the oddest");
        assert_eq!(plain_scores(Kind::Exfil, &[], &rows, 1).unwrap(), vec![0.0; 200]);
    }
}

//! From benign captures to models: which rows, which of them are held out, and what is written down of them.

use serde::{Deserialize, Serialize};

use crate::features::{FeatureStore, vector_of};
use crate::model::{Model, ModelError, Params, Provenance, TrainingInput};
use crate::time::Timestamp;

use super::rows::rows_of;
use super::{Kind, can_judge, features_of, questions_of, specs_of};

/// The judged rows of one benign capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenignCapture {
    /// File name.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Its last packet.
    pub last: Option<Timestamp>,
    /// Rows by detector in the order of [`Kind::ALL`], one after the other.
    rows: [Vec<f32>; 2],
}

/// A channel of one capture counts this often at most in a model: a capture of a thousand alike channels is no more
/// evidence than one of some dozen.
const ROWS_PER_CAPTURE: usize = 256;

/// Folds of the calibration.
const FOLDS: usize = 5;

impl BenignCapture {
    /// The rows that pass the evidence gates, evenly thinned out to a bound.
    pub fn new(file: String, sha256: String, last: Option<Timestamp>, store: &FeatureStore) -> Self {
        let rows = rows_of(store);
        let of_kind = |kind: Kind| -> Vec<f32> {
            let judged: Vec<Vec<f32>> = rows
                .iter()
                .filter(|row| can_judge(kind, row))
                .map(|row| vector_of(features_of(kind), row))
                .collect();
            let step = judged.len().div_ceil(ROWS_PER_CAPTURE).max(1);
            judged.into_iter().step_by(step).flatten().collect()
        };
        Self { file, sha256, last, rows: Kind::ALL.map(of_kind) }
    }

    /// Of rows by detector.
    #[cfg(test)]
    pub(super) const fn of_rows(file: String, sha256: String, rows: [Vec<f32>; 2]) -> Self {
        Self { file, sha256, last: None, rows }
    }

    pub(super) fn rows(&self, kind: Kind) -> &[f32] {
        let [c2, exfil] = &self.rows;
        match kind {
            Kind::C2 => c2,
            Kind::Exfil => exfil,
        }
    }

    fn row_count(&self, kind: Kind) -> usize {
        self.rows(kind).len() / features_of(kind).len()
    }
}

/// Trains the model of a detector on all captures, and calibrates it by cross-conformal prediction (Vovk 2015): captures,
/// not rows, are dealt into folds; each fold is scored by a forest of the others; p-values compare with all of these scores.
/// So no row is compared with scores of rows that its forest had seen, and none is lost to calibration.
///
/// # Errors
/// Where there are too few rows to train on.
pub fn train(
    kind: Kind,
    captures: &[&BenignCapture],
    params: Params,
    version: &str,
    notes: &str,
) -> Result<Model, ModelError> {
    let used: Vec<&BenignCapture> = captures.iter().copied().filter(|c| c.row_count(kind) > 0).collect();
    let rows_where = |wanted: &dyn Fn(usize) -> bool| -> Vec<f32> {
        let chosen = used.iter().enumerate().filter(|(index, _)| wanted(*index));
        chosen.flat_map(|(_, capture)| capture.rows(kind)).copied().collect()
    };
    let specs = specs_of(kind);
    let questions = questions_of(kind);
    let mut scores = Vec::new();
    for fold in 0..FOLDS.min(used.len()) {
        let held_out = rows_where(&|index| index % FOLDS == fold);
        let others = rows_where(&|index| index % FOLDS != fold);
        let model =
            Model::train(kind.name(), &specs, &questions, &others, &[], params, Provenance::default())?;
        let start = scores.len();
        scores.resize(start + held_out.len() / specs.len(), 0.0);
        model.score_rows(&held_out, scores.get_mut(start..).unwrap_or_default());
    }
    let newest = used.iter().filter_map(|c| c.last).max();
    let provenance = Provenance {
        version: version.to_owned(),
        trained_at: newest.map(Timestamp::to_rfc3339).unwrap_or_default(),
        inputs: used
            .iter()
            .map(|c| TrainingInput {
                file: c.file.clone(),
                sha256: c.sha256.clone(),
                rows: c.row_count(kind),
            })
            .collect(),
        notes: notes.to_owned(),
    };
    let all = rows_where(&|_| true);
    Ok(Model::train(kind.name(), &specs, &questions, &all, &[], params, provenance)?.calibrated_by(&scores))
}

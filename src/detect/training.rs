//! From benign captures to models: which rows, which of them are held out, and what is written down of them.

use serde::{Deserialize, Serialize};

use crate::features::{FeatureStore, vector_of};
use crate::model::{Calibration, Model, ModelError, Params, Provenance, TrainingInput};
use crate::time::Timestamp;

use super::rows::{hosts_seen, rows_of};
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
    /// Monitored hosts.
    hosts: u32,
    /// Whether p-values compare with it and no forest learns from it.
    only_calibrates: bool,
    /// Rows by detector in the order of [`Kind::ALL`], one after the other.
    rows: [Vec<f32>; 2],
}

/// Rows of one capture that are kept, and that p-values compare with.
const ROWS_PER_CAPTURE: usize = 2048;
/// Rows of one capture that forests learn from: a capture of a thousand alike channels is no more evidence than one of some dozen.
const LEARNED_PER_CAPTURE: usize = 256;
/// The fewest monitored hosts of the networks that are calibrated together. Among fewer than four nobody's peer is rare; among some dozen
/// few share one custom; and the larger a network is, the smaller the share of its channels that are odd.
const GROUPS: [u32; 4] = [0, 4, 30, 100];
/// Rows from which a group has a calibration of its own.
const FEWEST_OF_GROUP: usize = 200;

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
        let hosts = hosts_seen(&rows);
        Self { file, sha256, last, hosts, only_calibrates: false, rows: Kind::ALL.map(of_kind) }
    }

    /// The same, to compare with and not to learn from.
    #[must_use]
    pub fn to_calibrate(self) -> Self {
        Self { only_calibrates: true, ..self }
    }

    /// Of rows by detector.
    #[cfg(test)]
    pub(super) const fn of_rows(file: String, sha256: String, rows: [Vec<f32>; 2]) -> Self {
        Self { file, sha256, last: None, hosts: 1, only_calibrates: false, rows }
    }

    pub(super) fn rows(&self, kind: Kind) -> &[f32] {
        let [c2, exfil] = &self.rows;
        match kind {
            Kind::C2 => c2,
            Kind::Exfil => exfil,
        }
    }

    /// The rows that forests learn from where they learn from the capture: evenly thinned out.
    fn learned(&self, kind: Kind) -> impl Iterator<Item = f32> {
        let step = self.row_count(kind).div_ceil(LEARNED_PER_CAPTURE).max(1);
        self.rows(kind).chunks(features_of(kind).len()).step_by(step).flatten().copied()
    }

    fn row_count(&self, kind: Kind) -> usize {
        self.rows(kind).len() / features_of(kind).len()
    }
}

/// Trains the model of a detector on all captures, and calibrates it by cross-conformal prediction (Vovk 2015): captures,
/// not rows, are dealt into folds; each fold is scored by a forest of the others; p-values compare with all of these scores.
/// So no row is compared with scores of rows that its forest had seen, and none is lost to calibration. Captures that only calibrate are scored by
/// the forest of all others. Networks of about the same number of hosts have a calibration of their own.
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
    let taught: Vec<&BenignCapture> = used.iter().copied().filter(|c| !c.only_calibrates).collect();
    let trained = |left_out: Option<usize>, provenance: Provenance| {
        let others = taught.iter().enumerate().filter(|(index, _)| Some(index % FOLDS) != left_out);
        let rows: Vec<f32> = others.flat_map(|(_, capture)| capture.learned(kind)).collect();
        Model::train(kind.name(), &specs_of(kind), &questions_of(kind), &rows, &[], params, provenance)
    };
    let mut benign = Benign::default();
    for fold in 0..FOLDS.min(taught.len()) {
        let model = trained(Some(fold), Provenance::default())?;
        for capture in taught.iter().skip(fold).step_by(FOLDS) {
            benign.take(kind, &model, capture);
        }
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
    let model = trained(None, provenance)?;
    for capture in used.iter().filter(|capture| capture.only_calibrates) {
        benign.take(kind, &model, capture);
    }
    let all = benign.scores.concat();
    let of_all = Calibration::fit(&all);
    Ok(model.calibrated_by(&all).with_groups(benign.groups(&of_all)))
}

/// Scores of benign rows that the forests had not seen, by the group of their networks.
#[derive(Default)]
struct Benign {
    scores: [Vec<f32>; GROUPS.len()],
}

impl Benign {
    fn take(&mut self, kind: Kind, model: &Model, capture: &BenignCapture) {
        let group = GROUPS.partition_point(|from| *from <= capture.hosts).saturating_sub(1);
        let Some(scores) = self.scores.get_mut(group) else { return };
        let start = scores.len();
        scores.resize(start + capture.row_count(kind), 0.0);
        model.score_rows(capture.rows(kind), scores.get_mut(start..).unwrap_or_default());
    }

    /// A calibration a group; that of all where the group has too few rows.
    fn groups(&self, of_all: &Calibration) -> impl Iterator<Item = (u32, Calibration)> {
        GROUPS.into_iter().zip(&self.scores).map(|(from, own)| {
            let enough = own.len() >= FEWEST_OF_GROUP;
            (from, if enough { Calibration::fit(own) } else { of_all.clone() })
        })
    }
}

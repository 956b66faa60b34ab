//! Cross-validation by capture: no input is scored by a model that has seen a row of it, and no capture is split.

use std::collections::BTreeMap;

use crate::detect::{Allowlist, BenignCapture, Detector, Kind, train};
use crate::model::{ModelError, Params};

/// Detectors trained on all benign inputs but those of one fold each, and one trained on all of them.
#[derive(Debug)]
pub struct Folds {
    /// Fold of each benign input.
    fold_of: BTreeMap<usize, usize>,
    of_fold: Vec<Detector>,
    of_all: Detector,
}

impl Folds {
    /// Deals the inputs without a label into `folds` in turn, and trains a detector for each fold on the captures of the others.
    /// `benign` holds their captures with the index of the input; `also` holds captures that are no input, and that every
    /// detector is trained on.
    ///
    /// # Errors
    /// Where the captures of the other folds have too few rows to train on.
    pub fn train(
        benign: &[(usize, BenignCapture)],
        also: &[BenignCapture],
        folds: usize,
        params: Params,
        allowlist: &Allowlist,
    ) -> Result<Self, ModelError> {
        let mut fold_of = BTreeMap::new();
        for (index, _) in benign {
            let next = fold_of.len() % folds.max(1);
            fold_of.entry(*index).or_insert(next);
        }
        let detector = |wanted: &dyn Fn(usize) -> bool| {
            let chosen = benign.iter().filter(|(index, _)| wanted(*index));
            let captures: Vec<&BenignCapture> = chosen.map(|(_, capture)| capture).chain(also).collect();
            let [c2, exfil] = Kind::ALL.map(|kind| train(kind, &captures, params, "cross-validation", ""));
            Detector::new(c2?, exfil?, allowlist.clone())
        };
        let of_fold = (0..folds.max(1)).map(|fold| detector(&|index| fold_of.get(&index) != Some(&fold)));
        Ok(Self { of_fold: of_fold.collect::<Result<_, _>>()?, of_all: detector(&|_| true)?, fold_of })
    }

    /// The same detectors with another alert budget: see [`Detector::with_alert_budget`].
    #[must_use]
    pub fn with_alert_budget(self, alerts_a_day: f64) -> Self {
        let set = |detector: Detector| detector.with_alert_budget(alerts_a_day);
        Self { of_fold: self.of_fold.into_iter().map(set).collect(), of_all: set(self.of_all), ..self }
    }

    /// The detector for an input: that of its fold where it has no label, that of all benign inputs where it has.
    pub fn detector_for(&self, index: usize) -> &Detector {
        self.fold_of.get(&index).and_then(|fold| self.of_fold.get(*fold)).unwrap_or(&self.of_all)
    }
}

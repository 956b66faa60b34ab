//! The models of a run: those of a directory, or the shipped ones that are embedded in the program.

use std::path::Path;

use anyhow::Context;

use crate::config::DetectConfig;
use crate::detect::{Allowlist, Detector, Kind};
use crate::export::summary::ModelSummary;
use crate::model::Model;

const SHIPPED_C2: &[u8] = include_bytes!("../../models/c2.ucmodel");
const SHIPPED_EXFIL: &[u8] = include_bytes!("../../models/exfil.ucmodel");

/// A detector, and what says which models it works with.
pub(super) struct Loaded {
    pub(super) detector: Detector,
    pub(super) models: Vec<ModelSummary>,
}

/// The file name of a model in a model directory.
pub(super) fn file_name(kind: Kind) -> String {
    format!("{}.ucmodel", kind.name())
}

/// Loads the models of `dir`, or the shipped ones.
pub(super) fn load(
    dir: Option<&Path>,
    allowlist: Allowlist,
    config: &DetectConfig,
) -> anyhow::Result<Loaded> {
    let mut models = Vec::new();
    let mut summaries = Vec::new();
    for (kind, shipped) in Kind::ALL.into_iter().zip([SHIPPED_C2, SHIPPED_EXFIL]) {
        let (bytes, origin) = match dir {
            None => (shipped.to_vec(), format!("the shipped model {}", kind.name())),
            Some(dir) => {
                let path = dir.join(file_name(kind));
                let bytes = std::fs::read(&path).with_context(|| {
                    format!("cannot read the model {}; `undercurrent train` writes models", path.display())
                })?;
                (bytes, path.display().to_string())
            }
        };
        let model = Model::from_bytes(&bytes).with_context(|| origin.clone())?;
        let manifest = model.manifest();
        summaries.push(ModelSummary {
            name: kind.name().to_owned(),
            version: manifest.provenance.version.clone(),
            sha256: Model::file_sha256(&bytes),
            features: manifest.features.len() as u64,
            trees: manifest.trees as u64,
            sample: manifest.sample as u64,
            training_rows: manifest.training_rows as u64,
            calibration_rows: manifest.calibration_rows as u64,
        });
        models.push(model);
    }
    let mut models = models.into_iter();
    let (Some(c2), Some(exfil)) = (models.next(), models.next()) else {
        anyhow::bail!("two models are needed");
    };
    let detector = Detector::new(c2, exfil, allowlist)?.with_alert_budget(config.alerts_a_day);
    Ok(Loaded { detector, models: summaries })
}

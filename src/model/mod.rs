//! Isolation forests over plain float rows: train, score, explain, calibrate, and the artifact that carries all of it.
//!
//! A [`Model`] takes raw feature rows (`&[f32]`, row after row), orients them ([`Transform`]), scores them with an
//! isolation [`Forest`] and turns scores into p-values against held-out benign rows ([`Calibration`]). It knows nothing
//! of networks, files or clocks: bytes and floats in, floats and bytes out.
//!
//! A value that cannot be known is `NaN` in a row; see [`Forest::score`] for what that does.
//! The forest follows Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008) and "Isolation-Based Anomaly Detection"
//! (ACM TKDD 6(1), 2012).

mod artifact;
mod average_path;
mod batch;
mod calibration;
mod codec;
mod distinct;
mod error;
mod explain;
mod forest;
pub mod metrics;
mod order;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "tests compare exact answers and make small data")]
mod reference;
mod rng;
mod schema;
mod score;
mod tail;
mod train;
mod transform;
mod wide;

pub use artifact::{Answer, Manifest, ManifestFeature, Model, Provenance, Question, TrainingInput};
pub use calibration::{Calibration, Calibrations};
pub use error::ModelError;
pub use forest::{Forest, MAX_FEATURES, MAX_SAMPLE, MAX_TREES};
pub use schema::{Direction, FeatureSpec, Scale, schema_sha256};
pub use train::{Params, Scope};
pub use transform::Transform;

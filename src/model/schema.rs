//! What a model expects of a row: names, directions and scales of its features, in order.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// On which side of normal a value is suspicious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Larger is more suspicious; values below the benign median count as the median.
    High,
    /// Smaller is more suspicious; values above the benign median count as the median.
    Low,
    /// Unusual on either side.
    Both,
}

/// How a value is spread before the forest sees it. Splits fall evenly over the range of a feature, so that a
/// feature that spans orders of magnitude needs a logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// As it is.
    Linear,
    /// sign(x) ln(1 + |x|).
    Log,
}

/// One feature as the program that computes it describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureSpec {
    /// Its name, as it appears in outputs.
    pub name: String,
    /// On which side it is suspicious.
    pub direction: Direction,
    /// How it is spread.
    pub scale: Scale,
    /// The most suspicious value that matters, in the feature's own unit: the forest is open up to it (see
    /// [`super::Forest::train_open`]). Nothing: the forest knows only what its training rows show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f32>,
}

impl FeatureSpec {
    /// A feature by its three properties.
    pub fn new(name: impl Into<String>, direction: Direction, scale: Scale) -> Self {
        Self { name: name.into(), direction, scale, limit: None }
    }

    /// The same feature with an open side.
    #[must_use]
    pub fn open_to(self, limit: f32) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// `name (high, log)` or `name (high, log, open to 1000)`: for messages and for the hash of a schema.
    pub(super) fn describe(&self) -> String {
        let direction = match self.direction {
            Direction::High => "high",
            Direction::Low => "low",
            Direction::Both => "both",
        };
        let scale = match self.scale {
            Scale::Linear => "linear",
            Scale::Log => "log",
        };
        match self.limit {
            Some(limit) => format!("{} ({direction}, {scale}, open to {limit})", self.name),
            None => format!("{} ({direction}, {scale})", self.name),
        }
    }
}

/// SHA-256, in lower-case hexadecimal, of the features in order: one line `name (direction, scale)` each, with the limit where there is one.
pub fn schema_sha256(features: &[FeatureSpec]) -> String {
    let mut hasher = Sha256::new();
    for feature in features {
        hasher.update(feature.describe());
        hasher.update(b"\n");
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_and_the_order_change_the_hash() {
        let a = FeatureSpec::new("a", Direction::High, Scale::Linear);
        let b = FeatureSpec::new("b", Direction::High, Scale::Linear);
        let schemas = [
            vec![],
            vec![a.clone(), b.clone()],
            vec![b.clone(), a.clone()],
            vec![a.clone(), FeatureSpec { direction: Direction::Low, ..b.clone() }],
            vec![a.clone(), FeatureSpec { scale: Scale::Log, ..b.clone() }],
            vec![a.clone(), b.clone().open_to(1.0)],
            vec![a, FeatureSpec { name: "c".into(), ..b }],
        ];
        let mut hashes: Vec<_> = schemas.iter().map(|s| schema_sha256(s)).collect();
        assert!(hashes.iter().all(|h| h.len() == 64));
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), schemas.len());
    }
}

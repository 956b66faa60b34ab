//! The features of a detector as its model knows them.

use crate::features::{C2, EXFIL, Feature, FeatureDirection, Scale as FeatureScale};
use crate::model::{Direction, FeatureSpec, Scale};

use super::Kind;

/// The features of a detector's rows, in order.
pub const fn features_of(kind: Kind) -> &'static [Feature] {
    match kind {
        Kind::C2 => C2,
        Kind::Exfil => EXFIL,
    }
}

/// The same for its model.
pub fn specs_of(kind: Kind) -> Vec<FeatureSpec> {
    features_of(kind)
        .iter()
        .map(|feature| {
            let direction = match feature.direction {
                FeatureDirection::Larger => Direction::High,
                FeatureDirection::Smaller => Direction::Low,
            };
            let scale = match feature.scale {
                FeatureScale::Linear => Scale::Linear,
                FeatureScale::Log => Scale::Log,
            };
            FeatureSpec::new(feature.name, direction, scale).open_to(feature.limit)
        })
        .collect()
}

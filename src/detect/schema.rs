//! The features of a detector as its model knows them.

use crate::features::{C2, EXFIL, Feature, FeatureDirection, Scale as FeatureScale};
use crate::model::{Direction, FeatureSpec, Question, Scale};

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

/// The questions of the `c2` model. What corroborates (an unnamed peer, an odd port) is asked with what it corroborates.
const C2_QUESTIONS: [(&str, &[&str]); 4] = [
    ("rhythm", &["interval_regularity", "lone_rhythm", "size_regularity", "persistence", "prevalence"]),
    (
        "session",
        &[
            "longest_connection",
            "persistence",
            "peer_driven",
            "producer_consumer_ratio",
            "unresolved",
            "port_mismatch",
            "weak_identity",
            "prevalence",
        ],
    ),
    (
        "dns",
        &[
            "dns_bytes_carried",
            "dns_label_bytes",
            "dns_names",
            "dns_unusual_types",
            "dns_answer_bytes",
            "prevalence",
        ],
    ),
    ("icmp", &["icmp_bytes", "icmp_variety", "icmp_payload_max"]),
];

/// The questions of the `exfil` model.
const EXFIL_QUESTIONS: [(&str, &[&str]); 4] = [
    ("outflow", &["unusual_outflow"]),
    (
        "manner",
        &[
            "unusual_outflow",
            "out_producer_consumer_ratio",
            "share_of_host_bytes_out",
            "upload_bursts",
            "chunk_regularity",
            "cleartext_transfer",
            "out_prevalence",
        ],
    ),
    ("asset", &["asset_outflow"]),
    ("staging", &["staged_share", "unusual_outflow", "icmp_payload_out"]),
];

/// What a detector's model asks.
pub(super) fn questions_of(kind: Kind) -> Vec<Question> {
    let questions: &[(&str, &[&str])] = match kind {
        Kind::C2 => &C2_QUESTIONS,
        Kind::Exfil => &EXFIL_QUESTIONS,
    };
    let owned = |(name, features): &(&str, &[&str])| Question {
        name: (*name).to_owned(),
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
    };
    questions.iter().map(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_asked_for_and_every_question_asks_for_known_ones() {
        for kind in Kind::ALL {
            let mut asked: Vec<String> = questions_of(kind).into_iter().flat_map(|q| q.features).collect();
            let mut known: Vec<String> = specs_of(kind).into_iter().map(|spec| spec.name).collect();
            asked.sort();
            asked.dedup();
            known.sort();
            assert_eq!(asked, known);
        }
    }
}

//! What is compared: the detector, its forest alone, and simpler rules as other tools have them. Every score is 0 to 1.

mod elastic;
mod plain_forest;
mod rita;
mod slips;
mod volume;

use serde::{Serialize, Serializer};

use super::observer::{PeerFlows, Volume};
use crate::detect::{Kind, Severity};
use crate::features::Channel;
use crate::features::rita::RitaScores;

pub(super) use plain_forest::plain_scores;

/// One way to score a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scorer {
    /// The detector whole: severity first, within a severity how seldom a benign channel scores as high.
    Detector,
    /// The score of the detector's forest alone.
    Forest,
    /// RITA v5: beacon, long connection, names under a domain.
    Rita,
    /// Elastic's network beaconing transform.
    Elastic,
    /// Slips' thresholds.
    Slips,
    /// Bytes out, three standard deviations over the host's mean.
    ThreeSigma,
    /// An isolation forest on the same features without directions, trained on what is scored.
    PlainForest,
}

/// Scores of one unit, in the order of [`Scorer::ALL`].
pub(super) type ScoreSet = [f32; Scorer::ALL.len()];

impl Scorer {
    /// All, the detector first.
    pub const ALL: [Self; 7] = [
        Self::Detector,
        Self::Forest,
        Self::Rita,
        Self::Elastic,
        Self::Slips,
        Self::ThreeSigma,
        Self::PlainForest,
    ];

    /// Its name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detector => "undercurrent",
            Self::Forest => "forest_alone",
            Self::Rita => "rita_v5",
            Self::Elastic => "elastic_beaconing",
            Self::Slips => "slips_thresholds",
            Self::ThreeSigma => "bytes_3_sigma",
            Self::PlainForest => "plain_forest",
        }
    }

    /// Whether it has anything to say on the question.
    pub const fn answers(self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::Rita | Self::Elastic, Kind::Exfil) | (Self::ThreeSigma, Kind::C2) => false,
            (
                Self::Detector
                | Self::Forest
                | Self::Rita
                | Self::Elastic
                | Self::Slips
                | Self::ThreeSigma
                | Self::PlainForest,
                _,
            ) => true,
        }
    }

    /// Scores from which it alerts, as its authors set them.
    pub const fn thresholds(self) -> &'static [(&'static str, f32)] {
        match self {
            Self::Detector => &[("low", 0.2), ("medium", 0.4), ("high", 0.6), ("critical", 0.8)],
            // A forest score has no threshold of its own: severity comes of the p-value and the evidence.
            Self::Forest => &[],
            Self::Rita => rita::THRESHOLDS,
            Self::Elastic => elastic::THRESHOLDS,
            Self::Slips => slips::THRESHOLDS,
            Self::ThreeSigma => volume::THRESHOLDS,
            Self::PlainForest => plain_forest::THRESHOLDS,
        }
    }

    /// Its place in [`Scorer::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Serialize for Scorer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// What is known of a channel when it is scored.
pub(super) struct Facts<'a> {
    pub(super) channel: &'a Channel,
    pub(super) flows: Option<&'a PeerFlows>,
    pub(super) host_volume: Option<Volume>,
    pub(super) rita: Option<RitaScores>,
    /// Share of the monitored hosts that talk to the peer; nothing where there are too few hosts.
    pub(super) prevalence: Option<f64>,
}

/// The scores of the simpler rules; those of the detector and of forests are left at 0.
pub(super) fn rule_scores(kind: Kind, facts: &Facts<'_>) -> ScoreSet {
    Scorer::ALL.map(|scorer| match scorer {
        _ if !scorer.answers(kind) => 0.0,
        Scorer::Detector | Scorer::Forest | Scorer::PlainForest => 0.0,
        Scorer::Rita => rita::score(facts),
        Scorer::Elastic => elastic::score(facts),
        Scorer::Slips => slips::score(kind, facts),
        Scorer::ThreeSigma => volume::score(facts),
    })
}

/// The detector's rank of a channel: its finding's severity first, then how seldom a benign channel scores as high, then its score. The scores of the
/// two detectors come of different forests and cannot be compared; chances can.
pub(super) fn detector_score(finding: Option<Severity>, chance: f64, score: f64) -> f32 {
    /// Chances are not told below this.
    const LEAST_CHANCE: f64 = 1e-9;
    let level = finding.map_or(0, Severity::level);
    let rarity = chance.clamp(LEAST_CHANCE, 1.0).ln() / LEAST_CHANCE.ln();
    narrow((f64::from(level) + 0.9 * rarity + 0.099 * score.clamp(0.0, 1.0)) / 5.0)
}

/// A value over its threshold, as a score: 0.5 at the threshold, 1 far above it.
fn squash(ratio: f64) -> f32 {
    if ratio > 0.0 { narrow(if ratio.is_infinite() { 1.0 } else { ratio / (1.0 + ratio) }) } else { 0.0 }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "scores are compared, and were made from far coarser values"
)]
pub(super) const fn narrow(score: f64) -> f32 {
    score as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_those_of_the_list() {
        for (index, scorer) in Scorer::ALL.into_iter().enumerate() {
            assert_eq!(scorer.index(), index);
            assert!(Kind::ALL.into_iter().any(|kind| scorer.answers(kind)));
        }
    }

    #[test]
    fn severity_goes_before_chance_and_chance_before_score() {
        let ranks = [
            detector_score(None, 1.0, 0.0),
            detector_score(None, 0.2, 0.4),
            detector_score(None, 0.2, 0.5),
            detector_score(None, 0.1, 0.3),
            detector_score(None, 0.0, 1.0),
            detector_score(Some(Severity::Low), 1.0, 0.0),
            detector_score(Some(Severity::Medium), 0.1, 0.3),
            detector_score(Some(Severity::Critical), 0.1, 0.3),
        ];
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
        for ((name, threshold), severity) in Scorer::Detector.thresholds().iter().zip(Severity::ALL) {
            assert_eq!(*name, severity.name());
            assert!(detector_score(Some(severity), 1.0, 0.0) >= *threshold, "{name}");
            assert!(detector_score(Some(severity), 0.0, 1.0) < threshold + 0.2, "{name}");
        }
    }

    #[test]
    fn squashing_keeps_order_and_bounds() {
        for (ratio, expected) in
            [(0.0, 0.0), (-3.0, 0.0), (f64::NAN, 0.0), (1.0, 0.5), (3.0, 0.75), (f64::INFINITY, 1.0)]
        {
            assert!((squash(ratio) - expected).abs() < 1e-6, "{ratio}");
        }
    }
}

//! What became of each label.

use serde::Serialize;

use super::unit::{Unit, verdict};
use super::{Detection, Label, Scorer};
use crate::detect::{Finding, Kind, Scores, Severity};

/// How a label was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    /// Which detector.
    pub kind: Kind,
    /// What it says the traffic does.
    pub behaviour: &'static str,
    /// How urgent it finds it.
    pub severity: Severity,
    /// Its p-value.
    pub p_value: f64,
    /// Its score.
    pub score: f64,
    /// Its place among the findings of the input, from 1.
    pub rank: usize,
}

/// A label and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IncidentRow {
    /// The input.
    pub input: String,
    /// The labelled host.
    pub host: String,
    /// The labelled peers.
    pub peer: String,
    /// The labelled kind.
    pub kind: Kind,
    /// The labelled behaviour.
    pub behaviour: String,
    /// The label's note.
    pub note: String,
    /// Channels that the label names.
    pub channels: usize,
    /// Of these, those that the detector of the label judged.
    pub judged: usize,
    /// p-value of the best of these; 1 without one.
    pub p_value: f64,
    /// The best finding on the right host and peer: of the right kind where there is one.
    pub found: Option<Match>,
    /// When scheduled passes first found it; nothing where none did, or none was scheduled.
    pub detection: Option<Detection>,
    /// Scorers that find it within the budget of false alerts.
    pub within_budget: Vec<Scorer>,
}

impl IncidentRow {
    pub(super) fn new(input: &str, label: &Label, scores: &Scores, unit: &Unit) -> Self {
        let named = || scores.channels.iter().filter(|row| label.names_channel(&row.key, &row.channel));
        Self {
            input: input.to_owned(),
            host: label.host.to_string(),
            peer: label.peer_text(),
            kind: label.kind,
            behaviour: label.behaviour.clone(),
            note: label.note.clone(),
            detection: None,
            within_budget: Vec::new(),
            channels: named().count(),
            judged: named().filter(|row| verdict(label.kind, row).judged).count(),
            p_value: unit.p_value,
            found: best_match(label, &scores.findings),
        }
    }

    /// Whether the detector of the label found it.
    pub fn is_found(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.kind == self.kind)
    }
}

fn best_match(label: &Label, findings: &[Finding]) -> Option<Match> {
    let matching = findings.iter().zip(1..).filter(|(finding, _)| label.names_finding(finding));
    let best = matching.max_by_key(|(finding, rank)| {
        (finding.kind == label.kind, finding.severity, std::cmp::Reverse(*rank))
    });
    best.map(|(finding, rank)| Match {
        kind: finding.kind,
        behaviour: finding.behaviour.name(),
        severity: finding.severity,
        p_value: finding.p_value,
        score: finding.score,
        rank,
    })
}

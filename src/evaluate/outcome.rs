//! The outcome of an evaluation, as it is printed.

use serde::Serialize;

use super::{AtThreshold, CurvePoint, DetectionTimes, IncidentRow, PeerPattern, Scorer, SweepRow};
use crate::detect::{Finding, Kind, Peer, Severity};

/// Which units a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Those of the C2 detector.
    C2,
    /// Those of the exfiltration detector.
    Exfil,
    /// Both: every unit by the higher of its scores.
    Overall,
}

/// How well one scorer does on one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupRow {
    /// Which units.
    pub group: Group,
    /// Who scored them.
    pub scorer: Scorer,
    /// Incidents.
    pub incidents: usize,
    /// Channels without a label.
    pub benign: usize,
    /// Average precision; nothing without an incident.
    pub average_precision: Option<f64>,
    /// Area under the ROC curve; nothing unless both are there.
    pub roc_auc: Option<f64>,
    /// Share of the incidents found at the budget of false alerts.
    pub recall_at_budget: Option<f64>,
    /// The score that an alert had to exceed for that.
    pub budget_threshold: Option<f32>,
    /// At the scorer's own thresholds.
    pub thresholds: Vec<AtThreshold>,
    /// At every threshold that finds one more incident.
    pub curve: Vec<CurvePoint>,
}

/// Detections of one labelled behaviour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BehaviourRow {
    /// The labelled kind.
    pub kind: Kind,
    /// The labelled behaviour.
    pub behaviour: String,
    /// Incidents.
    pub incidents: usize,
    /// Of these, those with a channel that was judged.
    pub judged: usize,
    /// Those found by the detector of their kind.
    pub found: usize,
    /// Those found with the labelled behaviour.
    pub right_behaviour: usize,
    /// Those found as high or critical.
    pub high: usize,
    /// Those found within the budget of false alerts.
    pub within_budget: usize,
    /// Those of which only the other detector has a finding.
    pub other_kind_only: usize,
    /// When scheduled passes found them.
    pub times: DetectionTimes,
}

/// Findings of one severity that no label accounts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeverityRow {
    /// How urgent.
    pub severity: Severity,
    /// Of the C2 detector, on inputs without a label.
    pub c2: usize,
    /// Of the exfiltration detector, on inputs without a label.
    pub exfil: usize,
    /// Inputs without a label that have one.
    pub inputs: usize,
    /// Of these findings, those on inputs of over ten minutes.
    pub on_long_inputs: usize,
    /// On inputs with a label, beside it.
    pub beside_labels: usize,
}

/// A finding that no label names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FalseFinding {
    /// The input.
    pub input: String,
    /// Which detector.
    pub kind: Kind,
    /// What it says the traffic does.
    pub behaviour: &'static str,
    /// How urgent it finds it.
    pub severity: Severity,
    /// The host.
    pub host: String,
    /// The peer.
    pub peer: String,
    /// Its p-value.
    pub p_value: f64,
    /// Whether the input has a label, for something else.
    pub beside_label: bool,
}

/// How often benign channels have a p-value of at most `expected`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationRow {
    /// Which detector.
    pub kind: Kind,
    /// The p-value.
    pub expected: f64,
    /// The share of benign channels with this or a lower one.
    pub observed: f64,
    /// Benign channels that were judged.
    pub channels: usize,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Inputs scored.
    pub inputs: usize,
    /// Of these, inputs without a label.
    pub unlabelled_inputs: usize,
    /// Days in which a flow of a monitored host was open, in all inputs.
    pub benign_days: f64,
    /// False alerts a day that are allowed.
    pub budget_a_day: f64,
    /// The same in these inputs.
    pub allowed_false_alerts: usize,
    /// Whether there were scoring passes before the end of the inputs, which tell when incidents are found.
    pub passes: bool,
    /// Measures by group and scorer.
    pub groups: Vec<GroupRow>,
    /// Detections by behaviour.
    pub behaviours: Vec<BehaviourRow>,
    /// Detections by interval and jitter, where notes tell them.
    pub sweep: Vec<SweepRow>,
    /// Every label.
    pub incidents: Vec<IncidentRow>,
    /// Counts of findings that no label names.
    pub severities: Vec<SeverityRow>,
    /// Findings that no label names.
    pub false_findings: Vec<FalseFinding>,
    /// Expected against observed p-values: on inputs without a label, on channels without a label where there is no such input.
    pub calibration: Vec<CalibrationRow>,
    /// Entries that the observer of the simpler rules had no room for.
    pub dropped: u64,
}

impl BehaviourRow {
    /// No incident yet.
    pub fn new(kind: Kind, behaviour: &str) -> Self {
        Self {
            kind,
            behaviour: behaviour.to_owned(),
            incidents: 0,
            judged: 0,
            found: 0,
            right_behaviour: 0,
            high: 0,
            within_budget: 0,
            other_kind_only: 0,
            times: DetectionTimes::default(),
        }
    }
}

impl FalseFinding {
    pub(super) fn new(input: &str, finding: &Finding) -> Self {
        Self {
            input: input.to_owned(),
            kind: finding.kind,
            behaviour: finding.behaviour.name(),
            severity: finding.severity,
            host: finding.host.to_string(),
            peer: peer_text(&finding.peer),
            p_value: finding.p_value,
            beside_label: false,
        }
    }
}

/// The name of a peer where it has one, its address and port otherwise.
fn peer_text(peer: &Peer) -> String {
    match (&peer.name, peer.ip) {
        (Some(name), _) => name.clone(),
        (None, Some(ip)) => PeerPattern::Addr { ip, port: peer.port }.to_string(),
        (None, None) => String::new(),
    }
}

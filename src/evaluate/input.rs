//! One input, scored: its units, what became of its labels, and what was found beside them.

use super::observer::FlowObserver;
use super::outcome::FalseFinding;
use super::unit::{Unit, units_of};
use super::{Detection, IncidentRow, Label, OtherAttack};
use crate::detect::{Finding, Kind, Scores};
use crate::features::FeatureStore;
use crate::features::observed_range;
use crate::time::Span;

/// What is kept of an input after it was scored.
#[derive(Clone, Debug)]
pub struct ScoredInput {
    pub(super) name: String,
    /// From its first packet to its last.
    pub(super) length: Span,
    pub(super) active_minutes: u64,
    pub(super) labels: Vec<Label>,
    /// By detector in the order of [`Kind::ALL`].
    pub(super) units: [Vec<Unit>; 2],
    pub(super) incidents: Vec<IncidentRow>,
    /// Findings that no label names.
    pub(super) others: Vec<FalseFinding>,
    pub(super) dropped: u64,
    /// Whether there were passes before its end.
    pub(super) passes: bool,
}

impl ScoredInput {
    /// Takes what a detector said of an input, and what was observed of its flows. What belongs to other attacks counts neither as
    /// found nor as false.
    pub fn new(
        name: &str,
        labels: Vec<Label>,
        others: &[OtherAttack],
        store: &FeatureStore,
        scores: &Scores,
        observer: &FlowObserver,
    ) -> Self {
        let units = Kind::ALL.map(|kind| units_of(kind, scores, observer, &labels, others));
        let [c2, exfil] = &units;
        let incident = |(label, (c2, exfil)): (&Label, (&Unit, &Unit))| {
            IncidentRow::new(name, label, scores, if label.kind == Kind::C2 { c2 } else { exfil })
        };
        let incidents = labels.iter().zip(c2.iter().zip(exfil)).map(incident).collect();
        let unlabelled = |finding: &&Finding| {
            !labels.iter().any(|label| label.names_finding(finding))
                && !others.iter().any(|other| other.names_finding(finding))
        };
        let others = scores
            .findings
            .iter()
            .filter(unlabelled)
            .map(|finding| FalseFinding::new(name, finding))
            .collect();
        Self {
            name: name.to_owned(),
            length: observed_range(store).map_or(Span::ZERO, |(first, last)| last - first),
            active_minutes: observer.active_minutes(),
            incidents,
            others,
            dropped: observer.dropped(),
            passes: false,
            labels,
            units,
        }
    }

    /// The same with what scheduled passes told of its labels, in their order.
    #[must_use]
    pub fn with_detections(mut self, detections: Vec<Option<Detection>>) -> Self {
        self.passes = true;
        for (incident, detection) in self.incidents.iter_mut().zip(detections) {
            incident.detection = detection;
        }
        self
    }

    pub(super) fn units(&self, kind: Kind) -> &[Unit] {
        let [c2, exfil] = &self.units;
        match kind {
            Kind::C2 => c2,
            Kind::Exfil => exfil,
        }
    }
}

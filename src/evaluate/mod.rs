//! How well detection works: labelled inputs, what the detectors and simpler rules make of them, and the measures.
//!
//! What is counted is a *unit*. For a detector, the units of an input are
//! - every incident: a label, with the highest score of the channels that it names (0 where none of them became a row: a miss);
//! - every channel without a label that the detector judged (host, peer, service), with its score.
//!
//! Channels that a label of the other detector names are neither: an alert on them is not false. Over both detectors
//! together a unit is scored by whichever scores it higher. The simpler rules are scored on the same units, so their false alerts
//! on channels that the detector did not judge are not held against them.
//!
//! Days of benign traffic are counted in minutes in which a flow was open, so that neither a pause of years between two packets nor a
//! capture of seconds counts for what it is not.

mod curve;
mod detection;
mod flow_labels;
mod incident;
mod input;
mod labels;
mod metrics;
mod observer;
mod outcome;
mod peer;
mod scorers;
mod summary;
mod sweep;
#[cfg(test)]
mod tests;
mod unit;

pub mod folds;

pub use curve::{CurvePoint, curve};
pub use detection::{Detection, DetectionTimes, Detections};
pub use flow_labels::{Meaning, OtherAttack, meaning_of};
pub use incident::{IncidentRow, Match};
pub use input::ScoredInput;
pub use labels::{Label, LabelError, Labels};
pub use metrics::{AtThreshold, allowed_false_alerts, at_threshold, recall_at_budget};
pub use observer::{FlowObserver, MinuteCounts, PeerFlows};
pub use outcome::{BehaviourRow, CalibrationRow, Evaluation, FalseFinding, Group, GroupRow, SeverityRow};
pub use peer::PeerPattern;
pub use scorers::Scorer;
pub use summary::evaluate;
pub use sweep::{SweepRow, sweep};
pub use unit::Unit;

//! Vectors and scores to findings: which channels are judged, how odd they are, what they do, how grave it is, and why.

mod allowlist;
mod baseline;
mod drift;
mod explain;
mod finding;
mod gate;
mod parts;
mod pass;
mod rows;
mod schema;
mod scores;
mod severity;
mod threshold;
mod training;

pub use allowlist::{Allowlist, AllowlistError};
pub use baseline::{Baseline, BaselineError};
pub use drift::drift_ratio;
pub use finding::{Behaviour, Evidence, Finding, Kind, Peer, Severity};
pub use gate::{behaviour_of, can_judge};
pub use pass::{DEFAULT_ALERTS_A_DAY, Detector, finding_id};
use schema::questions_of;
pub use schema::{features_of, specs_of};
pub use scores::{ChannelScore, HostScore, Scores, Verdict};
pub use severity::Chances;
pub use training::{BenignCapture, train};

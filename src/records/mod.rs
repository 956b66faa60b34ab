//! Flow records of other programs as inputs: logs to the events that packets give, so that the same features and models judge
//! them. Does not know which hosts are monitored.
//!
//! [`Inputs`] says what the inputs are, by their content; [`RecordTimeline`] reads Zeek's `conn`, `dns`, `ssl`, `http` and `quic` logs, TSV and
//! JSON, and the flows of Argus, CICFlowMeter and nfdump in CSV, or of any CSV that a [`ColumnMap`] describes, as one timeline. A connection becomes the one burst and the one report that are known of it; what a log does not tell is
//! [`crate::flow::Unseen`], and the features that need it are missing.

mod argus;
mod column;
mod columns;
mod conn;
mod csv;
mod dns;
mod error;
mod facts;
mod flags;
mod inputs;
mod instant;
mod json;
mod kind;
mod labels;
mod lines;
mod names;
pub mod netflow;
mod open;
mod record;
mod reorder;
mod row;
mod source;
mod stats;
#[cfg(test)]
mod tests;
mod timeline;
mod tsv;
mod value;

pub use columns::{ColumnMap, ColumnMapError};
pub use error::RecordError;
pub use inputs::{Inputs, LogFile, files_of, identity};
pub use kind::LogKind;
pub use labels::{FlowLabels, LabelledEnds, LabelledFlows};
pub use record::{Record, RecordSource, Told};
pub use stats::{RecordStats, RecordWarning};
pub use timeline::RecordTimeline;

//! Prometheus metrics: one table of what there is ([`CATALOG`]), from which the scrape, the history and the
//! reference page are made.
//!
//! Series are few by rule: per-host series exist only for the hosts that the caller chose (top K of each detector), and
//! no label holds a peer, a port or a name.

mod catalog;
mod families;
mod history;
mod host_label;
mod open_metrics;
mod reference;
mod snapshot;
mod text_format;
mod topk;

pub use catalog::{CATALOG, Metric, MetricKind};
pub use history::MetricsHistory;
pub use host_label::{HostLabel, HostLabels};
pub use open_metrics::{OPEN_METRICS_CONTENT_TYPE, render_open_metrics};
pub use reference::render_reference;
pub use snapshot::{
    Buckets, Exemplar, HostScore, HostVolume, MetricsSnapshot, ModelState, NetflowState, PerSeverity,
    ProcessState, SensorState, SinkState,
};
pub use text_format::{CONTENT_TYPE, render_text};
pub use topk::{Candidate, Eviction, Standing, TopK, TopKConfig};

#[cfg(test)]
mod tests;

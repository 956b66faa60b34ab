//! What is measured at one moment: plain values, taken together.

use std::collections::BTreeMap;

use super::HostLabels;
use crate::addr::Addr;
use crate::detect::{Behaviour, Kind, Severity};
use crate::time::{Span, Timestamp};

/// A value for each detector and severity.
pub type PerSeverity<T> = BTreeMap<(Kind, Severity), T>;

/// The state of the program at one moment. What is nothing or empty has no series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsSnapshot {
    /// Version of the program.
    pub version: String,
    /// Packets read.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Packets that were not looked at, by reason.
    pub dropped_packets: BTreeMap<String, u64>,
    /// Packets that could not be decoded whole, by layer.
    pub decode_errors: BTreeMap<String, u64>,
    /// Connections in the flow table.
    pub flows_active: u64,
    /// Bound of the flow table.
    pub flow_table_max_entries: u64,
    /// Connections that left the flow table, by reason ([`crate::flow::EndReason::name`]).
    pub flows_expired: BTreeMap<String, u64>,
    /// Monitored hosts with state.
    pub hosts_tracked: u64,
    /// Channels with state.
    pub channels_tracked: u64,
    /// Hosts and channels that found no room or were forgotten to make some, by reason.
    pub state_overflows: BTreeMap<String, u64>,
    /// Time of scoring passes in seconds; only the live sensor measures it.
    pub scoring_duration: Option<Buckets>,
    /// Packet time of the last scoring pass.
    pub last_scored: Option<Timestamp>,
    /// Scores of the chosen hosts, at most K of each detector.
    pub host_scores: Vec<HostScore>,
    /// The gravest findings of the chosen hosts, each host, detector and behaviour once.
    pub host_findings: BTreeMap<(Addr, Kind, Behaviour), Severity>,
    /// Volumes of the chosen hosts, each host once.
    pub host_volumes: Vec<HostVolume>,
    /// Hosts at or over the threshold of each severity, all hosts counted.
    pub hosts_over_threshold: PerSeverity<u64>,
    /// Score from which a host is of a severity.
    pub score_thresholds: PerSeverity<f64>,
    /// Scores of all hosts.
    pub scores: BTreeMap<Kind, Buckets>,
    /// Findings made.
    pub findings: BTreeMap<(Kind, Severity, Behaviour), u64>,
    /// The models that score.
    pub models: Vec<ModelState>,
    /// K: hosts of each detector with series of their own, at most.
    pub topk_limit_hosts: u64,
    /// Hosts that lost their series, by reason.
    pub topk_evictions: BTreeMap<String, u64>,
    /// Age of the last checkpoint; only the live sensor writes them.
    pub checkpoint_age: Option<Span>,
    /// Whether the last reload succeeded; only the live sensor reloads.
    pub config_last_reload_successful: Option<bool>,
    /// Findings behind the scores, for the exemplars of `OpenMetrics`.
    pub exemplars: BTreeMap<Kind, Vec<Exemplar>>,
    /// What stands for the hosts in labels.
    pub host_labels: HostLabels,
    /// What only the live sensor has.
    pub sensor: Option<SensorState>,
}

/// A finding behind an observation of the score histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Its id.
    pub finding_id: String,
    /// Its score.
    pub value: f64,
    /// When it was scored.
    pub at: Timestamp,
}

/// What only the live sensor has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensorState {
    /// Whether each interface is captured from.
    pub interfaces: BTreeMap<String, bool>,
    /// What exports came to, where they are listened for.
    pub netflow: Option<NetflowState>,
    /// Time of the newest packet.
    pub last_packet: Option<Timestamp>,
    /// How often packet time went back.
    pub time_set_back: u64,
    /// Passes that were due while one was running.
    pub scoring_late: u64,
    /// Findings of the last pass.
    pub findings_active: PerSeverity<u64>,
    /// Where findings go.
    pub sinks: BTreeMap<&'static str, SinkState>,
    /// Checkpoints by result.
    pub checkpoints: BTreeMap<String, u64>,
    /// Bytes of the last checkpoint.
    pub checkpoint_size: Option<u64>,
    /// The process.
    pub process: ProcessState,
}

/// What exports of flows came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetflowState {
    /// Datagrams.
    pub datagrams: u64,
    /// Records of flows.
    pub flows: u64,
    /// What never came, by what is numbered.
    pub lost: BTreeMap<String, u64>,
    /// What was not used, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Exporters.
    pub exporters: u64,
    /// Their templates.
    pub templates: u64,
    /// Conversations that are followed.
    pub conversations: u64,
}

/// A sink of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkState {
    /// Lines that it took.
    pub written: u64,
    /// Lines that found no room to wait for it.
    pub lost: u64,
    /// Lines that wait.
    pub waiting: u64,
    /// Whether it took all that it was given.
    pub up: bool,
}

/// The process, as the operating system sees it; nothing where that does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessState {
    /// When it was started.
    pub start: Option<Timestamp>,
    /// Processor time used, in seconds.
    pub cpu_s: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
}

/// The score of one chosen host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostScore {
    /// The host.
    pub host: Addr,
    /// Whose score it is.
    pub detector: Kind,
    /// 0 to 1.
    pub score: f64,
}

/// What a chosen host exchanged with the outside in the newest window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostVolume {
    /// The host.
    pub host: Addr,
    /// IP bytes sent.
    pub bytes_out: u64,
    /// IP bytes received.
    pub bytes_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Packets received.
    pub packets_in: u64,
    /// Connections.
    pub flows: u64,
    /// Peers.
    pub peers: u64,
}

/// A model at work.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// The question it answers.
    pub detector: Kind,
    /// Its name.
    pub name: String,
    /// Version of its artifact.
    pub version: String,
    /// SHA-256 of its artifact, in hex.
    pub sha256: String,
    /// When it was trained.
    pub trained: Option<Timestamp>,
    /// How far the scores are from the benign ones it was calibrated with.
    pub score_drift_ratio: Option<f64>,
}

/// A histogram: observations counted in buckets of fixed upper bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    bounds: Vec<f64>,
    /// One a bound, and one more for what is over the last.
    counts: Vec<u64>,
    sum: f64,
}

impl Buckets {
    /// Bounds for scores: 0.05 apart, and finer near 1, where thresholds lie.
    pub const SCORE_BOUNDS: [f64; 23] = [
        0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9,
        0.95, 0.98, 0.99, 0.999, 1.0,
    ];
    /// Bounds for the time of a scoring pass, in seconds.
    pub const DURATION_BOUNDS_S: [f64; 12] =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

    /// An empty histogram. `bounds` are inclusive upper bounds, ascending and finite.
    pub fn new(bounds: &[f64]) -> Self {
        Self { bounds: bounds.to_vec(), counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    /// Counts a value; one that is not a number is ignored.
    pub fn observe(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }

    /// Upper bounds with the number of observations at or below each; the last bound is infinite.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().scan(0, |below, &count| {
            *below += count;
            Some(*below)
        }))
    }

    /// Number of observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Sum of the observations.
    pub const fn sum(&self) -> f64 {
        self.sum
    }
}

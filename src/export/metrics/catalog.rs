//! Every metric there is: the one place for names, types, units, labels and meanings.

/// How Prometheus treats a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A gauge of value 1 whose labels tell something.
    Info,
    /// Observations in buckets.
    Histogram,
}

/// One metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name in the text format, with its suffixes.
    pub name: &'static str,
    /// Type.
    pub kind: MetricKind,
    /// Base unit, empty for plain numbers.
    pub unit: &'static str,
    /// Label names.
    pub labels: &'static [&'static str],
    /// What it says, one sentence: the `# HELP` line.
    pub help: &'static str,
}

impl MetricKind {
    /// The name in `# TYPE` of `OpenMetrics`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// The name of the family in `OpenMetrics`: without the suffix of its type.
    pub(super) fn family_name(&self) -> &'static str {
        let suffix = match self.kind {
            MetricKind::Counter => "_total",
            MetricKind::Info => "_info",
            MetricKind::Gauge | MetricKind::Histogram => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }
}

/// Defines a constant for each metric and [`CATALOG`] of them all.
macro_rules! catalog {
    ($($ident:ident = $kind:ident $name:literal $unit:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(super) const $ident: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
            };
        )*
        /// Every metric, in the order of the reference page.
        pub const CATALOG: &[Metric] = &[$($ident),*];
    };
}

catalog! {
    BUILD_INFO = Info "undercurrent_build_info" "" ["version"] "Version of the running program; the value is 1.";
    CAPTURE_PACKETS = Counter "undercurrent_capture_packets_total" "" [] "Packets read from the inputs or interfaces.";
    CAPTURE_BYTES = Counter "undercurrent_capture_bytes_total" "bytes" [] "Bytes of these packets on the wire, link layer included.";
    CAPTURE_DROPPED = Counter "undercurrent_capture_dropped_packets_total" "" ["reason"] "Packets that were not looked at, by reason.";
    DECODE_ERRORS = Counter "undercurrent_decode_errors_total" "" ["layer"] "Packets that could not be decoded whole, by the layer that failed.";
    FLOWS_ACTIVE = Gauge "undercurrent_flows_active" "" [] "Connections in the flow table.";
    FLOW_TABLE_MAX = Gauge "undercurrent_flow_table_max_entries" "" [] "Connections that the flow table can hold; above it the oldest are evicted.";
    FLOWS_EXPIRED = Counter "undercurrent_flows_expired_total" "" ["reason"] "Connections that left the flow table, by reason; evicted means the table was full.";
    INTERFACE_UP = Gauge "undercurrent_capture_interface_up" "" ["interface"] "Whether the interface is captured from (1) or waited for (0). Live sensor only.";
    NETFLOW_DATAGRAMS = Counter "undercurrent_netflow_datagrams_total" "" [] "Datagrams of NetFlow and IPFIX that came. Live sensor only.";
    NETFLOW_FLOWS = Counter "undercurrent_netflow_flows_total" "" [] "Records of flows that were taken from them. Live sensor only.";
    NETFLOW_LOST = Counter "undercurrent_netflow_lost_total" "" ["unit"] "What never came, by the sequence numbers of the exporters: flows (v5, IPFIX) or datagrams (v9). Live sensor only.";
    NETFLOW_SKIPPED = Counter "undercurrent_netflow_skipped_total" "" ["reason"] "Datagrams, sets and records of exports that were not used, by reason. Live sensor only.";
    NETFLOW_EXPORTERS = Gauge "undercurrent_netflow_exporters" "" [] "Exporters and observation domains that are known. Live sensor only.";
    NETFLOW_TEMPLATES = Gauge "undercurrent_netflow_templates" "" [] "Templates of exporters that are known. Live sensor only.";
    NETFLOW_CONVERSATIONS = Gauge "undercurrent_netflow_conversations" "" [] "Conversations that exports tell of and that have not ended. Live sensor only.";
    LAST_PACKET = Gauge "undercurrent_last_packet_timestamp_seconds" "seconds" [] "Time of the newest packet. Live sensor only.";
    TIME_SET_BACK = Counter "undercurrent_packet_time_set_back_total" "" [] "How often the time of packets went back by more than ten seconds. Live sensor only.";
    HOSTS_TRACKED = Gauge "undercurrent_hosts_tracked" "" [] "Monitored hosts with state.";
    CHANNELS_TRACKED = Gauge "undercurrent_channels_tracked" "" [] "Channels (host, peer, service) with state.";
    STATE_OVERFLOWS = Counter "undercurrent_state_overflows_total" "" ["reason"] "Updates of hosts and channels refused because their table was full, and hosts and channels forgotten to make room, by reason.";
    SCORING_DURATION = Histogram "undercurrent_scoring_duration_seconds" "seconds" [] "Time that a scoring pass took. Live sensor only.";
    SCORING_LATE = Counter "undercurrent_scoring_late_total" "" [] "Scoring passes that were due while the one before was still running. Live sensor only.";
    LAST_SCORED = Gauge "undercurrent_last_scored_timestamp_seconds" "seconds" [] "Packet time of the last scoring pass.";
    HOST_SCORE = Gauge "undercurrent_host_anomaly_score" "" ["host", "detector"] "Anomaly score of a top-K host, 0 to 1; to be compared with the score threshold.";
    HOST_FINDING_SEVERITY = Gauge "undercurrent_host_finding_severity" "" ["host", "detector", "behaviour"] "Severity of the gravest finding of a behaviour at a top-K host: 1 low, 2 medium, 3 high, 4 critical; no series where there is none.";
    HOST_BYTES_OUT = Gauge "undercurrent_host_bytes_out" "bytes" ["host"] "IP bytes that a top-K host sent outside in the newest five minutes.";
    HOST_BYTES_IN = Gauge "undercurrent_host_bytes_in" "bytes" ["host"] "IP bytes that a top-K host received from outside in the newest five minutes.";
    HOST_PACKETS_OUT = Gauge "undercurrent_host_packets_out" "" ["host"] "Packets that a top-K host sent outside in the newest five minutes.";
    HOST_PACKETS_IN = Gauge "undercurrent_host_packets_in" "" ["host"] "Packets that a top-K host received from outside in the newest five minutes.";
    HOST_FLOWS = Gauge "undercurrent_host_flows" "" ["host"] "Connections of a top-K host with the outside in the newest five minutes.";
    HOST_PEERS = Gauge "undercurrent_host_peers" "" ["host"] "Peers outside that a top-K host talked to in the newest five minutes.";
    HOSTS_OVER_THRESHOLD = Gauge "undercurrent_hosts_over_threshold" "" ["detector", "severity"] "Hosts whose score is at or over the threshold of the severity; true beyond the top K.";
    SCORE_THRESHOLD = Gauge "undercurrent_score_threshold" "" ["detector", "severity"] "Score from which a host is of the severity.";
    SCORE = Histogram "undercurrent_score" "" ["detector"] "Scores of all monitored hosts, one observation a host and scoring pass.";
    FINDINGS = Counter "undercurrent_findings_total" "" ["detector", "severity", "behaviour"] "Findings made.";
    FINDINGS_ACTIVE = Gauge "undercurrent_findings_active" "" ["detector", "severity"] "Findings of the last scoring pass. Live sensor only.";
    FINDINGS_WRITTEN = Counter "undercurrent_findings_written_total" "" ["sink"] "Lines that a sink of findings took. Live sensor only.";
    FINDINGS_LOST = Counter "undercurrent_findings_lost_total" "" ["sink"] "Lines that found no room to wait for their sink. Live sensor only.";
    FINDINGS_WAITING = Gauge "undercurrent_findings_waiting" "" ["sink"] "Lines that wait for their sink to take them. Live sensor only.";
    FINDINGS_SINK_UP = Gauge "undercurrent_findings_sink_up" "" ["sink"] "Whether the sink took all that it was given (1) or failed (0). Live sensor only.";
    MODEL_INFO = Info "undercurrent_model_info" "" ["detector", "name", "version", "sha256"] "The model that scores; the value is 1.";
    MODEL_TRAINED = Gauge "undercurrent_model_trained_timestamp_seconds" "seconds" ["detector"] "When the model was trained.";
    MODEL_DRIFT = Gauge "undercurrent_model_score_drift_ratio" "ratio" ["detector"] "How far the scores are from the benign ones that the model was calibrated with; 0 is no drift.";
    TOPK_LIMIT = Gauge "undercurrent_topk_limit_hosts" "" [] "Hosts of each detector that have series of their own, at most.";
    TOPK_EVICTIONS = Counter "undercurrent_topk_evictions_total" "" ["reason"] "Hosts that lost their series, by reason.";
    CHECKPOINT_AGE = Gauge "undercurrent_checkpoint_age_seconds" "seconds" [] "Age of the last checkpoint. Live sensor only.";
    CHECKPOINTS = Counter "undercurrent_checkpoints_total" "" ["result"] "Checkpoints, by result. Live sensor only.";
    CHECKPOINT_SIZE = Gauge "undercurrent_checkpoint_size_bytes" "bytes" [] "Size of the last checkpoint. Live sensor only.";
    CONFIG_RELOADED = Gauge "undercurrent_config_last_reload_successful" "" [] "Whether the last reload of the configuration succeeded (1) or failed (0). Live sensor only.";
    PROCESS_START = Gauge "process_start_time_seconds" "seconds" [] "When the process was started. Live sensor only.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" "seconds" [] "Processor time that the process used. Live sensor only.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" "bytes" [] "Resident memory of the process. Live sensor only.";
    PROCESS_FDS = Gauge "process_open_fds" "" [] "Open file descriptors of the process. Live sensor only.";
}

//! What the metrics show, gathered from the stages.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Addr;
use crate::detect::{Behaviour, Detector, Kind, Scores, Severity, drift_ratio};
use crate::export::metrics::{
    Buckets, Candidate, Eviction, HostScore, HostVolume, MetricsSnapshot, ModelState, PerSeverity, Standing,
    TopK, TopKConfig,
};
use crate::export::summary::ModelSummary;
use crate::features::{FeatureStore, HostTotals, HostWindow, Peer};
use crate::pipeline::Stats;
use crate::time::Timestamp;

/// A finding counts again where its severity or behaviour is another.
type Made = (String, Severity, Behaviour);

/// What is remembered from one scoring pass to the next.
#[derive(Debug)]
pub struct Measure {
    models: Vec<ModelState>,
    thresholds: PerSeverity<f64>,
    flow_table_max_entries: u64,
    window: HostWindow,
    top: [TopK; 2],
    evictions: BTreeMap<String, u64>,
    scores: BTreeMap<Kind, Buckets>,
    made: BTreeSet<Made>,
    findings: BTreeMap<(Kind, Severity, Behaviour), u64>,
    last: LastPass,
}

/// What the last scoring pass said.
#[derive(Debug, Default)]
struct LastPass {
    at: Option<Timestamp>,
    host_scores: Vec<HostScore>,
    host_findings: BTreeMap<(Addr, Kind, Behaviour), Severity>,
    over_threshold: PerSeverity<u64>,
}

impl Measure {
    /// For a detector of these models, and flow tables of this many entries.
    pub fn new(detector: &Detector, models: &[ModelSummary], max_flows: usize) -> Self {
        Self {
            models: model_states(detector, models),
            thresholds: PerSeverity::new(),
            flow_table_max_entries: max_flows as u64,
            window: HostWindow::default(),
            top: [TopK::new(TopKConfig::default()), TopK::new(TopKConfig::default())],
            evictions: Eviction::ALL.iter().map(|eviction| (eviction.name().to_owned(), 0)).collect(),
            scores: Kind::ALL.map(|kind| (kind, Buckets::new(&Buckets::SCORE_BOUNDS))).into(),
            made: BTreeSet::new(),
            findings: every_kind_of_finding().map(|kind| (kind, 0)).collect(),
            last: LastPass::default(),
        }
    }

    /// The same with other rules for the series of hosts.
    #[must_use]
    pub fn with_top_k(mut self, config: TopKConfig) -> Self {
        self.set_top_k(config);
        self
    }

    /// Takes other rules for the series of hosts.
    pub fn set_top_k(&mut self, config: TopKConfig) {
        self.top.iter_mut().for_each(|top| top.configure(config));
    }

    /// Takes other models.
    pub fn set_models(&mut self, detector: &Detector, models: &[ModelSummary]) {
        self.models = model_states(detector, models);
    }

    /// Lets the windows of the hosts go on.
    pub fn tick(&mut self, at: Timestamp, store: &FeatureStore) {
        self.window.advance(at, store);
    }

    /// Takes the outcome of a scoring pass.
    pub fn pass(&mut self, at: Timestamp, scores: &Scores) {
        self.thresholds.clone_from(&scores.thresholds);
        self.choose(at, scores);
        self.count(scores);
        for (index, model) in self.models.iter_mut().enumerate() {
            let verdicts = scores.channels.iter().filter_map(|channel| channel.verdicts.get(index));
            let judged = verdicts.filter(|verdict| verdict.judged).map(|verdict| verdict.p_value);
            model.score_drift_ratio = drift_ratio(judged);
        }
        self.last = LastPass {
            at: Some(at),
            host_scores: self.host_scores(scores),
            host_findings: self.host_findings(scores),
            over_threshold: self.over_threshold(scores),
        };
    }

    /// What is to be shown at a time: the counters of now, the scores of the last pass.
    pub fn snapshot(&mut self, at: Timestamp, stats: &Stats, store: &FeatureStore) -> MetricsSnapshot {
        let mut snapshot = MetricsSnapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            flow_table_max_entries: self.flow_table_max_entries,
            last_scored: self.last.at,
            host_scores: self.last.host_scores.clone(),
            host_findings: self.last.host_findings.clone(),
            host_volumes: self.host_volumes(at, store),
            hosts_over_threshold: self.last.over_threshold.clone(),
            score_thresholds: self.thresholds.clone(),
            scores: self.scores.clone(),
            findings: self.findings.clone(),
            models: self.models.clone(),
            topk_limit_hosts: self.top.iter().map(TopK::limit).max().unwrap_or_default() as u64,
            topk_evictions: self.evictions.clone(),
            ..MetricsSnapshot::default()
        };
        count_packets(&mut snapshot, stats);
        count_state(&mut snapshot, store);
        snapshot
    }

    fn choose(&mut self, at: Timestamp, scores: &Scores) {
        for ((index, kind), top) in Kind::ALL.into_iter().enumerate().zip(&mut self.top) {
            let alert = self.thresholds.get(&(kind, Severity::High)).copied().unwrap_or(f64::INFINITY);
            // What alerting rules ask for, beside the score of the host.
            let grave = scores.findings.iter().filter(|f| f.kind == kind && f.severity >= Severity::Medium);
            let found: BTreeSet<Addr> = grave.map(|finding| finding.host).collect();
            let candidates: Vec<Candidate> = scores
                .hosts
                .iter()
                .filter_map(|host| {
                    let &(score, _, worst) = host.worst.get(index)?;
                    let standing = if score < alert {
                        Standing::Usual
                    } else if found.contains(&host.host) {
                        Standing::Suspected
                    } else {
                        Standing::Over
                    };
                    worst.map(|_| Candidate { host: host.host, score, standing })
                })
                .collect();
            for eviction in top.update(at, &candidates) {
                *self.evictions.entry(eviction.name().to_owned()).or_default() += 1;
            }
        }
    }

    fn count(&mut self, scores: &Scores) {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            let buckets = self.scores.entry(kind).or_insert_with(|| Buckets::new(&Buckets::SCORE_BOUNDS));
            for host in &scores.hosts {
                buckets.observe(host.worst.get(index).map_or(0.0, |worst| worst.0));
            }
        }
        for finding in &scores.findings {
            if self.made.insert((finding.id.clone(), finding.severity, finding.behaviour)) {
                *self.findings.entry((finding.kind, finding.severity, finding.behaviour)).or_default() += 1;
            }
        }
    }

    fn host_scores(&self, scores: &Scores) -> Vec<HostScore> {
        let mut rows = Vec::new();
        for host in &scores.hosts {
            for ((detector, top), worst) in Kind::ALL.into_iter().zip(&self.top).zip(host.worst) {
                if top.contains(host.host) {
                    rows.push(HostScore { host: host.host, detector, score: worst.0 });
                }
            }
        }
        rows
    }

    fn host_findings(&self, scores: &Scores) -> BTreeMap<(Addr, Kind, Behaviour), Severity> {
        let mut gravest = BTreeMap::new();
        for finding in &scores.findings {
            let top = Kind::ALL.into_iter().zip(&self.top).find(|(kind, _)| *kind == finding.kind);
            if top.is_some_and(|(_, top)| top.contains(finding.host)) {
                let severity = gravest
                    .entry((finding.host, finding.kind, finding.behaviour))
                    .or_insert(finding.severity);
                *severity = finding.severity.max(*severity);
            }
        }
        gravest
    }

    fn host_volumes(&mut self, at: Timestamp, store: &FeatureStore) -> Vec<HostVolume> {
        let begin = self.window.begin(at).unwrap_or(Timestamp::MIN);
        let chosen = |host: Addr| self.top.iter().any(|top| top.contains(host));
        let peers = store.channels().collect_sorted(|key, channel| {
            let outside = !channel.internal && matches!(key.peer, Peer::Addr(_));
            (outside && channel.last_seen >= begin && chosen(key.host)).then_some(())
        });
        let peers: BTreeSet<(Addr, Peer)> = peers.into_iter().map(|(key, ())| (key.host, key.peer)).collect();
        let mut peers_of: BTreeMap<Addr, u64> = BTreeMap::new();
        for (host, _) in peers {
            *peers_of.entry(host).or_default() += 1;
        }
        let totals = store.hosts().collect_sorted(|host, state| {
            chosen(*host).then_some(HostTotals { traffic: state.external, flows: state.external_flows })
        });
        let volume = |(host, now)| {
            let HostTotals { traffic, flows } = self.window.since(host, now);
            HostVolume {
                host,
                bytes_out: traffic.bytes_out,
                bytes_in: traffic.bytes_in,
                packets_out: traffic.packets_out,
                packets_in: traffic.packets_in,
                flows,
                peers: peers_of.get(&host).copied().unwrap_or_default(),
            }
        };
        totals.into_iter().map(volume).collect()
    }

    fn over_threshold(&self, scores: &Scores) -> PerSeverity<u64> {
        let count = |(&(kind, severity), &threshold): (&(Kind, Severity), &f64)| {
            let index = Kind::ALL.iter().position(|k| *k == kind)?;
            let over = |host: &&crate::detect::HostScore| {
                host.worst.get(index).is_some_and(|worst| worst.2.is_some() && worst.0 >= threshold)
            };
            Some(((kind, severity), scores.hosts.iter().filter(over).count() as u64))
        };
        self.thresholds.iter().filter_map(count).collect()
    }
}

/// What findings are counted by. All begin at 0, since an increase from nothing to 1 is none to Prometheus.
fn every_kind_of_finding() -> impl Iterator<Item = (Kind, Severity, Behaviour)> {
    Kind::ALL.into_iter().flat_map(|kind| {
        let of_severity = move |severity| kind.behaviours().iter().map(move |&b| (kind, severity, b));
        Severity::ALL.into_iter().flat_map(of_severity)
    })
}

fn model_states(detector: &Detector, models: &[ModelSummary]) -> Vec<ModelState> {
    let states = Kind::ALL.into_iter().zip(models).map(|(kind, model)| ModelState {
        detector: kind,
        name: model.name.clone(),
        version: model.version.clone(),
        sha256: model.sha256.clone(),
        trained: Timestamp::parse_rfc3339(&detector.model(kind).manifest().provenance.trained_at),
        score_drift_ratio: None,
    });
    states.collect()
}

/// Puts the counters of the pipeline into a snapshot.
pub fn count_packets(snapshot: &mut MetricsSnapshot, stats: &Stats) {
    let expired = [
        ("closed", stats.flow.closed),
        ("idle", stats.flow.idle),
        ("evicted", stats.flow.evicted),
        ("end_of_input", stats.flow.end_of_input),
    ];
    snapshot.packets = stats.frames;
    snapshot.bytes = stats.wire_bytes;
    snapshot.dropped_packets = owned(stats.decode.skipped.iter());
    snapshot.decode_errors = owned(stats.decode.errors.iter());
    snapshot.flows_active = stats.flows_active as u64;
    snapshot.flows_expired = owned(expired.into_iter());
}

/// Puts the counters of hosts and channels into a snapshot.
pub fn count_state(snapshot: &mut MetricsSnapshot, store: &FeatureStore) {
    let (hosts, channels) = (store.hosts(), store.channels());
    let overflows = [
        ("host_table_full", hosts.refused()),
        ("host_evicted", hosts.evicted()),
        ("channel_table_full", channels.refused()),
        ("channel_evicted", channels.evicted()),
    ];
    snapshot.hosts_tracked = hosts.len() as u64;
    snapshot.channels_tracked = channels.len() as u64;
    snapshot.state_overflows = owned(overflows.into_iter());
}

fn owned(counts: impl Iterator<Item = (&'static str, u64)>) -> BTreeMap<String, u64> {
    counts.map(|(reason, count)| (reason.to_owned(), count)).collect()
}

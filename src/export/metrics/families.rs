//! A snapshot as metric families: the one place where values meet the names of the catalog.

use std::collections::BTreeMap;

use super::catalog::{self, Metric};
use super::snapshot::{Buckets, HostVolume, MetricsSnapshot, NetflowState, SensorState, SinkState};

/// The samples of one metric, in order of their labels.
#[derive(Clone, Debug)]
pub(super) struct Family<'a> {
    pub(super) metric: Metric,
    pub(super) samples: Vec<Sample<'a>>,
}

/// One series' value: label values in the order of [`Metric::labels`].
#[derive(Clone, Debug)]
pub(super) struct Sample<'a> {
    pub(super) labels: Vec<String>,
    pub(super) value: SampleValue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum SampleValue<'a> {
    Number(f64),
    Buckets(&'a Buckets),
}

/// The families that have samples, ordered by name.
pub(super) fn families(snapshot: &MetricsSnapshot) -> Vec<Family<'_>> {
    let mut all = Vec::new();
    program(snapshot, &mut all);
    hosts(snapshot, &mut all);
    scores(snapshot, &mut all);
    models(snapshot, &mut all);
    if let Some(state) = &snapshot.sensor {
        sensor(state, &mut all);
    }
    all.retain(|family| !family.samples.is_empty());
    all.sort_by_key(|family| family.metric.name);
    for family in &mut all {
        family.samples.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    all
}

fn program<'a>(s: &'a MetricsSnapshot, all: &mut Vec<Family<'a>>) {
    all.push(Family { metric: catalog::BUILD_INFO, samples: vec![sample([&s.version], 1.0)] });
    all.push(counter(catalog::CAPTURE_PACKETS, s.packets));
    all.push(counter(catalog::CAPTURE_BYTES, s.bytes));
    all.push(by_reason(catalog::CAPTURE_DROPPED, &s.dropped_packets));
    all.push(by_reason(catalog::DECODE_ERRORS, &s.decode_errors));
    all.push(counter(catalog::FLOWS_ACTIVE, s.flows_active));
    all.push(counter(catalog::FLOW_TABLE_MAX, s.flow_table_max_entries));
    all.push(by_reason(catalog::FLOWS_EXPIRED, &s.flows_expired));
    all.push(counter(catalog::HOSTS_TRACKED, s.hosts_tracked));
    all.push(counter(catalog::CHANNELS_TRACKED, s.channels_tracked));
    all.push(by_reason(catalog::STATE_OVERFLOWS, &s.state_overflows));
    let passes = s.scoring_duration.iter();
    all.push(Family {
        metric: catalog::SCORING_DURATION,
        samples: passes.map(|b| Sample { labels: vec![], value: SampleValue::Buckets(b) }).collect(),
    });
    all.push(single(catalog::LAST_SCORED, s.last_scored.map(crate::time::Timestamp::as_secs_f64)));
    all.push(single(catalog::CHECKPOINT_AGE, s.checkpoint_age.map(crate::time::Span::as_secs_f64)));
    all.push(single(
        catalog::CONFIG_RELOADED,
        s.config_last_reload_successful.map(|ok| f64::from(u8::from(ok))),
    ));
    all.push(counter(catalog::TOPK_LIMIT, s.topk_limit_hosts));
    all.push(by_reason(catalog::TOPK_EVICTIONS, &s.topk_evictions));
}

fn hosts<'a>(s: &'a MetricsSnapshot, all: &mut Vec<Family<'a>>) {
    type Volume = fn(&HostVolume) -> u64;
    let scores = s.host_scores.iter();
    all.push(Family {
        metric: catalog::HOST_SCORE,
        samples: scores
            .filter_map(|h| Some(sample([s.host_labels.of(h.host)?.as_ref(), h.detector.name()], h.score)))
            .collect(),
    });
    let findings = s.host_findings.iter();
    all.push(Family {
        metric: catalog::HOST_FINDING_SEVERITY,
        samples: findings
            .filter_map(|((host, detector, behaviour), severity)| {
                let host = s.host_labels.of(*host)?;
                Some(sample([host.as_ref(), detector.name(), behaviour.name()], f64::from(severity.level())))
            })
            .collect(),
    });
    let volumes: [(Metric, Volume); 6] = [
        (catalog::HOST_BYTES_OUT, |h| h.bytes_out),
        (catalog::HOST_BYTES_IN, |h| h.bytes_in),
        (catalog::HOST_PACKETS_OUT, |h| h.packets_out),
        (catalog::HOST_PACKETS_IN, |h| h.packets_in),
        (catalog::HOST_FLOWS, |h| h.flows),
        (catalog::HOST_PEERS, |h| h.peers),
    ];
    for (metric, value) in volumes {
        let volumes = s.host_volumes.iter();
        let samples = volumes
            .filter_map(|h| Some(sample([s.host_labels.of(h.host)?.as_ref()], value(h) as f64)))
            .collect();
        all.push(Family { metric, samples });
    }
}

fn scores<'a>(s: &'a MetricsSnapshot, all: &mut Vec<Family<'a>>) {
    let over = s.hosts_over_threshold.iter();
    all.push(Family {
        metric: catalog::HOSTS_OVER_THRESHOLD,
        samples: over.map(|((k, sev), &n)| sample([k.name(), sev.name()], n as f64)).collect(),
    });
    let thresholds = s.score_thresholds.iter();
    all.push(Family {
        metric: catalog::SCORE_THRESHOLD,
        samples: thresholds.map(|((k, sev), &t)| sample([k.name(), sev.name()], t)).collect(),
    });
    let histograms = s.scores.iter();
    all.push(Family {
        metric: catalog::SCORE,
        samples: histograms
            .map(|(k, b)| Sample { labels: vec![k.name().to_owned()], value: SampleValue::Buckets(b) })
            .collect(),
    });
    let findings = s.findings.iter();
    all.push(Family {
        metric: catalog::FINDINGS,
        samples: findings
            .map(|((k, sev, b), &n)| sample([k.name(), sev.name(), b.name()], n as f64))
            .collect(),
    });
}

fn models<'a>(s: &'a MetricsSnapshot, all: &mut Vec<Family<'a>>) {
    all.push(Family {
        metric: catalog::MODEL_INFO,
        samples: s
            .models
            .iter()
            .map(|m| sample([m.detector.name(), &m.name, &m.version, &m.sha256], 1.0))
            .collect(),
    });
    let trained = |m: &super::ModelState| Some(sample([m.detector.name()], m.trained?.as_secs_f64()));
    all.push(Family {
        metric: catalog::MODEL_TRAINED,
        samples: s.models.iter().filter_map(trained).collect(),
    });
    let drift = |m: &super::ModelState| Some(sample([m.detector.name()], m.score_drift_ratio?));
    all.push(Family { metric: catalog::MODEL_DRIFT, samples: s.models.iter().filter_map(drift).collect() });
}

fn sensor(s: &SensorState, all: &mut Vec<Family<'_>>) {
    type OfSink = fn(&SinkState) -> u64;
    let flags = |flags: &BTreeMap<String, bool>| {
        flags.iter().map(|(name, up)| sample([name], f64::from(u8::from(*up)))).collect()
    };
    all.push(Family { metric: catalog::INTERFACE_UP, samples: flags(&s.interfaces) });
    if let Some(state) = &s.netflow {
        netflow(state, all);
    }
    all.push(single(catalog::LAST_PACKET, s.last_packet.map(crate::time::Timestamp::as_secs_f64)));
    all.push(counter(catalog::TIME_SET_BACK, s.time_set_back));
    all.push(counter(catalog::SCORING_LATE, s.scoring_late));
    let active = s.findings_active.iter();
    all.push(Family {
        metric: catalog::FINDINGS_ACTIVE,
        samples: active.map(|((k, sev), &n)| sample([k.name(), sev.name()], n as f64)).collect(),
    });
    let of_sinks: [(Metric, OfSink); 4] = [
        (catalog::FINDINGS_WRITTEN, |sink| sink.written),
        (catalog::FINDINGS_LOST, |sink| sink.lost),
        (catalog::FINDINGS_WAITING, |sink| sink.waiting),
        (catalog::FINDINGS_SINK_UP, |sink| u64::from(sink.up)),
    ];
    for (metric, value) in of_sinks {
        let samples = s.sinks.iter().map(|(name, sink)| sample([*name], value(sink) as f64)).collect();
        all.push(Family { metric, samples });
    }
    all.push(by_reason(catalog::CHECKPOINTS, &s.checkpoints));
    all.push(single(catalog::CHECKPOINT_SIZE, s.checkpoint_size.map(|bytes| bytes as f64)));
    let process = &s.process;
    all.push(single(catalog::PROCESS_START, process.start.map(crate::time::Timestamp::as_secs_f64)));
    all.push(single(catalog::PROCESS_CPU, process.cpu_s));
    all.push(single(catalog::PROCESS_RESIDENT, process.resident_bytes.map(|bytes| bytes as f64)));
    all.push(single(catalog::PROCESS_FDS, process.open_fds.map(|fds| fds as f64)));
}

fn netflow(s: &NetflowState, all: &mut Vec<Family<'_>>) {
    all.push(counter(catalog::NETFLOW_DATAGRAMS, s.datagrams));
    all.push(counter(catalog::NETFLOW_FLOWS, s.flows));
    all.push(by_reason(catalog::NETFLOW_LOST, &s.lost));
    all.push(by_reason(catalog::NETFLOW_SKIPPED, &s.skipped));
    all.push(counter(catalog::NETFLOW_EXPORTERS, s.exporters));
    all.push(counter(catalog::NETFLOW_TEMPLATES, s.templates));
    all.push(counter(catalog::NETFLOW_CONVERSATIONS, s.conversations));
}

fn sample<'a, const N: usize>(labels: [&str; N], value: f64) -> Sample<'a> {
    Sample { labels: labels.map(str::to_owned).into(), value: SampleValue::Number(value) }
}

fn counter<'a>(metric: Metric, value: u64) -> Family<'a> {
    Family { metric, samples: vec![sample([], value as f64)] }
}

fn single<'a>(metric: Metric, value: Option<f64>) -> Family<'a> {
    Family { metric, samples: value.map(|v| sample([], v)).into_iter().collect() }
}

fn by_reason<'a>(metric: Metric, counts: &BTreeMap<String, u64>) -> Family<'a> {
    Family { metric, samples: counts.iter().map(|(reason, &n)| sample([reason], n as f64)).collect() }
}

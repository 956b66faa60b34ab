use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::addr::Addr;
use crate::detect::{Behaviour, Kind, Severity};
use crate::export::samples::golden;
use crate::time::{Span, Timestamp};

fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2025-01-01T08:00:00Z").unwrap()
}

/// A snapshot with a value in every field.
fn full() -> MetricsSnapshot {
    let reasons = |reason: &str, count| BTreeMap::from([(reason.to_owned(), count)]);
    let mut scores = Buckets::new(&Buckets::SCORE_BOUNDS);
    for score in [0.1, 0.42, 0.93, 1.0] {
        scores.observe(score);
    }
    let mut duration = Buckets::new(&Buckets::DURATION_BOUNDS_S);
    duration.observe(0.02);
    let host = Addr::from_v4([172, 16, 4, 9]);
    MetricsSnapshot {
        version: "0.1.0".into(),
        packets: 1_000_000,
        bytes: 812_345_678,
        dropped_packets: reasons("kernel", 3),
        decode_errors: reasons("ipv4", 2),
        flows_active: 120,
        flow_table_max_entries: 1 << 20,
        flows_expired: reasons("idle", 77),
        hosts_tracked: 14,
        channels_tracked: 132,
        state_overflows: reasons("channel_evicted", 12),
        scoring_duration: Some(duration),
        last_scored: Some(start()),
        host_scores: vec![
            HostScore { host, detector: Kind::Exfil, score: 0.2 },
            HostScore { host, detector: Kind::C2, score: 0.93 },
        ],
        host_findings: BTreeMap::from([((host, Kind::C2, Behaviour::Beacon), Severity::High)]),
        host_volumes: vec![HostVolume { host, bytes_out: 412_337, ..HostVolume::default() }],
        hosts_over_threshold: BTreeMap::from([((Kind::C2, Severity::High), 1)]),
        score_thresholds: BTreeMap::from([((Kind::C2, Severity::High), 0.9)]),
        scores: BTreeMap::from([(Kind::C2, scores)]),
        findings: BTreeMap::from([((Kind::C2, Severity::High, Behaviour::Beacon), 1)]),
        models: vec![ModelState {
            detector: Kind::C2,
            name: "c2".into(),
            version: "1 \"beta\"\\\n".into(),
            sha256: "ab12".into(),
            trained: Some(start() + Span::from_secs(-86_400)),
            score_drift_ratio: Some(0.004),
        }],
        topk_limit_hosts: 50,
        topk_evictions: reasons("displaced", 1),
        checkpoint_age: Some(Span::from_secs(30)),
        config_last_reload_successful: Some(true),
        exemplars: BTreeMap::from([(
            Kind::C2,
            vec![Exemplar { finding_id: "5d1b9f0a".into(), value: 0.93, at: start() }],
        )]),
        host_labels: HostLabels::default(),
        sensor: Some(SensorState {
            interfaces: BTreeMap::from([("eth0".to_owned(), true)]),
            netflow: Some(NetflowState {
                datagrams: 40,
                flows: 900,
                lost: reasons("flows", 30),
                skipped: reasons("no_template", 2),
                exporters: 1,
                templates: 3,
                conversations: 25,
            }),
            last_packet: Some(start()),
            time_set_back: 1,
            scoring_late: 2,
            findings_active: BTreeMap::from([((Kind::C2, Severity::High), 1)]),
            sinks: BTreeMap::from([("file", SinkState { written: 7, lost: 0, waiting: 1, up: false })]),
            checkpoints: reasons("ok", 3),
            checkpoint_size: Some(4096),
            process: ProcessState {
                start: Some(start()),
                cpu_s: Some(1.5),
                resident_bytes: Some(1 << 20),
                open_fds: Some(12),
            },
        }),
    }
}

/// Runs promtool. Nothing where it is not installed.
fn promtool(args: &[&str], input: &str) -> Option<(bool, String)> {
    let spawned = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: promtool is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn the_scrape_is_golden_and_promtool_agrees() {
    let text = render_text(&full()).unwrap();
    golden("src/export/metrics/scrape.txt", &text);
    for snapshot in [full(), MetricsSnapshot::default()] {
        let text = render_text(&snapshot).unwrap();
        if let Some((ok, output)) = promtool(&["check", "metrics"], &text) {
            assert!(ok && output.is_empty(), "{output}");
        }
    }
}

#[test]
fn every_metric_of_the_catalog_can_be_served() {
    let text = render_text(&full()).unwrap();
    let served: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let catalog: BTreeSet<_> = CATALOG.iter().map(|metric| metric.name).collect();
    assert_eq!(served, catalog);
    assert_eq!(catalog.len(), CATALOG.len(), "a name is used twice");
}

#[test]
fn a_sensor_has_no_more_series_than_the_page_says() {
    let mut snapshot = full();
    let (limit, all) = (TopKConfig::default().limit, || Kind::ALL.into_iter());
    let hosts =
        |kind: Kind| (0..limit).map(move |n| Addr::from_v4([10, kind as u8, 0, u8::try_from(n).unwrap()]));
    snapshot.host_scores = all()
        .flat_map(|detector| hosts(detector).map(move |host| HostScore { host, detector, score: 0.5 }))
        .collect();
    snapshot.host_volumes =
        all().flat_map(hosts).map(|host| HostVolume { host, ..HostVolume::default() }).collect();
    let severities = || all().flat_map(|kind| Severity::ALL.map(move |severity| (kind, severity)));
    snapshot.hosts_over_threshold = severities().map(|key| (key, 1)).collect();
    snapshot.score_thresholds = severities().map(|key| (key, 0.5)).collect();
    let behaviours = |(kind, severity)| Behaviour::ALL.map(move |behaviour| ((kind, severity, behaviour), 1));
    // A behaviour is one of one detector, but for the tunnel through ICMP.
    snapshot.findings = severities().flat_map(behaviours).take(4 * (Behaviour::ALL.len() + 1)).collect();
    snapshot.scores = all().map(|kind| (kind, Buckets::new(&Buckets::SCORE_BOUNDS))).collect();
    snapshot.dropped_packets = (0..24).map(|n| (format!("reason {n}"), 1)).collect();
    let sensor = snapshot.sensor.as_mut().unwrap();
    sensor.findings_active = severities().map(|key| (key, 1)).collect();
    sensor.sinks =
        ["file", "webhook", "alertmanager", "syslog"].map(|name| (name, SinkState::default())).into();
    let netflow = sensor.netflow.as_mut().unwrap();
    netflow.lost = ["flows", "datagrams"].map(|unit| (unit.to_owned(), 1)).into();
    netflow.skipped = (0..10).map(|n| (format!("reason {n}"), 1)).collect();
    sensor.interfaces = (0..8).map(|n| (format!("eth{n}"), true)).collect();
    let text = render_text(&snapshot).unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    let most = reference::SERIES_OF_A_HOST * 2 * limit + reference::OTHER_SERIES_MAX;
    assert!((most - 100..=most).contains(&series), "{series} of {most}");
}

#[test]
fn names_are_as_prometheus_asks() {
    for metric in CATALOG {
        let is_ours = ["undercurrent_", "process_"].iter().any(|prefix| metric.name.starts_with(prefix));
        assert!(is_ours, "{}", metric.name);
        assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
        assert_eq!(metric.name.ends_with("_info"), metric.kind == MetricKind::Info, "{}", metric.name);
        assert!(metric.help.ends_with('.') || metric.help.contains(". "), "{}", metric.help);
    }
}

#[test]
fn buckets_are_cumulative() {
    let mut buckets = Buckets::new(&[0.1, 0.5]);
    for value in [0.1, 0.2, 0.5, 7.0, f64::NAN] {
        buckets.observe(value);
    }
    assert_eq!(buckets.cumulative().collect::<Vec<_>>(), [(0.1, 1), (0.5, 3), (f64::INFINITY, 4)]);
    assert_eq!(buckets.count(), 4);
    assert!((buckets.sum() - 7.8).abs() < 1e-9);
}

/// Three minutes; the host has left in the second.
fn write_history(memory_words: usize) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.om");
    let mut history = MetricsHistory::with_memory(&path, memory_words).unwrap();
    for minute in 0..3_i64 {
        let mut snapshot = full();
        snapshot.packets += minute.unsigned_abs();
        if minute == 1 {
            snapshot.host_scores.clear();
        }
        let ts = start() + Span::from_millis(minute * 60_000);
        history.append(ts, &snapshot).unwrap();
        history.append(ts + Span::from_nanos(10), &MetricsSnapshot::default()).unwrap();
    }
    assert_eq!(history.finish().unwrap(), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the scratch file has no name");
    fs::read_to_string(&path).unwrap()
}

#[test]
fn the_history_is_grouped_by_series() {
    let text = write_history(usize::MAX);
    let packets: Vec<_> =
        text.lines().filter(|line| line.starts_with("undercurrent_capture_packets_total")).collect();
    assert_eq!(
        packets,
        [
            "undercurrent_capture_packets_total 1000000.0 1735718400.000",
            "undercurrent_capture_packets_total 1000001.0 1735718460.000",
            "undercurrent_capture_packets_total 1000002.0 1735718520.000",
        ]
    );
    let score = "undercurrent_host_anomaly_score{host=\"172.16.4.9\",detector=\"c2\"} 0.93 ";
    assert_eq!(text.matches(score).count(), 2);
    assert!(text.contains("# TYPE undercurrent_capture_packets counter\n"));
    assert!(text.contains("# UNIT undercurrent_capture_bytes bytes\n"));
    assert!(text.contains("undercurrent_score_bucket{detector=\"c2\",le=\"1.0\"} 4 1735718520.000\n"));
    assert!(text.contains("undercurrent_score_bucket{detector=\"c2\",le=\"+Inf\"} 4 1735718520.000\n"));
    assert!(text.ends_with("\n# EOF\n"));
    let types: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len(), "families are contiguous");
}

#[test]
fn the_history_is_the_same_from_memory_and_from_the_scratch_file() {
    let whole = write_history(usize::MAX);
    assert_eq!(write_history(0), whole);
    assert_eq!(write_history(300), whole);
}

#[test]
fn promtool_makes_blocks_of_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let (file, blocks) = (dir.path().join("history.om"), dir.path().join("data"));
    fs::write(&file, write_history(0)).unwrap();
    let (file, blocks) = (file.to_str().unwrap(), blocks.to_str().unwrap());
    if let Some((ok, output)) = promtool(&["tsdb", "create-blocks-from", "openmetrics", file, blocks], "") {
        assert!(ok, "{output}");
        let (_, listing) = promtool(&["tsdb", "list", blocks], "").unwrap();
        assert_eq!(listing.lines().count(), 2, "{listing}");
    }
}

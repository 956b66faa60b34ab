//! The sensor without interfaces: captures are fed into it from files, on their own time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::judging::{Judging, Outlets};
use super::log::LogHandle;
use super::publish::Publisher;
use super::pump::{Pump, Requests, Watch};
use super::reload::{Origin, Reloader, Tunables, judge_config};
use super::saving::{Checkpoints, SaveState};
use super::sinks::{self, Shared, Trusted};
use super::*;
use crate::capture::live::LinkState;
use crate::capture::{Block, Timeline};
use crate::detect::{Behaviour, Finding};
use crate::serve::WebFile;
use crate::time::{Span, Timestamp};

/// A part of a capture, its times shifted.
struct FileFeed {
    timeline: Timeline,
    blocks: std::ops::Range<usize>,
    read: usize,
    open: bool,
    shift: fn(usize) -> Span,
}

impl FileFeed {
    fn new(scenario: &str, blocks: std::ops::Range<usize>, shift: fn(usize) -> Span) -> Self {
        Self { timeline: Timeline::open(&[capture(scenario)]).unwrap(), blocks, read: 0, open: true, shift }
    }
}

impl feed::Feed for FileFeed {
    fn next(&mut self, _timeout: Duration) -> Option<feed::Fed> {
        loop {
            let mut block = Block::default();
            self.open = self.read < self.blocks.end && self.timeline.next_block(&mut block).unwrap();
            self.read += 1;
            if !self.open {
                return None;
            }
            let shift = (self.shift)(self.read - 1);
            block.frames.iter_mut().for_each(|frame| frame.ts = frame.ts + shift);
            if self.read > self.blocks.start {
                return Some(feed::Fed::Frames(block));
            }
        }
    }

    fn recycle(&mut self, _block: Block) {}

    fn is_open(&self) -> bool {
        self.open
    }

    fn stop(&mut self) {}

    fn losses(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn interfaces(&self) -> Vec<(String, LinkState)> {
        vec![("file".to_owned(), LinkState::Up)]
    }

    fn now(&self) -> Option<Timestamp> {
        None
    }
}

fn capture(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(scenario).join("capture.pcap.zst")
}

/// What a run of the sensor left.
struct Run {
    findings: Vec<Finding>,
    set_back: u64,
    /// Lines of the findings file.
    lines: Vec<serde_json::Value>,
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Runs the sensor over a feed, with its state in `folder`, to the end of the feed.
fn run(folder: &TempDir, feed: FileFeed) -> Run {
    let mut config = Config::default();
    config.state.directory = folder.path().to_owned();
    let (saves, sinks) = (Shared::<SaveState>::default(), Shared::default());
    let restored = restore(&config);
    let seed = restored.as_ref().map_or(Seed::REPLAY, |checkpoint| checkpoint.seed);
    let mut pipeline = Pipeline::new(&config.pipeline(), seed, 1);
    let incidents = restored.map_or_else(BTreeMap::new, |checkpoint| {
        pipeline.restore(checkpoint.features);
        checkpoint.incidents
    });
    let origin = Origin::none();
    let loaded = origin.load(&config).unwrap();
    let judge = Judge::new(loaded.detector, &loaded.models, 1, judge_config(&config).unwrap(), incidents);
    let process = Process::started(Timestamp::from_nanos(0));
    let (publisher, _served) = Publisher::new(process, 1, Arc::clone(&saves), Arc::clone(&sinks));
    let checkpoints = Checkpoints::start(config.state.checkpoint(), Arc::clone(&saves)).unwrap();
    let targets = sinks::targets(&config, &Trusted::default()).unwrap();
    let (ways, threads) = sinks::start(targets, &sinks).unwrap();
    let (security, _) = watch::channel(Security::new(WebFile::default(), [0; 32]).unwrap());
    let reloader = Reloader {
        origin,
        started: config.clone(),
        current: config.clone(),
        log: LogHandle::silent(),
        trusted: Trusted::default(),
        sinks,
        security,
    };
    let judging =
        Judging::start(judge, reloader, Outlets { sinks: ways, checkpoints: checkpoints.jobs() }).unwrap();
    let watch = Watch::new(judging, Arc::clone(&saves), Tunables::of(&config));
    let mut pump = Pump::new(feed, pipeline, watch, publisher, Requests::default());
    assert!(!pump.run().unwrap(), "the feed ends by itself");
    let set_back = pump.watch.counts.set_back;
    let (moment, passed) = pump.finish();
    let passed = passed.unwrap();
    checkpoints.end(moment, passed.incidents.clone());
    for thread in threads {
        thread.join().unwrap();
    }
    let file = text_of(&folder.path().join("findings.jsonl"));
    Run {
        findings: passed.verdicts.scores.findings.clone(),
        set_back,
        lines: file.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

fn unshifted(_block: usize) -> Span {
    Span::ZERO
}

const ALL: std::ops::Range<usize> = 0..usize::MAX;

#[test]
fn an_incident_is_found_told_once_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(&folder, FileFeed::new("iodine_tunnel", ALL, unshifted));
    let found: Vec<_> = first.findings.iter().filter(|f| f.behaviour == Behaviour::DnsTunnel).collect();
    assert_eq!(found.len(), 1, "{:?}", first.findings);
    let told = |run: &Run| {
        let lines = run.lines.iter().filter(|line| line["undercurrent"]["id"] == found[0].id);
        lines.filter(|line| line["undercurrent"]["change"] == "new").count()
    };
    assert_eq!(told(&first), 1);
    // After the restart nothing comes any more, and nothing is told again.
    let second = run(&folder, FileFeed::new("iodine_tunnel", 0..0, unshifted));
    assert_eq!(told(&second), 1, "{:?}", second.lines);
    assert_eq!(second.findings.len(), first.findings.len());
    assert_eq!(second.findings[0].detected_at, first.findings[0].detected_at);
}

#[test]
fn a_restart_in_the_middle_changes_no_more_than_the_open_flows() {
    let folder = tempfile::tempdir().unwrap();
    let half = run(&folder, FileFeed::new("https_beacon_jitter", 0..3, unshifted));
    let rest = run(&folder, FileFeed::new("https_beacon_jitter", 3..usize::MAX, unshifted));
    let whole = run(&tempfile::tempdir().unwrap(), FileFeed::new("https_beacon_jitter", ALL, unshifted));
    assert_eq!(ids(&rest), ids(&whole));
    let (after, uncut) = (&rest.findings[0], &whole.findings[0]);
    assert_eq!(after.first_seen, uncut.first_seen, "what was before the restart is not forgotten");
    assert!(uncut.flows.abs_diff(after.flows) <= 2, "{} {}", uncut.flows, after.flows);
    assert!(half.findings.iter().all(|f| f.last_seen < after.last_seen));
}

fn ids(run: &Run) -> Vec<&str> {
    run.findings.iter().map(|finding| finding.id.as_str()).collect()
}

#[test]
fn a_clock_that_is_set_back_an_hour_stops_nothing() {
    fn set_back(block: usize) -> Span {
        if block < 3 { Span::ZERO } else { Span::from_secs(-3600) }
    }
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder, FileFeed::new("https_beacon_jitter", ALL, set_back));
    assert_eq!(run.set_back, 1);
    assert!(run.findings.iter().any(|f| f.behaviour == Behaviour::Beacon), "{:?}", run.findings);
}

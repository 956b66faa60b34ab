//! What a replay does while it reads: flow rows, RITA's pairs, and scoring passes, each only where an output needs it.

use std::collections::BTreeMap;

use crate::detect::{Detector, Finding, Scores};
use crate::export::ExportError;
use crate::export::metrics::{MetricsHistory, MetricsSnapshot};
use crate::features::FeatureStore;
use crate::features::rita::RitaPairs;
use crate::flow::FlowRecord;
use crate::pipeline::{Observer, Pipeline};
use crate::sensor::Measure;
use crate::time::Timestamp;

use super::super::session::{Reading, Watch};
use super::flows::FlowFile;
use super::schedule::{Due, Schedule};

/// The observer of a replay.
pub(super) struct Watcher<'a> {
    pub(super) flows: FlowFile,
    /// Where `--channels` or `--rita` is asked for.
    pub(super) rita: Option<RitaPairs>,
    /// Whether the scores of hosts are asked for.
    pub(super) hosts: bool,
    /// Whether those of all channels are.
    pub(super) channels: bool,
    /// Where metrics are asked for.
    pub(super) measure: Option<Measure>,
    /// Where passes are scheduled.
    pub(super) passes: Option<Passes<'a>>,
}

/// Scoring passes on a schedule.
pub(super) struct Passes<'a> {
    detector: &'a Detector,
    schedule: Schedule,
    history: Option<MetricsHistory>,
    /// When each finding was made, by its id.
    detected: BTreeMap<String, Timestamp>,
    error: Option<ExportError>,
}

impl<'a> Passes<'a> {
    pub(super) const fn new(
        detector: &'a Detector,
        schedule: Schedule,
        history: Option<MetricsHistory>,
    ) -> Self {
        Self { detector, schedule, history, detected: BTreeMap::new(), error: None }
    }

    /// Remembers when findings were made.
    fn detect(&mut self, at: Timestamp, findings: &[Finding]) {
        for finding in findings {
            self.detected.entry(finding.id.clone()).or_insert(at);
        }
    }

    /// Adds the metrics of a time to the history.
    fn record(&mut self, at: Timestamp, snapshot: Option<&MetricsSnapshot>) {
        if let (Some(history), Some(snapshot), None) = (&mut self.history, snapshot, &self.error) {
            self.error = history.append(at, snapshot).err();
        }
    }
}

impl Watcher<'_> {
    /// Takes a scoring pass over what the outputs need.
    pub(super) fn score(&self, detector: &Detector, store: &FeatureStore) -> Scores {
        if self.channels || self.measure.is_some() {
            detector.score(store)
        } else if self.hosts {
            detector.score_judged(store)
        } else {
            detector.find(store)
        }
    }

    /// Takes the pass at the end of the input. Gives the metrics after it, where they are asked for.
    pub(super) fn last_pass(&mut self, reading: &Reading, scores: &Scores) -> Option<MetricsSnapshot> {
        let pipeline = &reading.pipeline;
        let last = pipeline.stats().last;
        let measure = self.measure.as_mut()?;
        if let Some(last) = last {
            measure.pass(last, scores);
        }
        let mut snapshot = measure.snapshot(last.unwrap_or_default(), &pipeline.stats(), pipeline.store());
        // What the pipeline never saw is known only now.
        snapshot.dropped_packets.insert("filter".to_owned(), reading.filtered);
        for (reason, count) in &reading.capture.skipped {
            snapshot.dropped_packets.insert((*reason).to_owned(), *count);
        }
        Some(snapshot)
    }

    /// Closes the files that are written while reading, the history with the metrics at the end of the input, `last`. Gives when
    /// each finding was made, where passes were scheduled.
    pub(super) fn finish(
        self,
        last: Option<Timestamp>,
        findings: &[Finding],
        snapshot: Option<&MetricsSnapshot>,
    ) -> Result<Option<PassesOutcome>, ExportError> {
        self.flows.finish()?;
        let Some(mut passes) = self.passes else { return Ok(None) };
        if let Some(last) = last {
            passes.detect(last, findings);
            passes.record(last, snapshot);
        }
        if let Some(error) = passes.error {
            return Err(error);
        }
        let points_dropped = passes.history.map_or(Ok(0), MetricsHistory::finish)?;
        Ok(Some(PassesOutcome { detected: passes.detected, points_dropped }))
    }
}

/// What scheduled passes came to.
pub(super) struct PassesOutcome {
    /// When each finding was made, by its id.
    pub(super) detected: BTreeMap<String, Timestamp>,
    /// Points of the history that were left out because there were too many series.
    pub(super) points_dropped: u64,
}

impl Observer for Watcher<'_> {
    fn flow_ended(&mut self, record: &FlowRecord) {
        self.flows.write(record);
        if let Some(rita) = &mut self.rita {
            rita.add(record);
        }
    }

    fn tick(&mut self, at: Timestamp, pipeline: &mut Pipeline) {
        if let Some(passes) = &mut self.passes {
            let channels = pipeline.store().channels().len() as u64;
            let due = passes.schedule.due(at, pipeline.stats().frames, channels);
            if due == Due::Pass {
                let (detector, store) = (passes.detector, pipeline.store());
                let scores = match &mut self.measure {
                    None => detector.find(store),
                    Some(measure) => {
                        let scores = detector.score(store);
                        measure.pass(at, &scores);
                        scores
                    }
                };
                passes.detect(at, &scores.findings);
            }
            if due != Due::Nothing {
                let snapshot = self
                    .measure
                    .as_mut()
                    .map(|measure| measure.snapshot(at, &pipeline.stats(), pipeline.store()));
                passes.record(at, snapshot.as_ref());
            }
        }
        if let Some(measure) = &mut self.measure {
            measure.tick(at, pipeline.store());
        }
    }
}

impl Watch for Watcher<'_> {
    fn failed(&self) -> bool {
        self.flows.failed() || self.passes.as_ref().is_some_and(|passes| passes.error.is_some())
    }
}

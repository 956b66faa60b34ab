//! A scoring pass of the sensor: scores a copy of the state, follows the findings, measures.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::detect::{Detector, Finding, Kind, Scores};
use crate::export::metrics::{Exemplar, HostLabel, HostLabels, MetricsSnapshot, TopKConfig};
use crate::export::summary::ModelSummary;
use crate::features::FeatureStore;
use crate::pipeline::Stats;
use crate::time::{Span, Timestamp};

use super::{Book, BookConfig, Event, Incident, Measure};

/// Incidents that are over and are still shown, at most.
const ENDED_SHOWN: usize = 200;

/// Findings of a detector that may be exemplars: a bucket takes one, and there are a few dozen buckets.
const EXEMPLARS: usize = 100;

/// A copy of the pipeline's state at one moment.
#[derive(Debug)]
pub struct Moment {
    /// Packet time.
    pub at: Timestamp,
    /// Hosts and channels. Shared with whoever makes the next copy of this one.
    pub store: Arc<FeatureStore>,
    /// What was counted by then.
    pub stats: Stats,
}

/// What a pass came to: what is served until the next one.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    /// Packet time of the pass; nothing before the first.
    pub at: Option<Timestamp>,
    /// Scores of all hosts and of the channels that can be judged; the findings are those that go on.
    pub scores: Scores,
    /// Findings that are over, the newest first.
    pub ended: Vec<Finding>,
    /// The metrics of the pass.
    pub metrics: MetricsSnapshot,
}

/// What a judge is to be told when the configuration changes.
#[derive(Clone, Debug, Default)]
pub struct JudgeConfig {
    /// How findings are followed.
    pub book: BookConfig,
    /// Which hosts have series.
    pub topk: TopKConfig,
    /// What stands for a host in the metrics.
    pub host_label: HostLabel,
}

/// Judges one moment after the other.
#[derive(Debug)]
pub struct Judge {
    detector: Detector,
    measure: Measure,
    book: Book,
    config: JudgeConfig,
    /// The last findings, by id, for when they end.
    last: BTreeMap<String, Finding>,
    ended: VecDeque<Finding>,
}

impl Judge {
    /// A judge that goes on with the incidents of an earlier run.
    pub fn new(
        detector: Detector,
        models: &[ModelSummary],
        max_flows: usize,
        config: JudgeConfig,
        incidents: BTreeMap<String, Incident>,
    ) -> Self {
        let measure = Measure::new(&detector, models, max_flows).with_top_k(config.topk);
        let book = Book::new(config.book.clone(), incidents);
        Self { detector, measure, book, config, last: BTreeMap::new(), ended: VecDeque::new() }
    }

    /// Goes on with another detector and other settings.
    pub fn reload(&mut self, detector: Detector, models: &[ModelSummary], config: JudgeConfig) {
        self.measure.set_models(&detector, models);
        self.measure.set_top_k(config.topk);
        self.book.configure(config.book.clone());
        self.detector = detector;
        self.config = config;
    }

    /// The incidents that are followed, for the checkpoint.
    pub fn incidents(&self) -> &BTreeMap<String, Incident> {
        self.book.open()
    }

    /// Findings that could not be followed.
    pub fn untold(&self) -> u64 {
        self.book.untold()
    }

    /// Takes a pass. Gives what is to be served, and what is to be told.
    pub fn pass(&mut self, moment: &Moment) -> (Verdicts, Vec<Event>) {
        let at = moment.at;
        let mut scores = self.detector.score_judged(&moment.store);
        // What is over does not keep an alert up. Silent channels keep their state, for when they come back.
        let silent_since = at - Span::from_secs(self.config.book.end_after_s.into());
        scores.score_hosts(|scored| scored.channel.last_seen >= silent_since);
        let mut events = self.book.take(at, &mut scores.findings);
        self.remember(&scores.findings, &mut events);
        self.measure.tick(at, &moment.store);
        self.measure.pass(at, &scores);
        let mut metrics = self.measure.snapshot(at, &moment.stats, &moment.store);
        metrics.exemplars = exemplars(&scores.findings, at);
        let chosen = metrics.host_volumes.iter().map(|volume| volume.host);
        let chosen = chosen.chain(metrics.host_scores.iter().map(|score| score.host)).collect();
        metrics.host_labels = HostLabels::new(&self.config.host_label, &chosen, &moment.store);
        let ended = self.ended.iter().cloned().collect();
        (Verdicts { at: Some(at), scores, ended, metrics }, events)
    }

    /// Keeps the findings of the pass, and shows those that ended for a while.
    fn remember(&mut self, findings: &[Finding], events: &mut [Event]) {
        for event in events.iter_mut().filter(|event| event.finding.is_none()) {
            if let Some(finding) = self.last.remove(&event.id) {
                self.ended.push_front(finding.clone());
                event.finding = Some(finding);
            }
        }
        self.ended.truncate(ENDED_SHOWN);
        self.last = findings.iter().map(|finding| (finding.id.clone(), finding.clone())).collect();
    }
}

/// An exemplar for each of the findings with the highest scores, which leads from the histogram of scores to the finding.
fn exemplars(findings: &[Finding], at: Timestamp) -> BTreeMap<Kind, Vec<Exemplar>> {
    let mut exemplars: BTreeMap<Kind, Vec<Exemplar>> = BTreeMap::new();
    for finding in findings {
        let exemplar = Exemplar { finding_id: finding.id.clone(), value: finding.score, at };
        let of_kind = exemplars.entry(finding.kind).or_default();
        if of_kind.len() < EXEMPLARS {
            of_kind.push(exemplar);
        }
    }
    exemplars
}

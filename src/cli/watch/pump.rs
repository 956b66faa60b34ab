//! The packet thread: blocks and flow records from the feed through the pipeline, and at ticks a copy of the state to the judge. It never waits for
//! a disk, a client, or a verdict.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::capture::live::LinkState;
use crate::export::metrics::Buckets;
use crate::features::{Assets, FeatureStore};
use crate::pipeline::{Observer, Pipeline};
use crate::sensor::Moment;
use crate::time::{Span, Timestamp};

use super::super::clock;
use super::feed::{Fed, Feed};
use super::judging::{Job, Judging, Outcome, Passed};
use super::publish::{Losses, Publisher};
use super::reload::{Reloaded, Tunables};
use super::saving::SaveState;
use super::service;
use super::sinks::{Shared, lock};

/// Longest wait for packets: how soon a signal is seen.
const WAIT: Duration = Duration::from_millis(100);
/// Silence after which packet time follows the clock.
const QUIET: Duration = Duration::from_secs(1);
/// How far it stays behind then: a packet that was stamped before may still be on its way.
const BEHIND: Span = Span::from_secs(2);
/// How far packets must go back in time for the clock to count as set back; less is disorder of the capture.
const SET_BACK: Span = Span::from_secs(10);
/// How often the state is published.
const PUBLISH: Duration = Duration::from_secs(1);
/// Passes may take this share of the time, one in so many; where they take long, they are fewer.
const REST: u32 = 9;
/// At the end: how long what was captured may take to be read, and the last pass.
const DRAIN: Duration = Duration::from_millis(1500);
const LAST_PASS: Duration = Duration::from_millis(1500);

/// What signals ask for.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) stop: Arc<AtomicBool>,
    pub(super) reload: Arc<AtomicBool>,
}

/// The packet thread's state.
pub(super) struct Pump<F> {
    pub(super) feed: F,
    pub(super) pipeline: Pipeline,
    pub(super) watch: Watch,
    pub(super) publisher: Publisher,
    pub(super) requests: Requests,
    links: Vec<(String, LinkState)>,
    last_block: Instant,
    last_publish: Instant,
    /// Latest time of any packet.
    newest: Timestamp,
}

/// What is done at ticks of packet time.
pub(super) struct Watch {
    judging: Judging,
    saves: Shared<SaveState>,
    tunables: Tunables,
    /// Packet time of the last pass that was asked for.
    asked_at: Option<Timestamp>,
    /// By the clock, when the next pass may begin at the earliest.
    rested: Instant,
    waiting: bool,
    /// The copy of the state that was judged last: the next one is made of it.
    judged: Option<Arc<FeatureStore>>,
    pub(super) counts: Counts,
    pub(super) passed: Option<Arc<Passed>>,
}

/// What the packet thread counts besides packets.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) set_back: u64,
    pub(super) late: u64,
    pub(super) took: Buckets,
    pub(super) reloaded: bool,
}

impl Watch {
    pub(super) fn new(judging: Judging, saves: Shared<SaveState>, tunables: Tunables) -> Self {
        let took = Buckets::new(&Buckets::DURATION_BOUNDS_S);
        Self {
            judging,
            saves,
            tunables,
            asked_at: None,
            rested: clock::instant(),
            waiting: false,
            judged: None,
            counts: Counts { set_back: 0, late: 0, took, reloaded: true },
            passed: None,
        }
    }

    /// Takes what the judge has done. Gives the assets where a reload has changed them.
    fn take(&mut self, outcome: Outcome) -> Option<Assets> {
        match outcome {
            Outcome::Reload(reloaded) => {
                self.counts.reloaded = reloaded.is_some();
                let Reloaded { tunables, assets } = reloaded?;
                self.tunables = tunables;
                assets
            }
            Outcome::Pass(passed, judged) => {
                self.waiting = false;
                self.judged = Some(judged);
                self.counts.took.observe(passed.took.as_secs_f64());
                self.rested = clock::instant() + passed.took * REST;
                self.passed = Some(passed);
                None
            }
        }
    }

    fn is_due(&self, at: Timestamp) -> bool {
        let every = Span::from_secs(self.tunables.score_every_s.into());
        // Packet time that was set back must not stop it.
        self.asked_at.is_none_or(|asked| at - asked >= every || at < asked)
    }

    fn is_checkpoint_due(&self) -> bool {
        let every = Duration::from_secs(self.tunables.checkpoint_interval_s.into());
        lock(&self.saves).last.is_none_or(|last| last.elapsed() + WAIT >= every)
    }

    /// Asks for a pass over a copy of the state. False where the judge has not done the one before.
    fn ask(&mut self, at: Timestamp, pipeline: &mut Pipeline, save: bool) -> bool {
        if self.waiting {
            return false;
        }
        // While a checkpoint is written from it, it is not given back: then all is copied.
        let before = self.judged.take().and_then(Arc::into_inner);
        let store = Arc::new(pipeline.copy_store(before));
        let moment = Moment { at, store, stats: pipeline.stats() };
        self.waiting = self.judging.ask(Job::Pass { moment: Box::new(moment), save });
        self.waiting
    }
}

impl Observer for Watch {
    fn tick(&mut self, at: Timestamp, pipeline: &mut Pipeline) {
        if !self.is_due(at) || clock::instant() < self.rested {
            return;
        }
        let save = self.is_checkpoint_due();
        if self.ask(at, pipeline, save) {
            self.asked_at = Some(at);
        } else {
            self.counts.late += 1;
        }
    }
}

impl<F: Feed> Pump<F> {
    pub(super) fn new(
        feed: F,
        pipeline: Pipeline,
        watch: Watch,
        publisher: Publisher,
        requests: Requests,
    ) -> Self {
        let now = clock::instant();
        Self {
            feed,
            pipeline,
            watch,
            publisher,
            requests,
            links: Vec::new(),
            last_block: now,
            last_publish: now,
            newest: Timestamp::MIN,
        }
    }

    /// Goes on until it is asked to stop or no packet can come any more. Gives whether it was asked.
    ///
    /// # Errors
    /// Where the judge has died.
    pub(super) fn run(&mut self) -> anyhow::Result<bool> {
        self.look_around();
        service::ready();
        while !self.requests.stop.load(Ordering::Relaxed) {
            if !self.feed.is_open() {
                error!("no interface can be captured from any more");
                return Ok(false);
            }
            self.step(WAIT);
            anyhow::ensure!(!self.watch.judging.is_dead(), "the thread that judges has ended");
        }
        info!("stopping");
        service::stopping();
        Ok(true)
    }

    /// Takes a block, or lets packet time go on without one.
    fn step(&mut self, wait: Duration) {
        match self.feed.next(wait) {
            Some(Fed::Frames(block)) => {
                self.last_block = clock::instant();
                if let Some(first) = block.frames.first().map(|frame| frame.ts) {
                    self.look_for_set_back(first);
                    let newest = block.frames.iter().map(|frame| frame.ts).max().unwrap_or(first);
                    self.newest = self.newest.max(newest);
                }
                let block = self.pipeline.take(block, &mut self.watch);
                self.feed.recycle(block);
            }
            Some(Fed::Records(records)) => {
                self.last_block = clock::instant();
                let newest = records.iter().map(|record| record.at).max();
                self.newest = self.newest.max(newest.unwrap_or(self.newest));
                self.pipeline.take_records(&records, &mut self.watch);
            }
            None => self.go_on_without_packets(),
        }
        while let Some(outcome) = self.watch.judging.outcome() {
            if let Some(assets) = self.watch.take(outcome) {
                self.pipeline.set_assets(assets);
            }
        }
        if self.requests.reload.load(Ordering::Relaxed) && self.watch.judging.ask(Job::Reload) {
            self.requests.reload.store(false, Ordering::Relaxed);
        }
        if self.last_publish.elapsed() >= PUBLISH {
            self.look_around();
        }
    }

    fn look_for_set_back(&mut self, first: Timestamp) {
        if self.newest - first > SET_BACK && self.newest != Timestamp::MIN {
            let by = (self.newest - first).as_secs_f64();
            warn!("packet time went back by {by:.0} s: was the clock set?");
            self.watch.counts.set_back += 1;
            self.pipeline.set_back(first);
            self.newest = first;
        }
    }

    fn go_on_without_packets(&mut self) {
        if self.last_block.elapsed() < QUIET {
            return;
        }
        if let Some(now) = self.feed.now().map(|now| now - BEHIND).filter(|now| *now > self.newest) {
            self.pipeline.advance(now, &mut self.watch);
        }
    }

    /// Tells of interfaces that come and go, and publishes the state.
    fn look_around(&mut self) {
        self.last_publish = clock::instant();
        let links = self.feed.interfaces();
        for (interface, state) in &links {
            let before = self.links.iter().find(|(name, _)| name == interface).map(|(_, state)| state);
            match (before, state) {
                (Some(before), state) if before == state => {}
                (_, LinkState::Up) => info!("capturing from {interface}"),
                (_, LinkState::Down) => warn!("{interface} is not there or down; waiting for it"),
                (_, LinkState::Failed(why)) => error!("{interface} cannot be captured from: {why}"),
            }
        }
        self.links = links;
        service::alive();
        self.publish(false);
    }

    fn publish(&mut self, stopping: bool) {
        let losses = self.feed.losses();
        let watch = &self.watch;
        self.publisher.publish(
            &self.pipeline,
            watch.passed.as_deref(),
            &watch.counts,
            &self.links,
            Losses { packets: losses, exports: self.feed.exports() },
            stopping,
        );
    }

    /// Reads what was captured, ends all flows and takes a last pass. Gives the last moment and the incidents after it.
    pub(super) fn finish(mut self) -> (Moment, Option<Arc<Passed>>) {
        self.publish(true);
        self.feed.stop();
        let began = clock::instant();
        while self.feed.is_open() && began.elapsed() < DRAIN {
            self.step(Duration::ZERO);
        }
        self.pipeline.finish(&mut self.watch);
        let at = self.last_moment();
        self.last_pass(at);
        self.watch.judging.dismiss();
        let stats = self.pipeline.stats();
        let moment = Moment { at, store: Arc::new(self.pipeline.into_store()), stats };
        (moment, self.watch.passed)
    }

    /// The latest packet time there was; by the clock where no packet ever came.
    fn last_moment(&self) -> Timestamp {
        let at = self.newest.max(self.watch.asked_at.unwrap_or(Timestamp::MIN));
        if at == Timestamp::MIN { self.feed.now().unwrap_or(at) } else { at }
    }

    fn last_pass(&mut self, at: Timestamp) {
        let began = clock::instant();
        let mut asked = false;
        while began.elapsed() < LAST_PASS {
            if !asked {
                asked = self.watch.ask(at, &mut self.pipeline, false);
            } else if !self.watch.waiting {
                return;
            }
            let left = LAST_PASS.saturating_sub(began.elapsed());
            if let Some(outcome) = self.watch.judging.wait(left) {
                self.watch.take(outcome);
            }
        }
        warn!("the last pass took too long: its findings will be told after the next start");
    }
}

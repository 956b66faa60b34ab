//! Exports of flows that come by UDP, and the clock of the flows that they tell of.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::export::metrics::NetflowState;
use crate::records::Record;
use crate::records::netflow::{Collector, Config, Datagrams, Notice};
use crate::time::{Span, Timestamp};

use super::super::clock;

/// Datagrams that are taken before the loop goes on.
const DATAGRAMS_A_STEP: usize = 256;
/// How often the clock of the flows is moved where no flow moves it.
const STEP: Duration = Duration::from_secs(1);
/// Conversations that are ended at once when the sensor stops.
const LAST_A_STEP: usize = 512;

/// Sockets and what comes of them.
pub(super) struct Exports {
    config: Config,
    datagrams: Datagrams,
    collector: Collector,
    /// When the clock of the flows was moved last.
    moved: Instant,
    /// Datagrams of those whose exports are not taken.
    refused: u64,
    stopping: bool,
    done: bool,
}

impl Exports {
    pub(super) fn new(config: Config, datagrams: Datagrams, collector: Collector) -> Self {
        let moved = clock::instant();
        Self { config, datagrams, collector, moved, refused: 0, stopping: false, done: false }
    }

    /// What has come of the next datagrams, which are waited for.
    pub(super) fn next(&mut self, timeout: Duration) -> Vec<Record> {
        let mut records = Vec::new();
        let mut wait = timeout;
        let mut taken = 0;
        while taken < DATAGRAMS_A_STEP && records.is_empty() {
            let Some(datagram) = self.datagrams.next(wait) else { break };
            (wait, taken) = (Duration::ZERO, taken + 1);
            if self.config.takes(datagram.from.ip()) {
                self.collector.take(datagram.from, clock::now(), &datagram.bytes, &mut records);
            } else {
                self.refused += 1;
            }
        }
        self.go_on(taken == 0, &mut records);
        self.tell();
        records
    }

    /// Lets time go on where no flow says so, and ends the conversations once no datagram can come any more.
    fn go_on(&mut self, quiet: bool, records: &mut Vec<Record>) {
        let passed = self.moved.elapsed();
        if passed >= STEP && self.collector.now() != Timestamp::MIN {
            self.moved = clock::instant();
            let now = self.collector.now() + Span::from_secs_f64(passed.as_secs_f64());
            self.collector.advance(now, records);
        }
        if self.stopping && quiet {
            let before = records.len();
            self.collector.finish(LAST_A_STEP, records);
            self.done = records.len() == before;
        }
    }

    fn tell(&mut self) {
        while let Some(notice) = self.collector.take_notice() {
            match notice {
                Notice::Begun(text) => info!("{text}"),
                Notice::Sampled(text) => warn!("{text}"),
            }
        }
    }

    /// Whether records may come yet.
    pub(super) fn is_open(&self) -> bool {
        !self.done
    }

    /// Listens no more.
    pub(super) fn stop(&mut self) {
        self.datagrams.stop();
        self.stopping = true;
    }

    /// The time by the clock of the flows.
    pub(super) fn now(&self) -> Option<Timestamp> {
        Some(self.collector.now()).filter(|now| *now != Timestamp::MIN)
    }

    /// What is shown of it.
    pub(super) fn state(&self) -> NetflowState {
        let stats = self.collector.stats();
        let owned = |(reason, count): (&&str, &u64)| ((*reason).to_owned(), *count);
        let mut skipped: BTreeMap<String, u64> = stats.skipped.iter().map(owned).collect();
        skipped.insert("queue_full".to_owned(), self.datagrams.dropped());
        skipped.insert("exporter_refused".to_owned(), self.refused);
        NetflowState {
            datagrams: stats.datagrams,
            flows: stats.flows,
            lost: [("flows", stats.lost_flows), ("datagrams", stats.lost_datagrams)]
                .map(|(unit, count)| (unit.to_owned(), count))
                .into(),
            skipped,
            exporters: stats.exporters,
            templates: stats.templates,
            conversations: stats.conversations,
        }
    }
}

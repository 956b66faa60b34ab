//! The data path on one screen: capture → decode → flow → features, and for flow records records → features. Scoring is done by whoever owns the pipeline, between
//! blocks or at the end.
//!
//! Flows live in a fixed number of logical shards. However many workers own them, each shard sees its packets in
//! the order of the input and is swept at the same ticks of packet time; events are sorted before they are applied. So the
//! outcome does not depend on the number of threads.

mod balance;
mod batch;
mod workers;

use std::sync::Arc;

use crate::capture::{Block, FrameRef};
use crate::decode::{self, DecodeStats, Decoder};
use crate::features::{self, Assets, FeatureStore, LocalNetworks, SavedFeatures};
use crate::flow::{self, Events, FlowEvent, FlowHasher, FlowRecord, FlowReport, ReportPhase};
use crate::records::{Record, Told};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

use workers::Workers;

/// Flows are swept at multiples of this of packet time.
pub const TICK: Span = Span::from_secs(10);

/// The stages' own settings.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Monitored networks.
    pub local: LocalNetworks,
    /// Whose data must not leave.
    pub assets: Assets,
    /// Decode stage.
    pub decode: decode::Config,
    /// Flow stage.
    pub flow: flow::Config,
    /// Feature stage.
    pub features: features::Config,
}

/// What the pipeline counted.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Frames taken.
    pub frames: u64,
    /// Their bytes on the wire.
    pub wire_bytes: u64,
    /// Time of the first frame.
    pub first: Option<Timestamp>,
    /// Latest time of any frame.
    pub last: Option<Timestamp>,
    /// Decode stage.
    pub decode: DecodeStats,
    /// Flow stage, all shards.
    pub flow: flow::Stats,
    /// Flows open now.
    pub flows_active: usize,
}

/// Who looks on while the pipeline runs. What it is shown, and in which order, is the same for any number of threads.
pub trait Observer {
    /// A flow ended.
    fn flow_ended(&mut self, _record: &FlowRecord) {}

    /// Packet time has reached `at`, a multiple of [`TICK`]; all before it is applied. A gap in packet time gives one call, at its
    /// end; the first packet and the end of the input give none.
    fn tick(&mut self, _at: Timestamp, _pipeline: &mut Pipeline) {}
}

/// Looks at nothing.
impl Observer for () {}

/// The stages in a row, and the state between them.
#[derive(Debug)]
pub struct Pipeline {
    decoder: Decoder,
    hasher: FlowHasher,
    workers: Workers,
    store: FeatureStore,
    stats: Stats,
    next_tick: Option<Timestamp>,
    ordinal: u64,
}

impl Pipeline {
    /// A pipeline of `threads` threads in all: with one, the caller does everything.
    pub fn new(config: &Config, seed: Seed, threads: usize) -> Self {
        Self {
            decoder: Decoder::new(config.decode.clone(), seed),
            hasher: FlowHasher::new(seed),
            workers: Workers::start(&config.flow, seed, threads),
            store: FeatureStore::new(&config.features, config.local.clone(), seed)
                .with_assets(config.assets.clone()),
            stats: Stats::default(),
            next_tick: None,
            ordinal: 0,
        }
    }

    /// Takes a block of frames, and gives one to be filled next.
    pub fn take(&mut self, block: Block, observer: &mut dyn Observer) -> Block {
        let mut batch = self.workers.free_batch();
        batch.fill(block, self.ordinal, &mut self.decoder, &self.hasher);
        self.ordinal += batch.packets.len() as u64;
        let batch = Arc::new(batch);
        let mut uncounted = batch.block.frames.as_slice();
        let mut done = 0;
        while let Some(rest @ [packet, ..]) = batch.packets.get(done..) {
            let tick = match self.next_tick {
                Some(tick) if is_before(packet.ts, tick) => tick,
                due => {
                    let at = packet.ts.floor_to(TICK);
                    let before = uncounted.iter().position(|frame| frame.ts >= at).unwrap_or(uncounted.len());
                    let (counted, after) = uncounted.split_at(before);
                    self.count(counted);
                    uncounted = after;
                    self.tick(at, due.is_some(), observer)
                }
            };
            let until =
                done + rest.iter().position(|packet| !is_before(packet.ts, tick)).unwrap_or(rest.len());
            let Self { workers, store, .. } = self;
            workers
                .process(&batch, done..until, &mut |events| apply(store, Events::in_order(events), observer));
            done = until;
        }
        self.count(uncounted);
        self.workers.reclaim(batch)
    }

    /// Packet time has reached `at` without a packet: does what is due by then. For links on which nothing is sent for a while.
    pub fn advance(&mut self, at: Timestamp, observer: &mut dyn Observer) {
        match self.next_tick {
            Some(tick) if is_before(at, tick) => {}
            due => drop(self.tick(at.floor_to(TICK), due.is_some(), observer)),
        }
    }

    /// Packet time was set back to `to`: ticks go on from there. Without it, none would come before the old time is reached again.
    pub fn set_back(&mut self, to: Timestamp) {
        self.next_tick = Some(to.floor_to(TICK) + TICK);
    }

    /// Follows these assets from now on.
    pub fn set_assets(&mut self, assets: Assets) {
        self.store.set_assets(assets);
    }

    /// Takes over the state of hosts and channels of an earlier run with the same seed.
    pub fn restore(&mut self, saved: SavedFeatures) {
        self.store.restore(saved);
    }

    /// Takes flow records, which need no tables. Their packets and bytes count as frames do.
    pub fn take_records(&mut self, records: &[Record], observer: &mut dyn Observer) {
        let mut rest = records;
        while let [record, ..] = rest {
            let tick = match self.next_tick {
                Some(tick) if is_before(record.at, tick) => tick,
                due => self.tick(record.at.floor_to(TICK), due.is_some(), observer),
            };
            let until = rest.iter().position(|record| !is_before(record.at, tick)).unwrap_or(rest.len());
            let (now, later) = rest.split_at(until);
            rest = later;
            for record in now {
                self.count_record(record);
            }
            apply(&mut self.store, now.iter().flat_map(Record::events), observer);
        }
    }

    /// Ends all flows and brings the features up to date.
    pub fn finish(&mut self, observer: &mut dyn Observer) {
        let Self { workers, store, .. } = self;
        workers.sweep(None, &mut |events| apply(store, Events::in_order(events), observer));
    }

    /// Ends the threads; gives the state of hosts and channels.
    pub fn into_store(self) -> FeatureStore {
        self.store
    }

    /// State of hosts and channels, as of the last tick.
    pub fn store(&self) -> &FeatureStore {
        &self.store
    }

    /// A copy of it, made of the one before where that is given ([`FeatureStore::copy`]).
    pub fn copy_store(&mut self, before: Option<FeatureStore>) -> FeatureStore {
        self.store.copy(before)
    }

    /// What was counted so far; of the flows, as of the last tick. At a tick, the frames before it are counted; the decode stage
    /// may be ahead by the rest of a block.
    pub fn stats(&self) -> Stats {
        let (mut flow, flows_active) = self.workers.stats();
        flow += self.stats.flow;
        Stats { decode: self.decoder.stats().clone(), flow, flows_active, ..self.stats.clone() }
    }

    /// Sweeps the flows at `at` (unless it is before the first packet), brings the features up to date, and gives the next
    /// tick.
    fn tick(&mut self, at: Timestamp, sweep: bool, observer: &mut dyn Observer) -> Timestamp {
        let next = at + TICK;
        self.next_tick = Some(next);
        if sweep {
            let Self { workers, store, .. } = self;
            workers.sweep(Some(at), &mut |events| apply(store, Events::in_order(events), observer));
            store.trim();
            observer.tick(at, self);
        }
        next
    }

    fn count_record(&mut self, record: &Record) {
        let Told::Flow(_, report) = &record.what else { return };
        let (flow, counters) = (&report.record, &report.new);
        let stats = &mut self.stats;
        stats.frames = stats.frames.saturating_add(counters.orig_pkts).saturating_add(counters.resp_pkts);
        let bytes = counters.orig_ip_bytes.saturating_add(counters.resp_ip_bytes);
        stats.wire_bytes = stats.wire_bytes.saturating_add(bytes);
        stats.first = Some(stats.first.map_or(flow.first, |first| first.min(flow.first)));
        stats.last = stats.last.max(Some(flow.last));
        stats.flow.count_record(report.phase, report.first);
    }

    fn count(&mut self, frames: &[FrameRef]) {
        self.stats.frames += frames.len() as u64;
        self.stats.wire_bytes += frames.iter().map(|frame| u64::from(frame.wire_len)).sum::<u64>();
        self.stats.first = self.stats.first.or(frames.first().map(|frame| frame.ts));
        self.stats.last = self.stats.last.max(frames.iter().map(|frame| frame.ts).max());
    }
}

/// Whether a time comes before a tick. Times beyond what can be held are all the latest one, and no tick comes after it.
fn is_before(at: Timestamp, tick: Timestamp) -> bool {
    at < tick || tick == Timestamp::MAX
}

/// Brings the features up to date, and shows the flows that ended.
fn apply<'a>(
    store: &mut FeatureStore,
    events: impl Iterator<Item = FlowEvent<'a>>,
    observer: &mut dyn Observer,
) {
    store.apply(events.inspect(|event| {
        if let FlowEvent::Report(FlowReport { phase: ReportPhase::Final(_), record, .. }) = event {
            observer.flow_ended(record);
        }
    }));
}

#[cfg(test)]
mod tests;

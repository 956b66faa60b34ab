//! The data path on one screen: capture → decode → flow → features. Scoring is done by whoever owns the pipeline, between
//! blocks or at the end.
//!
//! Flows live in a fixed number of logical shards. However many workers own them, each shard sees its packets in
//! the order of the input and is swept at the same ticks of packet time; events are sorted before they are applied. So the
//! outcome does not depend on the number of threads.

mod workers;

use crate::capture::Block;
use crate::decode::{self, DecodeStats, Decoder, Packet};
use crate::features::{self, FeatureStore, LocalNetworks};
use crate::flow::{self, FlowEvent, FlowEventKind, FlowHasher, FlowPacket, FlowRecord, ReportPhase};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

use workers::Workers;

/// Flows are swept at multiples of this of packet time.
pub const TICK: Span = Span::from_secs(10);

/// Events are applied at every tick and at every multiple of this many packets: bounds the events in memory.
const SEGMENT_PACKETS: u64 = 1 << 16;

/// Flows that are ended before their events are applied: a million flows that end together would otherwise be in
/// memory twice.
const STEP_FLOWS: usize = 1 << 16;

/// The stages' own settings.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Monitored networks.
    pub local: LocalNetworks,
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

/// The stages in a row, and the state between them.
#[derive(Debug)]
pub struct Pipeline {
    decoder: Decoder,
    hasher: FlowHasher,
    workers: Workers,
    store: FeatureStore,
    packets: Vec<Packet>,
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
            store: FeatureStore::new(&config.features, config.local.clone(), seed),
            packets: Vec::new(),
            stats: Stats::default(),
            next_tick: None,
            ordinal: 0,
        }
    }

    /// Takes a block of frames, and gives one to be filled next. Flows that ended are shown to `ended`.
    pub fn take(&mut self, block: Block, ended: &mut dyn FnMut(&FlowRecord)) -> Block {
        let mut packets = std::mem::take(&mut self.packets);
        self.count(&block);
        self.decoder.decode_block(&block, &mut packets);
        let block = Workers::share(block);
        let mut rest = packets.as_slice();
        while let Some(packet) = rest.first() {
            let tick = match self.next_tick {
                Some(tick) if packet.ts < tick => tick,
                due => self.tick(packet.ts, due.is_some(), ended),
            };
            let room = SEGMENT_PACKETS - self.ordinal % SEGMENT_PACKETS;
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            let until = rest.iter().take(room).position(|p| p.ts >= tick).unwrap_or(room);
            let (segment, after) = rest.split_at(until);
            self.process(segment, &block);
            if self.ordinal.is_multiple_of(SEGMENT_PACKETS) {
                self.apply(ended);
            }
            rest = after;
        }
        packets.clear();
        self.packets = packets;
        self.workers.reclaim(block)
    }

    /// Ends all flows and brings the features up to date.
    pub fn finish(&mut self, ended: &mut dyn FnMut(&FlowRecord)) {
        self.end_flows(None, ended);
    }

    /// State of hosts and channels, as of the last tick.
    pub fn store(&self) -> &FeatureStore {
        &self.store
    }

    /// What was counted so far; of the flows, as of the last tick.
    pub fn stats(&self) -> Stats {
        let (flow, flows_active) = self.workers.stats();
        Stats { decode: self.decoder.stats().clone(), flow, flows_active, ..self.stats.clone() }
    }

    /// Sweeps the flows at the last multiple of [`TICK`] up to `now` (not before the first packet), brings the features up
    /// to date, and gives the next tick.
    fn tick(&mut self, now: Timestamp, sweep: bool, ended: &mut dyn FnMut(&FlowRecord)) -> Timestamp {
        let at = now.floor_to(TICK);
        if sweep {
            self.end_flows(Some(at), ended);
            self.store.trim();
        }
        let next = at + TICK;
        self.next_tick = Some(next);
        next
    }

    /// Ends the flows whose time is up, or all, in steps of a bounded number.
    fn end_flows(&mut self, now: Option<Timestamp>, ended: &mut dyn FnMut(&FlowRecord)) {
        self.apply(ended);
        for before in self.workers.steps(now, STEP_FLOWS) {
            self.workers.end(now, before);
            self.apply(ended);
        }
    }

    fn process(&mut self, segment: &[Packet], block: &workers::SharedBlock) {
        let mut shards = Workers::empty_shards();
        for (ordinal, packet) in (self.ordinal..).zip(segment) {
            let (shard, hash) = self.hasher.shard_of(packet);
            if let Some(queue) = shards.get_mut(shard) {
                queue.push(FlowPacket { ordinal, hash, packet: *packet });
            }
        }
        self.ordinal += segment.len() as u64;
        self.workers.process(shards, block);
    }

    fn apply(&mut self, ended: &mut dyn FnMut(&FlowRecord)) {
        let mut events = self.workers.collect();
        events.sort_by_key(|event| (event.order, event.sub));
        for event in &events {
            self.store.apply(event);
            if let Some(record) = final_record(event) {
                ended(record);
            }
        }
    }

    fn count(&mut self, block: &Block) {
        self.stats.frames += block.frames.len() as u64;
        self.stats.wire_bytes += block.frames.iter().map(|frame| u64::from(frame.wire_len)).sum::<u64>();
        self.stats.first = self.stats.first.or(block.frames.first().map(|frame| frame.ts));
        self.stats.last = self.stats.last.max(block.frames.iter().map(|frame| frame.ts).max());
    }
}

fn final_record(event: &FlowEvent) -> Option<&FlowRecord> {
    match &event.kind {
        FlowEventKind::Report(report) if matches!(report.phase, ReportPhase::Final(_)) => {
            Some(&report.record)
        }
        _ => None,
    }
}

//! The data path on one screen: capture → decode → flow → features. Scoring is done by whoever owns the pipeline, between
//! blocks or at the end.
//!
//! Flows live in a fixed number of logical shards. However many workers own them, each shard sees its packets in
//! the order of the input and is swept at the same ticks of packet time; events are sorted before they are applied. So the
//! outcome does not depend on the number of threads.

mod workers;

use crate::capture::{Block, FrameRef};
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

/// Who looks on while the pipeline runs. What it is shown, and in which order, is the same for any number of threads.
pub trait Observer {
    /// A flow ended.
    fn flow_ended(&mut self, _record: &FlowRecord) {}

    /// Packet time has reached `at`, a multiple of [`TICK`]; all before it is applied. A gap in packet time gives one call, at its
    /// end; the first packet and the end of the input give none.
    fn tick(&mut self, _at: Timestamp, _pipeline: &Pipeline) {}
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

    /// Takes a block of frames, and gives one to be filled next.
    pub fn take(&mut self, block: Block, observer: &mut dyn Observer) -> Block {
        let mut packets = std::mem::take(&mut self.packets);
        self.decoder.decode_block(&block, &mut packets);
        let block = Workers::share(block);
        let mut uncounted = block.frames.as_slice();
        let mut rest = packets.as_slice();
        while let Some(packet) = rest.first() {
            let tick = match self.next_tick {
                Some(tick) if packet.ts < tick => tick,
                due => {
                    let at = packet.ts.floor_to(TICK);
                    let before = uncounted.iter().position(|frame| frame.ts >= at).unwrap_or(uncounted.len());
                    let (counted, after) = uncounted.split_at(before);
                    self.count(counted);
                    uncounted = after;
                    self.tick(at, due.is_some(), observer)
                }
            };
            let room = SEGMENT_PACKETS - self.ordinal % SEGMENT_PACKETS;
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            let until = rest.iter().take(room).position(|p| p.ts >= tick).unwrap_or(room);
            let (segment, after) = rest.split_at(until);
            self.process(segment, &block);
            if self.ordinal.is_multiple_of(SEGMENT_PACKETS) {
                self.apply(observer);
            }
            rest = after;
        }
        self.count(uncounted);
        packets.clear();
        self.packets = packets;
        self.workers.reclaim(block)
    }

    /// Ends all flows and brings the features up to date.
    pub fn finish(&mut self, observer: &mut dyn Observer) {
        self.workers.finish();
        self.apply(observer);
    }

    /// State of hosts and channels, as of the last tick.
    pub fn store(&self) -> &FeatureStore {
        &self.store
    }

    /// What was counted so far; of the flows, as of the last tick. At a tick, the frames before it are counted; the decode stage
    /// may be ahead by the rest of a block.
    pub fn stats(&self) -> Stats {
        let (flow, flows_active) = self.workers.stats();
        Stats { decode: self.decoder.stats().clone(), flow, flows_active, ..self.stats.clone() }
    }

    /// Sweeps the flows at `at` (unless it is before the first packet), brings the features up to date, and gives the next
    /// tick.
    fn tick(&mut self, at: Timestamp, sweep: bool, observer: &mut dyn Observer) -> Timestamp {
        let next = at + TICK;
        self.next_tick = Some(next);
        if sweep {
            self.workers.sweep(at);
            self.apply(observer);
            self.store.trim();
            observer.tick(at, self);
        }
        next
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

    fn apply(&mut self, observer: &mut dyn Observer) {
        let mut events = self.workers.collect();
        events.sort_by_key(|event| (event.order, event.sub));
        for event in &events {
            self.store.apply(event);
            if let Some(record) = final_record(event) {
                observer.flow_ended(record);
            }
        }
    }

    fn count(&mut self, frames: &[FrameRef]) {
        self.stats.frames += frames.len() as u64;
        self.stats.wire_bytes += frames.iter().map(|frame| u64::from(frame.wire_len)).sum::<u64>();
        self.stats.first = self.stats.first.or(frames.first().map(|frame| frame.ts));
        self.stats.last = self.stats.last.max(frames.iter().map(|frame| frame.ts).max());
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

#[cfg(test)]
mod tests;

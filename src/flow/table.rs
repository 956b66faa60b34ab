//! The flow table of one logical shard.

use hashbrown::HashTable;

use crate::decode::Packet;
use crate::flow::app::WaitingRoom;
use crate::flow::event::Emitter;
use crate::flow::hash::{FlowHasher, FlowPacket, SHARDS};
use crate::flow::orient::direction;
use crate::flow::slab::{Hot, Life, Slab, Transport};
use crate::flow::update::{count, end_burst};
use crate::flow::{Config, EndReason, FlowEvent, ReportPhase, Stats, report};
use crate::seed::Seed;
use crate::time::Timestamp;

/// Packets whose slots are looked up together, so that their cache misses overlap.
const BATCH: usize = 64;

/// Slots that the hand of the clock looks at to find the flow to give up.
const CLOCK_WINDOW: usize = 32;

/// Flows of one table that may wait for more payload to be known: at most 16 KiB each, 512 MiB in all tables.
const WAITING_FLOWS: u32 = 4096;

/// Set in the order of events of a sweep: they come after those of the tick's packets.
const SWEEP: u64 = 1 << 63;

/// The flows of one of [`SHARDS`] logical shards. One thread drives it; it holds no lock.
///
/// ```
/// use undercurrent::decode::Packet;
/// use undercurrent::flow::{Config, FlowHasher, FlowPacket, FlowTable};
/// use undercurrent::seed::Seed;
///
/// let hasher = FlowHasher::new(Seed::REPLAY);
/// let mut table = FlowTable::new(&Config::default(), Seed::REPLAY);
/// let packet = Packet::default();
/// let (_shard, hash) = hasher.shard_of(&packet);
/// let mut events = Vec::new();
/// table.process(&[FlowPacket { ordinal: 0, hash, packet }], &[], &mut events);
/// table.finish(&mut events);
/// assert_eq!(events.len(), 2); // its one exchange and its final report
/// ```
#[derive(Debug)]
pub struct FlowTable {
    config: Config,
    seed: Seed,
    hasher: FlowHasher,
    /// Slots by the hash of their flow's key.
    index: HashTable<u32>,
    slab: Slab,
    room: WaitingRoom,
    hand: u32,
    stats: Stats,
}

impl FlowTable {
    /// An empty table for its share of `config.max_flows`, at least one flow.
    pub fn new(config: &Config, seed: Seed) -> Self {
        Self {
            config: config.clone(),
            seed,
            hasher: FlowHasher::new(seed),
            index: HashTable::new(),
            slab: Slab::new((config.max_flows / SHARDS).max(1)),
            room: WaitingRoom { places: WAITING_FLOWS, turned_away: 0 },
            hand: 0,
            stats: Stats::default(),
        }
    }

    /// Flows held.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether no flow is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        Stats { inspections_cut: self.room.turned_away, ..self.stats }
    }

    /// Takes packets of this shard in the order of the input. Their payloads lie in `block_data`.
    pub fn process(&mut self, packets: &[FlowPacket], block_data: &[u8], events: &mut Vec<FlowEvent>) {
        for batch in packets.chunks(BATCH) {
            let mut slots = [None; BATCH];
            for (slot, packet) in slots.iter_mut().zip(batch) {
                *slot = self.find(packet);
            }
            for (slot, packet) in slots.into_iter().zip(batch) {
                self.update(slot, packet, block_data, &mut Emitter::new(events, packet.ordinal));
            }
        }
    }

    /// Ends the flows whose time is up at `now`, and reports what went on in the others. Called at ticks of packet
    /// time.
    pub fn sweep(&mut self, now: Timestamp, events: &mut Vec<FlowEvent>) {
        self.sweep_before(u64::MAX, now, events);
    }

    /// Ends all flows.
    pub fn finish(&mut self, events: &mut Vec<FlowEvent>) {
        self.finish_before(u64::MAX, events);
    }

    /// [`Self::sweep`] of the flows whose first packet has a smaller ordinal. Sweeping in steps comes to the same as
    /// sweeping at once.
    pub fn sweep_before(&mut self, ordinal: u64, now: Timestamp, events: &mut Vec<FlowEvent>) {
        for slot in self.slab.slots() {
            let Some(hot) = self.slab.hot(slot).filter(|hot| hot.life != Life::Free) else { continue };
            let (ends, changed) = (self.is_over(hot, now), hot.has(Hot::BURST | Hot::UNREPORTED));
            if !(ends || changed) || self.slab.ordinal(slot) >= ordinal {
                continue;
            }
            if ends {
                let order = SWEEP | self.slab.ordinal(slot);
                self.end(slot, EndReason::Idle, &mut Emitter::new(events, order));
            } else {
                self.refresh(slot, now, events);
            }
        }
    }

    /// [`Self::finish`] of the flows whose first packet has a smaller ordinal.
    pub fn finish_before(&mut self, ordinal: u64, events: &mut Vec<FlowEvent>) {
        for slot in self.slab.slots() {
            let first = self.slab.ordinal(slot);
            if first < ordinal {
                self.end(slot, EndReason::EndOfInput, &mut Emitter::new(events, SWEEP | first));
            }
        }
    }

    /// Ordinals of the first packets of the flows that a sweep at `now` would end, or of all flows.
    pub fn ending(&self, now: Option<Timestamp>) -> impl Iterator<Item = u64> + '_ {
        self.slab.slots().filter_map(move |slot| {
            let hot = self.slab.hot(slot).filter(|hot| hot.life != Life::Free)?;
            now.is_none_or(|now| self.is_over(hot, now)).then(|| self.slab.ordinal(slot))
        })
    }

    fn is_over(&self, hot: &Hot, now: Timestamp) -> bool {
        now - hot.last >= hot.life.timeout(&self.config)
    }

    fn find(&self, packet: &FlowPacket) -> Option<u32> {
        let is_it = |&slot: &u32| {
            self.slab.hot(slot).is_some_and(|hot| direction(&hot.key, &packet.packet).is_some())
        };
        self.index.find(packet.hash, is_it).copied()
    }

    /// Counts a packet to the flow in `found`, if the slot still holds it, or to the flow that it begins.
    fn update(&mut self, found: Option<u32>, packet: &FlowPacket, data: &[u8], out: &mut Emitter<'_>) {
        // Earlier packets of the batch may have begun the flow, ended it, or given its slot to another.
        let is_valid = |hot: &Hot| hot.life != Life::Free && direction(&hot.key, &packet.packet).is_some();
        let found = match found.filter(|&slot| self.slab.hot(slot).is_some_and(is_valid)) {
            None => self.find(packet),
            valid => valid,
        };
        let slot = match found.map(|slot| (slot, self.ended_before(slot, &packet.packet))) {
            Some((slot, None)) => slot,
            Some((slot, Some(reason))) => {
                self.end(slot, reason, out);
                self.begin(packet, out)
            }
            None => self.begin(packet, out),
        };
        if let Some(flow) = self.slab.get_mut(slot) {
            count(flow, &packet.packet, data, &mut self.room, out);
        }
    }

    /// Why the flow in a slot had ended before this packet came, if it had.
    fn ended_before(&mut self, slot: u32, packet: &Packet) -> Option<EndReason> {
        let flow = self.slab.get_mut(slot)?;
        if packet.ts - flow.hot.last >= flow.hot.life.timeout(&self.config) {
            return Some(EndReason::Idle);
        }
        matches!(&flow.warm.transport, Transport::Tcp(tcp) if tcp.is_reused_by(packet))
            .then_some(EndReason::Closed)
    }

    fn begin(&mut self, packet: &FlowPacket, out: &mut Emitter<'_>) -> u32 {
        if self.slab.is_full() {
            let victim = self.victim();
            self.end(victim, EndReason::Evicted, out);
        }
        let slot = self.slab.insert(packet.ordinal, &packet.packet);
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.index
            .insert_unique(packet.hash, slot, |&slot| slab.hot(slot).map_or(0, |hot| hasher.key(&hot.key)));
        self.stats.created += 1;
        slot
    }

    /// The flow to give up (CLOCK): in the window before the hand the first of those that matter least, which are
    /// unanswered before answered, and not seen since the hand passed before seen.
    fn victim(&mut self) -> u32 {
        let slots = self.slab.slots().end.max(1);
        let mut best = (u8::MAX, self.hand);
        for _ in 0..CLOCK_WINDOW.min(slots as usize) {
            self.hand = (self.hand + 1) % slots;
            if let Some(hot) = self.slab.hot_mut(self.hand) {
                let rank = 2 * u8::from(!hot.is_attempt()) + u8::from(hot.referenced);
                hot.referenced = false;
                if rank < best.0 {
                    best = (rank, self.hand);
                }
            }
        }
        best.1
    }

    /// Reports the end of the flow in a slot, if one is there, and frees the slot. A closed flow ends as closed,
    /// whatever found it.
    fn end(&mut self, slot: u32, reason: EndReason, out: &mut Emitter<'_>) {
        let Some(mut flow) = self.slab.get_mut(slot).filter(|flow| flow.hot.life != Life::Free) else {
            return;
        };
        let reason = match (flow.hot.life, reason) {
            (Life::TcpClosed, EndReason::Idle | EndReason::EndOfInput) => EndReason::Closed,
            _ => reason,
        };
        let key = flow.hot.key;
        end_burst(&mut flow, out);
        flow.cold.app.conclude(&mut self.room);
        out.emit(report::of(&mut flow, ReportPhase::Final(reason), None, self.seed));
        self.stats.count_end(reason);
        if let Ok(entry) = self.index.find_entry(self.hasher.key(&key), |&other| other == slot) {
            entry.remove();
        }
        self.slab.remove(slot);
    }

    /// Ends the burst of an open flow when it is over, and reports the flow when that is due.
    fn refresh(&mut self, slot: u32, now: Timestamp, events: &mut Vec<FlowEvent>) {
        let Some(mut flow) = self.slab.get_mut(slot) else { return };
        let mut out = Emitter::new(events, SWEEP | flow.warm.ordinal);
        if flow.hot.has(Hot::BURST) && flow.warm.burst.is_over(flow.hot.first, now) {
            end_burst(&mut flow, &mut out);
        }
        let reported = flow.cold.rare.as_ref().and_then(|rare| rare.reported);
        let since = reported.map_or(flow.hot.first, |(at, _)| at);
        if flow.hot.has(Hot::UNREPORTED)
            && flow.hot.life != Life::TcpClosed
            && now - since >= self.config.interim
        {
            out.emit(report::of(&mut flow, ReportPhase::Interim, Some(now), self.seed));
            self.stats.interim_reports += 1;
        }
    }
}

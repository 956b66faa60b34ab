//! The flow table of one logical shard.

use crate::decode::{Direction, Packet, TcpFlags};
use crate::flow::app::WaitingRoom;
use crate::flow::events::Emitter;
use crate::flow::hash::{FlowHasher, SHARDS};
use crate::flow::orient::direction;
use crate::flow::slab::{FlowMut, Hot, Life, Slab, Timeouts, Transport};
use crate::flow::update::{count, end_burst};
use crate::flow::{Config, EndReason, Events, ReportPhase, Stats, report};
use crate::memory::{Index, prefetch};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// Slots that the hand of the clock looks at to find the flow to give up.
const CLOCK_WINDOW: usize = 32;

/// Slots that are asked for ahead of the hand.
const CLOCK_AHEAD: u32 = 8;

/// Flows of one table that may wait for more payload to be known: at most 16 KiB each, 512 MiB in all tables.
const WAITING_FLOWS: u32 = 4096;

/// A packet of the table's shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    /// Ordinal of the packet in the whole input.
    pub(super) ordinal: u64,
    /// [`FlowHasher::packet`] of it.
    pub(super) hash: u64,
    pub(super) packet: &'a Packet,
    /// Where its payload lies.
    pub(super) data: &'a [u8],
}

/// A flow for which a sweep has something to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// Ordinal of its first packet: sweeps go in this order.
    pub(super) ordinal: u64,
    pub(super) slot: u32,
    /// Which of the tables of a thread it is in: here, so that it takes no bytes beside.
    pub(super) table: u8,
}

/// The flows of one of [`SHARDS`] logical shards. One thread drives it; it holds no lock.
///
/// To find a packet's flow costs two dependent cache misses: where it lies, and what lies there. So packets come in three steps, each
/// for a batch of packets before the next: [`FlowTable::expect`], [`FlowTable::candidate`], [`FlowTable::update`].
#[derive(Debug)]
pub(super) struct FlowTable {
    interim: Span,
    timeouts: Timeouts,
    seed: Seed,
    hasher: FlowHasher,
    index: Index,
    slab: Slab,
    room: WaitingRoom,
    hand: u32,
    /// Slots that were free before the sweep that is going on.
    free_before_sweep: usize,
    stats: Stats,
}

impl FlowTable {
    /// An empty table for its share of `config.max_flows`, at least one flow.
    pub(super) fn new(config: &Config, seed: Seed) -> Self {
        Self {
            interim: config.interim,
            timeouts: Timeouts::new(config),
            seed,
            hasher: FlowHasher::new(seed),
            index: Index::default(),
            slab: Slab::new((config.max_flows / SHARDS).max(1)),
            room: WaitingRoom { places: WAITING_FLOWS, turned_away: 0 },
            hand: 0,
            free_before_sweep: 0,
            stats: Stats::default(),
        }
    }

    /// Flows held.
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Slots, live or free.
    pub(super) fn slots(&self) -> usize {
        self.slab.slots().len()
    }

    /// What was counted so far.
    pub(super) fn stats(&self) -> Stats {
        Stats { inspections_cut: self.room.turned_away, ..self.stats }
    }

    /// First step: a packet with this hash will come.
    #[inline]
    pub(super) fn expect(&self, hash: u64) {
        self.index.prefetch(short(hash));
    }

    /// Second step: the slot in which its flow lies, most likely.
    #[inline]
    pub(super) fn candidate(&self, arrival: &Arrival<'_>) -> Option<u32> {
        let slot = self.index.candidate(short(arrival.hash))?;
        self.slab.prefetch(slot, arrival.packet.proto);
        Some(slot)
    }

    /// Between, for packets with payload: asks for that where something may be learnt from it, and where an inspector holds the flow's payload so far,
    /// for what leads to it; whether one does.
    #[inline]
    pub(super) fn expect_payload(&self, slot: u32, arrival: &Arrival<'_>) -> bool {
        if !self.slab.hot(slot).is_some_and(Hot::wants_payload) {
            return false;
        }
        if let Some(payload) = arrival.data.get(arrival.packet.payload_offset as usize) {
            prefetch(payload, 1);
        }
        self.slab.prefetch_app(slot)
    }

    /// Between: asks for the inspector that [`FlowTable::expect_payload`] found.
    pub(super) fn approach_inspector(&self, slot: u32) {
        self.slab.prefetch_inspector(slot);
    }

    /// Third step: counts the packet to its flow, which may lie in `candidate`, or to the flow that it begins.
    #[inline]
    pub(super) fn update(&mut self, candidate: Option<u32>, arrival: &Arrival<'_>, out: &mut Emitter<'_>) {
        let packet = arrival.packet;
        // Earlier packets of the batch may have begun the flow, ended it, or given its slot to another.
        if let Some(mut flow) = candidate.and_then(|slot| self.slab.get_mut(slot))
            && let Some(from) = direction_of(flow.hot, packet)
            && ended_before(&flow, packet, &self.timeouts).is_none()
        {
            return count(&mut flow, from, packet, arrival.data, &mut self.room, out);
        }
        self.update_other(arrival, out);
    }

    /// Counts a packet that is not of the flow where it was expected, or whose flow ended before it.
    fn update_other(&mut self, arrival: &Arrival<'_>, out: &mut Emitter<'_>) {
        let packet = arrival.packet;
        let found = self.find(arrival);
        let (slot, from) = match found.map(|(slot, from)| (slot, from, self.ended_before(slot, packet))) {
            Some((slot, from, None)) => (slot, from),
            Some((slot, _, Some(reason))) => {
                self.end(slot, reason, out);
                self.begin(arrival, out)
            }
            None => self.begin(arrival, out),
        };
        if let Some(mut flow) = self.slab.get_mut(slot) {
            count(&mut flow, from, packet, arrival.data, &mut self.room, out);
        }
    }

    /// The flows for which something is to be done at `now`, or all at the end of the input. `number` is the table's.
    pub(super) fn due(&mut self, now: Option<Timestamp>, number: u8) -> impl Iterator<Item = Due> {
        self.free_before_sweep = self.slab.free();
        let table = &*self;
        table.slab.slots().filter_map(move |slot| {
            let hot = table.slab.hot(slot).filter(|hot| hot.life != Life::Free)?;
            let is_due =
                now.is_none_or(|now| table.timeouts.is_over(hot, now) || table.is_to_refresh(slot, hot, now));
            is_due.then_some(Due { ordinal: hot.ordinal, slot, table: number })
        })
    }

    /// The flow in a slot will be settled.
    pub(super) fn approach(&self, slot: u32) {
        self.slab.prefetch_whole(slot);
    }

    /// A flow that was approached will be settled soon: if that ends it, it leaves the index.
    pub(super) fn expect_end(&self, slot: u32) {
        if let Some(hot) = self.slab.hot(slot) {
            self.expect(self.hasher.key(&hot.key()));
        }
    }

    /// Ends a flow whose time is up at `now`, or reports what went on in it; without a time, the input is at its end.
    pub(super) fn settle(&mut self, due: Due, now: Option<Timestamp>, events: &mut Events) {
        let mut out = Emitter::new(events, due.ordinal);
        let Some(now) = now else {
            return self.end(due.slot, EndReason::EndOfInput, &mut out);
        };
        if self.slab.hot(due.slot).is_some_and(|hot| self.timeouts.is_over(hot, now)) {
            self.end(due.slot, EndReason::Idle, &mut out);
        } else {
            self.refresh(due.slot, now, &mut out);
        }
    }

    /// After the last of a sweep: which slots are taken next depends on the slots alone.
    pub(super) fn end_sweep(&mut self) {
        self.slab.sort_free(self.free_before_sweep);
    }

    /// After the last flow has ended: gives the memory back, for scoring needs some.
    pub(super) fn release(&mut self) {
        if self.index.is_empty() {
            self.index.clear();
            self.slab.release();
        }
    }

    /// The slot of a packet's flow, and the packet's direction in it.
    fn find(&self, arrival: &Arrival<'_>) -> Option<(u32, Direction)> {
        let mut from = None;
        let slot = self.index.find(short(arrival.hash), |slot| {
            from = self.slab.hot(slot).and_then(|hot| direction_of(hot, arrival.packet));
            from.is_some()
        });
        slot.zip(from)
    }

    /// Why the flow in a slot had ended before this packet came, if it had.
    fn ended_before(&mut self, slot: u32, packet: &Packet) -> Option<EndReason> {
        ended_before(&self.slab.get_mut(slot)?, packet, &self.timeouts)
    }

    /// Makes room for the flow that a packet begins; its slot, and the packet's direction in it.
    fn begin(&mut self, arrival: &Arrival<'_>, out: &mut Emitter<'_>) -> (u32, Direction) {
        if self.slab.is_full() {
            let victim = self.victim();
            self.end(victim, EndReason::Evicted, out);
        }
        let (slot, from) = self.slab.insert(arrival.ordinal, arrival.packet);
        self.index.insert(short(arrival.hash), slot);
        self.stats.created += 1;
        (slot, from)
    }

    /// The flow to give up (CLOCK): the first before the hand that is unanswered and was not seen since the hand passed; where there is
    /// none in a window, the first of those that matter least, which are unanswered before answered, unseen before seen.
    fn victim(&mut self) -> u32 {
        let slots = self.slab.slots().end.max(1);
        let mut best = None;
        for _ in 0..CLOCK_WINDOW.min(slots as usize) {
            self.hand = (self.hand + 1) % slots;
            let Some(worth) = self.slab.worth(self.hand) else { continue };
            if best.is_none_or(|(least, _)| worth < least) {
                best = Some((worth, self.hand));
            }
            if worth == (false, false) {
                break;
            }
        }
        // In a flood each flow takes the place of the next: what will be needed soon is known.
        self.approach((self.hand + CLOCK_AHEAD) % slots);
        self.expect_end((self.hand + CLOCK_AHEAD / 2) % slots);
        best.map_or(self.hand, |(_, slot)| slot)
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
        let key = flow.hot.key();
        end_burst(&mut flow, out);
        flow.cold.app.conclude(&mut self.room);
        out.report(report::of(&mut flow, ReportPhase::Final(reason), None, self.seed));
        self.stats.count_end(reason);
        self.index.remove(short(self.hasher.key(&key)), slot);
        self.slab.remove(slot);
    }

    /// Whether an open flow has a burst that is over or a report that is due.
    fn is_to_refresh(&self, slot: u32, hot: &Hot, now: Timestamp) -> bool {
        let burst_over = hot.has(Hot::BURST) && self.slab.is_burst_over(slot, now);
        burst_over || self.is_report_due(slot, hot, now)
    }

    fn is_report_due(&self, slot: u32, hot: &Hot, now: Timestamp) -> bool {
        // A young flow was never reported: most are told here without a look at the cold lines.
        hot.has(Hot::UNREPORTED)
            && hot.life != Life::TcpClosed
            && now - hot.first >= self.interim
            && now - self.slab.reported(slot).unwrap_or(hot.first) >= self.interim
    }

    /// Ends the burst of an open flow when it is over, and reports the flow when that is due.
    fn refresh(&mut self, slot: u32, now: Timestamp, out: &mut Emitter<'_>) {
        let is_report_due = self.slab.hot(slot).is_some_and(|hot| self.is_report_due(slot, hot, now));
        let Some(mut flow) = self.slab.get_mut(slot) else { return };
        if flow.hot.has(Hot::BURST) && flow.warm.burst.is_over(flow.hot.first, now) {
            end_burst(&mut flow, out);
        }
        if is_report_due {
            out.report(report::of(&mut flow, ReportPhase::Interim, Some(now), self.seed));
            self.stats.interim_reports += 1;
        }
    }
}

/// The direction of a packet in the flow that lies in a slot, where it belongs to that.
#[inline]
fn direction_of(hot: &Hot, packet: &Packet) -> Option<Direction> {
    direction(&hot.key(), packet).filter(|_| hot.life != Life::Free)
}

/// Why a flow had ended before this packet of it came, if it had.
#[inline]
fn ended_before(flow: &FlowMut<'_>, packet: &Packet, timeouts: &Timeouts) -> Option<EndReason> {
    if timeouts.is_over(flow.hot, packet.ts) {
        return Some(EndReason::Idle);
    }
    let is_reused = packet.flags.has(TcpFlags::SYN)
        && matches!(&flow.stream.transport, Transport::Tcp(tcp) if tcp.is_reused_by(packet));
    is_reused.then_some(EndReason::Closed)
}

/// The part of a hash that the index goes by.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low half; the shard is told by a part of the other")]
const fn short(hash: u64) -> u32 {
    hash as u32
}

//! The flow table of one logical shard.

use std::hint::select_unpredictable;

use crate::decode::{Direction, Packet, TcpFlags};
use crate::flow::app::WaitingRoom;
use crate::flow::events::Emitter;
use crate::flow::hash::{FlowHasher, SHARDS};
use crate::flow::life::{Life, Timeouts};
use crate::flow::lines::{FlowMut, Hot, Transport};
use crate::flow::slots::Slots;
use crate::flow::update::{count, end_burst};
use crate::flow::{Config, EndReason, Events, ReportPhase, Segment, Stats, report};
use crate::memory::{prefetch, prefetch_at};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// Packets that are looked up together, so that their cache misses overlap.
const BATCH: usize = 64;

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
/// To find a packet's flow costs dependent cache misses: where it lies, what lies there, and what that leads to. So packets come in steps, each
/// for a batch of packets before the next.
#[derive(Debug)]
pub(super) struct FlowTable {
    interim: Span,
    timeouts: Timeouts,
    slots: Slots,
    room: WaitingRoom,
    hand: u32,
    stats: Stats,
}

impl FlowTable {
    /// An empty table for its share of `config.max_flows`, at least one flow.
    pub(super) fn new(config: &Config, seed: Seed) -> Self {
        Self {
            interim: config.interim,
            timeouts: Timeouts::new(config),
            slots: Slots::new((config.max_flows / SHARDS).max(1), FlowHasher::new(seed)),
            room: WaitingRoom { places: WAITING_FLOWS, turned_away: 0 },
            hand: 0,
            stats: Stats::default(),
        }
    }

    /// Flows held.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Slots, live or free.
    pub(super) fn slots(&self) -> usize {
        self.slots.all().len()
    }

    /// What was counted so far.
    pub(super) fn stats(&self) -> Stats {
        Stats { inspections_cut: self.room.turned_away, ..self.stats }
    }

    /// Takes the packets of a segment that have these numbers.
    pub(super) fn process(&mut self, segment: &Segment<'_>, numbers: &[u32], events: &mut Events) {
        let mut batches = numbers.chunks(BATCH);
        let mut next = batches.next().inspect(|batch| self.expect(segment, batch));
        while let Some(batch) = next {
            next = batches.next().inspect(|batch| self.expect(segment, batch));
            self.take(segment, batch, events);
        }
    }

    /// First step: these packets will come.
    fn expect(&self, segment: &Segment<'_>, batch: &[u32]) {
        for arrival in batch.iter().filter_map(|nth| segment.arrival(*nth)) {
            self.slots.expect(arrival.hash);
            // Where another processor wrote it, it is not here yet.
            prefetch(arrival.packet, size_of::<Packet>());
        }
    }

    /// The other steps: asks for the flows in which the packets most likely belong, then for what else these will need, and counts the packets.
    fn take(&mut self, segment: &Segment<'_>, batch: &[u32], events: &mut Events) {
        let mut candidates = [None; BATCH];
        for (candidate, nth) in candidates.iter_mut().zip(batch) {
            *candidate = segment
                .arrival(*nth)
                .and_then(|arrival| self.slots.approach_flow_of(arrival.packet, arrival.hash));
        }
        // Which packets need more is counted, not branched at: it cannot be foretold.
        let (mut needing_more, mut count) = ([0; BATCH], 0);
        for (candidate, nth) in candidates.iter().zip(batch) {
            if let (Some(slot), Some(arrival), Some(next)) =
                (*candidate, segment.arrival(*nth), needing_more.get_mut(count))
            {
                *next = slot;
                count += usize::from(self.approach_more(slot, &arrival));
            }
        }
        needing_more.into_iter().take(count).for_each(|slot| self.slots.approach_behind(slot));
        for (candidate, nth) in candidates.into_iter().zip(batch) {
            if let Some(arrival) = segment.arrival(*nth) {
                self.update(candidate, &arrival, &mut Emitter::new(events, arrival.ordinal));
            }
        }
    }

    /// Asks for the payload where something may be learnt from it, and for what lies beside the record where that is needed too; whether
    /// there is any, which may lead to more.
    #[inline]
    fn approach_more(&self, slot: u32, arrival: &Arrival<'_>) -> bool {
        let (Some(hot), Some(data)) = (self.slots.hot(slot), arrival.data.first()) else { return false };
        let packet = arrival.packet;
        let (has_payload, wants_payload) = (packet.payload_captured > 0, hot.wants_payload());
        let is_read = has_payload & wants_payload;
        // Which payloads are read cannot be foretold: for the others, something is asked for that is there.
        prefetch_at(data, select_unpredictable(is_read, packet.payload_offset, 0) as usize);
        let (has_more, may_end_burst, is_ahead) =
            (!hot.cold.is_none(), hot.may_end_burst(packet.ts), hot.surge.bytes() > 0);
        let may_need_more = is_read | may_end_burst | is_ahead;
        let needs_more = has_more & may_need_more;
        self.slots.approach_beside(hot, needs_more);
        needs_more
    }

    /// Counts a packet to its flow, which may lie in `candidate`, or to the flow that it begins.
    #[inline]
    fn update(&mut self, candidate: Option<u32>, arrival: &Arrival<'_>, out: &mut Emitter<'_>) {
        let packet = arrival.packet;
        // Earlier packets of the batch may have begun the flow, ended it, or given its slot to another.
        if let Some(mut flow) = candidate.and_then(|slot| self.slots.get_mut(slot))
            && let Some(from) = flow.direction(packet)
            && ended_before(&flow, packet, &self.timeouts).is_none()
        {
            return count(&mut flow, from, packet, arrival.data, &mut self.room, out);
        }
        self.update_other(arrival, out);
    }

    /// Counts a packet that is not of the flow where it was expected, or whose flow ended before it.
    #[inline(never)]
    fn update_other(&mut self, arrival: &Arrival<'_>, out: &mut Emitter<'_>) {
        let packet = arrival.packet;
        let found = self.slots.find(packet, arrival.hash);
        let counted_to = match found.map(|(slot, from)| (slot, from, self.ended_before(slot, packet))) {
            Some((slot, from, None)) => Some((slot, from)),
            Some((slot, _, Some(reason))) => {
                self.end(slot, reason, out);
                self.begin(arrival, out)
            }
            None => self.begin(arrival, out),
        };
        if let Some((slot, from)) = counted_to
            && let Some(mut flow) = self.slots.get_mut(slot)
        {
            count(&mut flow, from, packet, arrival.data, &mut self.room, out);
        }
    }

    /// The flows for which something is to be done at `now`, or all at the end of the input. `number` is the table's.
    pub(super) fn due(&self, now: Option<Timestamp>, number: u8) -> impl Iterator<Item = Due> {
        self.slots.live().filter_map(move |slot| {
            let hot = self.slots.hot(slot)?;
            let is_due = now.is_none_or(|now| {
                self.may_be_due(hot, now) && (self.is_idle(hot, now) || self.is_to_refresh(slot, hot, now))
            });
            if is_due { Some(Due { ordinal: self.slots.ordinal(slot)?, slot, table: number }) } else { None }
        })
    }

    /// The flow in a slot will be settled.
    pub(super) fn approach(&self, slot: u32) {
        self.slots.approach(slot);
    }

    /// A flow that was approached will be settled soon.
    pub(super) fn approach_rest(&self, slot: u32) {
        self.slots.approach_rest(slot);
    }

    /// Very soon.
    pub(super) fn approach_behind(&self, slot: u32) {
        self.slots.approach_behind(slot);
    }

    /// Ends a flow whose time is up at `now`, or reports what went on in it; without a time, the input is at its end.
    pub(super) fn settle(&mut self, due: Due, now: Option<Timestamp>, events: &mut Events) {
        let mut out = Emitter::new(events, due.ordinal);
        let Some(now) = now else {
            return self.end(due.slot, EndReason::EndOfInput, &mut out);
        };
        if self.slots.hot(due.slot).is_some_and(|hot| self.is_idle(hot, now)) {
            self.end(due.slot, EndReason::Idle, &mut out);
        } else {
            self.refresh(due.slot, now, &mut out);
        }
    }

    /// After the last flow has ended: gives the memory back, for scoring needs some.
    pub(super) fn release(&mut self) {
        if self.len() == 0 {
            self.slots.release();
        }
    }

    /// Why the flow in a slot had ended before this packet came, if it had.
    fn ended_before(&mut self, slot: u32, packet: &Packet) -> Option<EndReason> {
        ended_before(&self.slots.get_mut(slot)?, packet, &self.timeouts)
    }

    /// Makes room for the flow that a packet begins; its slot, and the packet's direction in it.
    fn begin(&mut self, arrival: &Arrival<'_>, out: &mut Emitter<'_>) -> Option<(u32, Direction)> {
        if self.slots.is_full() {
            let victim = self.victim(arrival.ordinal);
            self.end(victim, EndReason::Evicted, out);
        }
        self.stats.created += 1;
        self.slots.insert(arrival.ordinal, arrival.packet, arrival.hash)
    }

    /// The flow to give up (CLOCK), where the packet with this ordinal needs room: the first before the hand that is worth nothing; where there is none in a
    /// window, the first of those that are worth least.
    fn victim(&mut self, ordinal: u64) -> u32 {
        let slots = self.slots.all().end;
        let mut best = None;
        let mut looked_at = 0;
        while looked_at < CLOCK_WINDOW.min(self.slots.len()) {
            self.hand = (self.hand + 1) % slots;
            // In a flood each flow takes the place of the next: what will be needed soon is known.
            let further = |steps: u32| self.slots.across((self.hand + steps) % slots);
            self.slots.approach(further(CLOCK_AHEAD));
            self.slots.approach_rest(further(CLOCK_AHEAD / 2));
            let slot = further(0);
            if !self.slots.is_live(slot) {
                continue;
            }
            let Some(worth) = self.worth(slot, ordinal) else { continue };
            if best.is_none_or(|(least, _)| worth < least) {
                best = Some((worth, slot));
            }
            looked_at += 1;
            if worth == (false, false) {
                break;
            }
        }
        best.map_or(0, |(_, slot)| slot)
    }

    /// What a flow is worth, which must be more than what another one is to stay: whether it is answered, then whether it is young or was seen since the hand passed.
    /// The hand meets flows in the order of their hashes: one that has just begun may still be answered, so it is young for as many packets as
    /// half of all tables hold flows.
    fn worth(&mut self, slot: u32, ordinal: u64) -> Option<(bool, bool)> {
        let young = (self.slots.len() * SHARDS / 2) as u64;
        let flow = self.slots.get_mut(slot).filter(|flow| flow.hot.life != Life::Free)?;
        let is_attempt = matches!(flow.hot.life, Life::TcpAttempt | Life::TcpClosed)
            || !flow.hot.tally.heard(Direction::Resp);
        let is_wanted = flow.hot.has(Hot::REFERENCED) || ordinal.saturating_sub(flow.stream.ordinal) < young;
        flow.hot.set(Hot::REFERENCED, false);
        Some((!is_attempt, is_wanted))
    }

    /// Reports the end of the flow in a slot, if one is there, and frees the slot. A closed flow ends as closed,
    /// whatever found it.
    fn end(&mut self, slot: u32, reason: EndReason, out: &mut Emitter<'_>) {
        let Some(mut flow) = self.slots.get_mut(slot).filter(|flow| flow.hot.life != Life::Free) else {
            return;
        };
        let reason = match (flow.hot.life, reason) {
            (Life::TcpClosed, EndReason::Idle | EndReason::EndOfInput) => EndReason::Closed,
            _ => reason,
        };
        let key = flow.key();
        end_burst(&mut flow, out);
        flow.conclude(&mut self.room);
        out.report(report::of(&mut flow, ReportPhase::Final(reason), None));
        self.stats.count_end(reason);
        self.slots.remove(slot, &key);
    }

    /// Whether an open flow has a burst that is over or a report that is due.
    fn is_to_refresh(&self, slot: u32, hot: &Hot, now: Timestamp) -> bool {
        hot.has(Hot::BURST) && hot.is_burst_over(now) || self.is_report_due(slot, hot, now)
    }

    /// Whether something may be due, told by the record alone. Without branches: of what a sweep finds in one flow and the next, nothing can be foretold.
    #[inline]
    fn may_be_due(&self, hot: &Hot, now: Timestamp) -> bool {
        let (in_burst, is_silent) = (hot.has(Hot::BURST), hot.may_end_burst(now));
        let (has_news, is_old) = (hot.has(Hot::UNREPORTED), now - hot.first >= self.interim);
        let (is_idle, may_end_burst, may_report) =
            (self.is_idle(hot, now), in_burst & is_silent, has_news & is_old);
        is_idle | may_end_burst | may_report
    }

    fn is_idle(&self, hot: &Hot, now: Timestamp) -> bool {
        self.timeouts.is_over(hot.life, hot.last, now)
    }

    fn is_report_due(&self, slot: u32, hot: &Hot, now: Timestamp) -> bool {
        // A young flow was never reported: most are told here without a look at the cold lines.
        hot.has(Hot::UNREPORTED)
            && hot.life != Life::TcpClosed
            && now - hot.first >= self.interim
            && now - self.slots.reported(slot).unwrap_or(hot.first) >= self.interim
    }

    /// Ends the burst of an open flow when it is over, and reports the flow when that is due.
    fn refresh(&mut self, slot: u32, now: Timestamp, out: &mut Emitter<'_>) {
        let is_report_due = self.slots.hot(slot).is_some_and(|hot| self.is_report_due(slot, hot, now));
        let Some(mut flow) = self.slots.get_mut(slot) else { return };
        if flow.hot.is_burst_over(now) {
            end_burst(&mut flow, out);
        }
        if is_report_due {
            out.report(report::of(&mut flow, ReportPhase::Interim, Some(now)));
            self.stats.interim_reports += 1;
        }
    }
}

/// Why a flow had ended before this packet of it came, if it had.
#[inline]
fn ended_before(flow: &FlowMut<'_>, packet: &Packet, timeouts: &Timeouts) -> Option<EndReason> {
    if timeouts.is_over(flow.hot.life, flow.hot.last, packet.ts) {
        return Some(EndReason::Idle);
    }
    let is_reused = packet.flags.has(TcpFlags::SYN)
        && matches!(&flow.stream.transport, Transport::Tcp(tcp) if tcp.is_reused_by(packet));
    is_reused.then_some(EndReason::Closed)
}

//! The flow tables that one thread drives.

use std::cmp::Reverse;

use crate::decode::Packet;
use crate::flow::hash::{SHARDS, shard};
use crate::flow::table::{Arrival, Due, FlowTable};
use crate::flow::{Config, Events, Stats};
use crate::memory::sort_by_number;
use crate::seed::Seed;
use crate::time::Timestamp;

/// Flows of a sweep that are asked for ahead of the one that is settled.
const AHEAD: usize = 24;

/// Packets that follow each other in the input.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The packets.
    pub packets: &'a [Packet],
    /// [`crate::flow::FlowHasher::packet`] of each.
    pub hashes: &'a [u64],
    /// Ordinal of the first packet in the whole input.
    pub first_ordinal: u64,
    /// The bytes that the payloads lie in.
    pub data: &'a [u8],
}

impl<'a> Segment<'a> {
    /// One of the packets.
    #[inline]
    pub(super) fn arrival(&self, nth: u32) -> Option<Arrival<'a>> {
        let at = nth as usize;
        let (packet, hash) = (self.packets.get(at)?, *self.hashes.get(at)?);
        Some(Arrival { ordinal: self.first_ordinal + u64::from(nth), hash, packet, data: self.data })
    }
}

/// The tables of some of [`SHARDS`] logical shards.
///
/// ```
/// use undercurrent::decode::Packet;
/// use undercurrent::flow::{Config, Events, FlowHasher, FlowTables, Segment};
/// use undercurrent::seed::Seed;
///
/// let packets = [Packet::default()];
/// let hashes = [FlowHasher::new(Seed::REPLAY).packet(&packets[0])];
/// let mut tables = FlowTables::new(&Config::default(), Seed::REPLAY, |_| true);
/// let mut events = Events::default();
/// tables.process(&Segment { packets: &packets, hashes: &hashes, first_ordinal: 0, data: &[] }, &mut events);
/// tables.sweep(None);
/// tables.drain(u64::MAX, &mut events);
/// assert_eq!(events.len(), 2); // its one exchange and its final report
/// ```
#[derive(Debug)]
pub struct FlowTables {
    tables: Vec<FlowTable>,
    /// Where in `tables` the table of each shard is; behind its end where it is not here.
    places: [usize; SHARDS],
    /// The packets of a segment that are each table's, by their numbers in it; none between segments.
    dealt: Vec<Vec<u32>>,
    /// What the sweep that is going on has still to do, the last in order first.
    due: Vec<Due>,
    /// Memory to sort it with.
    due_beside: Vec<Due>,
    /// The time of the sweep; nothing at the end of the input.
    now: Option<Timestamp>,
}

impl FlowTables {
    /// Flows that [`FlowTables::sweep`] has a mark for.
    const MARKED: usize = 1024;

    /// Empty tables for the shards, numbers below [`SHARDS`], that are `mine`.
    pub fn new(config: &Config, seed: Seed, mine: impl Fn(usize) -> bool) -> Self {
        let mut places = [SHARDS; SHARDS];
        let mut tables = Vec::new();
        for (_, place) in places.iter_mut().enumerate().filter(|(shard, _)| mine(*shard)) {
            *place = tables.len();
            tables.push(FlowTable::new(config, seed));
        }
        let dealt = vec![Vec::new(); tables.len()];
        Self { tables, places, dealt, due: Vec::new(), due_beside: Vec::new(), now: None }
    }

    /// Moves one of the tables to others, if there is one; whether there was. No sweep may be going on.
    pub fn give(&mut self, to: &mut Self) -> bool {
        let (Some(table), Some(dealt)) = (self.tables.pop(), self.dealt.pop()) else { return false };
        let place = self.tables.len();
        for (here, there) in self.places.iter_mut().zip(&mut to.places) {
            if *here == place {
                (*here, *there) = (SHARDS, to.tables.len());
            }
        }
        to.tables.push(table);
        to.dealt.push(dealt);
        true
    }

    /// Tables that are here.
    pub fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Flows held.
    pub fn len(&self) -> usize {
        self.tables.iter().map(FlowTable::len).sum()
    }

    /// Whether no flow is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Places of flows, held or free: what a sweep looks at.
    pub fn slots(&self) -> usize {
        self.tables.iter().map(FlowTable::slots).sum()
    }

    /// Flows that the sweep that is going on has still to end or to report.
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.tables.iter().for_each(|table| stats += table.stats());
        stats
    }

    /// Takes the packets of the tables' shards; leaves the others.
    pub fn process(&mut self, segment: &Segment<'_>, events: &mut Events) {
        let Self { tables, places, dealt, .. } = self;
        if tables.is_empty() {
            return;
        }
        for (nth, hash) in (0..).zip(segment.hashes) {
            let place = places.get(shard(*hash)).copied().unwrap_or(SHARDS);
            if let Some(dealt) = dealt.get_mut(place) {
                dealt.push(nth);
            }
        }
        for (table, dealt) in tables.iter_mut().zip(dealt) {
            table.process(segment, dealt, events);
            dealt.clear();
        }
    }

    /// Finds the flows that are to be ended or reported at `now`, a tick of packet time; all at the end of the input. They
    /// are by [`FlowTables::drain`]. Gives the ordinals of every 1024th of them, by which they can be drained in parts.
    pub fn sweep(&mut self, now: Option<Timestamp>) -> Vec<u64> {
        self.now = now;
        self.due.clear();
        if now.is_none() {
            // All that are there: growing would take half as much memory again, at the peak.
            self.due.reserve_exact(self.len());
        }
        for (number, table) in (0..).zip(&self.tables) {
            self.due.extend(table.due(now, number));
        }
        // No two flows have their first packet in common.
        match now {
            Some(_) => sort_by_number(&mut self.due, &mut self.due_beside, |due| !due.ordinal),
            // As much memory again, for what is done once.
            None => self.due.sort_unstable_by_key(|due| Reverse(due.ordinal)),
        }
        self.due.rchunks_exact(Self::MARKED).filter_map(|part| part.first()).map(|due| due.ordinal).collect()
    }

    /// Ends or reports those flows of the sweep whose first packet came before the one with the ordinal `before`.
    pub fn drain(&mut self, before: u64, events: &mut Events) {
        while let Some(due) = self.due.pop_if(|due| due.ordinal < before) {
            self.look_ahead();
            if let Some(table) = self.tables.get_mut(usize::from(due.table)) {
                table.settle(due, self.now, events);
            }
        }
        if self.due.is_empty() && self.now.is_none() {
            self.tables.iter_mut().for_each(FlowTable::release);
            self.due = Vec::new();
        }
    }

    /// Asks for what flows further on in the sweep will need.
    fn look_ahead(&self) {
        let later = |distance: usize| {
            let due = self.due.get(self.due.len().checked_sub(distance)?)?;
            Some((*due, self.tables.get(usize::from(due.table))?))
        };
        if let Some((due, table)) = later(AHEAD) {
            table.approach(due.slot);
        }
        if let Some((due, table)) = later(AHEAD * 2 / 3) {
            table.approach_rest(due.slot);
        }
        if let Some((due, table)) = later(AHEAD / 3) {
            table.approach_behind(due.slot);
        }
    }
}

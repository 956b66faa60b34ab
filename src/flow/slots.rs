//! The records of one table: two cache lines a flow, in the place that the hash of its packets leads to; the rest beside.
//!
//! Invariant: a slot holds a flow if and only if its place is taken; else its life is `Life::Free`.

use crate::decode::{Direction, Packet, proto};
use crate::flow::FlowKey;
use crate::flow::app::App;
use crate::flow::cold::{Cold, Colds};
use crate::flow::ends::WideEnds;
use crate::flow::hash::FlowHasher;
use crate::flow::lines::{FlowMut, Hot, Lines};
use crate::flow::orient::orient;
use crate::memory::{LINE, Places, make_ready_for_table, prefetch, prefetch_at};
use crate::time::Timestamp;

/// Groups of places of a new table.
const LEAST_GROUPS: usize = 2;

/// Flows for which room is reserved at once, at most; memory becomes resident as it is used, so that growth copies nothing.
const RESERVED: usize = 1 << 17;

/// Slots between the one that a sweep looks at and the one that it asks for.
const SWEPT_AHEAD: usize = 32;

/// The slots of a table.
#[derive(Debug)]
pub(super) struct Slots {
    places: Places,
    lines: Vec<Lines>,
    wide: WideEnds,
    colds: Colds,
    hasher: FlowHasher,
    capacity: usize,
}

impl Slots {
    /// Slots for `capacity` flows, which are more than 0.
    pub(super) fn new(capacity: usize, hasher: FlowHasher) -> Self {
        let places = Places::new(Places::groups_for(capacity).min(LEAST_GROUPS));
        let reserved = Places::places_in(Places::groups_for(capacity.min(RESERVED)));
        let mut lines = Vec::with_capacity(reserved);
        lines.resize(places.all().len(), Lines::default());
        Self { places, lines, wide: WideEnds::default(), colds: Colds::default(), hasher, capacity }
    }

    /// Gives all memory back. No flow is live.
    pub(super) fn release(&mut self) {
        *self = Self::new(self.capacity, self.hasher);
    }

    /// Flows held.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Every slot, live or free.
    pub(super) fn all(&self) -> std::ops::Range<u32> {
        self.places.all()
    }

    /// Whether a slot holds a flow; does not read its record.
    pub(super) fn is_live(&self, slot: u32) -> bool {
        self.places.is_taken(slot)
    }

    /// All of them, from a number below their count, in an order in which they can be freed one after the other.
    pub(super) fn across(&self, number: u32) -> u32 {
        self.places.across(number)
    }

    /// Those that hold a flow. Whoever goes through them reads what every packet reads: that of later ones is asked for.
    pub(super) fn live(&self) -> impl Iterator<Item = u32> {
        self.places.all_taken().inspect(|slot| {
            if let Some(later) = self.lines.get(*slot as usize + SWEPT_AHEAD) {
                prefetch_at(later, 0);
            }
        })
    }

    /// A packet with this hash will come.
    #[inline]
    pub(super) fn expect(&self, hash: u64) {
        self.places.prefetch(hash);
    }

    /// Asks for the lines that a packet with this hash will need. Gives the slot in which its flow lies, most likely.
    #[inline]
    pub(super) fn approach_flow_of(&self, packet: &Packet, hash: u64) -> Option<u32> {
        let (slot, is_there) = self.places.candidate(hash);
        if let Some(lines) = self.lines.get(slot as usize) {
            // Without branches, for which protocol comes next cannot be foretold: others ask for their first line twice.
            let (is_tcp, begins) = (packet.proto == proto::TCP, !is_there);
            prefetch_at(lines, 0);
            prefetch_at(lines, LINE * usize::from(is_tcp | begins));
        }
        self.wide.prefetch(slot);
        is_there.then_some(slot)
    }

    /// Asks for the record in a slot. Does not ask whether one is there, which it would have to wait for.
    pub(super) fn approach(&self, slot: u32) {
        if let Some(lines) = self.lines.get(slot as usize) {
            prefetch_at(lines, 0);
            prefetch_at(lines, LINE);
        }
        self.wide.prefetch(slot);
    }

    /// Asks for what lies beside the record in a slot, and for what is needed to free that.
    pub(super) fn approach_rest(&self, slot: u32) {
        self.places.prefetch_place(slot);
        if let Some(hot) = self.hot(slot) {
            self.approach_beside(hot, true);
        }
    }

    /// Asks for what lies beside a record, if it is needed.
    #[inline]
    pub(super) fn approach_beside(&self, hot: &Hot, is_needed: bool) {
        self.colds.prefetch(hot.cold, is_needed);
    }

    /// Asks for what that leads to.
    pub(super) fn approach_behind(&self, slot: u32) {
        let Some(Cold { app, rare, .. }) = self.hot(slot).and_then(|hot| self.colds.get(hot.cold)) else {
            return;
        };
        match app {
            App::Nothing => {}
            App::Inspecting(inspector) => prefetch(&**inspector, size_of_val(&**inspector)),
            App::Known(info) => prefetch(&**info, 1),
        }
        if let Some(rare) = rare {
            prefetch(&**rare, size_of_val(&**rare));
        }
    }

    #[inline]
    pub(super) fn hot(&self, slot: u32) -> Option<&Hot> {
        self.lines.get(slot as usize).map(|lines| &lines.hot)
    }

    /// Ordinal of the first packet of a flow.
    pub(super) fn ordinal(&self, slot: u32) -> Option<u64> {
        self.lines.get(slot as usize).map(|lines| lines.stream.ordinal)
    }

    /// When a flow was reported last.
    pub(super) fn reported(&self, slot: u32) -> Option<Timestamp> {
        let rare = self.colds.get(self.hot(slot)?.cold)?.rare.as_ref()?;
        rare.reported.map(|(at, _)| at)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<FlowMut<'_>> {
        let Lines { hot, stream } = self.lines.get_mut(slot as usize)?;
        Some(FlowMut { hot, stream, colds: &mut self.colds, wide: &self.wide, slot })
    }

    /// The slot of a packet's flow, and the packet's direction in it.
    pub(super) fn find(&self, packet: &Packet, hash: u64) -> Option<(u32, Direction)> {
        let mut from = None;
        let slot = self.places.find(hash, |slot| {
            from = self.hot(slot).and_then(|hot| hot.direction(&self.wide, slot, packet));
            from.is_some()
        });
        slot.zip(from)
    }

    /// Puts the flow that a packet begins into a slot; gives the packet's direction too. The packet itself is not counted yet. Nothing where the
    /// slots are full.
    pub(super) fn insert(&mut self, ordinal: u64, packet: &Packet, hash: u64) -> Option<(u32, Direction)> {
        let enough = Places::groups_for(self.len() + 1);
        if self.is_full() {
            return None;
        }
        if enough > self.places.groups() {
            self.grow(enough + enough / 2);
        }
        let slot = self.places.take(hash)?;
        let (key, from) = orient(packet);
        let lines = Lines::new(&key, from, packet.ts, ordinal);
        self.wide.keep(lines.hot.ends, [key.orig, key.resp], slot, self.lines.len());
        *self.lines.get_mut(slot as usize)? = lines;
        Some((slot, from))
    }

    /// Frees the slot of the flow with a key.
    pub(super) fn remove(&mut self, slot: u32, key: &FlowKey) {
        if let Some(lines) = self.lines.get_mut(slot as usize) {
            self.colds.remove(lines.hot.cold);
            lines.hot = Hot::default();
            self.places.free(self.hasher.key(key), slot);
        }
    }

    /// Makes room in this many groups of places, or in as many as the most flows need. Flows change their slots.
    fn grow(&mut self, groups: usize) {
        let Self { places, lines, wide, hasher, capacity, .. } = self;
        let groups = groups.min(Places::groups_for(*capacity));
        let old = std::mem::replace(places, Places::new(groups));
        let slots = places.all().len();
        make_ready_for_table(lines, slots);
        lines.resize(slots, Lines::default());
        places.take_over(
            old,
            &mut (lines, wide),
            |(lines, wide), slot| {
                lines.get(slot as usize).map_or(0, |lines| hasher.key(&lines.hot.key(wide, slot)))
            },
            |(lines, wide), from, to| {
                let Some(moved) = lines.get_mut(from as usize).map(std::mem::take) else { return };
                wide.keep(moved.hot.ends, wide.addresses(moved.hot.ends, from), to, slots);
                if let Some(place) = lines.get_mut(to as usize) {
                    *place = moved;
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::flow::life::Life;
    use crate::seed::Seed;

    #[test]
    fn flows_are_found_however_many_come_and_go() {
        let hasher = FlowHasher::new(Seed::REPLAY);
        let mut slots = Slots::new(2_000, hasher);
        let packet = |n: u16| {
            let [high, low] = n.to_be_bytes();
            let src =
                if n.is_multiple_of(3) { Addr::from_v6([high; 16]) } else { Addr::from_v4([10, 0, 0, high]) };
            let dst =
                if n.is_multiple_of(7) { Addr::from_v6([low; 16]) } else { Addr::from_v4([10, 0, 1, low]) };
            Packet { src, dst, src_port: 21_000 + n, dst_port: 9, proto: 17, ..Packet::default() }
        };
        let back = |n| {
            let there = packet(n);
            Packet {
                src: there.dst,
                dst: there.src,
                src_port: there.dst_port,
                dst_port: there.src_port,
                ..there
            }
        };
        let hash = |n| hasher.packet(&packet(n));
        for n in 0..3_000 {
            assert!(slots.find(&packet(n), hash(n)).is_none());
            if n >= 2_000 {
                assert!(slots.is_full() && slots.insert(n.into(), &packet(n), hash(n)).is_none());
                let (slot, from) = slots.find(&back(n - 2_000), hash(n - 2_000)).unwrap();
                assert_eq!(
                    (slots.approach_flow_of(&back(n - 2_000), hash(n - 2_000)), from),
                    (Some(slot), Direction::Resp)
                );
                let key = slots.get_mut(slot).unwrap().key();
                assert_eq!(
                    (key.orig, key.resp, key.orig_port),
                    (packet(n - 2_000).src, packet(n - 2_000).dst, 19_000 + n)
                );
                slots.remove(slot, &key);
            }
            let (slot, _) = slots.insert(n.into(), &packet(n), hash(n)).unwrap();
            assert_eq!(slots.find(&packet(n), hash(n)), Some((slot, Direction::Orig)));
            assert_eq!(slots.ordinal(slot), Some(n.into()));
        }
        assert!((1_000..3_000).all(|n| slots.find(&back(n), hash(n)).is_some()));
        assert_eq!(slots.live().filter(|slot| slots.hot(*slot).unwrap().life != Life::Free).count(), 2_000);
    }
}

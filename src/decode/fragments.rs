//! What later IP fragments inherit from the first piece of their datagram: the ports, and for IPv6 the protocol.
//! Datagrams are not reassembled: a first piece's payload stands as it was captured.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::quality::SeedableRandomState;
use hashbrown::HashMap;

use super::packet::Packet;
use crate::addr::Addr;
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// How long a first piece is remembered: Linux's `ipfrag_time`, and RFC 791's order of magnitude.
const MEMORY: Span = Span::from_secs(30);

/// What the pieces of one datagram share (RFC 791, section 3.2; RFC 8200, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DatagramKey {
    pub(super) src: Addr,
    pub(super) dst: Addr,
    pub(super) id: u32,
    pub(super) proto: u8,
}

#[derive(Clone, Copy, Debug)]
struct FirstPiece {
    seen: Timestamp,
    proto: u8,
    src_port: u16,
    dst_port: u16,
}

/// The first pieces that were seen lately, at most a given number: the oldest is given up for a new one.
///
/// Invariant: every key of `pieces` is in `order`, and `order` is never longer than `max`.
#[derive(Debug)]
pub(super) struct FragmentTable {
    pieces: HashMap<DatagramKey, FirstPiece, SeedableRandomState>,
    order: VecDeque<(Timestamp, DatagramKey)>,
    max: usize,
}

impl FragmentTable {
    pub(super) fn new(max: usize, seed: Seed) -> Self {
        Self { pieces: HashMap::with_hasher(seed.hasher()), order: VecDeque::new(), max }
    }

    /// The seeded hasher, for other hashes of what packets say.
    pub(super) fn hasher(&self) -> &impl BuildHasher {
        self.pieces.hasher()
    }

    /// Remembers the first piece of a datagram.
    pub(super) fn learn(&mut self, now: Timestamp, key: DatagramKey, first: &Packet) {
        if self.max == 0 {
            return;
        }
        while self.order.len() >= self.max || self.order.front().is_some_and(|(seen, _)| is_over(*seen, now))
        {
            self.forget_oldest();
        }
        let piece =
            FirstPiece { seen: now, proto: first.proto, src_port: first.src_port, dst_port: first.dst_port };
        self.pieces.insert(key, piece);
        self.order.push_back((now, key));
    }

    /// Gives a later piece the protocol and ports of the first; whether there was one.
    pub(super) fn complete(&self, now: Timestamp, key: &DatagramKey, later: &mut Packet) -> bool {
        let Some(first) = self.pieces.get(key).filter(|first| !is_over(first.seen, now)) else {
            return false;
        };
        later.proto = first.proto;
        later.src_port = first.src_port;
        later.dst_port = first.dst_port;
        true
    }

    fn forget_oldest(&mut self) {
        let Some((seen, key)) = self.order.pop_front() else { return };
        // A datagram with the same identification may have come since; it has its own place in the order.
        if self.pieces.get(&key).is_some_and(|piece| piece.seen == seen) {
            self.pieces.remove(&key);
        }
    }
}

/// Whether `seen` is out of memory, on whichever side of `now` it lies.
fn is_over(seen: Timestamp, now: Timestamp) -> bool {
    let age = now - seen;
    age > MEMORY || age < Span::from_nanos(-MEMORY.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32) -> DatagramKey {
        DatagramKey { src: Addr::from_v4([10, 0, 0, 1]), dst: Addr::from_v4([10, 0, 0, 2]), id, proto: 17 }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    fn ports(table: &FragmentTable, now: i64, id: u32) -> Option<u16> {
        let mut later = Packet::default();
        table.complete(at(now), &key(id), &mut later).then_some(later.src_port)
    }

    fn first(src_port: u16) -> Packet {
        Packet { src_port, proto: 17, ..Packet::default() }
    }

    #[test]
    fn remembers_for_thirty_seconds() {
        let mut table = FragmentTable::new(8, Seed::REPLAY);
        table.learn(at(100), key(1), &first(53));
        for (now, expected) in [(100, Some(53)), (130, Some(53)), (131, None), (71, Some(53)), (69, None)] {
            assert_eq!(ports(&table, now, 1), expected, "at {now}");
        }
        assert_eq!(ports(&table, 100, 2), None);
        table.learn(at(140), key(2), &first(54));
        assert_eq!(table.pieces.len(), 1);
    }

    #[test]
    fn is_bounded_and_gives_up_the_oldest() {
        let mut table = FragmentTable::new(4, Seed::REPLAY);
        for id in 0..100u16 {
            table.learn(at(100), key(u32::from(id)), &first(id));
            assert!(table.pieces.len() <= 4 && table.order.len() <= 4);
        }
        assert_eq!((ports(&table, 100, 95), ports(&table, 100, 96)), (None, Some(96)));
        for _ in 0..100 {
            table.learn(at(101), key(7), &first(7));
            assert!(table.order.len() <= 4);
        }
        assert_eq!(ports(&table, 101, 7), Some(7));
    }

    #[test]
    fn a_table_of_no_size_remembers_nothing() {
        let mut table = FragmentTable::new(0, Seed::REPLAY);
        table.learn(at(0), key(1), &first(1));
        assert_eq!(ports(&table, 0, 1), None);
    }
}

//! Data that leaves: at once, drop by drop, or after it was pulled together inside.

use super::Placed;
use crate::simulate::conversation::{Turn, upload_turns};
use crate::simulate::network::{Host, Service, Talk};
use crate::simulate::pace::Sources;
use crate::simulate::random::whole;
use crate::simulate::stage::{Source, Stage};
use crate::time::{Span, Timestamp};

/// Parts of an upload, as object stores take them.
const PART: u64 = 16_000_000;

/// Sends an equal part to each peer, one after another, at the rate that fills the time.
struct Uploads {
    placed: Placed,
    nth: usize,
}

pub(super) fn bulk(placed: Placed) -> Sources {
    vec![(placed.from, Box::new(Uploads { placed, nth: 0 }))]
}

impl Source for Uploads {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        let count = self.placed.peers.len().max(1);
        let share = self.placed.seconds() / count as f64;
        let bytes = self.placed.bytes / count as u64;
        let Placed { host, peers, random, .. } = &mut self.placed;
        let peer = peers.get(self.nth)?;
        self.nth += 1;
        // A little faster than need be: connections take time to begin and to end.
        let rate = bytes as f64 / (share * 0.97).max(1e-3);
        let turns = upload_turns(bytes, PART, Span::from_millis(1));
        host.connect(peer, Talk::new(turns).at_rate(rate), now, random, stage);
        Some(now + Span::from_secs_f64(share))
    }
}

/// Sends a chunk every interval, to the peers in turn.
struct Drip {
    placed: Placed,
    chunk: u64,
    nth: usize,
}

pub(super) fn drip(placed: Placed) -> Sources {
    let chunks = (placed.seconds() / placed.interval.as_secs_f64()).max(1.0);
    let chunk = whole(placed.bytes as f64 / chunks).max(1);
    vec![(placed.from, Box::new(Drip { placed, chunk, nth: 0 }))]
}

impl Source for Drip {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        if !self.placed.random.chance(self.placed.missed) {
            let peer = self.placed.peer_at(now, self.nth)?.0.clone();
            self.nth += 1;
            let Placed { host, random, .. } = &mut self.placed;
            let turn = Turn { up: self.chunk, down: 300, ..Turn::default() };
            host.connect(&peer, Talk::new(std::iter::once(turn)), now, random, stage);
        }
        self.placed.next(now, self.placed.interval)
    }
}

/// Pulls everything from a file server inside during the first half, from hand to hand where there are several hops, then sends it.
struct Staging {
    placed: Option<Placed>,
    /// Hops that are done.
    pulled: u16,
}

pub(super) fn staged(placed: Placed) -> Sources {
    vec![(placed.from, Box::new(Staging { placed: Some(placed), pulled: 0 }))]
}

impl Source for Staging {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        const SMB: u16 = 445;
        let mut placed = self.placed.take()?;
        let left = placed.hops.checked_sub(self.pulled + 1)?;
        let hop = placed.seconds() / 2.0 / f64::from(placed.hops);
        // The last of the hosts is the one that sends.
        let holder = |hops_left: u16| match u8::try_from(hops_left) {
            Ok(0) | Err(_) => placed.host,
            Ok(nth) => placed.host.neighbour(nth),
        };
        let source =
            if self.pulled == 0 { Host::file_server(placed.host.end.ip) } else { holder(left + 1).end.ip };
        let puller = holder(left);
        let parts = placed.bytes.div_ceil(PART);
        let down = placed.bytes / parts.max(1);
        let turns = (0..parts).map(move |_| Turn { up: 220, down, ..Turn::default() });
        let talk = Talk::new(turns).at_rate(placed.bytes as f64 / (hop * 0.9).max(1e-3));
        puller.connect(&Service::raw(source, SMB), talk, now, &mut placed.random, stage);
        self.pulled += 1;
        let next = now + Span::from_secs_f64(hop);
        if left > 0 {
            self.placed = Some(placed);
            return Some(next);
        }
        placed.from = next;
        for (at, source) in bulk(placed) {
            stage.start(at, source);
        }
        None
    }
}

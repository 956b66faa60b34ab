//! Connections that stay: held open with signs of life, or driven by somebody at the far end.

use super::Placed;
use crate::simulate::conversation::Turn;
use crate::simulate::network::Talk;
use crate::simulate::pace::Sources;
use crate::simulate::random::Random;
use crate::simulate::stage::{Source, Stage};
use crate::time::{Span, Timestamp};

/// Opens one connection to each peer, for an equal part of the incident.
struct Opening {
    placed: Placed,
    nth: usize,
    turn: fn(&mut Random, f64, f64) -> Turn,
}

/// One TLS connection a peer, with a sign of life every interval.
pub(super) fn held_open(placed: Placed) -> Sources {
    let turn = |random: &mut Random, interval_s: f64, jitter: f64| Turn {
        after: random.jittered(Span::from_secs_f64(interval_s), jitter),
        up: 60 + random.below(8),
        down: 50 + random.below(8),
        server_first: false,
    };
    vec![(placed.from, Box::new(Opening { placed, nth: 0, turn }))]
}

/// A shell that the far end drives: short orders in, longer answers out, at the pace of a person (the interval on average).
pub(super) fn interactive(placed: Placed) -> Sources {
    let turn = |random: &mut Random, interval_s: f64, _: f64| Turn {
        after: random.wait(interval_s),
        up: 40 + random.size(700.0, 1.3),
        down: 5 + random.below(40),
        server_first: true,
    };
    vec![(placed.from, Box::new(Opening { placed, nth: 0, turn }))]
}

impl Source for Opening {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        let share = self.placed.seconds() / self.placed.peers.len().max(1) as f64;
        let Placed { host, peers, random, interval, jitter, .. } = &mut self.placed;
        let peer = peers.get(self.nth)?;
        self.nth += 1;
        let (interval_s, jitter, turn) = (interval.as_secs_f64(), *jitter, self.turn);
        let mut inner = Random::new(random.below(u64::MAX), 4);
        let mut left = share;
        let turns = std::iter::from_fn(move || {
            let next = turn(&mut inner, interval_s, jitter);
            left -= next.after.as_secs_f64();
            (left > 0.0).then_some(next)
        });
        host.connect(peer, Talk::new(turns), now, random, stage);
        Some(now + Span::from_secs_f64(share))
    }
}

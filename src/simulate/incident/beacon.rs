//! A beacon: asks for orders every interval over a connection of its own, and seldom gets one.

use super::Placed;
use crate::simulate::conversation::{Ending, Turn};
use crate::simulate::network::Talk;
use crate::simulate::pace::Sources;
use crate::simulate::stage::{Source, Stage};
use crate::time::Timestamp;

struct Beacon {
    placed: Placed,
    checked_in: usize,
}

pub(super) fn sources(placed: Placed) -> Sources {
    vec![(placed.from, Box::new(Beacon { placed, checked_in: 0 }))]
}

impl Source for Beacon {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        if !self.placed.random.chance(self.placed.missed) {
            self.check_in(now, stage);
        }
        self.placed.next(now, self.placed.interval)
    }
}

impl Beacon {
    /// Asks the next of the peers.
    fn check_in(&mut self, now: Timestamp, stage: &mut Stage<'_>) {
        const TASK: f64 = 0.02;
        let Some((peer, answers)) = self.placed.peer_at(now, self.checked_in) else { return };
        let peer = peer.clone();
        self.checked_in += 1;
        let Placed { host, random, failing, .. } = &mut self.placed;
        let mut turns =
            vec![Turn { up: 320 + random.below(90), down: 180 + random.below(60), ..Turn::default() }];
        if random.chance(TASK) {
            let (order, answer) = (random.size(4_000.0, 1.0), random.size(6_000.0, 1.0));
            turns.push(Turn { up: 300, down: order, ..Turn::default() });
            turns.push(Turn { after: random.wait(2.0), up: answer, down: 200, server_first: false });
        }
        let mut talk = Talk::new(turns.into_iter());
        if random.chance(*failing) {
            talk.ending = if random.chance(0.5) { Ending::Refused } else { Ending::Unanswered };
        }
        if !answers {
            talk.ending = Ending::Unanswered;
        }
        host.connect(&peer, talk, now, random, stage);
    }
}

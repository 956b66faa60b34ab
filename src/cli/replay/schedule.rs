//! When a replay scores before the end of the input.

use crate::pipeline::TICK;
use crate::time::{Span, Timestamp};

/// Points at multiples of an interval of packet time, each with a scoring pass where it can be afforded.
///
/// With an interval of the user's, each point has its pass. Without one, the interval is a minute at first, and from twelve hours on a
/// 720th of the packet time that has passed, so that a capture of weeks has a few thousand points; and passes, each of which scores
/// every channel, are left out where they would take far longer than reading.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Option<Span>,
    first: Option<Timestamp>,
    next: Option<Timestamp>,
    /// Channels scored so far.
    scored: u64,
}

/// What to do at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Show the counters of now and the scores of the last pass.
    Point,
    /// Score, then the same.
    Pass,
}

/// Interval at first.
const LEAST: Span = Span::from_secs(60);
/// Points after which the interval begins to grow.
const STEADY_POINTS: i64 = 720;
/// Channels that may be scored whatever was read: a few seconds' work.
const FREE_CHANNELS: u64 = 250_000;
/// Packets read that pay for one channel scored.
const PACKETS_A_CHANNEL: u64 = 8;

impl Schedule {
    /// With the interval that the user asked for, or one that grows. Ticks are [`TICK`] apart, and so are points at
    /// least.
    pub(super) const fn new(every: Option<Span>) -> Self {
        Self { every, first: None, next: None, scored: 0 }
    }

    /// What is due at a tick, by when `packets` were read and there are `channels`. Ticks come in the order of time.
    pub(super) fn due(&mut self, at: Timestamp, packets: u64, channels: u64) -> Due {
        let first = *self.first.get_or_insert(at);
        let interval = self.every.unwrap_or_else(|| growing(at - first));
        if self.next.is_some_and(|next| at < next) {
            return Due::Nothing;
        }
        self.next = Some(at.floor_to(interval) + interval);
        let affordable = self.scored + channels <= FREE_CHANNELS + packets / PACKETS_A_CHANNEL;
        if self.every.is_none() && !affordable {
            return Due::Point;
        }
        self.scored += channels;
        Due::Pass
    }
}

/// The interval after some time, a multiple of a tick.
fn growing(elapsed: Span) -> Span {
    let share = elapsed.as_nanos() / STEADY_POINTS;
    let ticks = share / TICK.as_nanos() * TICK.as_nanos();
    Span::from_nanos(ticks).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The passes of a capture with a packet every tick and one channel, in seconds from its begin.
    fn passes(every: Option<Span>, length_s: i64) -> Vec<i64> {
        let mut schedule = Schedule::new(every);
        let begin = 1_735_718_400;
        let ticks = (1..=length_s / 10).map(|tick| tick * 10);
        let due = |at: &i64| schedule.due(Timestamp::from_secs_nanos(begin + at, 0), 0, 1) == Due::Pass;
        ticks.filter(due).collect()
    }

    #[test]
    fn passes_are_at_multiples_of_the_interval() {
        assert_eq!(passes(None, 240), [10, 60, 120, 180, 240]);
        assert_eq!(passes(Some(Span::from_secs(25)), 100), [10, 30, 50, 80, 100]);
        assert_eq!(passes(Some(Span::from_secs(3600)), 7300), [10, 3600, 7200]);
    }

    #[test]
    fn long_captures_have_bounded_passes() {
        let day = 86_400;
        assert_eq!(passes(None, day / 2).len(), 721);
        let of_month = passes(None, 30 * day);
        assert!(of_month.len() < 5000, "{}", of_month.len());
        let longest = of_month.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!((3000..=3600).contains(&longest), "{longest}");
    }

    #[test]
    fn a_gap_gives_one_pass() {
        let mut schedule = Schedule::new(None);
        let at = |secs| Timestamp::from_secs_nanos(secs, 0);
        let due = [10, 7200, 7210, 7260].map(|secs| schedule.due(at(secs), 0, 1));
        assert_eq!(due, [Due::Pass, Due::Pass, Due::Nothing, Due::Pass]);
    }

    #[test]
    fn passes_that_cost_too_much_are_left_out_unless_asked_for() {
        let channels = FREE_CHANNELS / 4;
        let passes = |every: Option<Span>, packets_a_minute: u64| {
            let mut schedule = Schedule::new(every);
            let at = |minute: u64| Timestamp::from_secs_nanos(i64::try_from(minute).unwrap() * 60, 0);
            let due = (1..=100).map(|minute| schedule.due(at(minute), minute * packets_a_minute, channels));
            let due: Vec<Due> = due.collect();
            assert!(!due.contains(&Due::Nothing));
            due.iter().filter(|due| **due == Due::Pass).count()
        };
        assert_eq!(passes(None, 0), 4);
        assert_eq!(passes(None, channels), 4 + 100 / 8);
        assert_eq!(passes(None, channels * 8), 100);
        assert_eq!(passes(Some(Span::from_secs(60)), 0), 100);
    }
}

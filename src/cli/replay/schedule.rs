//! When a replay scores before the end of the input.

use crate::pipeline::TICK;
use crate::time::{Span, Timestamp};

/// Scoring passes at multiples of an interval of packet time.
///
/// Without an interval of the user's it is a minute at first, and from twelve hours on a 720th of the packet time that has passed,
/// so that the passes of a capture of weeks stay in the low thousands.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Option<Span>,
    first: Option<Timestamp>,
    next: Option<Timestamp>,
}

/// Interval at first.
const LEAST: Span = Span::from_secs(60);
/// Passes after which the interval begins to grow.
const STEADY_PASSES: i64 = 720;

impl Schedule {
    /// With the interval that the user asked for, or one that grows. Ticks are [`TICK`] apart, and so are passes at least.
    pub(super) const fn new(every: Option<Span>) -> Self {
        Self { every, first: None, next: None }
    }

    /// Whether a pass is due at a tick. Ticks come in the order of time.
    pub(super) fn due(&mut self, at: Timestamp) -> bool {
        let first = *self.first.get_or_insert(at);
        let interval = self.every.unwrap_or_else(|| growing(at - first));
        let due = self.next.is_none_or(|next| at >= next);
        if due {
            self.next = Some(at.floor_to(interval) + interval);
        }
        due
    }
}

/// The interval after some time, a multiple of a tick.
fn growing(elapsed: Span) -> Span {
    let share = elapsed.as_nanos() / STEADY_PASSES;
    let ticks = share / TICK.as_nanos() * TICK.as_nanos();
    Span::from_nanos(ticks).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The passes of a capture with a packet every tick, in seconds from its begin.
    fn passes(every: Option<Span>, length_s: i64) -> Vec<i64> {
        let mut schedule = Schedule::new(every);
        let begin = 1_735_718_400;
        let ticks = (1..=length_s / 10).map(|tick| tick * 10);
        ticks.filter(|at| schedule.due(Timestamp::from_secs_nanos(begin + at, 0))).collect()
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
        let due: Vec<bool> = [10, 7200, 7210, 7260].map(|secs| schedule.due(at(secs))).into();
        assert_eq!(due, [true, true, false, true]);
    }
}

//! When an incident rests: sleep between times awake, nights and weekends.

use crate::simulate::scenario::Incident;
use crate::time::{Span, Timestamp};

const DAY: Span = Span::from_secs(86_400);
/// Office hours.
const OPENS: Span = Span::from_secs(8 * 3600);
const CLOSES: Span = Span::from_secs(18 * 3600);

/// When something may happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// From when on times awake and asleep alternate, awake first.
    from: Timestamp,
    awake_asleep: Option<(Span, Span)>,
    office_hours: bool,
}

impl Schedule {
    pub(super) fn new(incident: &Incident, from: Timestamp) -> Self {
        Self { from, awake_asleep: incident.awake.zip(incident.asleep), office_hours: incident.office_hours }
    }

    /// The first moment from `at` on at which something may happen.
    pub(super) fn next(&self, at: Timestamp) -> Timestamp {
        let at = self.awake(at);
        if self.office_hours { in_office_hours(at) } else { at }
    }

    fn awake(&self, at: Timestamp) -> Timestamp {
        let Some((awake, asleep)) = self.awake_asleep else { return at };
        let (awake, round) = (awake.as_nanos(), awake.as_nanos().saturating_add(asleep.as_nanos()));
        let since = (at - self.from).as_nanos().max(0);
        let within = since.checked_rem(round).unwrap_or_default();
        if within < awake { at } else { at + Span::from_nanos(round - within) }
    }
}

/// The first moment from `at` on that is on a working day between opening and closing.
fn in_office_hours(at: Timestamp) -> Timestamp {
    let opening = |day: Timestamp| day + OPENS;
    let mut day = at.floor_to(DAY);
    if at >= day + CLOSES {
        day = day + DAY;
    }
    while is_weekend(day) {
        day = day + DAY;
    }
    at.max(opening(day))
}

/// 1970-01-01 was a Thursday.
const fn is_weekend(day: Timestamp) -> bool {
    matches!((day.as_secs().div_euclid(86_400) + 3).rem_euclid(7), 5 | 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Behaviour;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn sleep_follows_a_time_awake() {
        let hours = |n: i64| Some(Span::from_secs(n * 3600));
        let incident = Incident { awake: hours(2), asleep: hours(6), ..Incident::new(Behaviour::Beacon) };
        let check = |at: &str, expected: &str| {
            let from = time("2026-03-02T01:00:00Z");
            assert_eq!(Schedule::new(&incident, from).next(time(at)), time(expected), "{at}");
        };
        check("2026-03-02T02:59:59Z", "2026-03-02T02:59:59Z");
        check("2026-03-02T03:00:00Z", "2026-03-02T09:00:00Z");
        check("2026-03-02T08:59:00Z", "2026-03-02T09:00:00Z");
        check("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z");
    }

    #[test]
    fn offices_open_on_working_days() {
        let incident = Incident { office_hours: true, ..Incident::new(Behaviour::Beacon) };
        let check = |at: &str, expected: &str| {
            let schedule = Schedule::new(&incident, time("2026-03-02T00:00:00Z"));
            assert_eq!(schedule.next(time(at)), time(expected), "{at}");
        };
        check("2026-03-02T07:00:00Z", "2026-03-02T08:00:00Z");
        check("2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z");
        check("2026-03-02T18:00:00Z", "2026-03-03T08:00:00Z");
        check("2026-03-06T20:00:00Z", "2026-03-09T08:00:00Z");
        check("2026-03-07T12:00:00Z", "2026-03-09T08:00:00Z");
    }
}

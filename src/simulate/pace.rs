//! When people and programs do something: the pace of a source, and the source that acts at a pace.

use super::random::Random;
use super::stage::{Source, Stage};
use crate::time::{Span, Timestamp};

/// How often something happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// At an exact period with this share of jitter.
    Every(Span, f64),
    /// At random, so many seconds apart on average, day and night.
    Random(f64),
    /// At random in working hours, so many seconds apart at the busiest time; the host's day begins this much later.
    Human(f64, Span),
    /// Once a day at this time, give or take half an hour.
    Daily(Span),
}

const DAY: Span = Span::from_secs(86_400);

impl Pace {
    /// When it happens next.
    pub(super) fn next(self, now: Timestamp, random: &mut Random) -> Timestamp {
        match self {
            Self::Every(period, jitter) => now + random.jittered(period, jitter),
            Self::Random(mean_s) => now + random.wait(mean_s),
            Self::Human(mean_s, shift) => {
                let mut at = now;
                // Thinning (Lewis and Shedler 1979): candidates at the busiest pace, kept as often as the hour is busy.
                // A month of candidates is looked at, at most: no host sleeps longer.
                let last = now + Span::from_secs(31 * 86_400);
                while at < last {
                    at = at + random.wait(mean_s);
                    if random.chance(busyness(at - shift)) {
                        break;
                    }
                }
                at
            }
            Self::Daily(time) => {
                let give_or_take = Span::from_secs_f64(random.between(-1800.0, 1800.0));
                let today = now.floor_to(DAY) + time + give_or_take;
                if today > now + Span::from_secs(1800) { today } else { today + DAY }
            }
        }
    }

    /// When it happens first after `start`: a period begins anywhere in itself.
    pub(super) fn first(self, start: Timestamp, random: &mut Random) -> Timestamp {
        match self {
            Self::Every(period, _) => start + Span::from_secs_f64(period.as_secs_f64() * random.unit()),
            Self::Daily(time) if start.floor_to(DAY) + time > start => start.floor_to(DAY) + time,
            Self::Random(_) | Self::Human(..) | Self::Daily(_) => self.next(start, random),
        }
    }
}

/// How busy people are, 0 to 1: by the hour of a working day, little in the evening, hardly at night and at weekends.
fn busyness(at: Timestamp) -> f64 {
    let seconds = at.as_secs();
    let hour = seconds.rem_euclid(86_400) / 3600;
    // 1970-01-01 was a Thursday.
    let weekend = matches!((seconds.div_euclid(86_400) + 3).rem_euclid(7), 5 | 6);
    let of_hour = match hour {
        9..=11 | 14..=16 => 1.0,
        8 | 13 | 17 => 0.6,
        12 => 0.35,
        7 | 18 => 0.2,
        19..=22 => 0.06,
        _ => 0.005,
    };
    if weekend { of_hour * 0.08 } else { of_hour }
}

/// What happens at each time.
pub(super) type Act = Box<dyn FnMut(Timestamp, &mut Random, &mut Stage<'_>)>;

/// A source that does the same again and again.
pub(super) struct Routine {
    pub(super) pace: Pace,
    pub(super) random: Random,
    pub(super) act: Act,
}

impl Source for Routine {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        (self.act)(now, &mut self.random, stage);
        Some(self.pace.next(now, &mut self.random))
    }
}

/// Sources with the times at which they begin.
pub(super) type Sources = Vec<(Timestamp, Box<dyn Source>)>;

/// A routine that begins some time after `start`.
pub(super) fn routine(
    start: Timestamp,
    pace: Pace,
    mut random: Random,
    act: impl FnMut(Timestamp, &mut Random, &mut Stage<'_>) + 'static,
) -> (Timestamp, Box<dyn Source>) {
    let first = pace.first(start, &mut random);
    (first, Box::new(Routine { pace, random, act: Box::new(act) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_work_by_day_and_rest_at_weekends() {
        let at = |text: &str| busyness(Timestamp::parse_rfc3339(text).unwrap());
        assert!((at("2026-03-02T10:00:00Z") - 1.0).abs() < 1e-9, "a Monday");
        assert!(at("2026-03-02T03:00:00Z") < 0.01);
        assert!(at("2026-03-07T10:00:00Z") < 0.1 && at("2026-03-08T10:00:00Z") < 0.1);
    }

    #[test]
    fn paces_move_on_and_keep_their_period() {
        let mut random = Random::new(1, 1);
        let start = Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap();
        let minute = Pace::Every(Span::from_secs(60), 0.0);
        assert_eq!(minute.next(start, &mut random), start + Span::from_secs(60));
        let daily = Pace::Daily(Span::from_secs(2 * 3600));
        let mut at = daily.first(start, &mut random);
        for day in 1..5 {
            at = daily.next(at, &mut random);
            let hours = (at - start).as_secs_f64() / 3600.0 - 24.0 * f64::from(day);
            assert!((1.4..2.6).contains(&hours), "{hours}");
        }
        for pace in [Pace::Random(5.0), Pace::Human(60.0, Span::ZERO)] {
            assert!(pace.next(start, &mut random) > start);
        }
    }
}

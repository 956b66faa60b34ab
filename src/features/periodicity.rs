//! Statistics of points in time: how regular, and how sure. Pure functions over plain numbers.

/// The median of the values; sorts them. Nothing where there are none.
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile `q` in 0..=1 by linear interpolation (Hyndman and Fan 1996, type 7); sorts the values.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = q.clamp(0.0, 1.0) * (values.len().checked_sub(1)? as f64);
    let low = *values.get(rank.floor() as usize)?;
    let high = *values.get(rank.ceil() as usize)?;
    Some(low + (high - low) * rank.fract())
}

/// Median absolute deviation from the median, not scaled. Nothing where there are no values.
pub fn median_absolute_deviation(values: &mut [f64]) -> Option<f64> {
    let centre = median(values)?;
    let mut deviations: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    median(&mut deviations)
}

/// How regular a point process is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regularity {
    /// Typical interval in seconds, missed beats folded.
    pub interval_s: f64,
    /// Relative dispersion of the intervals: MAD / median. 0 for a clock, 0.25 for ± 50 % uniform jitter, 0.69 for
    /// a Poisson process.
    pub dispersion: f64,
    /// Intervals that the two figures rest on.
    pub intervals: usize,
}

/// Fewest intervals from which regularity is told: with fewer, chance makes clocks.
pub const MIN_INTERVALS: usize = 4;

/// Relative dispersion (MAD / median) of exponential intervals: the median of |x - ln 2| for unit x is 0.4812.
const POISSON_DISPERSION: f64 = 0.694;

/// Dispersion below which clocks are not told apart: timers of operating systems and retransmissions smear more.
const DISPERSION_FLOOR: f64 = 0.01;

impl Regularity {
    /// 1 for a clock, 0 for intervals as scattered as a Poisson process or more.
    pub fn score(&self) -> f64 {
        (1.0 - self.dispersion / POISSON_DISPERSION).clamp(0.0, 1.0)
    }

    /// Evidence against random timing, in nats: the log-likelihood ratio of the observed scale of the deviations against that
    /// of a Poisson process, one term an interval.
    pub fn evidence(&self) -> f64 {
        let per_interval = (POISSON_DISPERSION / (self.dispersion + DISPERSION_FLOOR)).ln().max(0.0);
        self.intervals as f64 * per_interval
    }
}

/// Regularity of start times (seconds, ascending). The best of two readings of the same points: as they are, and with
/// the points of one burst (closer than a fifth of the upper-quartile interval) taken as one, as a client that opens several
/// connections a beat needs. Nothing where there are fewer than [`MIN_INTERVALS`].
pub fn regularity(starts: &[f64]) -> Option<Regularity> {
    let plain = intervals_of(starts);
    let merged = merge_bursts(starts, &plain);
    let of_plain = dispersion_of(&plain);
    let of_merged = if merged.len() < starts.len() { dispersion_of(&intervals_of(&merged)) } else { None };
    match (of_plain, of_merged) {
        (Some(a), Some(b)) => Some(if b.evidence() > a.evidence() { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn intervals_of(starts: &[f64]) -> Vec<f64> {
    starts.iter().zip(starts.iter().skip(1)).map(|(a, b)| b - a).filter(|d| *d > 0.0).collect()
}

fn merge_bursts(starts: &[f64], intervals: &[f64]) -> Vec<f64> {
    let Some(upper) = quantile(&mut intervals.to_vec(), 0.75) else { return Vec::new() };
    let mut merged: Vec<f64> = Vec::with_capacity(starts.len());
    let mut previous = f64::NEG_INFINITY;
    for &start in starts {
        if start - previous > upper / 5.0 {
            merged.push(start);
        }
        previous = start;
    }
    merged
}

/// Folds missed beats (intervals near 2 or 3 times the median count as that many beats, while they are few), then
/// takes MAD / median.
fn dispersion_of(intervals: &[f64]) -> Option<Regularity> {
    const LARGEST_FOLD: f64 = 3.0;
    const MOST_FOLDED: f64 = 0.3;
    if intervals.len() < MIN_INTERVALS {
        return None;
    }
    let centre = median(&mut intervals.to_vec()).filter(|m| *m > 0.0)?;
    let mut folded = 0_usize;
    let mut beats: Vec<f64> = intervals
        .iter()
        .map(|d| {
            let missed = (d / centre).round();
            if (2.0..=LARGEST_FOLD).contains(&missed) {
                folded += 1;
                d / missed
            } else {
                *d
            }
        })
        .collect();
    if folded as f64 > MOST_FOLDED * intervals.len() as f64 {
        beats = intervals.to_vec();
    }
    let interval_s = median(&mut beats)?;
    let dispersion = median_absolute_deviation(&mut beats)? / interval_s;
    Some(Regularity { interval_s, dispersion, intervals: intervals.len() })
}

/// How alike sizes are: 1 when all are equal, 0 when their MAD reaches the median. Nothing for fewer than five values; 0 where
/// the median is 0.
pub fn size_regularity(sizes: &mut [f64]) -> Option<f64> {
    if sizes.len() <= MIN_INTERVALS {
        return None;
    }
    let centre = median(sizes)?;
    if centre <= 0.0 {
        return Some(0.0);
    }
    Some((1.0 - median_absolute_deviation(sizes)? / centre).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(n: usize, interval: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut t = 1000.0;
        (0..n)
            .map(|i| {
                t += interval(i);
                t
            })
            .collect()
    }

    /// A fixed low-discrepancy sequence in 0..1: tests need no random numbers.
    fn spread(i: usize) -> f64 {
        (i as f64 * 0.618_033_988_75).fract()
    }

    #[test]
    fn a_clock_is_regular_and_poisson_is_not() {
        let clock = regularity(&starts(20, |_| 60.0)).unwrap();
        assert!(clock.score() > 0.99 && clock.evidence() > 50.0);
        assert!((clock.interval_s - 60.0).abs() < 1e-9);
        let poisson = regularity(&starts(200, |i| -60.0 * (1.0 - spread(i)).ln())).unwrap();
        assert!(poisson.score() < 0.15, "{poisson:?}");
    }

    #[test]
    fn jitter_leaves_most_of_the_regularity() {
        let half = regularity(&starts(64, |i| 60.0 * (0.5 + spread(i)))).unwrap();
        assert!(half.score() > 0.55, "{half:?}");
        assert!(half.evidence() > 30.0, "{half:?}");
    }

    #[test]
    fn missed_beats_fold() {
        let missed = regularity(&starts(40, |i| if i % 5 == 4 { 120.5 } else { 60.0 + spread(i) })).unwrap();
        assert!(missed.score() > 0.97, "{missed:?}");
    }

    #[test]
    fn several_connections_a_beat_are_one_beat() {
        let bursts: Vec<f64> =
            (0..15).flat_map(|i| [0.0, 0.4, 1.1].map(|d| f64::from(i) * 300.0 + d)).collect();
        let r = regularity(&bursts).unwrap();
        assert!((r.interval_s - 300.0).abs() < 1.0 && r.score() > 0.98, "{r:?}");
    }

    #[test]
    fn degenerate_input_gives_nothing_or_finite_numbers() {
        for points in [vec![], vec![1.0], vec![1.0; 50], vec![1.0, 2.0, 3.0]] {
            assert!(regularity(&points).is_none(), "{points:?}");
        }
        assert_eq!(median(&mut []), None);
        assert_eq!(quantile(&mut [3.0], 0.9), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median_absolute_deviation(&mut [1.0, 1.0, 1.0]), Some(0.0));
        assert_eq!(size_regularity(&mut [0.0; 9]), Some(0.0));
        assert_eq!(size_regularity(&mut [7.0; 9]), Some(1.0));
        assert_eq!(size_regularity(&mut [7.0; 3]), None);
    }
}

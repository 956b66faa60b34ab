//! Statistics of points in time: how regular, and how sure. Pure functions over plain numbers.

use smallvec::SmallVec;

use super::activity::RecentActivity;

/// A number for each of the bursts that a channel keeps, or for fewer: they take no allocation.
pub(super) type Numbers = SmallVec<[f64; RecentActivity::CAPACITY]>;

/// The median of the values; reorders them. Nothing where there are none.
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile `q` in 0..=1 by linear interpolation (Hyndman and Fan 1996, type 7); reorders the values.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let rank = q.clamp(0.0, 1.0) * (values.len().checked_sub(1)? as f64);
    let (_, &mut low, above) = values.select_nth_unstable_by(rank.floor() as usize, f64::total_cmp);
    let next = || above.iter().copied().min_by(f64::total_cmp);
    let high = if rank.fract() > 0.0 { next()? } else { low };
    Some(low + (high - low) * rank.fract())
}

/// Median absolute deviation from the median, not scaled. Nothing where there are no values.
pub fn median_absolute_deviation(values: &mut [f64]) -> Option<f64> {
    let centre = median(values)?;
    let mut deviations: Numbers = values.iter().map(|v| (v - centre).abs()).collect();
    median(&mut deviations)
}

/// How regular a point process is: a renewal process whose intervals follow a gamma distribution. Its shape is 1 for a
/// Poisson process, below 1 for the bursts and pauses of people, and grows without bound towards a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regularity {
    /// Median interval in seconds.
    pub interval_s: f64,
    /// Shape of the gamma distribution: 11 for uniform jitter of ± 50 %, 3.9 for ± 80 %.
    pub shape: f64,
    /// Intervals that the figures rest on.
    pub intervals: usize,
    /// Evidence against a Poisson process in nats.
    evidence: f64,
}

/// Fewest intervals from which regularity is told: with fewer, chance makes clocks.
pub const MIN_INTERVALS: usize = 4;

/// Spread of the logarithm of intervals below which clocks are not told apart (a relative deviation of 1 %): timers of
/// operating systems and retransmissions smear more.
const LEAST_SPREAD: f64 = 0.5 * 0.01 * 0.01;

/// Starts closer than this belong to one beat: a client may open several connections to do one thing.
const BEAT_S: f64 = 5.0;

impl Regularity {
    /// 1 for a clock, 0 for a Poisson process or anything less regular: 1 minus the relative deviation of the intervals.
    pub fn score(&self) -> f64 {
        (1.0 - self.dispersion()).max(0.0)
    }

    /// Relative standard deviation of the intervals: 1 / sqrt(shape).
    pub fn dispersion(&self) -> f64 {
        self.shape.sqrt().recip()
    }

    /// Evidence against a Poisson process in nats: the log-likelihood ratio, less half the logarithm of the number of
    /// intervals for each number that was fitted beyond its rate (Schwarz 1978). Not below 0; 0 for anything less regular.
    pub const fn evidence(&self) -> f64 {
        self.evidence
    }
}

/// Regularity of start times (seconds, ascending). The best of several readings of the same points: as they are, and
/// with the points of one beat (`BEAT_S`, or a fifth of the upper-quartile interval where that is shorter) taken as one; each also as
/// a process of which some beats were missed. A few intervals that are off the median by a factor of more than eight are
/// left out, so that neither a night, a closed lid nor a hasty first minute hides a rhythm. Nothing where there are fewer than [`MIN_INTERVALS`].
pub fn regularity(starts: &[f64]) -> Option<Regularity> {
    let plain = intervals_of(starts);
    let merged = merge_beats(starts, &plain);
    let of_plain = fit(&plain);
    let of_merged = if merged.len() < starts.len() { fit(&intervals_of(&merged)) } else { None };
    match (of_plain, of_merged) {
        (Some(a), Some(b)) => Some(if b.evidence() > a.evidence() { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn intervals_of(starts: &[f64]) -> Numbers {
    starts.iter().zip(starts.iter().skip(1)).map(|(a, b)| b - a).filter(|d| *d > 0.0).collect()
}

fn merge_beats(starts: &[f64], intervals: &[f64]) -> Numbers {
    let Some(upper) = quantile(&mut Numbers::from_slice(intervals), 0.75) else { return Numbers::new() };
    let same_beat = BEAT_S.min(upper / 5.0);
    let mut merged = Numbers::new();
    let mut previous = f64::NEG_INFINITY;
    for &start in starts {
        if start - previous > same_beat {
            merged.push(start);
        }
        previous = start;
    }
    merged
}

/// The better of two fits: every interval a beat, and some of several beats.
fn fit(intervals: &[f64]) -> Option<Regularity> {
    if intervals.len() < MIN_INTERVALS {
        return None;
    }
    let median_s = median(&mut Numbers::from_slice(intervals)).filter(|m| *m > 0.0)?;
    let kept = without_strays(intervals, median_s);
    let logs: Numbers = kept.iter().map(|d| d.ln()).collect();
    let whole = Fit::of(&kept, &logs, None);
    let thinned = beats_of(&kept, median_s).map(|beats| Fit::of(&kept, &logs, Some(&beats)));
    let best = thinned.filter(|thinned| thinned.evidence > whole.evidence).unwrap_or(whole);
    // The median of whole intervals is the steadier estimate; where beats are missing it may be one of several of them.
    let interval_s = if best.missed { best.mean_s } else { median_s };
    Some(Regularity { interval_s, shape: best.shape, intervals: kept.len(), evidence: best.evidence })
}

/// How many beats each interval is long: the multiple of the mean beat that it is nearest to, starting from the median interval as the beat. Nothing
/// where no beat was missed, or as many as were kept: then anything is a multiple of something.
fn beats_of(intervals: &[f64], median_s: f64) -> Option<Numbers> {
    const ROUNDS: usize = 2;
    let total: f64 = intervals.iter().sum();
    let mut beat_s = median_s;
    let mut beats = Numbers::new();
    for _ in 0..ROUNDS {
        beats = intervals.iter().map(|d| (d / beat_s).round().max(1.0)).collect();
        beat_s = total / beats.iter().sum::<f64>();
    }
    let missed = beats.iter().sum::<f64>() - intervals.len() as f64;
    (missed > 0.0 && missed <= intervals.len() as f64).then_some(beats)
}

/// A gamma renewal process of which some beats were missed, each with the same chance, fitted to intervals of so many beats: an
/// interval of `k` beats follows a gamma distribution of `k` times the shape. Without missed beats it is the plain process.
struct Fit {
    mean_s: f64,
    shape: f64,
    evidence: f64,
    missed: bool,
}

impl Fit {
    /// The shape by maximum likelihood (Thom 1958; the approximation is within 1.5 % everywhere), of intervals with their logarithms, each of so many
    /// beats, or of one. The beats of an interval are taken for known, the most likely ones, and not summed over: the likelihood is a lower
    /// bound of that of all readings, and so is the evidence.
    fn of(intervals: &[f64], logs: &[f64], beats: Option<&[f64]>) -> Self {
        let n = intervals.len() as f64;
        let (total, sum_of_logs) = (intervals.iter().sum::<f64>(), logs.iter().sum::<f64>());
        // Sums of k, k ln d and k ln k over intervals d of k beats.
        let (all_beats, beat_logs, own_logs) = match beats {
            None => (n, sum_of_logs, 0.0),
            Some(beats) => (
                beats.iter().sum(),
                beats.iter().zip(logs).map(|(k, log)| k * log).sum::<f64>(),
                several(beats).map(|k| k * k.ln()).sum::<f64>(),
            ),
        };
        let (missed, mean_s) = (all_beats - n, total / all_beats);
        let spread = ((own_logs + all_beats * mean_s.ln() - beat_logs) / n).max(LEAST_SPREAD);
        let shape = (3.0 - spread + ((spread - 3.0).powi(2) + 24.0 * spread).sqrt()) / (12.0 * spread);
        if shape <= 1.0 {
            // No more regular than chance, as most channels are.
            return Self { mean_s, shape, evidence: 0.0, missed: missed > 0.0 };
        }
        let scale_s = mean_s / shape;
        // Most intervals are one beat.
        let ones = n - several(beats.unwrap_or_default()).count() as f64;
        let log_gammas = several(beats.unwrap_or_default()).map(|k| libm::lgamma(k * shape)).sum::<f64>()
            + ones * libm::lgamma(shape);
        let fitted_log =
            shape * beat_logs - sum_of_logs - total / scale_s - all_beats * shape * scale_s.ln() - log_gammas;
        let of_missing =
            if missed > 0.0 { n * (n / all_beats).ln() + missed * (missed / all_beats).ln() } else { 0.0 };
        let of_chance = -n * (total / n).ln() - n;
        let fitted = if missed > 0.0 { 2.0 } else { 1.0 };
        let evidence = fitted_log + of_missing - of_chance - fitted * 0.5 * n.ln();
        Self { mean_s, shape, evidence: evidence.max(0.0), missed: missed > 0.0 }
    }
}

/// The beats of the intervals that are more than one long.
fn several(beats: &[f64]) -> impl Iterator<Item = f64> {
    beats.iter().copied().filter(|k| *k > 1.0)
}

/// The intervals without those that are off the median by a factor of more than eight, where these are at most one in twenty, or one
/// where there are fewer than twenty.
fn without_strays(intervals: &[f64], median: f64) -> Numbers {
    const FACTOR: f64 = 8.0;
    let usual = median / FACTOR..=median * FACTOR;
    let kept: Numbers = intervals.iter().copied().filter(|d| usual.contains(d)).collect();
    let strays = intervals.len() - kept.len();
    let few = strays * 20 <= intervals.len() || strays == 1;
    if few && kept.len() >= MIN_INTERVALS { kept } else { Numbers::from_slice(intervals) }
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

    /// Least evidence and score of rhythms, most of chance.
    #[test]
    fn rhythms_are_told_from_chance() {
        let exponential = |i: usize| -60.0 * (1.0 - spread(i)).ln();
        let jitter = |share: f64| move |i: usize| 60.0 * (1.0 + share * (2.0 * spread(i) - 1.0));
        let missing = |share: f64| move |i: usize| jitter(share)(i) * if i % 5 == 4 { 2.0 } else { 1.0 };
        let night = |i: usize| if i % 30 == 29 { 30_000.0 } else { 60.0 };
        let people = |i: usize| exponential(i).powi(2);
        let strong: [(&str, Vec<f64>, f64, f64); 9] = [
            ("clock", starts(20, |_| 60.0), 50.0, 0.99),
            ("50 % jitter", starts(64, jitter(0.5)), 40.0, 0.65),
            ("80 % jitter", starts(64, jitter(0.8)), 10.0, 0.4),
            ("20 % missed", starts(24, missing(0.0)), 50.0, 0.99),
            ("20 % missed of few", starts(6, missing(0.0)), 5.0, 0.99),
            ("30 % jitter, 20 % missed", starts(24, missing(0.3)), 10.0, 0.75),
            ("80 % jitter, 20 % missed", starts(64, missing(0.8)), 5.0, 0.3),
            ("nights off", starts(64, night), 50.0, 0.99),
            ("hasty start", starts(6, |i| if i == 1 { 7.0 } else { 60.0 }), 10.0, 0.99),
        ];
        for (name, points, evidence, score) in strong {
            let r = regularity(&points).unwrap();
            assert!(r.evidence() >= evidence && r.score() >= score, "{name}: {r:?}");
        }
        for (name, points) in [("Poisson", starts(200, exponential)), ("people", starts(200, people))] {
            let r = regularity(&points).unwrap();
            assert!(r.evidence() < 5.0 && r.score() < 0.2, "{name}: {r:?}");
        }
    }

    #[test]
    fn the_interval_is_the_median() {
        assert!((regularity(&starts(20, |_| 60.0)).unwrap().interval_s - 60.0).abs() < 1e-9);
    }

    #[test]
    fn the_interval_is_a_beat_where_beats_are_missed() {
        let r = regularity(&starts(20, |i| if i % 3 == 1 { 120.0 } else { 60.0 })).unwrap();
        assert!((r.interval_s - 60.0).abs() < 1e-9 && r.intervals == 19, "{r:?}");
        let alternating = regularity(&starts(40, |i| if i % 2 == 1 { 120.0 } else { 60.0 })).unwrap();
        assert!(alternating.score() < 1.0, "{alternating:?}");
    }

    /// The beats that are taken for known give no more likelihood than the sum over all numbers of beats.
    #[test]
    fn evidence_is_a_lower_bound() {
        let intervals: Vec<f64> = (0..40)
            .map(|i| (1.0 + 0.3 * (2.0 * spread(i) - 1.0)) * f64::from(1 + u8::from(i % 5 == 4)))
            .collect();
        let beats = beats_of(&intervals, 1.0).unwrap();
        let logs: Vec<f64> = intervals.iter().map(|d| d.ln()).collect();
        let fit = Fit::of(&intervals, &logs, Some(&beats));
        let n = intervals.len() as f64;
        let (all_beats, total) = (beats.iter().sum::<f64>(), intervals.iter().sum::<f64>());
        let (missed, scale) = (1.0 - n / all_beats, fit.mean_s / fit.shape);
        let density = |d: f64, k: f64| {
            let shape = k * fit.shape;
            (1.0 - missed)
                * missed.powf(k - 1.0)
                * ((shape - 1.0) * d.ln() - d / scale - shape * scale.ln() - libm::lgamma(shape)).exp()
        };
        let sum = |d: &f64| (1..20).map(|k| density(*d, f64::from(k))).sum::<f64>().ln();
        let whole = intervals.iter().map(sum).sum::<f64>() + n * (total / n).ln() + n - n.ln();
        assert!(fit.evidence <= whole && whole < fit.evidence + 0.1 * n, "{} {whole}", fit.evidence);
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

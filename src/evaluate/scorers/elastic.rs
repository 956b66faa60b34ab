//! Elastic's network beaconing transform (package "Network Beaconing Identification" 1.3.3, `pivot_transform`): every hour, over
//! the six hours before, connections in one-minute buckets; a beacon where the bytes of either side hardly vary, the counts hardly
//! vary, or their autocovariance at some period reaches 0.7. No jitter is allowed for (`max_jitter: 0`).
//!
//! Elastic groups by host and process; the network shows no process, so that the channel stands in for it. Its lists of process
//! names and vendors' networks that it leaves out have nothing to apply to here.

use super::{Facts, narrow};
use crate::evaluate::MinuteCounts;

/// Elastic's rules: `is_beaconing`, and all three signs for high confidence.
pub(super) const THRESHOLDS: &[(&str, f32)] = &[("is_beaconing", 0.25), ("all signs", 0.75)];

/// Buckets of a window.
const WINDOW: usize = 360;
/// Minutes between two runs.
const EVERY: i64 = 60;
const MAX_BYTES_VARIATION: f64 = 0.05;
const MAX_COUNT_VARIATION: f64 = 0.1;
const MIN_AUTOCOVARIANCE: f64 = 0.7;
const MIN_NOT_EMPTY: f64 = 0.5;
const MIN_PERIODS: usize = 6;
/// Percentiles outside which values are left out: a tenth and eight tenths.
const TRUNCATE_AT: [(usize, usize); 2] = [(1, 10), (8, 10)];

/// The signs of the best window, in fourths; autocovariance orders windows with as many.
pub(super) fn score(facts: &Facts<'_>) -> f32 {
    let Some(ended) = facts.flows.map(|flows| &flows.ended) else { return 0.0 };
    let (Some((first, _)), Some((last, _))) = (ended.first_key_value(), ended.last_key_value()) else {
        return 0.0;
    };
    // Runs at which the window differs: from the first flow to the last, and the run after that. At most one an hour of traffic.
    let mut best = 0.0_f64;
    let mut end = first + EVERY;
    loop {
        let from = end.saturating_sub(i64::try_from(WINDOW).unwrap_or(i64::MAX));
        let mut window = [MinuteCounts::default(); WINDOW];
        for (minute, counts) in ended.range(from..end) {
            let slot = usize::try_from(minute - from).ok().and_then(|at| window.get_mut(at));
            if let Some(slot) = slot {
                *slot = *counts;
            }
        }
        best = best.max(window_score(&window));
        if end > *last {
            return narrow(best);
        }
        // Hours in which nothing ended are passed over.
        let next = ended.range(from + EVERY..).next().map_or(end, |(minute, _)| *minute);
        end = (end + EVERY).max(next + EVERY);
    }
}

fn window_score(window: &[MinuteCounts; WINDOW]) -> f64 {
    let not_empty = window.iter().filter(|m| m.flows > 0).count();
    let (Some(a), Some(b)) =
        (window.iter().position(|m| m.flows > 0), window.iter().rposition(|m| m.flows > 0))
    else {
        return 0.0;
    };
    let seen = window.get(a..=b).unwrap_or_default();
    if seen.len() < 2 * MIN_PERIODS || not_empty < MIN_PERIODS + 1 {
        return 0.0;
    }
    let mean_bytes = |bytes: fn(&MinuteCounts) -> u64| -> Vec<f64> {
        seen.iter().map(|m| bytes(m) as f64 / f64::from(m.flows.max(1))).collect()
    };
    let counts: Vec<f64> = seen.iter().map(|m| f64::from(m.flows)).collect();
    let steady = |values: &[f64], most: f64| {
        values.iter().filter(|v| **v > 0.0).count() > MIN_PERIODS && truncated_variation(values) <= most
    };
    let steady_counts = not_empty as f64 > MIN_NOT_EMPTY * seen.len() as f64
        && truncated_variation(&counts) <= MAX_COUNT_VARIATION;
    let autocovariance = best_autocovariance(&counts);
    let signs = [
        steady(&mean_bytes(|m| m.bytes_out), MAX_BYTES_VARIATION),
        steady(&mean_bytes(|m| m.bytes_in), MAX_BYTES_VARIATION),
        steady_counts || autocovariance >= MIN_AUTOCOVARIANCE,
    ];
    let signs = signs.into_iter().filter(|sign| *sign).count() as f64;
    (signs + autocovariance.clamp(0.0, 1.0) * 0.99) / 4.0
}

/// Coefficient of variation of the values above 0, those outside the percentiles left out; infinite where nothing is left.
fn truncated_variation(values: &[f64]) -> f64 {
    let mut known: Vec<f64> = values.iter().copied().filter(|v| *v > 0.0).collect();
    known.sort_unstable_by(f64::total_cmp);
    let [low, high] = TRUNCATE_AT.map(|(tenths, of)| {
        // Rounded to the nearest rank.
        let rank = (known.len() * tenths * 2 + of) / (of * 2);
        known.get(rank.min(known.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    });
    let kept: Vec<f64> = known.into_iter().filter(|v| (low..=high).contains(v)).collect();
    if kept.is_empty() {
        return f64::INFINITY;
    }
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    let variance = kept.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / kept.len() as f64;
    variance.sqrt() / mean.abs()
}

/// The highest autocovariance of any period from two buckets on that repeats often enough, each averaged with those of its
/// multiples.
fn best_autocovariance(counts: &[f64]) -> f64 {
    let longest = counts.len() / MIN_PERIODS;
    let mut of_period: Vec<(f64, f64)> = vec![(0.0, 0.0); longest + 1];
    for period in 2..=longest {
        let value = autocovariance(counts, period);
        let multiples = (2..period / 2).filter(|divisor| period % divisor == 0).chain([period]);
        for divisor in multiples {
            if let Some((sum, n)) = of_period.get_mut(divisor) {
                *sum += value;
                *n += 1.0;
            }
        }
    }
    of_period.iter().filter(|(_, n)| *n > 0.0).map(|(sum, n)| sum / n).fold(0.0, f64::max)
}

/// Correlation of each whole period with the one before.
fn autocovariance(counts: &[f64], period: usize) -> f64 {
    let pairs = (counts.len() / period).saturating_sub(1) * period;
    let (Some(before), Some(after)) = (counts.get(..pairs), counts.get(period..period + pairs)) else {
        return 0.0;
    };
    let mean = after.iter().sum::<f64>() / pairs.max(1) as f64;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in after.iter().zip(before) {
        let (x, y) = (x - mean, y - mean);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    let scale = (xx * yy).sqrt();
    // As Elastic has it: what does not vary at all repeats perfectly.
    if scale > 0.0 { xy / scale } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(minutes: impl Iterator<Item = usize>, bytes: impl Fn(usize) -> u64) -> f64 {
        let mut window = [MinuteCounts::default(); WINDOW];
        for minute in minutes {
            window[minute].flows += 1;
            window[minute].bytes_out += bytes(minute);
            window[minute].bytes_in += bytes(minute + 1);
        }
        window_score(&window)
    }

    /// A number that depends on its argument without a pattern.
    fn scrambled(n: usize) -> u64 {
        (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40
    }

    #[test]
    fn an_exact_period_has_all_signs_and_jitter_loses_the_pace() {
        assert!(window((3..WINDOW).step_by(5), |_| 300) > 0.98);
        let jittered = (0..WINDOW / 10).map(|i| i * 10 + usize::try_from(scrambled(i) % 10).unwrap());
        let score = window(jittered, scrambled);
        assert!(score < 0.25, "{score}");
    }

    #[test]
    fn too_few_or_no_flows_are_no_beacon() {
        assert!(window([].into_iter(), |_| 0).abs() < 1e-9);
        assert!(window((0..300).step_by(50), |_| 300).abs() < 1e-9, "six check-ins");
    }

    #[test]
    fn covariance_of_known_sequences() {
        let every_third: Vec<f64> = (0..60).map(|i| f64::from(u8::from(i % 3 == 0))).collect();
        assert!((autocovariance(&every_third, 3) - 1.0).abs() < 1e-9);
        assert!(autocovariance(&every_third, 4) < 0.0);
        assert!((autocovariance(&[2.0; 30], 5) - 1.0).abs() < 1e-9);
        assert!(truncated_variation(&[0.0; 5]).is_infinite());
        assert!(truncated_variation(&[7.0, 0.0, 7.0]).abs() < 1e-9);
    }
}

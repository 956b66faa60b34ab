//! The beacon score of RITA v5 (<https://github.com/activecm/rita>), to compare with: it decides nothing here.
//!
//! RITA takes the connections of a pair (a monitored host and an address, or a host and a TLS or HTTP name) in the last 24 hours of a
//! data set and averages four scores: how symmetric and narrow the distribution of the intervals is (`ts`), the same of the bytes
//! that the host sends (`ds`), how long and how unbroken the pair is active (`dur`), and how flat its activity is (`hist`). This is
//! an implementation from the description of the method with RITA's default settings; all scores are 0 to 1, rounded to
//! three decimals as RITA's are.

mod pairs;

use crate::time::Span;

pub use pairs::{ListedPair, RitaPair, RitaPairs};

/// Unique start seconds from which RITA judges a pair.
const MIN_UNIQUE_STARTS: usize = 4;
/// Connections from which a pair is a strobe, which RITA does not judge as a beacon.
const STROBE: usize = 86_400;
/// What RITA looks at: the last day of a data set.
const WINDOW_S: i64 = 86_400;
/// Bars of the histogram of activity.
const BARS: usize = 24;
/// Bars with activity from which the duration is judged.
const DURATION_MIN_BARS: usize = 6;
/// Bars in a row that make the best duration score.
const IDEAL_RUN: f64 = 12.0;
/// Bars with activity from which two levels of activity count as flat.
const BIMODAL_MIN_BARS: usize = 11;
/// Bars that the two levels need not explain.
const BIMODAL_OUTLIERS: usize = 1;
/// Bars whose heights differ by less than this share of the highest one are of one level.
const LEVEL_WIDTH: f64 = 0.05;
/// Quartiles closer than this, in seconds or bytes, are not skewed.
const MIN_QUARTILE_RANGE: f64 = 10.0;

/// One connection of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// When it began, in whole seconds since the epoch, rounded down.
    pub start: i64,
    /// IP bytes that the originator sent (Zeek's `orig_ip_bytes`).
    pub bytes: u64,
    /// IP bytes of both.
    pub total_bytes: u64,
    /// How long it lasted.
    pub duration: Span,
}

/// When the first and the last connection of a whole data set began, in seconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

impl Dataset {
    /// The last day of it.
    fn window(self) -> Self {
        Self { first: self.first.max(self.last.saturating_sub(WINDOW_S)), ..self }
    }

    /// The connections that RITA looks at. Its tables are by hour: of the hour in which the window begins, all is taken.
    fn looked_at(self, connections: &[Connection]) -> impl Iterator<Item = &Connection> {
        let first = self.window().first;
        let since = first.saturating_sub(first.rem_euclid(3600));
        connections.iter().filter(move |connection| connection.start >= since)
    }

    /// A data set with one more connection.
    fn with(dataset: Option<Self>, start: i64) -> Self {
        let Self { first, last } = dataset.unwrap_or(Self { first: start, last: start });
        Self { first: first.min(start), last: last.max(start) }
    }
}

/// RITA's scores of a pair, each 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RitaScores {
    /// The mean of the others.
    pub beacon: f64,
    /// Regularity of the intervals.
    pub ts: f64,
    /// Regularity of the bytes sent.
    pub ds: f64,
    /// Duration and persistence.
    pub dur: f64,
    /// Flatness of the activity.
    pub hist: f64,
}

/// The scores of a pair's connections, which may come in any order. Nothing where RITA gives none: fewer than four unique start
/// seconds in the last day of the data set, a strobe, or a data set of no length.
pub fn beacon_score(connections: &[Connection], dataset: Dataset) -> Option<RitaScores> {
    let window = dataset.window();
    if window.last <= window.first {
        return None;
    }
    let taken: Vec<&Connection> = dataset.looked_at(connections).collect();
    let mut starts: Vec<i64> = taken.iter().map(|c| c.start).collect();
    starts.sort_unstable();
    let mut unique = starts.clone();
    unique.dedup();
    if unique.len() < MIN_UNIQUE_STARTS || starts.len() >= STROBE {
        return None;
    }
    let intervals =
        unique.iter().zip(unique.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a) as f64).collect();
    let bytes = taken.iter().map(|c| c.bytes as f64).collect();
    let bars = histogram(&starts, window);
    let scores = RitaScores {
        beacon: 0.0,
        ts: spread_score(intervals, 1.0),
        ds: spread_score(bytes, 0.0),
        dur: duration_score(&bars, &unique, window),
        hist: flatness(&bars).max(two_level_fit(&bars)),
    };
    let beacon = thousandths((scores.ts + scores.ds + scores.dur + scores.hist) / 4.0);
    Some(RitaScores { beacon, ..scores })
}

/// Mean of symmetry (Bowley's skewness) and narrowness (median absolute deviation over the median; `of_small_median` where the
/// median is below 1).
fn spread_score(mut values: Vec<f64>, of_small_median: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    let middle = median(&values);
    // For an odd number of values the median belongs to neither half.
    let low = median(values.get(..half).unwrap_or_default());
    let high = median(values.get(values.len() - half..).unwrap_or_default());
    let skewed = high - low >= MIN_QUARTILE_RANGE && low < middle && middle < high;
    let skew = if skewed { (low + high - 2.0 * middle) / (high - low) } else { 0.0 };
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    deviations.sort_unstable_by(f64::total_cmp);
    let narrow =
        if middle >= 1.0 { ((middle - median(&deviations)) / middle).max(0.0) } else { of_small_median };
    thousandths(f64::midpoint(1.0 - skew.abs(), narrow))
}

/// The median of sorted values; 0 where there are none.
fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => at(n / 2),
        n => f64::midpoint(at(n / 2 - 1), at(n / 2)),
    }
}

/// Connections in each of 24 equal parts of the window; what is before or behind it counts in the first or last.
fn histogram(starts: &[i64], window: Dataset) -> [u32; BARS] {
    let mut bars = [0; BARS];
    let step = (window.last - window.first) as f64 / BARS as f64;
    for start in starts {
        let begins = |bar: &usize| window.first as f64 + *bar as f64 * step <= *start as f64;
        let bar = (1..BARS).take_while(begins).count();
        if let Some(count) = bars.get_mut(bar) {
            *count += 1;
        }
    }
    bars
}

/// How much of the window the pair covers, or how long it was active without a gap, whichever is more; 0 where it
/// was active in too few bars.
fn duration_score(bars: &[u32], unique: &[i64], window: Dataset) -> f64 {
    if bars.iter().filter(|&&bar| bar > 0).count() < DURATION_MIN_BARS {
        return 0.0;
    }
    let (Some(first), Some(last)) = (unique.first(), unique.last()) else { return 0.0 };
    let coverage = last.saturating_sub(*first) as f64 / (window.last - window.first) as f64;
    let consistency = f64::from(longest_run(bars)) / IDEAL_RUN;
    let up = |share: f64| ((share * 1000.0).ceil() / 1000.0).min(1.0);
    up(coverage).max(up(consistency))
}

/// Most bars in a row with activity; the first bar follows the last.
fn longest_run(bars: &[u32]) -> u32 {
    let mut longest = 0_u32;
    let mut run = 0_u32;
    for bar in bars.iter().chain(bars) {
        run = if *bar > 0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest.min(u32::try_from(bars.len()).unwrap_or(u32::MAX))
}

/// 1 less the coefficient of variation of the bars, not below 0.
fn flatness(bars: &[u32]) -> f64 {
    let n = bars.len() as f64;
    let mean = bars.iter().map(|&bar| f64::from(bar)).sum::<f64>() / n;
    let variance = bars.iter().map(|&bar| (f64::from(bar) - mean).powi(2)).sum::<f64>() / n;
    if mean > 0.0 { thousandths((1.0 - variance.sqrt() / mean).max(0.0)) } else { 0.0 }
}

/// Share of the bars with activity that are of the two commonest heights; 0 where there are too few bars.
fn two_level_fit(bars: &[u32]) -> f64 {
    let active: Vec<u32> = bars.iter().copied().filter(|&bar| bar > 0).collect();
    if active.len() < BIMODAL_MIN_BARS {
        return 0.0;
    }
    let highest = f64::from(active.iter().copied().max().unwrap_or(1));
    let width = (highest * LEVEL_WIDTH).ceil();
    let mut levels: Vec<f64> = active.iter().map(|&bar| (f64::from(bar) / width).floor()).collect();
    levels.sort_unstable_by(f64::total_cmp);
    let mut sizes: Vec<usize> = levels.chunk_by(|a, b| a >= b).map(<[f64]>::len).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let explained: usize = sizes.iter().take(2).sum();
    thousandths(explained as f64 / (active.len() - BIMODAL_OUTLIERS).max(1) as f64).min(1.0)
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;

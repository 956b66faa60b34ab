//! The upper tail of benign scores, carried on beyond the highest that was seen.

use super::calibration::Point;

/// The highest calibration rows, to which the tail is fitted: the mean of fewer says little, and of more, what is usual comes in.
const ROWS: f64 = 30.0;
/// No chance is told to be smaller.
const LEAST: f64 = 1e-9;

/// An exponential tail over a high score.
///
/// A p-value of `n` calibration rows ends at 1 / (n + 1), and a network of a thousand hosts has more channels than that every day: an
/// alert budget could never be kept. Above a high enough threshold the excesses of nearly every distribution are those of a
/// generalised Pareto distribution (Pickands 1975; Balkema and de Haan 1974). Its shape is taken for 0, the exponential: scores end
/// at 1, so the true shape is below 0 and the true chance smaller.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(super) struct Tail {
    from: f32,
    /// Share of the rows above `from`.
    share: f64,
    mean_excess: f64,
}

impl Tail {
    /// The tail of this many calibration scores, of which the highest are given first; nothing where they are too few.
    pub(super) fn of(rows: u32, points: &[Point]) -> Option<Self> {
        let rows = f64::from(rows);
        let (mut above, mut sum, mut from) = (0.0, 0.0, None);
        for point in points {
            if above >= ROWS {
                from = Some(point.score);
                break;
            }
            let count = f64::from(point.at_least) - above;
            sum += count * f64::from(point.score);
            above = f64::from(point.at_least);
        }
        let from = from?;
        let mean_excess = sum / above - f64::from(from);
        (mean_excess > 0.0).then_some(Self { from, share: (above + 1.0) / (rows + 1.0), mean_excess })
    }

    /// The chance of a benign row to score at least as high; nothing for a score that is not in the tail.
    pub(super) fn chance(&self, score: f32) -> Option<f64> {
        let excess = f64::from(score) - f64::from(self.from);
        (excess > 0.0).then(|| (self.share * (-excess / self.mean_excess).exp()).max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibration::Calibration;
    use super::super::rng::Rng;
    use super::*;

    /// The chance that the calibration of some exponential scores gives, and the true one.
    #[expect(clippy::cast_possible_truncation, reason = "scores are single precision")]
    fn chances(rows: usize, score: f32) -> (f64, f64) {
        let mut rng = Rng::new(11, 0);
        let scores: Vec<f32> = (0..rows).map(|_| (0.3 - 0.04 * (1.0 - rng.unit()).ln()) as f32).collect();
        let truth = (-(f64::from(score) - 0.3) / 0.04).exp();
        (Calibration::fit(&scores).chance(score), truth)
    }

    #[test]
    fn carries_an_exponential_on() {
        for score in [0.31, 0.4, 0.5, 0.6, 0.7] {
            let (chance, truth) = chances(5_000, score);
            assert!((truth / 3.0..truth * 3.0).contains(&chance), "{score}: {chance} for {truth}");
        }
        assert!(chances(5_000, 1.0).0 >= LEAST);
    }

    #[test]
    fn a_few_rows_or_equal_ones_have_none() {
        let (chance, _) = chances(15, 0.9);
        assert!((chance - 1.0 / 16.0).abs() < 1e-12, "{chance}");
        let equal = Calibration::fit(&[0.5; 1000]).chance(0.9);
        assert!((equal - 1.0 / 1001.0).abs() < 1e-12, "{equal}");
    }
}

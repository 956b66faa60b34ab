//! Turns scores into p-values: the share of held-out benign rows that score at least as high.

use super::error::ModelError;
use super::tail::Tail;

/// The highest scores of which every one is kept.
const TAIL: usize = 512;
/// The most points of a table.
pub(super) const MAX_POINTS: usize = 2048;

/// The upper tail of benign scores exactly, and the rest of their distribution thinned out.
///
/// Conformal p-values (Vovk, Gammerman and Shafer 2005; for anomaly detection Laxhammar and Falkman 2010):
/// p = (1 + number of calibration scores >= s) / (n + 1). Where the scored row is exchangeable with the calibration rows,
/// P(p <= a) <= a for every a, whatever the forest. No p-value is below 1 / (n + 1): that is the
/// resolution of `n` calibration rows, and no claim is made beyond it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Calibration {
    rows: u32,
    /// Highest score first.
    points: Vec<Point>,
    tail: Option<Tail>,
}

/// What benign rows of one sort score.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Calibrations {
    /// All of them.
    pub all: Calibration,
    /// Those that can be reported, among all: a row that cannot counts as one that scores nothing. It says how seldom a benign row is reported
    /// with such a score, where `all` says how seldom one has it.
    pub reportable: Calibration,
}

impl Calibrations {
    /// From the scores of benign rows that the forest was not trained on, and which of these rows can be reported.
    pub fn fit(scores: &[f32], reportable: &[bool]) -> Self {
        let reported = |(score, reportable): (&f32, &bool)| if *reportable { *score } else { 0.0 };
        let of_reportable: Vec<f32> = scores.iter().zip(reportable).map(reported).collect();
        Self { all: Calibration::fit(scores), reportable: Calibration::fit(&of_reportable) }
    }
}

/// A calibration score and its rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) score: f32,
    /// Calibration rows that score higher.
    pub(super) above: u32,
    /// Calibration rows that score as high or higher.
    pub(super) at_least: u32,
}

impl Calibration {
    fn new(rows: u32, points: Vec<Point>) -> Self {
        let tail = Tail::of(rows, &points);
        Self { rows, points, tail }
    }

    /// From the scores of benign rows that the forest was not trained on. `NaN` is left out.
    pub fn fit(scores: &[f32]) -> Self {
        let mut sorted: Vec<f32> = scores.iter().copied().filter(|s| !s.is_nan()).collect();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let total = sorted.len();
        let step = (total.saturating_sub(TAIL)).div_ceil(MAX_POINTS - TAIL - 1).max(1);
        let mut points = Vec::new();
        let mut above = 0;
        let mut next = 0;
        for equal in sorted.chunk_by(|a, b| a <= b) {
            let at_least = above + equal.len();
            if above < TAIL || at_least >= next || at_least == total {
                let score = equal.first().copied().unwrap_or_default();
                points.push(Point { score, above: narrow(above), at_least: narrow(at_least) });
                next = at_least + step;
            }
            above = at_least;
        }
        Self::new(narrow(total), points)
    }

    /// The share of benign calibration rows that score at least as high, in (0, 1]: never below 1 / (`len` + 1), never
    /// higher for a higher score. Exact for the 512 highest calibration scores and above; further down, between the
    /// points kept, it may be too high by less than 1 / 1535, never too low.
    pub fn p_value(&self, score: f32) -> f64 {
        let rank = self.points.partition_point(|p| p.score > score);
        let at_least = match self.points.get(rank) {
            _ if score.is_nan() => self.rows,
            Some(point) if point.score >= score => point.at_least,
            Some(point) => point.above,
            None => self.rows,
        };
        (f64::from(at_least) + 1.0) / (f64::from(self.rows) + 1.0)
    }

    /// An estimate of the chance that a benign row scores at least as high: the p-value, and in the upper tail, where there is
    /// one, what an exponential carries on beyond the highest calibration score. Never higher for a higher score.
    pub fn chance(&self, score: f32) -> f64 {
        let p_value = self.p_value(score);
        self.tail.and_then(|tail| tail.chance(score)).map_or(p_value, |chance| chance.min(p_value))
    }

    /// Number of calibration rows.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    /// Whether there is nothing to compare with: every p-value is 1.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The points kept, highest score first.
    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    /// From what was stored, after checking that it is a distribution.
    pub(super) fn from_points(rows: u32, points: Vec<Point>) -> Result<Self, ModelError> {
        let invalid = |what, value: String| Err(ModelError::invalid(what, value, "a falling sequence"));
        let mut before = Point { score: f32::INFINITY, above: 0, at_least: 0 };
        for point in &points {
            let falls = point.score < before.score && point.score.is_finite();
            if !falls || point.above < before.at_least || point.at_least <= point.above {
                return invalid("calibration point", format!("{point:?} after {before:?}"));
            }
            before = *point;
        }
        if points.len() > MAX_POINTS || before.at_least != rows {
            return invalid("calibration table", format!("{} points for {rows} rows", points.len()));
        }
        Ok(Self::new(rows, points))
    }
}

/// Four billion calibration rows are more than memory holds; beyond them the counts stop.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "tests compare exact answers and make small data"
)]
mod tests {
    use proptest::prelude::*;

    use super::super::rng::Rng;
    use super::*;

    fn naive(scores: &[f32], s: f32) -> f64 {
        let known: Vec<f32> = scores.iter().copied().filter(|c| !c.is_nan()).collect();
        (1 + known.iter().filter(|c| **c >= s).count()) as f64 / (known.len() + 1) as f64
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn small_tables_are_exact(
            scores in prop::collection::vec((0_u8..40).prop_map(|s| f32::from(s) / 40.0), 0..600),
            s in -0.1_f32..1.1,
        ) {
            let calibration = Calibration::fit(&scores);
            for s in scores.iter().copied().chain([s]) {
                prop_assert_eq!(calibration.p_value(s).to_bits(), naive(&scores, s).to_bits());
            }
            let again = Calibration::from_points(calibration.rows, calibration.points.clone());
            prop_assert_eq!(again, Ok(calibration));
        }
    }

    #[test]
    fn large_tables_are_exact_in_the_tail_and_careful_below() {
        let mut rng = Rng::new(3, 0);
        // One row in three is a typical one: a score that many rows share.
        let mut score = || if rng.below(3) == 0 { 0.4 } else { rng.unit() as f32 };
        let mut scores: Vec<f32> = (0..50_000).map(|_| score()).collect();
        let calibration = Calibration::fit(&scores);
        assert!((1000..=MAX_POINTS).contains(&calibration.points.len()));
        assert_eq!(calibration.len(), scores.len());
        scores.sort_by(|a, b| b.total_cmp(a));
        let exact = |s: f32| (1 + scores.partition_point(|c| *c >= s)) as f64 / 50_001.0;
        for (rank, &s) in scores.iter().enumerate() {
            for s in [s.next_up(), s, s.next_down()] {
                let (p, exact) = (calibration.p_value(s), exact(s));
                assert!(p >= exact && p - exact < 1.0 / 1535.0, "{rank} {p} {exact}");
                assert!(rank >= TAIL - 1 || p == exact, "{rank} {p} {exact}");
            }
        }
        assert!(scores.is_sorted_by(|a, b| calibration.p_value(*a) <= calibration.p_value(*b)));
    }

    #[test]
    fn rows_that_cannot_be_reported_count_as_innocent() {
        let calibrations = Calibrations::fit(&[0.9, 0.8, 0.7, 0.6], &[false, true, false, true]);
        let p_values = |score| [&calibrations.all, &calibrations.reportable].map(|c| c.p_value(score));
        assert_eq!(p_values(0.85), [0.4, 0.2]);
        assert_eq!(p_values(0.6), [1.0, 0.6]);
    }

    #[test]
    fn the_ends_of_the_range() {
        let check = |scores: &[f32], s: f32, expected: f64| {
            assert_eq!(Calibration::fit(scores).p_value(s), expected, "{scores:?} {s}");
        };
        check(&[], 0.7, 1.0);
        check(&[f32::NAN], 0.7, 1.0);
        check(&[0.5, 0.6, 0.7], 0.9, 0.25);
        check(&[0.5, 0.6, 0.7], 0.7, 0.5);
        check(&[0.5, 0.6, 0.7], 0.65, 0.5);
        check(&[0.5, 0.6, 0.7], 0.1, 1.0);
        check(&[0.5; 9], 0.5, 1.0);
        check(&[0.5, 0.6, 0.7], f32::NAN, 1.0);
    }

    #[test]
    fn refuses_tables_that_do_not_fall() {
        let point = |score, above, at_least| Point { score, above, at_least };
        for (rows, points) in [
            (1, vec![]),
            (0, vec![point(0.5, 0, 1)]),
            (2, vec![point(0.5, 0, 1), point(0.6, 1, 2)]),
            (2, vec![point(0.6, 0, 2), point(0.5, 1, 2)]),
            (1, vec![point(f32::NAN, 0, 1)]),
            (1, vec![point(0.5, 1, 1)]),
        ] {
            assert!(Calibration::from_points(rows, points.clone()).is_err(), "{rows} {points:?}");
        }
    }
}

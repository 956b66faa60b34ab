//! Measures at a threshold and at a budget of false alerts. Those over all thresholds are in [`crate::model::metrics`].

use serde::Serialize;

/// What alerting from a score on comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtThreshold {
    /// The threshold's name, e.g. a severity.
    pub name: &'static str,
    /// Incidents found.
    pub found: usize,
    /// Alerts on channels without a label.
    pub false_alerts: usize,
    /// Share of the alerts that are incidents; nothing without an alert.
    pub precision: Option<f64>,
    /// Share of the incidents that are found; nothing without an incident.
    pub recall: Option<f64>,
    /// False alerts a day of benign traffic; nothing where none was seen.
    pub false_alerts_a_day: Option<f64>,
}

/// Alerts on every unit that scores at least `threshold`.
pub fn at_threshold(
    name: &'static str,
    threshold: f32,
    scores: &[f32],
    positive: &[bool],
    benign_days: f64,
) -> AtThreshold {
    let alerts = |wanted: bool| {
        scores.iter().zip(positive).filter(|(score, is)| **is == wanted && **score >= threshold).count()
    };
    let (found, false_alerts) = (alerts(true), alerts(false));
    let incidents = positive.iter().filter(|is| **is).count();
    let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
    AtThreshold {
        name,
        found,
        false_alerts,
        precision: share(found, found + false_alerts),
        recall: share(found, incidents),
        false_alerts_a_day: (benign_days > 0.0).then(|| false_alerts as f64 / benign_days),
    }
}

/// Whole false alerts that a budget a day allows in so many days of benign traffic.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` from float saturates, and a negative product allows none"
)]
pub fn allowed_false_alerts(budget_a_day: f64, benign_days: f64) -> usize {
    (budget_a_day * benign_days).floor() as usize
}

/// The share of positives that score higher than all negatives but the `allowed` highest, and the score that a positive must
/// exceed. Ties count as missed, and a score of 0 never alerts. Nothing without a positive.
pub fn recall_at_budget(scores: &[f32], positive: &[bool], allowed: usize) -> Option<(f64, f32)> {
    let of =
        |wanted: bool| scores.iter().zip(positive).filter(move |(_, is)| **is == wanted).map(|(s, _)| *s);
    let mut negatives: Vec<f32> = of(false).collect();
    negatives.sort_unstable_by(|a, b| b.total_cmp(a));
    let limit = negatives.get(allowed).copied().unwrap_or(0.0).max(0.0);
    let positives = of(true).count();
    let found = of(true).filter(|score| *score > limit).count();
    (positives > 0).then(|| (found as f64 / positives as f64, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_count_both_kinds() {
        let scores = [0.9, 0.8, 0.8, 0.1];
        let positive = [true, false, true, true];
        let at = at_threshold("high", 0.8, &scores, &positive, 2.0);
        assert_eq!((at.found, at.false_alerts), (2, 1));
        assert_eq!(
            (at.precision, at.recall, at.false_alerts_a_day),
            (Some(2.0 / 3.0), Some(2.0 / 3.0), Some(0.5))
        );
    }

    #[test]
    fn shares_of_nothing_are_not_defined() {
        let nothing = at_threshold("any", 0.5, &[], &[], 0.0);
        assert_eq!((nothing.precision, nothing.recall, nothing.false_alerts_a_day), (None, None, None));
        let missed = at_threshold("any", 0.5, &[0.0, 0.0], &[true, true], 1.0);
        assert_eq!((missed.precision, missed.recall), (None, Some(0.0)));
        assert_eq!(recall_at_budget(&[0.3], &[false], 1), None);
    }

    #[test]
    fn the_budget_sets_the_threshold() {
        let check = |scores: &[f32], labels: &[u8], allowed, expected| {
            let positive: Vec<bool> = labels.iter().map(|label| *label == 1).collect();
            assert_eq!(recall_at_budget(scores, &positive, allowed), Some(expected), "{scores:?} {allowed}");
        };
        check(&[0.9, 0.5, 0.8, 0.4], &[1, 1, 0, 0], 0, (0.5, 0.8));
        check(&[0.9, 0.5, 0.8, 0.4], &[1, 1, 0, 0], 1, (1.0, 0.4));
        check(&[0.9, 0.5, 0.8, 0.4], &[1, 1, 0, 0], 2, (1.0, 0.0));
        // A tie with the negative that is one too many is no detection.
        check(&[0.8, 0.8], &[1, 0], 0, (0.0, 0.8));
        // An incident that never became a row stays missed however large the budget.
        check(&[0.0, 0.7], &[1, 0], 9, (0.0, 0.0));
        check(&[0.3], &[1], 0, (1.0, 0.0));
    }

    #[test]
    fn budgets_allow_whole_alerts() {
        for (budget, days, allowed) in
            [(1.0, 0.9, 0), (1.0, 1.0, 1), (0.1, 25.0, 2), (10.0, 0.0, 0), (-1.0, 5.0, 0)]
        {
            assert_eq!(allowed_false_alerts(budget, days), allowed);
        }
    }
}

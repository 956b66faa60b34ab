//! How well scores tell labelled rows apart. Pure functions; nothing where the answer is not defined.

use smartcore::metrics::roc_auc_score;

/// Average precision: the mean of the precision at each rank where a positive row is found, sum of
/// `(R_k - R_(k-1)) P_k` over the distinct scores, highest first. Rows of equal score count as found together, as in
/// scikit-learn. Nothing without a positive row, with a score that is no number, or with lists of different lengths.
pub fn average_precision(scores: &[f32], positive: &[bool]) -> Option<f64> {
    let mut ranked = pair(scores, positive)?;
    let positives = positive.iter().filter(|p| **p).count();
    if positives == 0 {
        return None;
    }
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for equal in ranked.chunk_by(|a, b| a.0 <= b.0) {
        let hits = equal.iter().filter(|row| row.1).count();
        seen += equal.len();
        found += hits;
        sum += hits as f64 * found as f64 / seen as f64;
    }
    Some(sum / positives as f64)
}

/// Area under the ROC curve: the probability that a positive row scores higher than a negative one, ties counting
/// half. Nothing unless both kinds are there, with a score that is no number, or with lists of different lengths.
pub fn roc_auc(scores: &[f32], positive: &[bool]) -> Option<f64> {
    let rows = pair(scores, positive)?;
    // smartcore divides by zero where a kind is missing, and counts the kinds in the type of the labels, which as
    // f32 would stop at 2^24: hence the check and f64.
    if !positive.contains(&true) || !positive.contains(&false) {
        return None;
    }
    let truth: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.1))).collect();
    let predicted: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
    Some(roc_auc_score(&truth, &predicted))
}

/// Spearman's rank correlation, with the mean rank for ties. Nothing for fewer than two values, a list without spread,
/// a value that is no number, or lists of different lengths.
pub fn rank_correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() || a.iter().chain(b).any(|v| v.is_nan()) {
        return None;
    }
    let (a, b) = (centred_ranks(a), centred_ranks(b));
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

/// Scores with their labels, if every score is a number and has a label.
fn pair(scores: &[f32], positive: &[bool]) -> Option<Vec<(f32, bool)>> {
    let fits = scores.len() == positive.len() && !scores.iter().any(|s| s.is_nan());
    fits.then(|| scores.iter().copied().zip(positive.iter().copied()).collect())
}

/// Each value's rank less the mean rank.
fn centred_ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<(f32, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mean = (values.len() as f64 - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for equal in order.chunk_by(|a, b| a.0 >= b.0) {
        let rank = below as f64 + (equal.len() as f64 - 1.0) / 2.0 - mean;
        for &(_, row) in equal {
            if let Some(slot) = ranks.get_mut(row) {
                *slot = rank;
            }
        }
        below += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    fn close(got: Option<f64>, expected: Option<f64>) -> bool {
        match (got, expected) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9,
            (a, b) => a == b,
        }
    }

    #[test]
    fn known_answers_and_degenerate_lists() {
        // The first two expectations are scikit-learn's for its own documentation example.
        let check = |scores: &[f32], labels: &[u8], ap: Option<f64>, auc: Option<f64>| {
            let positive: Vec<bool> = labels.iter().map(|l| *l == 1).collect();
            let got = (average_precision(scores, &positive), roc_auc(scores, &positive));
            assert!(close(got.0, ap) && close(got.1, auc), "{scores:?} {labels:?}: {got:?}");
        };
        check(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1], Some(5.0 / 6.0), Some(0.75));
        check(&[0.9, 0.8, 0.2, 0.1], &[1, 1, 0, 0], Some(1.0), Some(1.0));
        check(&[0.1, 0.2, 0.8, 0.9], &[1, 1, 0, 0], Some(5.0 / 12.0), Some(0.0));
        check(&[0.5; 4], &[1, 0, 0, 0], Some(0.25), Some(0.5));
        check(&[], &[], None, None);
        check(&[0.5], &[1], Some(1.0), None);
        check(&[0.5], &[0], None, None);
        check(&[f32::NAN, 0.5], &[1, 0], None, None);
        check(&[0.5, 0.6], &[1], None, None);
    }

    #[test]
    fn rank_correlation_of_known_lists() {
        let check = |a: &[f32], b: &[f32], expected: Option<f64>| {
            let got = rank_correlation(a, b);
            assert!(close(got, expected), "{a:?} {b:?}: {got:?}");
        };
        check(&[1.0, 2.0, 3.0], &[10.0, 200.0, 3000.0], Some(1.0));
        check(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0], Some(-1.0));
        check(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0], Some(4.5 / (4.5_f64 * 5.0).sqrt()));
        check(&[1.0, 1.0], &[1.0, 2.0], None);
        check(&[1.0], &[1.0], None);
        check(&[], &[], None);
        check(&[1.0, f32::NAN], &[1.0, 2.0], None);
        check(&[1.0], &[1.0, 2.0], None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn auc_is_the_share_of_pairs_in_order(rows in prop::collection::vec((0_u8..9, any::<bool>()), 0..60)) {
            let scores: Vec<f32> = rows.iter().map(|r| f32::from(r.0)).collect();
            let positive: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for p in rows.iter().filter(|r| r.1) {
                for n in rows.iter().filter(|r| !r.1) {
                    pairs += 1.0;
                    won += match p.0.cmp(&n.0) {
                        Ordering::Greater => 1.0,
                        Ordering::Equal => 0.5,
                        Ordering::Less => 0.0,
                    };
                }
            }
            let expected = (pairs > 0.0).then(|| won / pairs);
            prop_assert!(close(roc_auc(&scores, &positive), expected));
        }
    }
}

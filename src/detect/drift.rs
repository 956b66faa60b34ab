//! How far the scores of a network are from those that a model was calibrated with.

/// p-values from which drift can be told.
const MIN_VALUES: usize = 20;

/// The largest difference between the distribution of p-values and the uniform one, which benign traffic like that of the
/// calibration gives (the statistic of Kolmogorov and Smirnov): 0 is no drift, 1 the most. Nothing below 20 values.
pub fn drift_ratio(p_values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = p_values.into_iter().filter(|p| !p.is_nan()).collect();
    if sorted.len() < MIN_VALUES {
        return None;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let gap = |(rank, p): (usize, f64)| (p - rank as f64 / n).max((rank + 1) as f64 / n - p);
    Some(sorted.into_iter().enumerate().map(gap).fold(0.0, f64::max).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_values_have_no_drift() {
        let uniform = (1..=1000).map(|i| f64::from(i) / 1000.0);
        assert!(drift_ratio(uniform).unwrap() <= 0.002);
        assert!(drift_ratio((1..=1000).map(|i| f64::from(i) / 2000.0)).unwrap() > 0.49);
        assert!(drift_ratio([0.001; 100]).unwrap() > 0.99);
        assert!(drift_ratio([1.0; 100]).unwrap() > 0.98);
    }

    #[test]
    fn too_few_values_tell_nothing() {
        assert_eq!(drift_ratio([0.5; 19]), None);
        assert_eq!(drift_ratio([f64::NAN; 40]), None);
        assert!(drift_ratio([0.5; 20]).is_some());
    }
}

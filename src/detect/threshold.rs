//! The scores from which a channel can be of a severity.

use super::Severity;
use super::severity::{Chances, SeverityLimits};
use crate::model::Calibrations;

/// The smallest score with which a row can be of a severity: what stands beside the behaviour may still hold the severity
/// down. Nothing where the calibration is too coarse to tell such a chance.
pub(super) fn score_threshold(
    benign: &Calibrations,
    limits: SeverityLimits,
    severity: Severity,
) -> Option<f64> {
    smallest(|score| limits.allow(severity, Chances::of(benign, score))).map(f64::from)
}

/// The smallest float from 0 to 1 for which `holds`; it must hold for all larger ones too. Found by halving the range
/// of bit patterns, which are in the order of the floats.
fn smallest(holds: impl Fn(f32) -> bool) -> Option<f32> {
    let (mut low, mut high) = (0.0_f32.to_bits(), 1.0_f32.to_bits());
    if !holds(1.0) {
        return None;
    }
    while low < high {
        let middle = low.midpoint(high);
        if holds(f32::from_bits(middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(f32::from_bits(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_very_float() {
        for limit in [0.0, f32::MIN_POSITIVE, 0.1, 0.5, 0.734_567, 1.0] {
            assert_eq!(smallest(|score| score >= limit), Some(limit));
        }
        assert_eq!(smallest(|score| score > 0.5), Some(0.5_f32.next_up()));
        assert_eq!(smallest(|_| false), None);
    }
}

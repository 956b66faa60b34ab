//! Precision against recall, at every threshold that finds one more incident.

use serde::Serialize;

/// Alerts on every unit that scores at least `threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The score.
    pub threshold: f32,
    /// Incidents found.
    pub found: usize,
    /// Alerts on channels without a label.
    pub false_alerts: usize,
}

impl CurvePoint {
    /// Share of the alerts that are incidents.
    pub fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.false_alerts).max(1) as f64
    }

    /// Share of `incidents` that are found.
    pub fn recall(&self, incidents: usize) -> f64 {
        self.found as f64 / incidents.max(1) as f64
    }
}

/// The thresholds, highest first, at which another incident is found: no more points than incidents. Units of equal score alert
/// together, as in [`crate::model::metrics::average_precision`], which is the area under these points. A score of 0 never alerts.
pub fn curve(scores: &[f32], positive: &[bool]) -> Vec<CurvePoint> {
    let mut ranked: Vec<(f32, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    ranked.retain(|(score, _)| *score > 0.0);
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut false_alerts) = (0, 0);
    let mut points = Vec::new();
    for equal in ranked.chunk_by(|a, b| a.0 <= b.0) {
        let hits = equal.iter().filter(|(_, is)| *is).count();
        found += hits;
        false_alerts += equal.len() - hits;
        if let (Some((threshold, _)), true) = (equal.first(), hits > 0) {
            points.push(CurvePoint { threshold: *threshold, found, false_alerts });
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::metrics::average_precision;

    #[test]
    fn a_point_for_every_threshold_that_finds_more() {
        let point = |threshold, found, false_alerts| CurvePoint { threshold, found, false_alerts };
        let points = curve(&[0.9, 0.8, 0.8, 0.7, 0.5, 0.0], &[true, false, true, false, true, true]);
        assert_eq!(points, [point(0.9, 1, 0), point(0.8, 2, 1), point(0.5, 3, 2)]);
        assert_eq!((points[1].precision(), points[1].recall(4)), (2.0 / 3.0, 0.5));
        assert_eq!(curve(&[], &[]), []);
        assert_eq!(curve(&[0.0, 0.5], &[true, false]), []);
    }

    proptest! {
        #[test]
        fn the_area_is_the_average_precision(units in prop::collection::vec((1_u8..=20, any::<bool>()), 1..60)) {
            let scores: Vec<f32> = units.iter().map(|(score, _)| f32::from(*score) / 20.0).collect();
            let positive: Vec<bool> = units.iter().map(|(_, is)| *is).collect();
            let incidents = positive.iter().filter(|is| **is).count();
            let mut recall = 0.0;
            let mut area = 0.0;
            for point in curve(&scores, &positive) {
                area += (point.recall(incidents) - recall) * point.precision();
                recall = point.recall(incidents);
            }
            if let Some(expected) = average_precision(&scores, &positive) {
                prop_assert!((area - expected).abs() < 1e-9, "{area} {expected}");
            }
        }
    }
}

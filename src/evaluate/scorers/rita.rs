//! RITA v5: beacons, long connections and names under a domain, graded as its default configuration does, with its modifier
//! for prevalence. Its modifiers for threat lists, MIME types and rare signatures have nothing to apply to here.

use super::{Facts, narrow};

/// RITA's categories.
pub(super) const THRESHOLDS: &[(&str, f32)] = &[("low", 0.2), ("medium", 0.4), ("high", 0.6)];

/// The grade at a base.
const BASE_GRADE: f64 = 0.2;
/// Beacon score in percent: base, low, medium, high (`beacon.score_thresholds`).
const BEACON: [f64; 4] = [50.0, 70.0, 90.0, 100.0];
/// Seconds of one connection: base, low, medium, high (`long_connection_score_thresholds`).
const LONG_CONNECTION_S: [f64; 4] = [3_600.0, 14_400.0, 28_800.0, 43_200.0];
/// Names under one domain (`c2_score_thresholds`).
const NAMES: [f64; 4] = [100.0, 500.0, 800.0, 1_000.0];

/// The worst indicator's grade.
pub(super) fn score(facts: &Facts<'_>) -> f32 {
    let long = graded(facts.channel.longest.as_secs_f64(), LONG_CONNECTION_S);
    let names = facts.channel.dns().map_or(0.0, |dns| graded(dns.distinct_names() as f64, NAMES));
    let beacon = facts.rita.map_or(0.0, |scores| graded(100.0 * scores.beacon, BEACON));
    let worst = long.max(names).max(beacon);
    narrow(if worst < BASE_GRADE { worst } else { (worst + modifier(facts.prevalence)).clamp(0.0, 1.0) })
}

/// What RITA adds for a peer that hardly any host talks to, and takes off for one that most do. In a network of three hosts the share
/// says nothing, and nothing is added.
fn modifier(prevalence: Option<f64>) -> f64 {
    match prevalence {
        Some(rare) if rare <= 0.02 => 0.15,
        Some(common) if common >= 0.5 => -0.15,
        _ => 0.0,
    }
}

/// RITA's grade of a value: 0.2 at its base, 0.4, 0.6 and 0.8 at the thresholds after it, straight lines between. Below its base RITA gives
/// nothing; here the line goes on to 0, so that what RITA leaves unranked is ranked its way.
fn graded(value: f64, thresholds: [f64; 4]) -> f64 {
    let mut from = (0.0, 0.0);
    for (threshold, grade) in thresholds.into_iter().zip([0.2, 0.4, 0.6, 0.8]) {
        if value < threshold {
            return from.1 + (grade - from.1) * (value - from.0) / (threshold - from.0);
        }
        from = (threshold, grade);
    }
    from.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_peers_weigh_more() {
        for (prevalence, expected) in [(None, 0.0), (Some(0.005), 0.15), (Some(0.1), 0.0), (Some(0.9), -0.15)]
        {
            assert!((modifier(prevalence) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn grades_are_those_of_the_default_configuration() {
        for (seconds, grade) in [
            (0.0, 0.0),
            (1_800.0, 0.1),
            (3_600.0, 0.2),
            (14_400.0, 0.4),
            (21_600.0, 0.5),
            (43_200.0, 0.8),
            (1e9, 0.8),
        ] {
            assert!((graded(seconds, LONG_CONNECTION_S) - grade).abs() < 1e-9, "{seconds}");
        }
    }
}

//! Bytes out in five minutes against the host's own mean and standard deviation over its whole time: the volume rule of most dashboards.

use super::{Facts, squash};

/// Three standard deviations.
pub(super) const THRESHOLDS: &[(&str, f32)] = &[("3 sigma", 0.5)];

const SIGMAS: f64 = 3.0;

/// How far the channel's own largest bucket is above the host's mean, in standard deviations: 0.5 is three of them.
pub(super) fn score(facts: &Facts<'_>) -> f32 {
    let (Some(flows), Some(volume)) = (facts.flows, facts.host_volume) else { return 0.0 };
    let peak = flows.volume.values().copied().max().unwrap_or_default() as f64;
    if volume.deviation > 0.0 { squash((peak - volume.mean) / volume.deviation / SIGMAS) } else { 0.0 }
}

//! Thresholds of Slips (Stratosphere Linux IPS): an upload of 100 MB in one flow or 500 MB to one destination, a connection
//! over 1500 s, TXT answers with 5 bits of entropy a symbol.
//!
//! The contents of answers are not kept. Symbols of the names asked under the same domain stand in for them where most questions
//! are of types that carry data; base-32 names reach 5 bits as base-64 answers reach 6.

use super::{Facts, squash};
use crate::detect::Kind;

/// Any of the thresholds.
pub(super) const THRESHOLDS: &[(&str, f32)] = &[("any threshold", 0.5)];

const LONG_CONNECTION_S: f64 = 1500.0;
const ENTROPY_BITS: f64 = 5.0;
const FLOW_UPLOAD_BYTES: f64 = 100e6;
const DESTINATION_UPLOAD_BYTES: f64 = 500e6;

/// The value that is furthest over its threshold.
pub(super) fn score(kind: Kind, facts: &Facts<'_>) -> f32 {
    match kind {
        Kind::C2 => {
            let long = facts.channel.longest.as_secs_f64() / LONG_CONNECTION_S;
            let dns = facts.channel.dns().filter(|dns| dns.unusual_type_share() > 0.5);
            squash(dns.map_or(long, |dns| dns.entropy_bits() / ENTROPY_BITS))
        }
        Kind::Exfil => facts.flows.map_or(0.0, |flows| {
            let one = flows.largest_upload as f64 / FLOW_UPLOAD_BYTES;
            squash(one.max(flows.bytes_out as f64 / DESTINATION_UPLOAD_BYTES))
        }),
    }
}

//! A finding: one channel or one host's traffic that was judged, with the reason. Plain data; serialised as the
//! contract's JSON object.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::addr::Addr;
use crate::time::Timestamp;

/// Which question a score answers: the `detector` label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Does the host take orders from outside?
    C2,
    /// Does data leave that should not?
    Exfil,
}

/// How urgent a finding is; ordered, `Low` first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look this week.
    Medium,
    /// Worth a look today.
    High,
    /// Worth waking someone.
    Critical,
}

/// What the traffic does, in one plain word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Calls home at a pace of its own.
    Beacon,
    /// Is held open for long.
    LongConnection,
    /// Data in the names and answers of DNS.
    DnsTunnel,
    /// Data in the payload of ICMP echo.
    IcmpTunnel,
    /// The server drives the exchange.
    Interactive,
    /// Comes back to a server that nobody named.
    UnnamedPeer,
    /// Much data leaves in a short time.
    BulkUpload,
    /// Data leaves a little at a time, for long.
    SlowDrip,
    /// Data was pulled inside, then sent out.
    StagedUpload,
}

impl Kind {
    /// Both detectors, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::C2, Self::Exfil];

    /// The name in outputs: `c2` or `exfil`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C2 => "c2",
            Self::Exfil => "exfil",
        }
    }

    /// The behaviours that it can find.
    pub const fn behaviours(self) -> &'static [Behaviour] {
        match self {
            Self::C2 => &[
                Behaviour::Beacon,
                Behaviour::LongConnection,
                Behaviour::DnsTunnel,
                Behaviour::IcmpTunnel,
                Behaviour::Interactive,
                Behaviour::UnnamedPeer,
            ],
            Self::Exfil => {
                &[Behaviour::IcmpTunnel, Behaviour::BulkUpload, Behaviour::SlowDrip, Behaviour::StagedUpload]
            }
        }
    }
}

impl Severity {
    /// All severities, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in outputs, e.g. `high`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The place in the order: 1 for low to 4 for critical.
    pub const fn level(self) -> u8 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Critical => 4,
        }
    }
}

impl Behaviour {
    /// All behaviours, those of C2 first.
    pub const ALL: [Self; 9] = [
        Self::Beacon,
        Self::LongConnection,
        Self::DnsTunnel,
        Self::IcmpTunnel,
        Self::Interactive,
        Self::UnnamedPeer,
        Self::BulkUpload,
        Self::SlowDrip,
        Self::StagedUpload,
    ];

    /// The name in outputs, e.g. `dns_tunnel`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::LongConnection => "long_connection",
            Self::DnsTunnel => "dns_tunnel",
            Self::IcmpTunnel => "icmp_tunnel",
            Self::Interactive => "interactive",
            Self::UnnamedPeer => "unnamed_peer",
            Self::BulkUpload => "bulk_upload",
            Self::SlowDrip => "slow_drip",
            Self::StagedUpload => "staged_upload",
        }
    }

    /// The name as people write it, e.g. `DNS tunnel`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::LongConnection => "long connection",
            Self::DnsTunnel => "DNS tunnel",
            Self::IcmpTunnel => "ICMP tunnel",
            Self::Interactive => "interactive session",
            Self::UnnamedPeer => "unnamed peer",
            Self::BulkUpload => "bulk upload",
            Self::SlowDrip => "slow drip",
            Self::StagedUpload => "staged upload",
        }
    }
}

/// The other end of a finding's traffic. What is not known, or not one value, is `null` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Address; nothing where several addresses share the name.
    #[serde(serialize_with = "optional_display")]
    pub ip: Option<Addr>,
    /// TLS SNI, HTTP Host or DNS name; the registered domain for a DNS tunnel.
    pub name: Option<String>,
    /// Port of the service; nothing for ICMP and where there are several.
    pub port: Option<u16>,
    /// Transport protocol: `tcp`, `udp`, `icmp`, …
    pub proto: &'static str,
    /// Application protocol, e.g. `tls`; empty where unknown.
    #[serde(serialize_with = "text_or_null")]
    pub service: String,
}

/// One reason of a finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// The model feature's name.
    pub feature: String,
    /// Its value, in the feature's unit.
    #[serde(serialize_with = "significant")]
    pub value: f64,
    /// Its typical value in benign traffic, same unit.
    #[serde(serialize_with = "significant")]
    pub typical: f64,
    /// Share of the score that the feature carries, 0 to 1; at most 1 in sum over a finding.
    #[serde(serialize_with = "share")]
    pub contribution: f64,
    /// The reason as one plain sentence.
    pub text: String,
}

/// Something that was found, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Stable across reruns on the same input.
    pub id: String,
    /// Which detector found it.
    pub kind: Kind,
    /// The monitored host.
    #[serde(serialize_with = "display")]
    pub host: Addr,
    /// Who it talks to.
    pub peer: Peer,
    /// 0 to 1, monotone in the isolation-forest score.
    #[serde(serialize_with = "four_decimals")]
    pub score: f64,
    /// Share of benign calibration rows that score at least as high.
    #[serde(serialize_with = "significant")]
    pub p_value: f64,
    /// How urgent it is.
    pub severity: Severity,
    /// First packet of the traffic.
    #[serde(serialize_with = "display")]
    pub first_seen: Timestamp,
    /// Last packet of the traffic.
    #[serde(serialize_with = "display")]
    pub last_seen: Timestamp,
    /// Packet time of the first scheduled scoring pass that made the finding. Only where passes were scheduled; not in the JSON
    /// otherwise.
    #[serde(serialize_with = "optional_display", skip_serializing_if = "Option::is_none")]
    pub detected_at: Option<Timestamp>,
    /// What the traffic does.
    pub behaviour: Behaviour,
    /// MITRE ATT&CK technique ids.
    pub techniques: Vec<&'static str>,
    /// The reasons, the heaviest first.
    pub evidence: Vec<Evidence>,
    /// Connections.
    pub flows: u64,
    /// IP bytes from the host to the peer.
    pub bytes_out: u64,
    /// IP bytes from the peer to the host.
    pub bytes_in: u64,
    /// Traffic in equal bins from `first_seen` to `last_seen`, for the report's chart: bursts of activity for C2, bytes out for
    /// exfiltration, saturating. Empty where it was not kept. Not part of the JSON.
    #[serde(skip)]
    pub activity: Vec<u32>,
}

fn display<T: fmt::Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn optional_display<T: fmt::Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

fn text_or_null<S: Serializer>(value: &str, to: S) -> Result<S::Ok, S::Error> {
    if value.is_empty() { to.serialize_none() } else { to.serialize_str(value) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn four_decimals<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((value * 1e4).round() / 1e4)
}

/// Four decimals, rounded down, so that shares which sum to at most 1 still do.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn share<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    // The small term keeps a share that is a whole number of ten-thousandths, less a rounding error, as it is.
    to.serialize_f64((value * 1e4 + 1e-6).floor() / 1e4)
}

/// Six significant digits.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn significant<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(format!("{value:.5e}").parse().unwrap_or(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes() {
        fn check<T: Serialize + Copy>(all: &[T], name: impl Fn(T) -> &'static str) {
            for &item in all {
                assert_eq!(serde_json::to_string(&item).unwrap(), format!("\"{}\"", name(item)));
            }
        }
        check(&Kind::ALL, Kind::name);
        check(&Severity::ALL, Severity::name);
        check(&Behaviour::ALL, Behaviour::name);
        assert!(Severity::ALL.is_sorted());
    }

    #[test]
    fn rounds_for_output() {
        fn check(value: f64, expected: &str) {
            let evidence = Evidence {
                feature: String::new(),
                value,
                typical: 0.0,
                contribution: value.min(1.0),
                text: String::new(),
            };
            let json = serde_json::to_value(&evidence).unwrap();
            assert_eq!(format!("{} {}", json["value"], json["contribution"]), expected);
        }
        check(0.38, "0.38 0.38");
        check(0.123_456_789, "0.123457 0.1234");
        check(1.0 / 3.0, "0.333333 0.3333");
        check(2e-7, "2e-7 0.0");
        check(1_234_567_891.0, "1234570000.0 1.0");
        check(f64::NAN, "null 1.0");
        check(f64::INFINITY, "null 1.0");
    }
}

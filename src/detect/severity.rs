//! How urgent a finding is: from its p-value, and from how much stands beside the behaviour itself.
//!
//! Exactness alone is no crime: vendors' telemetry is as regular as any implant. What makes a beacon, a session or an
//! upload grave is what corroborates it: nobody named the peer, the protocol is not the port's, the host is driven.

use crate::decode::app::Service;
use crate::features::{ChannelView, DomainState};

use super::{Behaviour, Severity};

/// p-value from which a behaviour that nothing corroborates is no more than low.
const ALONE_P: f64 = 0.03;
/// Share of the monitored hosts from which a peer is common.
const COMMON: f64 = 0.25;

/// Payload from which an upload can be high, and critical, by itself.
const HIGH_UPLOAD_BYTES: f64 = 50e6;
const CRITICAL_UPLOAD_BYTES: f64 = 5e9;

/// The p-value limits of the severities in one pass of one detector.
///
/// Each is the lesser of two. A fixed one says how odd a channel must be among benign ones: a low finding odder than most that
/// could be judged at all. The other holds the number of benign channels that chance puts there: of `n` channels judged a day
/// `n p` have a p-value of `p` or less, whatever their number, and the alert budget says how many of them a day the user
/// bears. It is the Bonferroni correction, for the expected number of false findings instead of the chance of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeverityLimits {
    low: f64,
    medium: f64,
    high: f64,
    critical: f64,
}

impl SeverityLimits {
    /// Limits for `judged_a_day` channels and a budget of `alerts_a_day` false findings a day that are high or above, a quarter of
    /// them critical. Beside each of them twenty medium and a hundred low ones are borne, before the evidence holds most of
    /// those down.
    pub fn new(judged_a_day: f64, alerts_a_day: f64) -> Self {
        let limit = |most: f64, borne: f64| most.min(borne * alerts_a_day / judged_a_day.max(1.0));
        Self {
            low: limit(0.5, 100.0),
            medium: limit(0.10, 20.0),
            high: limit(0.03, 1.0),
            critical: limit(0.01, 0.25),
        }
    }

    /// The p-value up to which a channel can be of a severity.
    pub const fn of(self, severity: Severity) -> f64 {
        match severity {
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
            Severity::Critical => self.critical,
        }
    }

    /// The highest severity that a p-value allows; nothing where it is not worth reporting.
    fn severity(self, chance: f64) -> Option<Severity> {
        Severity::ALL.into_iter().rev().find(|severity| chance <= self.of(*severity))
    }
}

/// The severity of a behaviour with its p-value; nothing where it is not worth reporting.
pub(super) fn severity_of(
    behaviour: Behaviour,
    chance: f64,
    limits: SeverityLimits,
    view: &ChannelView<'_>,
) -> Option<Severity> {
    Some(limits.severity(chance)?.min(by_evidence(behaviour, chance, view)))
}

/// The most that the evidence allows.
fn by_evidence(behaviour: Behaviour, chance: f64, view: &ChannelView<'_>) -> Severity {
    let corroboration = corroboration(behaviour, view);
    match behaviour {
        Behaviour::DnsTunnel => {
            let names = view.channel.dns().map_or(0, DomainState::distinct_names);
            if names >= 1000 { Severity::Critical } else { Severity::High }
        }
        Behaviour::IcmpTunnel => Severity::High,
        Behaviour::Beacon | Behaviour::LongConnection | Behaviour::Interactive | Behaviour::UnnamedPeer => {
            match corroboration {
                // Nobody answers: peers of file sharing that are gone, or a server of an implant that is no more.
                _ if view.channel.traffic.payload_in == 0 => Severity::Low,
                // What many hosts do is the network's own way, not an intruder's.
                _ if view.prevalence() >= COMMON => Severity::Low,
                0 if chance > ALONE_P => Severity::Low,
                0 | 1 => Severity::Medium,
                2 | 3 => Severity::High,
                _ => Severity::Critical,
            }
        }
        Behaviour::BulkUpload | Behaviour::SlowDrip | Behaviour::StagedUpload => {
            let sent = if view.key.outbound {
                view.outflow.unusual.of_carriers
            } else {
                view.channel.traffic.payload_out as f64
            };
            if sent >= CRITICAL_UPLOAD_BYTES || view.asset_outflow() >= HIGH_UPLOAD_BYTES {
                Severity::Critical
            } else if sent >= HIGH_UPLOAD_BYTES || behaviour == Behaviour::StagedUpload && corroboration > 0 {
                Severity::High
            } else if view.prevalence() >= COMMON {
                Severity::Low
            } else {
                Severity::Medium
            }
        }
    }
}

/// How many independent things speak against the channel beside its behaviour.
fn corroboration(behaviour: Behaviour, view: &ChannelView<'_>) -> usize {
    let channel = view.channel;
    // Telemetry tells much and is told little, at a pace of its own or over a connection that stays open.
    let tells_as_telemetry =
        matches!(behaviour, Behaviour::Beacon | Behaviour::LongConnection | Behaviour::UnnamedPeer);
    let of_flows = |count: u64| count * 2 > channel.flows.max(1);
    let foreign_protocol = channel.service == Service::Unknown && channel.traffic.payload_out > 0;
    let odd_port = matches!(channel.service, Service::Tls | Service::Http | Service::Quic)
        && !matches!(
            view.key.port,
            80 | 443 | 8080 | 8443 | 993 | 995 | 465 | 587 | 853 | 5223 | 5228 | 8883
        );
    let cleartext = channel.service == Service::Http;
    let sends_more = !tells_as_telemetry && channel.traffic.payload_out > channel.traffic.payload_in;
    let driven = channel.inner_bursts >= 5 && channel.peer_driven * 2 > channel.inner_bursts;
    [
        of_flows(channel.unresolved) || channel.name.is_none() && channel.begin_seen,
        foreign_protocol || odd_port,
        of_flows(channel.hello_without_sni) || cleartext,
        sends_more,
        driven || of_flows(channel.failed),
    ]
    .into_iter()
    .filter(|holds| *holds)
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_channels_have_the_fixed_limits_and_many_share_the_budget() {
        let check = |judged: f64, budget: f64, p: f64, expected: Option<Severity>| {
            assert_eq!(SeverityLimits::new(judged, budget).severity(p), expected, "{judged} {budget} {p}");
        };
        check(0.0, 1.0, 0.5, Some(Severity::Low));
        check(20.0, 1.0, 0.51, None);
        check(20.0, 1.0, 0.03, Some(Severity::High));
        check(20.0, 1.0, 0.01, Some(Severity::Critical));
        check(10_000.0, 1.0, 0.011, None);
        check(10_000.0, 1.0, 0.01, Some(Severity::Low));
        check(10_000.0, 1.0, 0.0001, Some(Severity::High));
        check(10_000.0, 0.1, 0.0001, Some(Severity::Medium));
        check(10_000.0, 10.0, 0.0001, Some(Severity::Critical));
    }
}

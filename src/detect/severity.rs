//! How urgent a finding is: from its p-value, and from how much stands beside the behaviour itself.
//!
//! Exactness alone is no crime: vendors' telemetry is as regular as any implant. What makes a beacon, a session or an
//! upload grave is what corroborates it: nobody named the peer, the protocol is not the port's, the host is driven.

use crate::decode::app::Service;
use crate::features::{ChannelView, DomainState};
use crate::model::Calibrations;

use super::gate::is_told_by_another;
use super::{Behaviour, Kind, Severity, behaviour_of};

/// p-value above which nothing is worth reporting, whatever the budget: half of the benign channels have one.
const LEAST_ODD_P: f64 = 0.5;
/// p-value from which a behaviour that nothing corroborates is no more than low.
const ALONE_P: f64 = 0.03;
/// Share of the monitored hosts from which a peer is common.
const COMMON: f64 = 0.25;

/// Payload from which an upload can be high, and critical, by itself.
const HIGH_UPLOAD_BYTES: f64 = 50e6;
const CRITICAL_UPLOAD_BYTES: f64 = 5e9;

/// Estimates of the chance that a benign channel that is judged scores as high as one does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chances {
    /// Whatever the channel is: the p-value but for the upper tail.
    pub of_any: f64,
    /// And shows what can be an alert.
    pub of_alert: f64,
}

impl Chances {
    /// Of a channel that does not score at all.
    pub(super) const NONE: Self = Self { of_any: 1.0, of_alert: 1.0 };

    pub(super) fn of(benign: &Calibrations, score: f32) -> Self {
        Self { of_any: benign.all.chance(score), of_alert: benign.reportable.chance(score) }
    }
}

/// What the severities ask for in one pass of one detector.
///
/// Two limits each. One says how odd a channel must be among benign ones: a low finding odder than most that could be judged at
/// all. It is fixed up to one alert a day, and grows with the budget of who bears more. The other holds the number of benign
/// channels that chance puts there: of `n` channels judged a day `n p` are there with a chance of `p`, whatever their number, and
/// the alert budget says how many of them a day the user bears. It is the Bonferroni correction, for the expected number of false findings
/// instead of the chance of one.
///
/// From high on the budget is spent on what can be an alert alone: else channels that show nothing, or that the evidence holds down
/// anyway, would use it up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SeverityLimits {
    judged_a_day: f64,
    alerts_a_day: f64,
}

impl SeverityLimits {
    /// Limits for `judged_a_day` channels and a budget of `alerts_a_day` false findings a day that are high or above.
    pub(super) const fn new(judged_a_day: f64, alerts_a_day: f64) -> Self {
        Self { judged_a_day, alerts_a_day }
    }

    /// Whether a channel can be of a severity or above.
    pub(super) fn allow(self, severity: Severity, chances: Chances) -> bool {
        self.severity(chances).is_some_and(|highest| highest >= severity)
    }

    /// The highest severity that chances allow; nothing where it is not worth reporting.
    fn severity(self, chances: Chances) -> Option<Severity> {
        Severity::ALL.into_iter().rev().find(|severity| self.is_within(*severity, chances))
    }

    fn is_within(self, severity: Severity, chances: Chances) -> bool {
        // A quarter of the alerts are critical; beside each of them forty medium and two hundred low ones are borne, before the
        // evidence holds most of those down.
        let (odd, borne, counted) = match severity {
            Severity::Low => (LEAST_ODD_P, 200.0, chances.of_any),
            Severity::Medium => (0.10, 40.0, chances.of_any),
            Severity::High => (0.03, 1.0, chances.of_alert),
            Severity::Critical => (0.01, 0.25, chances.of_alert),
        };
        chances.of_any <= (odd * self.alerts_a_day.max(1.0)).min(LEAST_ODD_P)
            && counted <= borne * self.alerts_a_day / self.judged_a_day.max(1.0)
    }
}

/// The severity of a behaviour with its chances; nothing where it is not worth reporting.
pub(super) fn severity_of(
    behaviour: Behaviour,
    chances: Chances,
    limits: SeverityLimits,
    view: &ChannelView<'_>,
) -> Option<Severity> {
    Some(limits.severity(chances)?.min(by_evidence(behaviour, chances.of_any, view)))
}

/// Whether a channel can be an alert if only it is odd enough: it shows a behaviour, the evidence allows a medium finding, from which
/// alerting rules go, and no other finding stands for it.
pub(super) fn can_alert(kind: Kind, view: &ChannelView<'_>) -> bool {
    let is_grave = |behaviour| by_evidence(behaviour, 0.0, view) >= Severity::Medium;
    behaviour_of(kind, view).is_some_and(is_grave) && !is_told_by_another(kind, view)
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
                // What many hosts do is the network's own way, not an intruder's.
                _ if view.prevalence() >= COMMON => Severity::Low,
                // Nobody answers: peers of file sharing that are gone, or the server of a forgotten program, unless there is more to it.
                _ if view.channel.traffic.payload_in == 0 => {
                    let knocks = behaviour == Behaviour::Beacon && view.knocks_in_vain();
                    if knocks { Severity::Medium } else { Severity::Low }
                }
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
    let driven = channel.inner_bursts() >= 5 && channel.peer_driven() * 2 > channel.inner_bursts();
    [
        of_flows(channel.unresolved()) || channel.name.is_none() && channel.begin_seen,
        foreign_protocol || odd_port,
        of_flows(channel.hello_without_sni()) || cleartext,
        sends_more,
        driven || of_flows(channel.failed()),
    ]
    .into_iter()
    .filter(|holds| *holds)
    .count()
}

#[cfg(test)]
mod tests {
    use super::super::rows::rows_of;
    use super::*;
    use crate::features::testing::{store_of_failures, store_of_uploads};

    #[test]
    fn few_channels_have_the_fixed_limits_and_many_share_the_budget() {
        let check = |judged: f64, budget: f64, p: f64, expected: Option<Severity>| {
            let chances = Chances { of_any: p, of_alert: p };
            assert_eq!(
                SeverityLimits::new(judged, budget).severity(chances),
                expected,
                "{judged} {budget} {p}"
            );
        };
        check(0.0, 1.0, 0.5, Some(Severity::Low));
        check(20.0, 1.0, 0.51, None);
        check(20.0, 1.0, 0.03, Some(Severity::High));
        check(20.0, 1.0, 0.01, Some(Severity::Critical));
        check(10_000.0, 1.0, 0.021, None);
        check(10_000.0, 1.0, 0.02, Some(Severity::Low));
        check(10_000.0, 1.0, 0.0001, Some(Severity::High));
        check(10_000.0, 0.1, 0.0001, Some(Severity::Medium));
        check(10_000.0, 10.0, 0.0001, Some(Severity::Critical));
        check(100.0, 10.0, 0.1, Some(Severity::High));
        check(20.0, 0.1, 0.03, Some(Severity::Medium));
        check(20.0, 100.0, 0.51, None);
    }

    #[test]
    fn alerts_are_counted_among_what_can_be_one() {
        let check = |of_any: f64, of_alert: f64, expected: Severity| {
            let severity = SeverityLimits::new(1000.0, 1.0).severity(Chances { of_any, of_alert });
            assert_eq!(severity, Some(expected), "{of_any} {of_alert}");
        };
        check(0.02, 0.02, Severity::Medium);
        check(0.02, 0.001, Severity::High);
        check(0.02, 0.0001, Severity::High);
        check(0.01, 0.0001, Severity::Critical);
        check(0.05, 0.0001, Severity::Low);
    }

    #[test]
    fn an_upload_to_many_destinations_can_be_one_alert() {
        let store = store_of_uploads(&[2_000_000; 9]);
        let alerts = rows_of(&store).iter().filter(|row| can_alert(Kind::Exfil, row)).count();
        assert_eq!(alerts, 1);
    }

    /// Peer, port, and attempts, one a minute.
    #[test]
    fn one_closed_door_is_grave_and_many_are_not() {
        let most = |attempts: &[(u8, u16, u32)]| {
            let store = store_of_failures(attempts);
            rows_of(&store).iter().map(|row| by_evidence(Behaviour::Beacon, 0.0, row)).max().unwrap()
        };
        assert_eq!(most(&[(1, 1177, 20), (2, 443, 3)]), Severity::Medium);
        assert_eq!(most(&[(1, 1177, 20), (2, 1177, 20)]), Severity::Low);
        assert_eq!(most(&[(1, 1177, 9)]), Severity::Low);
        assert_eq!(most(&[(1, 443, 20)]), Severity::Low);
    }
}

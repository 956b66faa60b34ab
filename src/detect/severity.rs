//! How urgent a finding is: from its p-value, and from how much stands beside the behaviour itself.
//!
//! Exactness alone is no crime: vendors' telemetry is as regular as any implant. What makes a beacon, a session or an
//! upload grave is what corroborates it: nobody named the peer, the protocol is not the port's, the host is driven.

use crate::decode::app::Service;
use crate::features::ChannelView;

use super::{Behaviour, Severity};

/// p-value up to which a channel that shows a behaviour is reported.
pub const REPORT_P: f64 = 0.25;
const MEDIUM_P: f64 = 0.10;
const HIGH_P: f64 = 0.03;
const CRITICAL_P: f64 = 0.01;

/// Payload from which an upload can be high, and critical, by itself.
const HIGH_UPLOAD_BYTES: u64 = 50_000_000;
const CRITICAL_UPLOAD_BYTES: u64 = 5_000_000_000;

/// The p-value up to which a channel can be of a severity.
pub(super) const fn p_limit(severity: Severity) -> f64 {
    match severity {
        Severity::Low => REPORT_P,
        Severity::Medium => MEDIUM_P,
        Severity::High => HIGH_P,
        Severity::Critical => CRITICAL_P,
    }
}

/// The severity of a behaviour with its p-value.
pub(super) fn severity_of(behaviour: Behaviour, p_value: f64, view: &ChannelView<'_>) -> Severity {
    let by_p = if p_value <= CRITICAL_P {
        Severity::Critical
    } else if p_value <= HIGH_P {
        Severity::High
    } else if p_value <= MEDIUM_P {
        Severity::Medium
    } else {
        Severity::Low
    };
    by_p.min(by_evidence(behaviour, view))
}

/// The most that the evidence allows.
fn by_evidence(behaviour: Behaviour, view: &ChannelView<'_>) -> Severity {
    let corroboration = corroboration(view);
    match behaviour {
        Behaviour::DnsTunnel => {
            let names = view.channel.dns.as_ref().map_or(0, |d| d.distinct_names());
            if names >= 1000 { Severity::Critical } else { Severity::High }
        }
        Behaviour::IcmpTunnel => Severity::High,
        Behaviour::Beacon | Behaviour::LongConnection | Behaviour::Interactive => match corroboration {
            0 => Severity::Low,
            1 => Severity::Medium,
            2 | 3 => Severity::High,
            _ => Severity::Critical,
        },
        Behaviour::BulkUpload | Behaviour::SlowDrip | Behaviour::StagedUpload => {
            let sent = view.channel.traffic.payload_out;
            if sent >= CRITICAL_UPLOAD_BYTES {
                Severity::Critical
            } else if sent >= HIGH_UPLOAD_BYTES || behaviour == Behaviour::StagedUpload && corroboration > 0 {
                Severity::High
            } else {
                Severity::Medium
            }
        }
    }
}

/// How many independent things speak against the channel beside its behaviour.
fn corroboration(view: &ChannelView<'_>) -> usize {
    let channel = view.channel;
    let of_flows = |count: u64| count * 2 > channel.flows.max(1);
    let foreign_protocol = channel.service == Service::Unknown && channel.traffic.payload_out > 0;
    let odd_port = matches!(channel.service, Service::Tls | Service::Http | Service::Quic)
        && !matches!(
            view.key.port,
            80 | 443 | 8080 | 8443 | 993 | 995 | 465 | 587 | 853 | 5223 | 5228 | 8883
        );
    let cleartext = channel.service == Service::Http;
    let sends_more = channel.traffic.payload_out > channel.traffic.payload_in;
    let driven = channel.inner_bursts >= 5 && channel.peer_driven * 2 > channel.inner_bursts;
    [
        of_flows(channel.unresolved) || channel.name.is_none(),
        foreign_protocol || odd_port,
        of_flows(channel.hello_without_sni) || cleartext,
        sends_more,
        driven || of_flows(channel.failed),
    ]
    .into_iter()
    .filter(|holds| *holds)
    .count()
}

//! Why: each feature's share of the score, its value, what is typical, and one plain sentence.

use crate::decode::proto;
use crate::features::{ChannelView, DomainState, Feature, Peer, peer_name};
use crate::model::Model;

use super::{Behaviour, Evidence};

/// Evidence lines of a finding at most.
const LINES: usize = 6;
/// Share of the score below which a feature is not worth a line.
const LEAST_SHARE: f32 = 0.01;

/// The evidence of a row, of which the features have these shares, heaviest first; what defines the behaviour comes before what only corroborates it, and
/// what an analyst would name first comes first.
pub(super) fn evidence_of(
    behaviour: Behaviour,
    features: &[Feature],
    (row, shares): (&[f32], &[f32]),
    model: &Model,
    view: &ChannelView<'_>,
) -> Vec<Evidence> {
    let lead = lead_of(behaviour, features, row);
    let mut lines: Vec<([bool; 2], Evidence)> = features
        .iter()
        .zip(row)
        .zip(shares)
        .zip(&model.manifest().features)
        .filter(|(((feature, value), share), _)| {
            value.is_finite() && (**share >= LEAST_SHARE || lead == Some(feature.name))
        })
        .map(|(((feature, value), share), known)| {
            let evidence = Evidence {
                feature: feature.name.to_owned(),
                value: f64::from(*value),
                typical: f64::from(known.median),
                contribution: f64::from(*share),
                text: sentence(feature, f64::from(*value), view),
            };
            ([lead == Some(feature.name), defines(behaviour).contains(&feature.name)], evidence)
        })
        .collect();
    lines.sort_by(|(a_rank, a), (b_rank, b)| {
        b_rank.cmp(a_rank).then(b.contribution.total_cmp(&a.contribution)).then(a.feature.cmp(&b.feature))
    });
    lines.into_iter().map(|(_, evidence)| evidence).take(LINES).collect()
}

/// The feature that is told first and always: the first that defines the behaviour and is not zero here.
fn lead_of(behaviour: Behaviour, features: &[Feature], row: &[f32]) -> Option<&'static str> {
    let is_there = |name: &&&str| features.iter().zip(row).any(|(f, value)| f.name == **name && *value > 0.0);
    defines(behaviour).iter().find(is_there).copied()
}

/// The features that a behaviour consists of, in the order in which an analyst would name them.
const fn defines(behaviour: Behaviour) -> &'static [&'static str] {
    match behaviour {
        Behaviour::Beacon => &["interval_regularity"],
        Behaviour::LongConnection => &["longest_connection"],
        Behaviour::DnsTunnel => &["dns_names", "dns_bytes_carried", "dns_label_bytes", "dns_unusual_types"],
        Behaviour::IcmpTunnel => &["icmp_bytes", "icmp_payload_out", "icmp_variety"],
        Behaviour::Interactive => &["peer_driven"],
        Behaviour::UnnamedPeer => &["weak_identity", "unresolved"],
        Behaviour::BulkUpload => &["unusual_outflow", "out_producer_consumer_ratio"],
        Behaviour::SlowDrip => &["upload_bursts", "unusual_outflow", "chunk_regularity"],
        Behaviour::StagedUpload => &["asset_outflow", "staged_share", "unusual_outflow"],
    }
}

/// ATT&CK techniques that the traffic is a candidate for.
pub(super) fn techniques_of(behaviour: Behaviour, view: &ChannelView<'_>) -> Vec<&'static str> {
    use crate::decode::app::Service;
    let by_behaviour: &[&str] = match behaviour {
        Behaviour::DnsTunnel => &["T1071.004", "T1572"],
        Behaviour::IcmpTunnel => &["T1095"],
        Behaviour::StagedUpload => &["T1074", "T1041"],
        Behaviour::BulkUpload => &["T1041"],
        Behaviour::SlowDrip => &["T1030", "T1041"],
        Behaviour::Beacon | Behaviour::LongConnection | Behaviour::Interactive | Behaviour::UnnamedPeer => {
            match view.channel.service {
                Service::Http => &["T1071.001"],
                Service::Tls | Service::Quic => &["T1071.001", "T1573"],
                Service::Dns => &["T1071.004"],
                _ => &["T1095"],
            }
        }
    };
    let mut techniques = by_behaviour.to_vec();
    let well_known = matches!(view.key.port, 25 | 53 | 80 | 443 | 587 | 993 | 8080 | 8443);
    if matches!(view.key.proto, proto::TCP | proto::UDP) && !well_known {
        techniques.push("T1571");
    }
    techniques
}

/// One plain sentence on a feature's value.
fn sentence(feature: &Feature, value: f64, view: &ChannelView<'_>) -> String {
    let channel = view.channel;
    let of_flows = |what: &str| format!("{} of {} connections {what}", percent(value), channel.flows);
    match feature.name {
        "interval_regularity" => rhythm(view),
        "lone_rhythm" => format!(
            "keeps its pace during {} of the time watched, with a peer that {} of {} monitored hosts talk to",
            percent(view.persistence()),
            view.counted.hosts_of_peer,
            view.observed.hosts
        ),
        "size_regularity" => {
            format!("what it sends is alike in size from burst to burst ({})", percent(value))
        }
        "persistence" => format!("active during {} of the time watched", percent(value)),
        "longest_connection" => format!("one connection open for {}", duration(value)),
        "peer_driven" => {
            format!("the peer began {} of the exchanges inside open connections", percent(value))
        }
        "producer_consumer_ratio" | "out_producer_consumer_ratio" => format!(
            "sent {} and received {} of payload",
            bytes(channel.traffic.payload_out as f64),
            bytes(channel.traffic.payload_in as f64)
        ),
        "unresolved" => of_flows("went to an address that DNS did not give"),
        "port_mismatch" => format!(
            "{} on port {} is unusual",
            if channel.service.name().is_empty() { "an unknown protocol" } else { channel.service.name() },
            view.key.port
        ),
        "weak_identity" => "the client does not name the server that it wants".to_owned(),
        "dns_bytes_carried" => format!("names under {} carried {}", domain(view), bytes(value)),
        "prevalence" | "out_prevalence" => {
            format!(
                "{} of {} monitored hosts talk to this peer",
                view.counted.hosts_of_peer, view.observed.hosts
            )
        }
        "dns_names" => format!(
            "asked for {value:.0} different names under {}, which carried {}",
            domain(view),
            bytes(value * view.channel.dns().map_or(0.0, DomainState::mean_label_bytes))
        ),
        "dns_label_bytes" => format!("names under {} carry {value:.0} bytes on average", domain(view)),
        "dns_unusual_types" => {
            format!("{} of the questions ask for TXT, NULL and other seldom types", percent(value))
        }
        "dns_answer_bytes" => format!("answers carry {} on average that are no addresses", bytes(value)),
        "icmp_bytes" | "icmp_payload_out" => format!("ICMP carried {}", bytes(value)),
        "icmp_variety" => format!("{} of the echo messages carry new content", percent(value)),
        "icmp_payload_max" => format!("ICMP messages of up to {}", bytes(value)),
        "unusual_outflow" => match view.outflow.unusual.destinations {
            0 | 1 if channel.runs_ahead() && channel.traffic.payload_in as f64 > value => format!(
                "{} more than usual left for this destination ahead of its answers, of {} in all",
                bytes(value),
                bytes(channel.traffic.payload_in as f64)
            ),
            0 | 1 => format!("{} more than usual left for this destination", bytes(value)),
            many => {
                format!("{} more than usual left for {many} destinations, this one the largest", bytes(value))
            }
        },
        "share_of_host_bytes_out" => format!("{} of all that the host sent outside", percent(value)),
        "upload_bursts" => drip(value, view),
        "chunk_regularity" => format!("the uploads are alike in size ({})", percent(value)),
        "cleartext_transfer" => "not encrypted by a known protocol".to_owned(),
        "asset_outflow" => of_asset(value, view),
        "staged_share" => {
            let (pulled, sent) = (view.host.pulled_inside as f64, channel.traffic.payload_out as f64);
            format!("sent out {}, and had pulled {} from inside", bytes(sent), bytes(pulled))
        }
        other => format!("{other} is {value:.3}"),
    }
}

/// How data drips out.
fn drip(uploads: f64, view: &ChannelView<'_>) -> String {
    let (sent, bursts) = (view.channel.traffic.payload_out as f64, view.channel.recent.len());
    let pace = view.regularity.map(|r| format!(", one every {}", duration(r.interval_s))).unwrap_or_default();
    format!("{uploads:.0} of the last {bursts} bursts are uploads{pace}; {} sent in all", bytes(sent))
}

/// Where the data of an asset came from.
fn of_asset(value: f64, view: &ChannelView<'_>) -> String {
    let name = |asset| view.assets.name(asset).unwrap_or("an asset");
    match (view.assets.of(view.key.host), view.host.holding) {
        (Some(asset), _) => format!("{} left straight from asset {}", bytes(value), name(asset)),
        (None, Some(held)) => format!(
            "up to {} of it are of asset {}: the host read from {} from {} to {}",
            bytes(value),
            name(held.asset),
            if held.hops == 1 { "it".to_owned() } else { format!("it over {} others", held.hops - 1) },
            held.first,
            held.last
        ),
        (None, None) => "read from no asset".to_owned(),
    }
}

fn domain<'a>(view: &'a ChannelView<'_>) -> &'a str {
    match &view.key.peer {
        Peer::Domain(domain) => domain,
        Peer::Addr(_) => peer_name(view.key, view.channel).map_or("", |name| &**name),
    }
}

/// The pace of a channel: inside its connections where most of its bursts are there, else from one to the next.
fn rhythm(view: &ChannelView<'_>) -> String {
    let channel = view.channel;
    let inside = channel.inner_bursts() * 2 > channel.activities();
    match (inside, view.inner_regularity(), view.regularity) {
        (true, Some(r), _) => format!(
            "inside open connections a message every {} ± {:.0} %, {} times",
            duration(r.interval_s),
            100.0 * r.dispersion(),
            channel.inner_bursts()
        ),
        (_, _, Some(r)) => format!(
            "active every {} ± {:.0} %, {} times{}",
            duration(r.interval_s),
            100.0 * r.dispersion(),
            channel.activities(),
            if channel.traffic.payload_in == 0 && view.mostly_fails() { ", in vain" } else { "" }
        ),
        _ => format!("active {} times, too few to tell a pace", channel.activities()),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Bytes as people write them, decimal units.
fn bytes(value: f64) -> String {
    const UNITS: [(&str, f64); 4] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    UNITS
        .iter()
        .find(|(_, size)| value >= *size)
        .map_or_else(|| format!("{value:.0} B"), |(unit, size)| format!("{:.1} {unit}", value / size))
}

/// A length of time as people write it.
fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else if seconds < 7200.0 {
        format!("{:.1} min", seconds / 60.0)
    } else if seconds < 172_800.0 {
        format!("{:.1} h", seconds / 3600.0)
    } else {
        format!("{:.1} days", seconds / 86_400.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_defines_the_behaviour_and_is_there_leads() {
        use crate::features::EXFIL;
        let row = |values: &[(&str, f32)]| -> Vec<f32> {
            let value =
                |f: &Feature| values.iter().find(|(name, _)| *name == f.name).map_or(0.0, |(_, v)| *v);
            EXFIL.iter().map(value).collect()
        };
        let check = |behaviour, values: &[(&str, f32)], expected| {
            assert_eq!(lead_of(behaviour, EXFIL, &row(values)), expected, "{values:?}");
        };
        let staged = [("staged_share", 1.0), ("unusual_outflow", 1e9)];
        check(Behaviour::StagedUpload, &staged, Some("staged_share"));
        check(
            Behaviour::StagedUpload,
            &[("asset_outflow", 1e9), ("staged_share", 1.0)],
            Some("asset_outflow"),
        );
        check(
            Behaviour::BulkUpload,
            &[("out_producer_consumer_ratio", 0.9)],
            Some("out_producer_consumer_ratio"),
        );
        check(Behaviour::SlowDrip, &[("unusual_outflow", f32::NAN)], None);
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(
            [0.0, 999.0, 412_337.0, 1.2e9, 3e13].map(bytes),
            ["0 B", "999 B", "412.3 kB", "1.2 GB", "30.0 TB"]
        );
        assert_eq!(
            [60.1, 300.0, 7200.0, 200_000.0].map(duration),
            ["60.1 s", "5.0 min", "2.0 h", "2.3 days"]
        );
        assert_eq!(percent(0.975), "98 %");
    }
}

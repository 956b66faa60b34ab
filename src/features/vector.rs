//! The features: one table a detector, each row with its name, unit, direction, meaning and source.
//!
//! A value that cannot be known (too few intervals, no DNS seen at all) is missing (`NaN`), not zero.

use crate::features::DomainState;
use crate::features::view::ChannelView;

/// Which side of the benign median is suspicious.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Larger is more suspicious.
    Larger,
    /// Smaller is more suspicious.
    Smaller,
}

/// On which scale a feature is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As it is.
    Linear,
    /// `ln(1 + x)`: counts, bytes and times.
    Log,
}

/// One feature of a channel.
pub struct Feature {
    /// Column name.
    pub name: &'static str,
    /// Unit; empty for ratios.
    pub unit: &'static str,
    /// The suspicious side.
    pub direction: Direction,
    /// The scale.
    pub scale: Scale,
    /// The most suspicious value that is told from less suspicious ones: where a ratio ends, or more than any network shows.
    pub limit: f32,
    /// Meaning, with its source where it has one.
    pub doc: &'static str,
    /// The value.
    pub extract: fn(&ChannelView<'_>) -> f64,
}

/// The vector of a table for a view.
#[expect(clippy::cast_possible_truncation, reason = "models work on f32; the loss is far below the noise")]
pub fn vector_of(features: &[Feature], view: &ChannelView<'_>) -> Vec<f32> {
    features.iter().map(|feature| (feature.extract)(view) as f32).collect()
}

macro_rules! feature {
    ($name:literal, $unit:literal, $direction:ident, $scale:ident, $limit:literal, $doc:literal, $extract:expr) => {
        Feature {
            name: $name,
            unit: $unit,
            direction: Direction::$direction,
            scale: Scale::$scale,
            limit: $limit,
            doc: $doc,
            extract: $extract,
        }
    };
}

/// Features of the `c2` model, a row a channel.
pub const C2: &[Feature] = &[
    feature!(
        "interval_regularity",
        "",
        Larger,
        Linear,
        1.0,
        "regularity of the bursts, those inside open connections included: 1 minus the relative deviation of their intervals under a gamma renewal process, weighed by the evidence against chance",
        |v| v.if_conversation(v.interval_regularity())
    ),
    feature!(
        "lone_rhythm",
        "",
        Larger,
        Linear,
        1.0,
        "interval_regularity times persistence times how few of the monitored hosts talk to this peer (1 - ln hosts of the peer / ln all hosts; a half where fewer than four are seen), less half the share of the attempts that failed, unless most of what the host calls in vain is this peer, for ten minutes or more, at an address that DNS did not give or a port of no known service",
        |v| v.if_conversation(v.lone_rhythm())
    ),
    feature!(
        "size_regularity",
        "",
        Larger,
        Linear,
        1.0,
        "1 minus MAD / median of payload bytes out a burst (after RITA v5), weighed by the number of bursts",
        |v| v.if_conversation(v.size_regularity())
    ),
    feature!(
        "persistence",
        "",
        Larger,
        Linear,
        1.0,
        "share of the observed time, a day at most, in which the channel lived and was active",
        |v| v.persistence()
    ),
    feature!(
        "longest_connection",
        "seconds",
        Larger,
        Log,
        604_800.0,
        "longest connection, open ones included (Zeek, RITA)",
        |v| v.if_conversation(v.channel.longest.as_secs_f64())
    ),
    feature!(
        "peer_driven",
        "",
        Larger,
        Linear,
        1.0,
        "share of the bursts inside open connections that the peer began, of five or more",
        |v| v.if_conversation(v.peer_driven())
    ),
    feature!(
        "producer_consumer_ratio",
        "",
        Larger,
        Linear,
        1.0,
        "(payload out - in) / (out + in), -1 to 1 (Bullard and Gerth 2014)",
        |v| v.if_conversation(v.producer_consumer_ratio())
    ),
    feature!(
        "unresolved",
        "",
        Larger,
        Linear,
        1.0,
        "share of flows to an address that DNS did not give the host; missing where the host's DNS is not seen",
        |v| v.unresolved_share()
    ),
    feature!(
        "port_mismatch",
        "",
        Larger,
        Linear,
        1.0,
        "how far the protocol is from what the port promises, 0 to 1",
        |v| v.if_conversation(v.port_mismatch())
    ),
    feature!(
        "weak_identity",
        "",
        Larger,
        Linear,
        1.0,
        "share of flows of TLS that names no server, or 1 for a cleartext protocol that does not name one",
        |v| v.if_conversation(v.weak_identity())
    ),
    feature!(
        "prevalence",
        "",
        Smaller,
        Linear,
        0.0,
        "share of monitored hosts that talk to this peer; missing where fewer than four hosts are seen (BAYWATCH)",
        |v| v.prevalence()
    ),
    feature!(
        "dns_bytes_carried",
        "bytes",
        Larger,
        Log,
        1e8,
        "bytes in distinct names left of the registered domain; missing for other channels",
        |v| v.dns(|d| d.distinct_names() as f64 * d.mean_label_bytes())
    ),
    feature!(
        "dns_label_bytes",
        "bytes",
        Larger,
        Log,
        250.0,
        "mean bytes of names left of the registered domain",
        |v| v.dns(DomainState::mean_label_bytes)
    ),
    feature!(
        "dns_names",
        "",
        Larger,
        Log,
        1e6,
        "distinct names asked under the registered domain (RITA)",
        |v| v.dns(|d| d.distinct_names() as f64)
    ),
    feature!(
        "dns_unusual_types",
        "",
        Larger,
        Linear,
        1.0,
        "share of questions for types that clients seldom ask for",
        |v| v.dns(DomainState::unusual_type_share)
    ),
    feature!(
        "dns_answer_bytes",
        "bytes",
        Larger,
        Log,
        1e4,
        "mean bytes of answers that are no addresses",
        |v| v.dns(DomainState::mean_answer_bytes)
    ),
    feature!(
        "icmp_bytes",
        "bytes",
        Larger,
        Log,
        1e10,
        "ICMP payload bytes, both ways; missing for other channels",
        |v| v.icmp(|c| (c.traffic.payload_out + c.traffic.payload_in) as f64)
    ),
    feature!(
        "icmp_variety",
        "",
        Larger,
        Linear,
        1.0,
        "share of echo messages whose payload changed, or was not returned as sent",
        |v| v.icmp(|_| v.icmp_variety())
    ),
    feature!(
        "icmp_payload_max",
        "bytes",
        Larger,
        Log,
        65_535.0,
        "largest payload of an ICMP message that the host sent",
        |v| v.icmp(|c| f64::from(c.icmp().payload_max))
    ),
];

/// Features of the `exfil` model, a row a channel to a peer that is not monitored.
pub const EXFIL: &[Feature] = &[
    feature!(
        "unusual_outflow",
        "bytes",
        Larger,
        Log,
        1e11,
        "payload bytes out less those in (or those sent ahead of answers, where they are more), beyond three times what other hosts send to the same destinations (the upper quartile of three or more), weighed by the share that is beyond, and beyond three times the host's own custom there; summed over the channels that carry nine tenths of the host's outflow",
        |v| v.outflow.unusual.of_carriers
    ),
    feature!(
        "out_producer_consumer_ratio",
        "",
        Larger,
        Linear,
        1.0,
        "(payload out - in) / (out + in) (Bullard and Gerth 2014)",
        |v| v.producer_consumer_ratio()
    ),
    feature!(
        "share_of_host_bytes_out",
        "",
        Larger,
        Linear,
        1.0,
        "share of all bytes that the host sent outside",
        |v| v.share_of_host_bytes_out()
    ),
    feature!(
        "upload_bursts",
        "",
        Larger,
        Log,
        64.0,
        "bursts of the recent ones that sent 1 kB or more and more than they received",
        |v| v.uploads() as f64
    ),
    feature!(
        "chunk_regularity",
        "",
        Larger,
        Linear,
        1.0,
        "1 minus MAD / median of payload bytes out of upload bursts",
        |v| v.chunk_regularity()
    ),
    feature!(
        "cleartext_transfer",
        "",
        Larger,
        Linear,
        1.0,
        "1 for FTP, SMTP, cleartext HTTP or an unknown protocol",
        |v| v.cleartext()
    ),
    feature!(
        "out_prevalence",
        "",
        Smaller,
        Linear,
        0.0,
        "share of monitored hosts that talk to this peer",
        |v| v.prevalence()
    ),
    feature!("icmp_payload_out", "bytes", Larger, Log, 1e10, "ICMP payload bytes out", |v| if v.is_icmp() {
        v.channel.traffic.payload_out as f64
    } else {
        0.0
    }),
    feature!(
        "asset_outflow",
        "bytes",
        Larger,
        Log,
        1e11,
        "how much of what the host sends out, on the channels that carry it, can be data that it read from an asset, over any number of hosts inside; nothing below 10 MB; half of what was read is forgotten every three days",
        |v| v.asset_outflow()
    ),
    feature!(
        "staged_share",
        "",
        Larger,
        Linear,
        1.0,
        "bytes that the host pulled from monitored hosts, as a share of what it sent to the peer",
        |v| v.staged_share()
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::decode::proto;
    use crate::features::view::{Counted, Observed};
    use crate::features::{Assets, Channel, ChannelKey, Host, Outflow, Peer};
    use crate::time::Timestamp;

    #[test]
    fn names_are_unique_and_an_empty_channel_gives_no_infinities() {
        let mut names: Vec<&str> = C2.iter().chain(EXFIL).map(|f| f.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), C2.len() + EXFIL.len());

        let at = Timestamp::from_secs_nanos(7, 0);
        let (key, channel, host) = (
            ChannelKey {
                host: Addr::default(),
                peer: Peer::Addr(Addr::default()),
                port: 0,
                proto: proto::ICMP,
                outbound: true,
            },
            Channel::new(false, at),
            Host::default(),
        );
        let observed = Observed { first: at, last: at, hosts: 1 };
        let assets = Assets::default();
        let view = ChannelView::new(
            &key,
            &channel,
            &host,
            observed,
            Counted::default(),
            Outflow::default(),
            &assets,
        );
        for features in [C2, EXFIL] {
            for (feature, value) in features.iter().zip(vector_of(features, &view)) {
                assert!(value.is_finite() || value.is_nan(), "{}: {value}", feature.name);
            }
        }
    }
}

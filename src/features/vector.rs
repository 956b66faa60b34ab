//! The features: one table a detector, each row with its name, unit, direction, meaning and source.
//!
//! A value that cannot be known (too few intervals, no DNS seen at all) is missing (`NaN`), not zero.

use crate::decode::app::Service;
use crate::decode::proto;
use crate::features::periodicity::{MIN_INTERVALS, Regularity, regularity, size_regularity};
use crate::features::{Channel, ChannelKey, DomainState, Host, Peer};
use crate::time::{Span, Timestamp};

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
    /// Meaning, with its source where it has one.
    pub doc: &'static str,
    /// The value.
    pub extract: fn(&ChannelView<'_>) -> f64,
}

/// What is known of the whole network at the time of scoring.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// First packet of any monitored host.
    pub first: Timestamp,
    /// Last packet of any monitored host.
    pub last: Timestamp,
    /// Monitored hosts that sent something.
    pub hosts: usize,
}

/// A channel with what its features need beside it.
pub struct ChannelView<'a> {
    /// Which channel.
    pub key: &'a ChannelKey,
    /// Its state.
    pub channel: &'a Channel,
    /// Its host.
    pub host: &'a Host,
    /// The network.
    pub observed: Observed,
    /// Monitored hosts that talk to this peer.
    pub hosts_of_peer: usize,
    /// Regularity of all bursts.
    pub regularity: Option<Regularity>,
    /// Regularity of bursts inside open connections.
    pub inner_regularity: Option<Regularity>,
}

impl<'a> ChannelView<'a> {
    /// A view of a channel.
    pub fn new(
        key: &'a ChannelKey,
        channel: &'a Channel,
        host: &'a Host,
        observed: Observed,
        hosts_of_peer: usize,
    ) -> Self {
        let starts = |inner_only: bool| -> Vec<f64> {
            let base = channel.first_seen;
            // Most channels have too few bursts for any pace.
            let enough = channel.recent.len() > MIN_INTERVALS;
            channel
                .recent
                .iter()
                .filter(|b| enough && (!inner_only || !b.opens_flow))
                .map(|b| (b.start - base).as_secs_f64())
                .collect()
        };
        Self {
            key,
            channel,
            host,
            observed,
            hosts_of_peer,
            regularity: regularity(&starts(false)),
            inner_regularity: regularity(&starts(true)),
        }
    }

    fn span(&self) -> Span {
        self.channel.last_seen - self.channel.first_seen
    }

    /// Share of the observed time in which the channel was alive and active.
    fn persistence(&self) -> f64 {
        let observed = (self.observed.last - self.observed.first).as_secs_f64();
        if observed <= 0.0 {
            return 0.0;
        }
        let alive = (self.span().as_secs_f64() / observed).min(1.0);
        let active = self.channel.life.as_ref().map_or(0.0, |life| life.share_active(self.channel.last_seen));
        alive * active
    }

    fn is_tcp_or_udp(&self) -> bool {
        matches!(self.key.proto, proto::TCP | proto::UDP)
    }

    fn has_payload(&self) -> bool {
        self.channel.traffic.payload_out + self.channel.traffic.payload_in > 0
    }

    /// Producer-consumer ratio of payload bytes: 1 only sends, -1 only receives (Bullard and Gerth 2014).
    fn producer_consumer_ratio(&self) -> f64 {
        let (out, back) = (self.channel.traffic.payload_out as f64, self.channel.traffic.payload_in as f64);
        if out + back > 0.0 { (out - back) / (out + back) } else { f64::NAN }
    }

    /// How far the service is from what its port promises, 0 to 1.
    fn port_mismatch(&self) -> f64 {
        if !self.is_tcp_or_udp() || !self.has_payload() || self.is_domain() {
            return 0.0;
        }
        let port = self.key.port;
        match self.channel.service {
            Service::Tls if TLS_PORTS.contains(&port) => 0.0,
            Service::Http if HTTP_PORTS.contains(&port) => 0.0,
            Service::Tls | Service::Http => 1.0,
            Service::Quic => f64::from(u8::from(port != 443)),
            Service::Unknown if CLAIMED_PORTS.contains(&port) => 1.0,
            Service::Unknown if port >= 1024 => 0.7,
            _ => 0.0,
        }
    }

    fn is_domain(&self) -> bool {
        matches!(self.key.peer, Peer::Domain(_))
    }

    /// A value of conversations: missing for domains and ICMP.
    fn if_conversation(&self, value: f64) -> f64 {
        if self.is_domain() || self.is_icmp() { f64::NAN } else { value }
    }

    fn dns(&self, value: impl Fn(&DomainState) -> f64) -> f64 {
        self.channel.dns.as_ref().map_or(f64::NAN, |dns| value(dns))
    }

    fn icmp(&self, value: impl Fn(&Channel) -> f64) -> f64 {
        if self.is_icmp() { value(self.channel) } else { f64::NAN }
    }

    /// Bursts of the recent ones that look like uploads.
    pub fn uploads(&self) -> usize {
        self.channel.recent.iter().filter(|b| b.bytes_out >= 1000 && b.bytes_out > b.bytes_in).count()
    }

    fn weak_identity(&self) -> f64 {
        let nameless = self.channel.name.is_none() && self.channel.service == Service::Http;
        let no_sni = self.channel.hello_without_sni as f64 / self.channel.flows.max(1) as f64;
        no_sni.min(1.0).max(flag(nameless))
    }

    /// Whether the channel is ICMP.
    pub fn is_icmp(&self) -> bool {
        matches!(self.key.proto, proto::ICMP | proto::ICMPV6)
    }

    fn out_sizes(&self) -> Vec<f64> {
        self.channel.recent.iter().map(|b| f64::from(b.bytes_out)).collect()
    }

    fn unresolved_share(&self) -> f64 {
        let no_dns_seen = self.host.dns_answers == 0;
        if no_dns_seen || self.is_domain() || !self.key.outbound {
            return f64::NAN;
        }
        self.channel.unresolved as f64 / self.channel.flows.max(1) as f64
    }

    fn prevalence(&self) -> f64 {
        const FEWEST_HOSTS: usize = 4;
        if self.observed.hosts < FEWEST_HOSTS {
            return f64::NAN;
        }
        self.hosts_of_peer as f64 / self.observed.hosts as f64
    }

    fn share_of_host_bytes_out(&self) -> f64 {
        self.channel.traffic.bytes_out as f64 / self.host.external.bytes_out.max(1) as f64
    }

    /// How much of what left was pulled from monitored hosts before: 0 nothing, 1 as much or more.
    fn staged_share(&self) -> f64 {
        (self.host.pulled_inside as f64 / self.channel.traffic.bytes_out.max(1) as f64).min(1.0)
    }
}

/// Ports on which TLS is at home (IANA and common use).
const TLS_PORTS: [u16; 16] =
    [443, 465, 563, 587, 636, 853, 989, 990, 993, 995, 5061, 5223, 5228, 8443, 8883, 25];

/// Ports on which HTTP is at home.
const HTTP_PORTS: [u16; 9] = [80, 631, 3128, 5357, 8000, 8008, 8060, 8080, 49152];

/// Ports that promise a protocol which is recognised when it is really spoken.
const CLAIMED_PORTS: [u16; 8] = [21, 22, 25, 53, 80, 443, 8080, 8443];

/// Regularity with the evidence for it: few intervals weigh little however even they are.
fn weighed(regularity: Regularity) -> f64 {
    const HALF_SURE_NATS: f64 = 10.0;
    regularity.score() * (1.0 - (-regularity.evidence() / HALF_SURE_NATS).exp())
}

const fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

/// The vector of a table for a view.
#[expect(clippy::cast_possible_truncation, reason = "models work on f32; the loss is far below the noise")]
pub fn vector_of(features: &[Feature], view: &ChannelView<'_>) -> Vec<f32> {
    features.iter().map(|feature| (feature.extract)(view) as f32).collect()
}

macro_rules! feature {
    ($name:literal, $unit:literal, $direction:ident, $scale:ident, $doc:literal, $extract:expr) => {
        Feature {
            name: $name,
            unit: $unit,
            direction: Direction::$direction,
            scale: Scale::$scale,
            doc: $doc,
            extract: $extract,
        }
    };
}

/// Features of the `c2` model, a row a channel. Few and composite: an isolation forest splits at random, so every feature on
/// which a channel is ordinary hides the ones on which it is not.
pub const C2: &[Feature] = &[
    feature!(
        "periodicity",
        "",
        Larger,
        Linear,
        "regularity of the bursts (1 minus MAD / median relative to a Poisson process, missed beats folded; after RITA v5), weighed by the evidence against chance",
        |v| v.if_conversation(v.regularity.map_or(0.0, weighed))
    ),
    feature!(
        "keep_alive_periodicity",
        "",
        Larger,
        Linear,
        "the same of the bursts inside open connections",
        |v| v.if_conversation(v.inner_regularity.map_or(0.0, weighed))
    ),
    feature!(
        "size_regularity",
        "",
        Larger,
        Linear,
        "1 minus MAD / median of payload bytes out a burst (after RITA v5)",
        |v| v.if_conversation(size_regularity(&mut v.out_sizes()).unwrap_or(0.0))
    ),
    feature!(
        "persistence",
        "",
        Larger,
        Linear,
        "share of the observed time in which the channel lived and was active",
        |v| v.persistence()
    ),
    feature!(
        "longest_connection",
        "seconds",
        Larger,
        Log,
        "longest connection, open ones included (Zeek, RITA)",
        |v| v.if_conversation(v.channel.longest.as_secs_f64())
    ),
    feature!(
        "peer_driven",
        "",
        Larger,
        Linear,
        "share of the bursts inside open connections that the peer began, of five or more",
        |v| v.if_conversation(if v.channel.inner_bursts >= 5 {
            v.channel.peer_driven as f64 / v.channel.inner_bursts as f64
        } else {
            0.0
        })
    ),
    feature!(
        "producer_consumer_ratio",
        "",
        Larger,
        Linear,
        "(payload out - in) / (out + in), -1 to 1 (Bullard and Gerth 2014)",
        |v| v.if_conversation(v.producer_consumer_ratio())
    ),
    feature!(
        "failed_share",
        "",
        Larger,
        Linear,
        "share of connection attempts without answer or refused, of three or more",
        |v| v.if_conversation(if v.channel.flows >= 3 {
            v.channel.failed as f64 / v.channel.flows as f64
        } else {
            0.0
        })
    ),
    feature!(
        "unresolved",
        "",
        Larger,
        Linear,
        "share of flows to an address that DNS did not give the host; missing where the host's DNS is not seen",
        |v| v.unresolved_share()
    ),
    feature!(
        "port_mismatch",
        "",
        Larger,
        Linear,
        "how far the protocol is from what the port promises, 0 to 1",
        |v| v.if_conversation(v.port_mismatch())
    ),
    feature!(
        "weak_identity",
        "",
        Larger,
        Linear,
        "share of flows of TLS that names no server, or 1 for a cleartext protocol that does not name one",
        |v| v.if_conversation(v.weak_identity())
    ),
    feature!(
        "prevalence",
        "",
        Smaller,
        Linear,
        "share of monitored hosts that talk to this peer; missing where fewer than four hosts are seen (BAYWATCH)",
        |v| v.prevalence()
    ),
    feature!(
        "dns_bytes_carried",
        "bytes",
        Larger,
        Log,
        "bytes in distinct names left of the registered domain; missing for other channels",
        |v| v.dns(|d| d.distinct_names() as f64 * d.mean_label_bytes())
    ),
    feature!(
        "dns_label_bytes",
        "bytes",
        Larger,
        Log,
        "mean bytes of names left of the registered domain",
        |v| v.dns(super::dns::DomainState::mean_label_bytes)
    ),
    feature!("dns_names", "", Larger, Log, "distinct names asked under the registered domain (RITA)", |v| v
        .dns(|d| d.distinct_names() as f64)),
    feature!(
        "dns_unusual_types",
        "",
        Larger,
        Linear,
        "share of questions for types that clients seldom ask for",
        |v| v.dns(super::dns::DomainState::unusual_type_share)
    ),
    feature!("dns_answer_bytes", "bytes", Larger, Log, "mean bytes of answers that are no addresses", |v| v
        .dns(super::dns::DomainState::mean_answer_bytes)),
    feature!(
        "icmp_bytes",
        "bytes",
        Larger,
        Log,
        "ICMP payload bytes, both ways; missing for other channels",
        |v| v.icmp(|c| (c.traffic.payload_out + c.traffic.payload_in) as f64)
    ),
    feature!(
        "icmp_variety",
        "",
        Larger,
        Linear,
        "share of echo messages whose payload changed, or was not returned as sent",
        |v| v.icmp(|c| {
            let odd = c.icmp.payload_changes.max(c.icmp.reply_mismatches) as f64;
            (odd / c.traffic.packets_out.max(1) as f64).min(1.0)
        })
    ),
    feature!(
        "icmp_payload_max",
        "bytes",
        Larger,
        Log,
        "largest payload of an ICMP message that the host sent",
        |v| v.icmp(|c| f64::from(c.icmp.payload_max))
    ),
];

/// Features of the `exfil` model, a row a channel to a peer that is not monitored.
pub const EXFIL: &[Feature] = &[
    feature!("payload_out", "bytes", Larger, Log, "payload bytes that the host sent to the peer", |v| v
        .channel
        .traffic
        .payload_out
        as f64),
    feature!(
        "out_producer_consumer_ratio",
        "",
        Larger,
        Linear,
        "(payload out - in) / (out + in) (Bullard and Gerth 2014)",
        |v| v.producer_consumer_ratio()
    ),
    feature!(
        "share_of_host_bytes_out",
        "",
        Larger,
        Linear,
        "share of all bytes that the host sent outside",
        |v| v.share_of_host_bytes_out()
    ),
    feature!("bytes_out_peak_5m", "bytes", Larger, Log, "most IP bytes out in five minutes", |v| v
        .channel
        .peak_out
        .peak()
        as f64),
    feature!(
        "upload_bursts",
        "",
        Larger,
        Log,
        "bursts of the recent ones that sent 1 kB or more and more than they received",
        |v| v.uploads() as f64
    ),
    feature!(
        "chunk_regularity",
        "",
        Larger,
        Linear,
        "1 minus MAD / median of payload bytes out of upload bursts",
        |v| {
            let mut sizes: Vec<f64> = v.out_sizes().into_iter().filter(|s| *s >= 1000.0).collect();
            size_regularity(&mut sizes).unwrap_or(0.0)
        }
    ),
    feature!(
        "out_port_mismatch",
        "",
        Larger,
        Linear,
        "how far the protocol is from what the port promises",
        |v| v.port_mismatch()
    ),
    feature!(
        "cleartext_transfer",
        "",
        Larger,
        Linear,
        "1 for FTP, SMTP, cleartext HTTP or an unknown protocol",
        |v| flag(
            v.is_tcp_or_udp()
                && v.has_payload()
                && matches!(
                    v.channel.service,
                    Service::Ftp | Service::Smtp | Service::Http | Service::Irc | Service::Unknown
                )
        )
    ),
    feature!(
        "out_unresolved",
        "",
        Larger,
        Linear,
        "share of flows to an address that DNS did not give the host",
        |v| v.unresolved_share()
    ),
    feature!("out_prevalence", "", Smaller, Linear, "share of monitored hosts that talk to this peer", |v| v
        .prevalence()),
    feature!("icmp_payload_out", "bytes", Larger, Log, "ICMP payload bytes out", |v| if v.is_icmp() {
        v.channel.traffic.payload_out as f64
    } else {
        0.0
    }),
    feature!(
        "staged_share",
        "",
        Larger,
        Linear,
        "bytes that the host pulled from monitored hosts, as a share of what it sent to the peer",
        |v| v.staged_share()
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;

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
            Channel::new(Addr::default(), false, at),
            Host::default(),
        );
        let observed = Observed { first: at, last: at, hosts: 1 };
        let view = ChannelView::new(&key, &channel, &host, observed, 1);
        for features in [C2, EXFIL] {
            for (feature, value) in features.iter().zip(vector_of(features, &view)) {
                assert!(value.is_finite() || value.is_nan(), "{}: {value}", feature.name);
            }
        }
    }
}

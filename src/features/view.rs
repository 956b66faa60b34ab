//! What the features of a channel are computed from: its state, its host's, and the network's.

use crate::decode::app::Service;
use crate::decode::proto;
use crate::features::periodicity::{MIN_INTERVALS, Numbers, Regularity, regularity, size_regularity};
use crate::features::{Activity, Assets, Channel, ChannelKey, DomainState, Host, Outflow, Peer};
use crate::flow::Unseen;
use crate::time::{Span, Timestamp};

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

/// What is counted over all channels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Monitored hosts that talk to the channel's peer.
    pub hosts_of_peer: usize,
    /// Attempts of the channel's host to reach peers outside that failed.
    pub failed_of_host: u64,
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
    /// What is counted over all channels.
    pub counted: Counted,
    /// The outflow that it is part of.
    pub outflow: Outflow,
    /// The assets that are followed.
    pub assets: &'a Assets,
    /// Regularity of all bursts.
    pub regularity: Option<Regularity>,
}

/// Whether there are bursts enough for a pace: most channels have too few.
pub fn may_have_a_pace(channel: &Channel) -> bool {
    channel.recent.len() > MIN_INTERVALS
}

/// Regularity of those bursts that are to count.
fn regularity_of(channel: &Channel, counts: impl Fn(&Activity) -> bool) -> Option<Regularity> {
    if !may_have_a_pace(channel) {
        return None;
    }
    let bursts = channel.recent.iter().filter(|burst| counts(burst));
    let starts: Numbers = bursts.map(|burst| (burst.start - channel.first_seen).as_secs_f64()).collect();
    regularity(&starts)
}

impl<'a> ChannelView<'a> {
    /// A view of a channel.
    pub fn new(
        key: &'a ChannelKey,
        channel: &'a Channel,
        host: &'a Host,
        observed: Observed,
        counted: Counted,
        outflow: Outflow,
        assets: &'a Assets,
    ) -> Self {
        Self {
            key,
            channel,
            host,
            observed,
            counted,
            outflow,
            assets,
            regularity: regularity_of(channel, |_| true),
        }
    }

    /// Regularity of bursts inside open connections: few ask for it.
    pub fn inner_regularity(&self) -> Option<Regularity> {
        regularity_of(self.channel, |burst| !burst.opens_flow)
    }

    fn span(&self) -> Span {
        self.channel.last_seen - self.channel.first_seen
    }

    /// Share of the observed time, of its last day where it is longer, in which the channel was alive and active, at the resolution of
    /// its own pace. A sensor that has run for months must notice what began this morning.
    pub fn persistence(&self) -> f64 {
        const DAY: Span = Span::from_secs(86_400);
        let observed = (self.observed.last - self.observed.first).min(DAY).as_secs_f64();
        if observed <= 0.0 {
            return 0.0;
        }
        let alive = (self.span().as_secs_f64() / observed).min(1.0);
        let pace = self.regularity.map_or(Span::ZERO, |r| Span::from_secs_f64(r.interval_s));
        let life = self.channel.life();
        let active = life.map_or(0.0, |life| life.share_active(self.channel.last_seen, pace));
        alive * active
    }

    pub(super) fn is_tcp_or_udp(&self) -> bool {
        matches!(self.key.proto, proto::TCP | proto::UDP)
    }

    pub(super) fn has_payload(&self) -> bool {
        self.channel.traffic.payload_out + self.channel.traffic.payload_in > 0
    }

    /// Producer-consumer ratio of payload bytes: 1 only sends, -1 only receives (Bullard and Gerth 2014).
    pub(super) fn producer_consumer_ratio(&self) -> f64 {
        let (out, back) = (self.channel.traffic.payload_out as f64, self.channel.traffic.payload_in as f64);
        if out + back > 0.0 { (out - back) / (out + back) } else { f64::NAN }
    }

    /// How far the service is from what its port promises, 0 to 1.
    pub fn port_mismatch(&self) -> f64 {
        if !self.is_tcp_or_udp() || !self.has_payload() || self.is_domain() {
            return 0.0;
        }
        let port = self.key.port;
        match self.channel.service {
            Service::Tls if TLS_PORTS.contains(&port) => 0.0,
            Service::Http if HTTP_PORTS.contains(&port) => 0.0,
            Service::Tls | Service::Http => 1.0,
            Service::Quic => f64::from(u8::from(port != 443)),
            Service::Unknown if self.channel.unseen.has(Unseen::SERVICE) => f64::NAN,
            Service::Unknown if CLAIMED_PORTS.contains(&port) => 1.0,
            Service::Unknown if port >= 1024 => 0.7,
            _ => 0.0,
        }
    }

    /// Whether the port promises a protocol that is recognised when it is spoken: where nobody answers, it is all that tells one.
    fn is_usual_port(&self) -> bool {
        let lists: [&[u16]; 3] = [&TLS_PORTS, &HTTP_PORTS, &CLAIMED_PORTS];
        lists.iter().any(|ports| ports.contains(&self.key.port))
    }

    /// Whether more than half of the connections failed.
    pub fn mostly_fails(&self) -> bool {
        self.channel.failed() * 2 > self.channel.flows
    }

    /// Whether the host calls, for long and over TCP, one peer that hardly ever answers, as an implant does whose server is gone or
    /// blocked. File sharing and scans call many peers in vain, and most of what fails is elsewhere. A forgotten program calls a server
    /// that DNS names, where such servers are: not an address that DNS did not give, nor a port of no known service.
    pub fn knocks_in_vain(&self) -> bool {
        let channel = self.channel;
        self.key.proto == proto::TCP
            && self.mostly_fails()
            && channel.failed() * 2 > self.counted.failed_of_host
            && self.span() >= KNOCKING
            && (channel.unresolved() * 2 > channel.flows || !self.is_usual_port())
    }

    fn is_domain(&self) -> bool {
        matches!(self.key.peer, Peer::Domain(_))
    }

    /// A value of conversations: missing for domains and ICMP.
    pub(super) fn if_conversation(&self, value: f64) -> f64 {
        if self.is_domain() || self.is_icmp() { f64::NAN } else { value }
    }

    /// A value that needs something seen: missing where some of the flows come from a source that could not see it.
    fn if_seen(&self, what: Unseen, value: f64) -> f64 {
        if self.channel.unseen.has(what) { f64::NAN } else { value }
    }

    /// A statistic of bursts; 0 where there are too few, and missing where there may be more inside the connections.
    fn of_bursts(&self, value: Option<f64>) -> f64 {
        value.unwrap_or_else(|| self.if_seen(Unseen::PACING, 0.0))
    }

    /// How regular the bursts are, with the evidence for it.
    pub(super) fn interval_regularity(&self) -> f64 {
        self.of_bursts(self.regularity.map(weighed))
    }

    pub(super) fn dns(&self, value: impl Fn(&DomainState) -> f64) -> f64 {
        self.channel.dns().map_or(f64::NAN, value)
    }

    pub(super) fn icmp(&self, value: impl Fn(&Channel) -> f64) -> f64 {
        if self.is_icmp() { value(self.channel) } else { f64::NAN }
    }

    /// Bursts of the recent ones that look like uploads.
    pub fn uploads(&self) -> usize {
        self.channel
            .recent
            .iter()
            .filter(|b| f64::from(b.bytes_out) >= UPLOAD_BURST_BYTES && b.bytes_out > b.bytes_in)
            .count()
    }

    pub(super) fn weak_identity(&self) -> f64 {
        let nameless = self.channel.name.is_none();
        if matches!(self.channel.service, Service::Irc | Service::Ftp | Service::Smtp) {
            return flag(nameless);
        }
        let nameless = nameless && self.channel.service == Service::Http;
        let no_sni = self.channel.hello_without_sni() as f64 / self.channel.flows.max(1) as f64;
        self.if_seen(Unseen::NAMES.or(Unseen::SERVICE), no_sni.min(1.0).max(flag(nameless)))
    }

    /// Whether the channel is ICMP.
    pub fn is_icmp(&self) -> bool {
        self.key.is_icmp()
    }

    pub(super) fn out_sizes(&self) -> Vec<f64> {
        self.channel.recent.iter().map(|b| f64::from(b.bytes_out)).collect()
    }

    /// How alike the bursts are in size, weighed by their number: two alike say little.
    pub(super) fn size_regularity(&self) -> f64 {
        const HALF_SURE_BURSTS: f64 = 10.0;
        let alike = self.of_bursts(size_regularity(&mut self.out_sizes()));
        alike * (1.0 - (-(self.channel.recent.len() as f64) / HALF_SURE_BURSTS).exp())
    }

    /// Share of the bursts inside open connections that the peer began.
    pub(super) fn peer_driven(&self) -> f64 {
        const FEWEST_BURSTS: u64 = 5;
        let inner = self.channel.inner_bursts();
        let share =
            if inner >= FEWEST_BURSTS { self.channel.peer_driven() as f64 / inner as f64 } else { 0.0 };
        self.if_seen(Unseen::PACING, share)
    }

    fn failed_share(&self) -> f64 {
        const FEWEST_FLOWS: u64 = 3;
        let flows = self.channel.flows;
        if flows >= FEWEST_FLOWS { self.channel.failed() as f64 / flows as f64 } else { 0.0 }
    }

    /// Share of the echo messages whose payload is new, or was not returned as sent.
    pub(super) fn icmp_variety(&self) -> f64 {
        let icmp = self.channel.icmp();
        let odd = icmp.payload_changes.max(icmp.reply_mismatches) as f64;
        self.if_seen(Unseen::PACING, (odd / self.channel.traffic.packets_out.max(1) as f64).min(1.0))
    }

    /// How alike the upload bursts are in size.
    pub(super) fn chunk_regularity(&self) -> f64 {
        let mut sizes: Vec<f64> = self.out_sizes().into_iter().filter(|s| *s >= UPLOAD_BURST_BYTES).collect();
        self.of_bursts(size_regularity(&mut sizes))
    }

    /// Whether content leaves in the clear, or by a protocol that is not known.
    pub(super) fn cleartext(&self) -> f64 {
        use Service::{Ftp, Http, Irc, Smtp, Unknown};
        let cleartext = matches!(self.channel.service, Ftp | Smtp | Http | Irc | Unknown);
        let value = flag(self.is_tcp_or_udp() && self.has_payload() && cleartext);
        if self.channel.service == Unknown { self.if_seen(Unseen::SERVICE, value) } else { value }
    }

    pub(super) fn unresolved_share(&self) -> f64 {
        let no_dns_seen = self.host.dns_answers == 0;
        if no_dns_seen || self.is_domain() || !self.key.outbound {
            return f64::NAN;
        }
        self.channel.unresolved() as f64 / self.channel.flows.max(1) as f64
    }

    /// How few of the monitored hosts talk to this peer, on a logarithmic scale: 1 where it is this host alone, 0 where all do;
    /// a half where too few hosts are seen to tell.
    fn rarity(&self) -> f64 {
        if self.prevalence().is_nan() {
            return 0.5;
        }
        let (sharing, all) = (self.counted.hosts_of_peer.max(1) as f64, self.observed.hosts as f64);
        (1.0 - sharing.ln() / all.ln()).clamp(0.0, 1.0)
    }

    /// A rhythm that lasts, with a peer that few others know. Each of the three is common by itself: telemetry is regular, and
    /// everybody visits places of his own; an isolation forest, which cuts one feature at a time, hardly sees them meet. Half as much where nobody
    /// answers: what knocks at a closed door in step is a program that was forgotten more often than one that takes orders, but for
    /// doors where no such program is at home.
    pub(super) fn lone_rhythm(&self) -> f64 {
        let answered = if self.knocks_in_vain() { 1.0 } else { 1.0 - self.failed_share() / 2.0 };
        self.interval_regularity() * self.persistence() * self.rarity() * answered
    }

    /// Share of the monitored hosts that talk to this peer; not a number where too few are seen to tell.
    pub fn prevalence(&self) -> f64 {
        const FEWEST_HOSTS: usize = 4;
        if self.observed.hosts < FEWEST_HOSTS {
            return f64::NAN;
        }
        self.counted.hosts_of_peer as f64 / self.observed.hosts as f64
    }

    /// Share of all bytes that the host sent outside.
    pub fn share_of_host_bytes_out(&self) -> f64 {
        self.channel.traffic.bytes_out as f64 / self.host.external.bytes_out.max(1) as f64
    }

    /// How much of what the host sends out, on this channel among those that carry it, can be data of an asset, bytes: no more than
    /// it may hold of it, and all where the host belongs to the asset itself. Usual or not: where an asset's data goes is never a
    /// matter of custom. Less than 10 MB count for nothing: those who work with an asset write mails too.
    pub fn asset_outflow(&self) -> f64 {
        const LEAST_BYTES: f64 = 1e7;
        let sent = self.outflow.sent.of_carriers;
        let left = match (self.assets.of(self.key.host), self.host.holding) {
            (Some(_), _) => sent,
            (None, Some(holding)) => {
                holding.at(self.channel.last_seen).min(sent * self.channel.share_sent_since(holding.first))
            }
            (None, None) => 0.0,
        };
        if left >= LEAST_BYTES { left } else { 0.0 }
    }

    /// How much of what left was pulled from monitored hosts before: 0 nothing, 1 as much or more.
    pub(super) fn staged_share(&self) -> f64 {
        (self.host.pulled_inside as f64 / self.channel.traffic.bytes_out.max(1) as f64).min(1.0)
    }
}

/// How long a peer that hardly ever answers must be called to be told from retries of a program that starts.
const KNOCKING: Span = Span::from_secs(600);

/// Bytes out from which a burst can be part of an upload.
const UPLOAD_BURST_BYTES: f64 = 1000.0;

/// Ports on which TLS is at home (IANA and common use).
const TLS_PORTS: [u16; 16] =
    [443, 465, 563, 587, 636, 853, 989, 990, 993, 995, 5061, 5223, 5228, 8443, 8883, 25];

/// Ports on which HTTP is at home.
const HTTP_PORTS: [u16; 9] = [80, 631, 3128, 5357, 8000, 8008, 8060, 8080, 49152];

/// Ports that promise a protocol which is recognised when it is really spoken.
const CLAIMED_PORTS: [u16; 8] = [21, 22, 25, 53, 80, 443, 8080, 8443];

/// Regularity with the evidence for it: few intervals weigh little however even they are.
pub(super) fn weighed(regularity: Regularity) -> f64 {
    const HALF_SURE_NATS: f64 = 10.0;
    regularity.score() * (1.0 - (-regularity.evidence() / HALF_SURE_NATS).exp())
}

pub(super) const fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

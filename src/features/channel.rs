//! What is remembered of one channel: a monitored host, a peer and a service.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::decode::app::{AppInfo, Service};
use crate::decode::proto;
use crate::features::activity::{Activity, Life, LifeHistogram, RecentActivity};
use crate::features::dns::DomainState;
use crate::features::volume::VolumeHistogram;
use crate::features::{PeakBucket, Traffic};
use crate::flow::{ConnState, FlowRecord, Unseen};
use crate::memory::prefetch;
use crate::time::{Span, Timestamp};

/// Payload sent from which a channel remembers how it left over time.
const VOLUME_FROM: u64 = 10_000;

/// Whom a channel leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// An address.
    Addr(Addr),
    /// A registered domain that is asked for over DNS: where a DNS tunnel ends, whichever resolver carries it.
    Domain(Arc<str>),
}

/// What identifies a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelKey {
    /// The monitored host.
    pub host: Addr,
    /// The other end.
    pub peer: Peer,
    /// The responder's port; 0 for protocols without ports.
    pub port: u16,
    /// IP protocol number.
    pub proto: u8,
    /// Whether the host is the originator.
    pub outbound: bool,
}

impl ChannelKey {
    /// Whether the channel is ICMP.
    pub fn is_icmp(&self) -> bool {
        matches!(self.proto, proto::ICMP | proto::ICMPV6)
    }

    /// What most keys are told apart by, in the order of the keys.
    pub fn prefix(&self) -> [u64; 4] {
        let [host_high, host_low] = self.host.words();
        let [peer_high, peer_low] = match &self.peer {
            Peer::Addr(addr) => addr.words(),
            Peer::Domain(_) => [u64::MAX; 2],
        };
        [host_high, host_low, peer_high, peer_low]
    }
}

/// The name of a peer as findings and rows show it: the domain, or what is known of the address.
pub fn peer_name<'a>(key: &'a ChannelKey, channel: &'a Channel) -> Option<&'a Arc<str>> {
    match &key.peer {
        Peer::Domain(domain) => Some(domain),
        Peer::Addr(_) => channel.name.as_ref(),
    }
}

/// The address of a peer: for a domain, where its last query went.
pub fn peer_address(key: &ChannelKey, channel: &Channel) -> Addr {
    match &key.peer {
        Peer::Addr(addr) => *addr,
        Peer::Domain(_) => channel.dns().map_or_else(Addr::default, |dns| dns.server),
    }
}

/// ICMP echo facts, summed over the flows of the channel.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct IcmpState {
    /// Requests whose payload differs from the one before.
    pub payload_changes: u64,
    /// Replies that do not return their request's payload.
    pub reply_mismatches: u64,
    /// Largest payload of a request, bytes.
    pub payload_max: u32,
}

impl IcmpState {
    /// Adds a report of a flow.
    fn add(&mut self, record: &FlowRecord, outbound: bool) {
        self.payload_changes += u64::from(record.icmp_payload_changes);
        self.reply_mismatches += u64::from(record.icmp_reply_mismatches);
        if outbound {
            self.payload_max = self.payload_max.max(record.icmp_payload_max);
        }
    }
}

/// The state of one channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// Name of the peer, where SNI, Host or DNS told one.
    pub name: Option<Arc<str>>,
    /// Whether the peer is monitored too.
    pub internal: bool,
    /// Whether a flow began before our eyes: a name that is missing was not said then.
    pub begin_seen: bool,
    /// Protocol, from payload.
    pub service: Service,
    /// First packet.
    pub first_seen: Timestamp,
    /// Last packet.
    pub last_seen: Timestamp,
    /// Traffic so far.
    pub traffic: Traffic,
    /// Flows reported.
    pub flows: u64,
    /// Sum of the durations of ended flows.
    pub total_duration: Span,
    /// The longest flow, open ones included.
    pub longest: Span,
    /// The most recent bursts.
    pub recent: RecentActivity,
    /// IP bytes out, the most in five minutes.
    pub peak_out: PeakBucket,
    /// What the sources of some of its flows could not see.
    pub unseen: Unseen,
    // Counts that stop at the largest number.
    failed: u32,
    unresolved: u32,
    hello_without_sni: u32,
    activities: u32,
    inner_bursts: u32,
    peer_driven: u32,
    life: Life,
    rare: Option<Box<Rare>>,
}

/// What most channels never have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Rare {
    volume_out: Option<VolumeHistogram>,
    surge_out: u64,
    dns: Option<Box<DomainState>>,
    icmp: IcmpState,
}

impl Channel {
    /// A channel first seen at `at`.
    pub fn new(internal: bool, at: Timestamp) -> Self {
        Self {
            name: None,
            internal,
            begin_seen: false,
            service: Service::Unknown,
            first_seen: at,
            last_seen: at,
            traffic: Traffic::default(),
            flows: 0,
            total_duration: Span::ZERO,
            longest: Span::ZERO,
            recent: RecentActivity::default(),
            peak_out: PeakBucket::default(),
            unseen: Unseen::NOTHING,
            failed: 0,
            unresolved: 0,
            hello_without_sni: 0,
            activities: 0,
            inner_bursts: 0,
            peer_driven: 0,
            life: Life::default(),
            rare: None,
        }
    }

    /// Flows that the host began and nobody answered, or that were refused.
    pub fn failed(&self) -> u64 {
        self.failed.into()
    }

    /// Flows to an address for which the host had no DNS answer, while it does use DNS that is seen.
    pub fn unresolved(&self) -> u64 {
        self.unresolved.into()
    }

    /// Flows whose TLS ClientHello named no server.
    pub fn hello_without_sni(&self) -> u64 {
        self.hello_without_sni.into()
    }

    /// Bursts so far, those forgotten included.
    pub fn activities(&self) -> u64 {
        self.activities.into()
    }

    /// Bursts inside open connections.
    pub fn inner_bursts(&self) -> u64 {
        self.inner_bursts.into()
    }

    /// Bursts inside open connections that the peer began.
    pub fn peer_driven(&self) -> u64 {
        self.peer_driven.into()
    }

    /// When it was active, from the second burst on.
    pub fn life(&self) -> Option<Cow<'_, LifeHistogram>> {
        self.life.histogram(&self.recent)
    }

    /// IP bytes out over its life, once they are worth a chart.
    pub fn volume_out(&self) -> Option<&VolumeHistogram> {
        self.rare.as_ref()?.volume_out.as_ref()
    }

    /// Payload by which the host ran ahead of the peer, summed over the connections: see [`crate::flow::Counters::orig_surge`].
    pub fn surge_out(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.surge_out)
    }

    /// Payload that left the host: that out less that in, or by how much it ran ahead where that is more. What is fetched at other
    /// times does not excuse what is sent.
    pub fn payload_left(&self) -> u64 {
        self.net_out().max(self.surge_out())
    }

    /// Whether what left is known by how far the host ran ahead: as much as that came back at other times.
    pub fn runs_ahead(&self) -> bool {
        self.surge_out() > self.net_out()
    }

    fn net_out(&self) -> u64 {
        self.traffic.payload_out.saturating_sub(self.traffic.payload_in)
    }

    /// Share of the bytes out that left at some time or later, 0 to 1; of a channel that sent little, all or nothing.
    pub fn share_sent_since(&self, begin: Timestamp) -> f64 {
        if self.first_seen >= begin || self.last_seen < begin {
            return if self.first_seen >= begin { 1.0 } else { 0.0 };
        }
        let Some(volume) = self.volume_out() else { return 1.0 };
        let (mut since, mut all) = (0.0, 0.0);
        for (at, bytes) in volume.bins() {
            since += if at >= begin { bytes as f64 } else { 0.0 };
            all += bytes as f64;
        }
        if all > 0.0 { since / all } else { 1.0 }
    }

    /// Questions under the domain, where the peer is one.
    pub fn dns(&self) -> Option<&DomainState> {
        self.rare.as_ref()?.dns.as_deref()
    }

    /// ICMP echo facts; nothing but zeros where the channel is not ICMP.
    pub fn icmp(&self) -> IcmpState {
        self.rare.as_ref().map_or_else(IcmpState::default, |rare| rare.icmp)
    }

    /// Whether nobody could see what clients call the peer.
    pub fn names_unseen(&self) -> bool {
        self.unseen.has(Unseen::NAMES)
    }

    /// Takes a flow report: `new` is what was counted since the last one, `ended` whether it is the flow's last.
    pub fn report(&mut self, record: &FlowRecord, new: &Traffic, first: bool, ended: bool, outbound: bool) {
        self.see(record.first, record.last);
        self.traffic.add(new);
        self.unseen = self.unseen.or(record.unseen);
        // Packets are reported as they come; a record tells only that they came at some time.
        let from = if record.unseen.has(Unseen::PACING) { record.first } else { record.last };
        self.peak_out.add_over(from, record.last, new.bytes_out);
        self.add_volume(from, record.last, new.bytes_out);
        self.flows += u64::from(first);
        self.begin_seen |= record.begin_seen();
        let duration = record.last - record.first;
        self.longest = self.longest.max(duration);
        if duration >= LifeHistogram::open_worth_marking() {
            self.life.mark(self.first_seen, &self.recent, record.first, record.last);
        }
        // What is open may stay so for weeks.
        if let Some(app) = &record.app {
            self.learn(app);
        }
        if matches!(record.key.proto, proto::ICMP | proto::ICMPV6) {
            self.rare_mut().icmp.add(record, outbound);
        }
        if !ended {
            return;
        }
        self.total_duration =
            Span::from_nanos(self.total_duration.as_nanos().saturating_add(duration.as_nanos()));
        self.failed = self.failed.saturating_add((outbound && is_failure(record)).into());
    }

    /// Takes how a flow met the names that DNS and TLS tell: whether none led to its address, and whether its hello kept one back.
    pub(super) fn flow_without_name(&mut self, unresolved: bool, hello_without_sni: bool) {
        self.unresolved = self.unresolved.saturating_add(unresolved.into());
        self.hello_without_sni = self.hello_without_sni.saturating_add(hello_without_sni.into());
    }

    /// Takes by how much more the host has run ahead of the peer in a connection.
    pub fn surge(&mut self, new_bytes: u64) {
        if new_bytes > 0 {
            self.rare_mut().surge_out += new_bytes;
        }
    }

    /// Takes what the payload of a flow told.
    pub fn learn(&mut self, app: &AppInfo) {
        if app.service != Service::Unknown {
            self.service = app.service;
        }
        if let Some(name) = &app.name {
            self.name = Some(Arc::clone(name));
        }
    }

    /// Asks for the bursts that are kept, where they lie apart: [`Channel::burst`] will change them.
    pub(super) fn approach_bursts(&self) {
        self.recent.approach();
        self.life.approach();
    }

    /// Asks for what most channels lack, where this one has it.
    pub(super) fn approach_rare(&self) {
        if let Some(rare) = &self.rare {
            prefetch(&**rare, size_of::<Rare>());
        }
    }

    /// Takes a burst of activity.
    pub fn burst(&mut self, burst: Activity, end: Timestamp) {
        self.see(burst.start, end);
        self.activities = self.activities.saturating_add(1);
        self.inner_bursts = self.inner_bursts.saturating_add((!burst.opens_flow).into());
        self.peer_driven = self.peer_driven.saturating_add(burst.peer_driven.into());
        self.recent.insert(burst);
        self.life.add(self.first_seen, &self.recent, burst.start);
    }

    /// Counts bytes that were sent between two times. The histogram is made when the first of them are worth it.
    fn add_volume(&mut self, from: Timestamp, to: Timestamp, new_bytes: u64) {
        let worth_a_chart = self.traffic.payload_out >= VOLUME_FROM;
        match self.rare.as_mut().and_then(|rare| rare.volume_out.as_mut()) {
            Some(volume) => volume.add_over(from, to, new_bytes),
            None if worth_a_chart => {
                let mut volume = VolumeHistogram::new(self.first_seen);
                volume.add_over(from, to, self.traffic.bytes_out);
                self.rare_mut().volume_out = Some(volume);
            }
            None => {}
        }
    }

    /// What is known of the domain, made where there is nothing yet.
    pub(super) fn dns_mut(&mut self) -> &mut DomainState {
        self.rare_mut().dns.get_or_insert_default()
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn see(&mut self, first: Timestamp, last: Timestamp) {
        self.first_seen = self.first_seen.min(first);
        self.last_seen = self.last_seen.max(last);
    }
}

/// Whether the originator got nothing: no answer, or a refusal.
fn is_failure(record: &FlowRecord) -> bool {
    match record.state {
        ConnState::S0 | ConnState::Rej | ConnState::Rstos0 | ConnState::Sh => true,
        // A connection that was refused after the handshake, or whose peer never sent a byte.
        ConnState::Rstr | ConnState::Rsto => record.counters.resp_payload == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKey;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    fn record(first: i64, last: i64, state: ConnState) -> FlowRecord {
        FlowRecord {
            key: FlowKey::default(),
            first: at(first),
            last: at(last),
            state,
            ..FlowRecord::default()
        }
    }

    #[test]
    fn reports_add_up_and_failures_are_told() {
        let mut channel = Channel::new(false, at(100));
        let new = Traffic { bytes_out: 50, packets_out: 1, ..Traffic::default() };
        channel.report(&record(100, 160, ConnState::S1), &new, true, false, true);
        channel.report(&record(100, 400, ConnState::SF), &new, false, true, true);
        channel.report(&record(500, 500, ConnState::S0), &new, true, true, true);
        assert_eq!((channel.flows, channel.failed(), channel.traffic.bytes_out), (2, 1, 150));
        assert_eq!(channel.longest, Span::from_secs(300));
        assert_eq!(channel.total_duration, Span::from_secs(300));
        assert_eq!((channel.first_seen, channel.last_seen), (at(100), at(500)));
    }

    #[test]
    fn echoes_are_counted_while_their_flow_goes_on() {
        let mut channel = Channel::new(false, at(100));
        for (icmp_payload_changes, icmp_payload_max, ended) in [(20, 900, false), (3, 900, true)] {
            let key = FlowKey { proto: proto::ICMP, ..FlowKey::default() };
            let record = FlowRecord { key, icmp_payload_changes, icmp_payload_max, ..FlowRecord::default() };
            channel.report(&record, &Traffic::default(), !ended, ended, true);
            let icmp = channel.icmp();
            let expected = if ended { 23 } else { 20 };
            assert_eq!((icmp.payload_changes, icmp.payload_max), (expected, 900), "{ended}");
        }
    }

    #[test]
    fn an_open_flow_tells_what_it_speaks() {
        let mut channel = Channel::new(false, at(100));
        let app = AppInfo { service: Service::Tls, name: Some("a.example".into()), ..AppInfo::default() };
        let open = FlowRecord { app: Some(Arc::new(app)), ..record(100, 160, ConnState::S1) };
        channel.report(&open, &Traffic::default(), true, false, true);
        assert_eq!((channel.service, channel.name.as_deref()), (Service::Tls, Some("a.example")));
    }

    #[test]
    fn what_was_fetched_does_not_excuse_what_left() {
        let check = |(payload_out, payload_in), surges: &[u64], left, runs_ahead| {
            let mut channel = Channel::new(false, at(0));
            channel.traffic = Traffic { payload_out, payload_in, ..Traffic::default() };
            for bytes in surges {
                channel.surge(*bytes);
            }
            assert_eq!((channel.payload_left(), channel.runs_ahead()), (left, runs_ahead), "{surges:?}");
        };
        check((50_000, 3_000_000), &[46_000], 46_000, true);
        check((90_000, 3_000_000), &[40_000, 0, 40_000], 80_000, true);
        check((90_000, 1_000), &[88_000], 89_000, false);
        check((500, 3_000_000), &[], 0, false);
    }

    #[test]
    fn a_channel_and_its_key_take_256_bytes() {
        assert_eq!(size_of::<Option<(ChannelKey, Channel)>>(), 256);
    }
}

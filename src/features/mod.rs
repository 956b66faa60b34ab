//! Flow events to per-host and per-channel state, and state to feature vectors. Judges nothing.
//!
//! A *channel* is a monitored host, a peer and a service. State is bounded a channel and in all, and is a function of
//! the flow events alone: the pipeline applies them in one order whatever the number of workers.

mod activity;
mod channel;
mod dns;
mod host;
mod local;
mod map;
mod names;
pub mod periodicity;
pub mod rita;
mod vector;
mod volume;
mod window;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use activity::{Activity, LifeHistogram, RecentActivity};
pub use channel::{Channel, ChannelKey, IcmpState, PeakBucket, Peer, Traffic};
pub use dns::DomainState;
pub use host::Host;
pub use local::{LocalNetworks, is_unicast};
pub use map::SharedMap;
pub use vector::{
    C2, ChannelView, Direction as FeatureDirection, EXFIL, Feature, Observed, Scale, vector_of,
};
pub use volume::VolumeHistogram;
pub use window::{HostTotals, HostWindow};

use crate::addr::Addr;
use crate::decode::app::{Service, registered_domain};
use crate::decode::{Direction, proto};
use crate::features::names::NameTable;
use crate::flow::{DnsEvent, Exchange, FlowEvent, FlowReport, ReportPhase};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// Bounds of the feature stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Most monitored hosts.
    pub max_hosts: usize,
    /// Most channels.
    pub max_channels: usize,
    /// Most (host, address) pairs whose DNS name is remembered.
    pub max_names: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_hosts: 100_000, max_channels: 262_144, max_names: 262_144 }
    }
}

/// State of all hosts and channels.
#[derive(Debug)]
pub struct FeatureStore {
    local: LocalNetworks,
    seed: Seed,
    hosts: SharedMap<Addr, Host>,
    channels: SharedMap<ChannelKey, Channel>,
    names: NameTable,
    /// Unanswered attempts of outside originators: scans and floods make no channel.
    inbound_unanswered: u64,
}

/// One end of a flow that is monitored.
struct LocalEnd {
    host: Addr,
    peer: Addr,
    outbound: bool,
    internal: bool,
}

impl FeatureStore {
    /// Empty state.
    pub fn new(config: &Config, local: LocalNetworks, seed: Seed) -> Self {
        Self {
            local,
            seed,
            hosts: SharedMap::new(config.max_hosts, seed),
            channels: SharedMap::new(config.max_channels, seed),
            names: NameTable::new(config.max_names, seed),
            inbound_unanswered: 0,
        }
    }

    /// Takes one event.
    pub fn apply(&mut self, event: FlowEvent<'_>) {
        match event {
            FlowEvent::Report(report) => self.apply_report(report),
            FlowEvent::Exchange(exchange) => self.apply_exchange(exchange),
            FlowEvent::Dns(dns) => self.apply_dns(dns),
        }
    }

    /// Makes room where a map is nearly full: channels with the fewest bursts and the longest silence go first.
    pub fn trim(&self) {
        self.channels.trim(|_, c| (c.activities.min(16), c.last_seen));
        self.hosts.trim(|_, h| h.last_seen);
    }

    /// The hosts.
    pub fn hosts(&self) -> &SharedMap<Addr, Host> {
        &self.hosts
    }

    /// The channels.
    pub fn channels(&self) -> &SharedMap<ChannelKey, Channel> {
        &self.channels
    }

    /// Flows of outside originators that nobody answered; they are counted at their host and make no channel.
    pub fn inbound_unanswered(&self) -> u64 {
        self.inbound_unanswered
    }

    fn apply_report(&mut self, report: &FlowReport) {
        let record = &report.record;
        let ended = matches!(report.phase, ReportPhase::Final(_));
        for end in self.local_ends(record.key.orig, record.key.resp) {
            let new = Traffic::of(&report.new, end.outbound);
            self.hosts.update(end.host, Host::default, |host| {
                host.report(record.first, record.last, &new, end.internal, report.first);
            });
            if !end.has_channel() {
                continue;
            }
            if !end.outbound && record.counters.resp_pkts == 0 {
                self.inbound_unanswered += u64::from(ended);
                continue;
            }
            let unresolved = end.outbound && ended && self.is_unresolved(&end);
            let name = self.names.name_of(end.host, end.peer).cloned();
            let key = end.channel_key(record.key.resp_port, record.key.proto);
            let make = || Channel::new(end.peer, end.internal, record.first);
            self.channels.update(key, make, |channel| {
                channel.report(record, &new, report.first, ended, end.outbound);
                channel.unresolved += u64::from(unresolved);
                if channel.name.is_none() {
                    channel.name = name;
                }
            });
        }
    }

    fn apply_exchange(&mut self, exchange: &Exchange) {
        let key = &exchange.key;
        for end in self.local_ends(key.orig, key.resp).into_iter().filter(LocalEnd::has_channel) {
            if !end.outbound && !exchange.answered {
                continue;
            }
            let peer_direction = if end.outbound { Direction::Resp } else { Direction::Orig };
            let (bytes_out, bytes_in) = if end.outbound {
                (exchange.orig_payload, exchange.resp_payload)
            } else {
                (exchange.resp_payload, exchange.orig_payload)
            };
            let burst = Activity {
                start: exchange.start,
                bytes_out,
                bytes_in,
                opens_flow: exchange.opens_flow,
                peer_driven: !exchange.opens_flow && exchange.initiator == peer_direction,
            };
            let make = || Channel::new(end.peer, end.internal, exchange.start);
            self.channels.update(end.channel_key(key.resp_port, key.proto), make, |channel| {
                channel.burst(burst, exchange.end);
            });
        }
    }

    fn apply_dns(&mut self, dns: &DnsEvent) {
        if !self.local.contains(dns.client) {
            return;
        }
        let message = &dns.message;
        if message.is_response && !message.addresses.is_empty() {
            for addr in &message.addresses {
                self.names.learn(dns.client, *addr, &message.name);
            }
            self.hosts.update(dns.client, Host::default, |host| host.dns_answers += 1);
        }
        let domain = registered_domain(&message.name);
        if domain.is_empty()
            || domain.len() == message.name.len() && message.is_response
            || is_reverse(domain)
        {
            return;
        }
        let labels = message.name.strip_suffix(domain).unwrap_or_default().trim_end_matches('.');
        let hash = self.seed.hash_of(&message.name);
        let key = ChannelKey {
            host: dns.client,
            peer: Peer::Domain(domain.into()),
            port: dns.server_port,
            proto: dns.proto,
            outbound: true,
        };
        let internal = false;
        let make = || Channel::new(dns.server, internal, dns.ts);
        self.channels.update(key, make, |channel| channel.dns_message(dns, labels, hash));
    }

    fn local_ends(&self, orig: Addr, resp: Addr) -> Vec<LocalEnd> {
        let orig_local = self.local.contains(orig) && is_unicast(orig);
        let resp_local = self.local.contains(resp) && is_unicast(resp);
        let internal = orig_local && resp_local;
        let mut ends = Vec::with_capacity(2);
        if orig_local {
            ends.push(LocalEnd { host: orig, peer: resp, outbound: true, internal });
        }
        if resp_local {
            ends.push(LocalEnd { host: resp, peer: orig, outbound: false, internal });
        }
        ends
    }

    fn is_unresolved(&self, end: &LocalEnd) -> bool {
        let uses_dns = self.hosts.view(&end.host, |host| host.dns_answers > 0).unwrap_or(false);
        uses_dns && self.names.name_of(end.host, end.peer).is_none()
    }
}

impl LocalEnd {
    /// Whether the flow belongs to a channel of this end: a conversation inside belongs to its originator, and groups are
    /// no peers.
    fn has_channel(&self) -> bool {
        is_unicast(self.peer) && (self.outbound || !self.internal)
    }

    fn channel_key(&self, resp_port: u16, protocol: u8) -> ChannelKey {
        let portless = matches!(protocol, proto::ICMP | proto::ICMPV6);
        ChannelKey {
            host: self.host,
            peer: Peer::Addr(self.peer),
            port: if portless { 0 } else { resp_port },
            proto: protocol,
            outbound: self.outbound,
        }
    }
}

/// Reverse look-ups name addresses, not domains.
fn is_reverse(domain: &str) -> bool {
    domain.rsplit('.').next() == Some("arpa")
}

impl Channel {
    /// Takes a DNS message under this channel's domain. Queries less than a second apart are one burst.
    fn dns_message(&mut self, dns: &DnsEvent, labels: &str, name_hash: u64) {
        const SAME_BURST: Span = Span::from_secs(1);
        self.service = Service::Dns;
        self.address = dns.server;
        self.dns.get_or_insert_default().add(&dns.message, labels, name_hash);
        let bytes = u64::from(dns.message_len);
        let mut traffic = Traffic::default();
        if dns.message.is_response {
            (traffic.packets_in, traffic.bytes_in, traffic.payload_in) = (1, bytes, bytes);
        } else {
            (traffic.packets_out, traffic.bytes_out, traffic.payload_out) = (1, bytes, bytes);
            self.flows += 1;
        }
        self.traffic.add(&traffic);
        self.peak_out.add(dns.ts, traffic.bytes_out);
        let continues = self.recent.iter().last().is_some_and(|b| dns.ts - b.start < SAME_BURST);
        self.last_seen = self.last_seen.max(dns.ts);
        self.first_seen = self.first_seen.min(dns.ts);
        if !dns.message.is_response && !continues {
            let burst = Activity {
                start: dns.ts,
                bytes_out: dns.message_len,
                bytes_in: 0,
                opens_flow: true,
                peer_driven: false,
            };
            self.burst(burst, dns.ts);
        }
    }
}

/// The name of a peer as findings and rows show it: the domain, or what is known of the address.
pub fn peer_name<'a>(key: &'a ChannelKey, channel: &'a Channel) -> Option<&'a Arc<str>> {
    match &key.peer {
        Peer::Domain(domain) => Some(domain),
        Peer::Addr(_) => channel.name.as_ref(),
    }
}

/// Time range that the store has seen, from its hosts: nothing where there is none.
pub fn observed_range(store: &FeatureStore) -> Option<(Timestamp, Timestamp)> {
    let mut range: Option<(Timestamp, Timestamp)> = None;
    store.hosts().collect_sorted(|_, host| {
        if let Some(first) = host.first_seen {
            let (lo, hi) = range.unwrap_or((first, host.last_seen));
            range = Some((lo.min(first), hi.max(host.last_seen)));
        }
        None::<()>
    });
    range
}

//! Flow events on their way to the hosts and channels that they change, in windows whose cache misses overlap.

use smallvec::SmallVec;

use crate::addr::Addr;
use crate::decode::proto;
use crate::features::channel::{ChannelKey, Peer};
use crate::features::local::{LocalNetworks, is_unicast};
use crate::flow::{DnsEvent, Exchange, FlowEvent, FlowKey, FlowReport};

/// Events that are looked up together.
pub(super) const WINDOW: usize = 32;

/// The steps of a window, at most two an event. They lie on the stack, which is in the cache already.
pub(super) type Steps<'a> = SmallVec<[Step<'a>; 2 * WINDOW]>;

/// One end of a flow that is monitored.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalEnd {
    pub(super) host: Addr,
    pub(super) peer: Addr,
    /// Whether it is the originator.
    pub(super) outbound: bool,
    /// Whether the other end is monitored too.
    pub(super) internal: bool,
}

/// What an event changes.
#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    /// A monitored end, and its channel where the event matters to it; with the hashes by which both are found, and that of the peer's name
    /// where that is wanted.
    Flow {
        what: What<'a>,
        end: LocalEnd,
        host_hash: u32,
        channel: Option<(ChannelKey, u32)>,
        name_hash: Option<u32>,
    },
    /// A message of a monitored client, with the hashes of that and of the name; the channel of its domain once that is known.
    Dns { dns: &'a DnsEvent, host_hash: u32, name_hash: u64, channel: Option<(ChannelKey, u32)> },
}

/// Events of flows.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    Report(&'a FlowReport),
    Exchange(&'a Exchange),
}

impl<'a> What<'a> {
    /// The flow of an event.
    pub(super) fn of(event: FlowEvent<'a>) -> Result<Self, &'a DnsEvent> {
        match event {
            FlowEvent::Report(report) => Ok(Self::Report(report)),
            FlowEvent::Exchange(exchange) => Ok(Self::Exchange(exchange)),
            FlowEvent::Dns(dns) => Err(dns),
        }
    }

    pub(super) fn key(&self) -> &'a FlowKey {
        match self {
            Self::Report(report) => &report.record.key,
            Self::Exchange(exchange) => &exchange.key,
        }
    }

    /// Whether the event matters to the channel of an end. Scans and floods from outside make no channel, and retransmitted
    /// SYNs are no bursts of activity.
    pub(super) fn matters_to(&self, end: &LocalEnd) -> bool {
        match self {
            Self::Report(report) => end.outbound || report.record.counters.resp_pkts > 0,
            Self::Exchange(exchange) => {
                let retries = exchange.key.proto == proto::TCP && !exchange.opens_flow;
                exchange.answered || end.outbound && !retries
            }
        }
    }
}

impl LocalEnd {
    /// The monitored ends of a flow, the originator first.
    pub(super) fn of(key: &FlowKey, local: &LocalNetworks) -> impl Iterator<Item = Self> {
        let is_host = |addr| local.contains(addr) && is_unicast(addr);
        let (orig, resp) = (is_host(key.orig), is_host(key.resp));
        let internal = orig && resp;
        let orig = orig.then_some(Self { host: key.orig, peer: key.resp, outbound: true, internal });
        let resp = resp.then_some(Self { host: key.resp, peer: key.orig, outbound: false, internal });
        orig.into_iter().chain(resp)
    }

    /// Whether the flow belongs to a channel of this end: a conversation inside belongs to its originator, and groups are
    /// no peers.
    pub(super) fn has_channel(&self) -> bool {
        is_unicast(self.peer) && (self.outbound || !self.internal)
    }

    pub(super) fn channel_key(&self, key: &FlowKey) -> ChannelKey {
        let portless = matches!(key.proto, proto::ICMP | proto::ICMPV6);
        ChannelKey {
            host: self.host,
            peer: Peer::Addr(self.peer),
            port: if portless { 0 } else { key.resp_port },
            proto: key.proto,
            outbound: self.outbound,
        }
    }
}

//! The connections of each pair, as RITA groups them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Connection, Dataset, RitaScores, STROBE, beacon_score};
use crate::addr::Addr;
use crate::decode::app::Service;
use crate::features::{Channel, ChannelKey, LocalNetworks, Peer, is_unicast};
use crate::flow::FlowRecord;

/// Pairs, at most.
const MAX_PAIRS: usize = 1 << 18;
/// Connections remembered of all pairs together: 64 MiB.
const MAX_CONNECTIONS: usize = 1 << 22;

/// Collects the connections of monitored hosts with the outside: RITA's import, with its default filter (none from outside,
/// none that stay inside).
#[derive(Debug)]
pub struct RitaPairs {
    local: LocalNetworks,
    pairs: BTreeMap<(Addr, Side), Vec<Connection>>,
    dataset: Option<Dataset>,
    remembered: usize,
    dropped: u64,
}

/// The far side of a pair. A connection with a name counts for both its name and its address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Name(Arc<str>),
    Addr(Addr),
}

impl RitaPairs {
    /// No connections yet.
    pub fn new(local: LocalNetworks) -> Self {
        Self { local, pairs: BTreeMap::new(), dataset: None, remembered: 0, dropped: 0 }
    }

    /// Takes a flow that ended.
    pub fn add(&mut self, flow: &FlowRecord) {
        let (host, peer) = (flow.key.orig, flow.key.resp);
        if !self.local.contains(host) || self.local.contains(peer) || !is_unicast(peer) {
            return;
        }
        let connection = Connection { start: flow.first.as_secs(), bytes: flow.counters.orig_ip_bytes };
        let Dataset { first, last } =
            self.dataset.unwrap_or(Dataset { first: connection.start, last: connection.start });
        self.dataset = Some(Dataset { first: first.min(connection.start), last: last.max(connection.start) });
        let named = flow.app.as_deref().filter(|app| has_names(app.service)).and_then(|app| app.name.clone());
        self.remember((host, Side::Addr(peer)), connection);
        if let Some(name) = named {
            self.remember((host, Side::Name(name)), connection);
        }
    }

    /// RITA's scores of the pair that a channel belongs to: that of its name where connections to the name were enough to judge,
    /// of its address otherwise. Nothing for the domains of DNS questions, of which RITA counts the names only.
    pub fn scores(&self, key: &ChannelKey, channel: &Channel) -> Option<RitaScores> {
        let Peer::Addr(addr) = key.peer else { return None };
        if !key.outbound || channel.internal {
            return None;
        }
        let of = |side| beacon_score(self.pairs.get(&(key.host, side))?, self.dataset?);
        let named = channel.name.as_ref().filter(|_| has_names(channel.service));
        named.and_then(|name| of(Side::Name(Arc::clone(name)))).or_else(|| of(Side::Addr(addr)))
    }

    /// Connections that were left out because too many were remembered.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn remember(&mut self, pair: (Addr, Side), connection: Connection) {
        let full = self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair);
        if full || self.remembered >= MAX_CONNECTIONS {
            self.dropped += 1;
            return;
        }
        let connections = self.pairs.entry(pair).or_default();
        // From here on it is a strobe, whatever else comes.
        if connections.len() < STROBE {
            connections.push(connection);
            self.remembered += 1;
        }
    }
}

/// Services whose first bytes name the peer: RITA's SNI pairs.
const fn has_names(service: Service) -> bool {
    matches!(service, Service::Tls | Service::Http | Service::Quic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::app::AppInfo;
    use crate::decode::proto;
    use crate::flow::{Counters, FlowKey};
    use crate::time::Timestamp;

    fn flow(peer: [u8; 4], start: i64, name: Option<&str>) -> FlowRecord {
        FlowRecord {
            key: FlowKey {
                orig: Addr::from_v4([10, 0, 0, 1]),
                resp: Addr::from_v4(peer),
                resp_port: 443,
                proto: proto::TCP,
                ..FlowKey::default()
            },
            first: Timestamp::from_secs_nanos(start, 0),
            counters: Counters { orig_ip_bytes: 500, ..Counters::default() },
            app: name.map(|name| {
                Arc::new(AppInfo { service: Service::Tls, name: Some(name.into()), ..AppInfo::default() })
            }),
            ..FlowRecord::default()
        }
    }

    fn score(pairs: &RitaPairs, peer: [u8; 4], name: Option<&str>) -> Option<f64> {
        let peer = Addr::from_v4(peer);
        let key = ChannelKey {
            host: Addr::from_v4([10, 0, 0, 1]),
            peer: Peer::Addr(peer),
            port: 443,
            proto: proto::TCP,
            outbound: true,
        };
        let mut channel = Channel::new(peer, false, Timestamp::default());
        channel.name = name.map(Into::into);
        channel.service = Service::Tls;
        pairs.scores(&key, &channel).map(|scores| scores.beacon)
    }

    #[test]
    fn a_name_gathers_the_connections_to_its_addresses() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        for i in 0..100 {
            // Two connections to each of fifty addresses of one name, and three to an address without one.
            pairs.add(&flow([192, 0, 2, u8::try_from(i / 2).unwrap()], i * 600, Some("cdn.example")));
            if i < 3 {
                pairs.add(&flow([198, 51, 100, 1], i * 600, None));
            }
        }
        assert_eq!(score(&pairs, [192, 0, 2, 7], Some("cdn.example")), Some(1.0));
        assert_eq!(score(&pairs, [192, 0, 2, 7], None), None, "two connections to the address");
        assert_eq!(score(&pairs, [198, 51, 100, 1], None), None, "three connections");
        assert_eq!(pairs.dropped(), 0);
    }

    #[test]
    fn only_what_leaves_is_a_pair() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        for i in 0..50 {
            pairs.add(&flow([10, 0, 0, 9], i * 600, None));
            pairs.add(&flow([224, 0, 0, 251], i * 600, None));
        }
        assert!(pairs.pairs.is_empty());
    }
}

//! The connections of each pair, as RITA groups them.

mod listed;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::{Connection, Dataset, RitaScores, STROBE, beacon_score};
use crate::addr::Addr;
use crate::decode::app::{AppInfo, Service};
use crate::features::{Channel, ChannelKey, LocalNetworks, Peer, is_unicast};
use crate::flow::{FlowRecord, Unseen};
use crate::time::Span;

pub use listed::ListedPair;

/// Pairs, at most.
const MAX_PAIRS: usize = 1 << 18;
/// Connections remembered of all pairs together: 128 MiB.
const MAX_CONNECTIONS: usize = 1 << 22;

/// Names of an address at most; one with more is a server for everybody.
const MAX_NAMES: usize = 256;
/// Summed durations from which RITA judges a pair by them (its base threshold for long connections).
const LONG: Span = Span::from_secs(3600);

/// Collects the connections between monitored hosts and the outside: RITA's import. By default RITA leaves out what comes from outside
/// (`filter_external_to_internal`): what goes out is scored as with that filter, what comes in as without it.
#[derive(Debug)]
pub struct RitaPairs {
    local: LocalNetworks,
    pairs: BTreeMap<(Addr, Side), Kept>,
    /// Of what goes out.
    outbound: Option<Dataset>,
    /// Of what goes out or comes in.
    whole: Option<Dataset>,
    remembered: usize,
    dropped: u64,
}

/// The far side of a pair. A connection with a name counts for both its name and its address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// With the port that stands beside it in an HTTP host: RITA takes that for a part of the name.
    Name(Arc<str>, Option<u16>),
    /// The responder, of an originator that is monitored.
    Addr(Addr),
    /// The originator, of a responder that is monitored.
    From(Addr),
}

/// Whether a connection has ended, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ended,
    Open,
}

/// What is kept of a pair.
#[derive(Debug, Default)]
struct Kept {
    connections: Vec<Connection>,
    /// The names under which connections of an address count too.
    names: BTreeSet<(Arc<str>, Option<u16>)>,
    /// The proxy that was last asked for the name (HTTP `CONNECT`).
    proxy: Option<Addr>,
    /// Those of a strobe that are not remembered one by one.
    more: Totals,
    /// Those that are open still: RITA takes their bytes and durations, and judges no rhythm by them.
    open: Totals,
}

/// Sums over connections.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    connections: u64,
    bytes: u64,
    duration: Span,
}

impl Totals {
    fn add(&mut self, connection: &Connection) {
        self.connections += 1;
        self.bytes = self.bytes.saturating_add(connection.total_bytes);
        let nanos = self.duration.as_nanos().saturating_add(connection.duration.as_nanos());
        self.duration = Span::from_nanos(nanos);
    }
}

/// What RITA says of a pair: of the last day of the data set, all ports together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RitaPair {
    /// Connections that have ended.
    pub connections: u64,
    /// Connections that are open still.
    pub open_connections: u64,
    /// IP bytes of both, those of open connections too.
    pub bytes: u64,
    /// Sum of their durations, those of open connections too.
    pub duration: Span,
    /// Its beacon scores, where it gives any.
    pub scores: Option<RitaScores>,
}

impl RitaPairs {
    /// No connections yet.
    pub fn new(local: LocalNetworks) -> Self {
        Self { local, pairs: BTreeMap::new(), outbound: None, whole: None, remembered: 0, dropped: 0 }
    }

    /// Takes a flow that ended.
    pub fn add(&mut self, flow: &FlowRecord) {
        let (orig, resp) = (flow.key.orig, flow.key.resp);
        let outbound = self.local.contains(orig);
        let named = flow.app.as_deref().and_then(name_of);
        let proxied = named.is_some() && flow.app.as_deref().is_some_and(asks_a_proxy);
        let inside = outbound && self.local.contains(resp);
        let taken = if inside { proxied } else { outbound || self.local.contains(resp) };
        if !taken || is_never_included(orig) || is_never_included(resp) {
            return;
        }
        let counters = &flow.counters;
        let connection = Connection {
            start: flow.first.as_secs(),
            bytes: counters.orig_ip_bytes,
            total_bytes: counters.orig_ip_bytes.saturating_add(counters.resp_ip_bytes),
            duration: flow.last - flow.first,
        };
        let stage = if flow.unseen.has(Unseen::END) { Stage::Open } else { Stage::Ended };
        if stage == Stage::Ended {
            self.whole = Some(Dataset::with(self.whole, connection.start));
        }
        if !outbound {
            self.remember((resp, Side::From(orig)), connection, stage, |_| ());
            return;
        }
        if stage == Stage::Ended {
            self.outbound = Some(Dataset::with(self.outbound, connection.start));
        }
        if !inside {
            self.remember((orig, Side::Addr(resp)), connection, stage, |kept| {
                if let Some(named) = named.as_ref().filter(|_| kept.names.len() < MAX_NAMES) {
                    kept.names.insert(named.clone());
                }
            });
        }
        if let Some((name, port)) = named.clone() {
            let proxy = proxied.then_some(resp);
            self.remember((orig, Side::Name(name, port)), connection, stage, |kept| {
                kept.proxy = proxy.or(kept.proxy);
            });
        }
    }

    /// What RITA says of the pair that a channel belongs to: that of its name where connections to the name were enough to judge, of its
    /// address otherwise. Nothing for the domains of DNS questions, of which RITA counts the names only.
    pub fn pair(&self, key: &ChannelKey, channel: &Channel) -> Option<RitaPair> {
        let Peer::Addr(addr) = key.peer else { return None };
        if channel.internal {
            return None;
        }
        if !key.outbound {
            return Some(told(
                self.pairs.get(&(key.host, Side::From(addr)))?,
                self.whole.unwrap_or_default(),
            ));
        }
        let dataset = self.outbound.unwrap_or_default();
        let named = channel.name.as_ref().filter(|_| has_names(channel.service));
        let by_name = named.and_then(|name| {
            [Some(key.port), None].iter().find_map(|port| self.judged_name(key.host, name, *port))
        });
        by_name.or_else(|| self.by_address(key.host, addr, dataset))
    }

    /// RITA's scores of the pair that a channel belongs to, see [`Self::pair`].
    pub fn scores(&self, key: &ChannelKey, channel: &Channel) -> Option<RitaScores> {
        self.pair(key, channel)?.scores
    }

    /// Connections that were left out because too many were remembered.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The pair of a name, where RITA judges it: it then judges none of its addresses.
    fn judged_name(&self, host: Addr, name: &Arc<str>, port: Option<u16>) -> Option<RitaPair> {
        let kept = self.pairs.get(&(host, Side::Name(Arc::clone(name), port)))?;
        let pair = told(kept, self.outbound.unwrap_or_default());
        (pair.scores.is_some() || pair.duration >= LONG).then_some(pair)
    }

    fn by_address(&self, host: Addr, addr: Addr, dataset: Dataset) -> Option<RitaPair> {
        let kept = self.pairs.get(&(host, Side::Addr(addr)))?;
        let pair = told(kept, dataset);
        let judged_by_name =
            kept.names.iter().any(|(name, port)| self.judged_name(host, name, *port).is_some());
        Some(if judged_by_name { RitaPair { scores: None, ..pair } } else { pair })
    }

    fn remember(
        &mut self,
        pair: (Addr, Side),
        connection: Connection,
        stage: Stage,
        note: impl FnOnce(&mut Kept),
    ) {
        let full = self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair);
        if full || self.remembered >= MAX_CONNECTIONS {
            self.dropped += 1;
            return;
        }
        let kept = self.pairs.entry(pair).or_default();
        note(kept);
        if stage == Stage::Open {
            kept.open.add(&connection);
            return;
        }
        // From here on it is a strobe, whatever else comes.
        if kept.connections.len() < STROBE {
            kept.connections.push(connection);
            self.remembered += 1;
        } else {
            kept.more.add(&connection);
        }
    }
}

/// What is told of a pair in a data set.
fn told(kept: &Kept, dataset: Dataset) -> RitaPair {
    let mut totals = kept.more;
    dataset.looked_at(&kept.connections).for_each(|connection| totals.add(connection));
    RitaPair {
        connections: totals.connections,
        open_connections: kept.open.connections,
        bytes: totals.bytes.saturating_add(kept.open.bytes),
        duration: Span::from_nanos(totals.duration.as_nanos().saturating_add(kept.open.duration.as_nanos())),
        scores: beacon_score(&kept.connections, dataset),
    }
}

/// What RITA never takes whatever it is told: groups, loopback and link-local addresses.
fn is_never_included(addr: Addr) -> bool {
    let reserved = match addr.to_ip() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    };
    reserved || !is_unicast(addr)
}

/// The name under which a connection counts, as RITA takes it.
fn name_of(app: &AppInfo) -> Option<(Arc<str>, Option<u16>)> {
    let name = app.name.clone().filter(|_| has_names(app.service))?;
    Some((name, app.name_port))
}

/// Whether the connection is to a proxy, and on from there to its name.
fn asks_a_proxy(app: &AppInfo) -> bool {
    app.method.as_deref() == Some("CONNECT")
}

/// Services whose first bytes name the peer: RITA's SNI pairs.
const fn has_names(service: Service) -> bool {
    matches!(service, Service::Tls | Service::Http | Service::Quic)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let mut channel = Channel::new(false, Timestamp::default());
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
    fn what_stays_inside_or_goes_to_groups_is_no_pair() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        for i in 0..50 {
            for peer in [[10, 0, 0, 9], [224, 0, 0, 251], [127, 0, 0, 1], [169, 254, 3, 4]] {
                pairs.add(&flow(peer, i * 600, None));
            }
        }
        assert!(pairs.pairs.is_empty());
    }

    #[test]
    fn an_address_is_not_judged_where_one_of_its_names_is() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        for i in 0..20 {
            pairs.add(&flow([192, 0, 2, 1], i * 600, Some("cdn.example")));
            pairs.add(&flow([192, 0, 2, 1], i * 600 + 60, None));
            pairs.add(&flow([192, 0, 2, 2], i * 600, (i < 3).then_some("seldom.example")));
        }
        assert!(score(&pairs, [192, 0, 2, 1], Some("cdn.example")).is_some());
        assert_eq!(score(&pairs, [192, 0, 2, 1], None), None);
        assert!(score(&pairs, [192, 0, 2, 2], Some("seldom.example")).is_some(), "by the address");
    }

    #[test]
    fn a_name_behind_a_proxy_is_a_pair_and_the_proxy_is_none() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        let proxied = |start, name: &str, method: &str| {
            let app = AppInfo {
                service: Service::Http,
                name: Some(name.into()),
                name_port: Some(443),
                method: Some(method.into()),
                ..AppInfo::default()
            };
            FlowRecord { app: Some(Arc::new(app)), ..flow([10, 0, 0, 9], start, None) }
        };
        for i in 0..50 {
            pairs.add(&proxied(i * 600, "c2.example", "CONNECT"));
            pairs.add(&proxied(i * 600, "intranet.example", "GET"));
        }
        let listed: Vec<_> = pairs.listed().collect();
        let [pair] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!(pair.fqdn.as_deref(), Some("c2.example:443"));
        assert_eq!((pair.dst, pair.proxy), (None, Some(Addr::from_v4([10, 0, 0, 9]))));
        assert_eq!(pair.figures.scores.map(|scores| scores.beacon), Some(1.0));
    }

    #[test]
    fn a_name_with_another_port_is_another_pair() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        for port in [None, Some(8000)] {
            let app = AppInfo {
                service: Service::Http,
                name: Some("a.example".into()),
                name_port: port,
                ..AppInfo::default()
            };
            pairs.add(&FlowRecord { app: Some(Arc::new(app)), ..flow([192, 0, 2, 1], 0, None) });
        }
        let listed: Vec<_> = pairs.listed().map(|pair| (pair.fqdn, pair.figures.connections)).collect();
        assert_eq!(listed, [(Some("a.example".into()), 1), (Some("a.example:8000".into()), 1), (None, 2)]);
    }

    #[test]
    fn totals_are_those_of_the_last_day_by_the_hour() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        let hour = 3600;
        // The window begins in the middle of the second hour, of which all is taken.
        for start in [0, hour - 1, hour, hour + 1800, 25 * hour + 1800] {
            let mut flow = flow([192, 0, 2, 1], start, None);
            flow.last = flow.first + Span::from_secs(2);
            flow.counters.resp_ip_bytes = 100;
            pairs.add(&flow);
        }
        let peer = Addr::from_v4([192, 0, 2, 1]);
        let key = ChannelKey {
            host: Addr::from_v4([10, 0, 0, 1]),
            peer: Peer::Addr(peer),
            port: 443,
            proto: proto::TCP,
            outbound: true,
        };
        let pair = pairs.pair(&key, &Channel::new(false, Timestamp::default())).unwrap();
        assert_eq!((pair.connections, pair.bytes, pair.duration), (3, 1800, Span::from_secs(6)));
        assert_eq!(pair.scores, None, "three starts");
    }

    #[test]
    fn open_connections_add_bytes_and_time_and_no_rhythm() {
        let mut pairs = RitaPairs::new(LocalNetworks::default());
        let peer = Addr::from_v4([192, 0, 2, 1]);
        for i in 0..10 {
            let ended = flow([192, 0, 2, 1], i * 600, None);
            pairs.add(&FlowRecord { last: ended.first, ..ended });
        }
        let before = score(&pairs, [192, 0, 2, 1], None);
        let mut open = flow([192, 0, 2, 1], 17, None);
        open.unseen = Unseen::END;
        open.last = open.first + Span::from_secs(7200);
        pairs.add(&open);
        let key = ChannelKey {
            host: Addr::from_v4([10, 0, 0, 1]),
            peer: Peer::Addr(peer),
            port: 443,
            proto: proto::TCP,
            outbound: true,
        };
        let pair = pairs.pair(&key, &Channel::new(false, Timestamp::default())).unwrap();
        assert_eq!((pair.connections, pair.bytes, pair.duration), (10, 5500, Span::from_secs(7200)));
        assert_eq!(pair.scores.map(|scores| scores.beacon), before);
    }

    #[test]
    fn what_comes_in_is_scored_as_without_the_filter() {
        let mut pairs = RitaPairs::new(LocalNetworks::new(&["192.0.2.1/32".parse().unwrap()]));
        for i in 0..100 {
            pairs.add(&flow([192, 0, 2, 1], i * 600, None));
        }
        let key = ChannelKey {
            host: Addr::from_v4([192, 0, 2, 1]),
            peer: Peer::Addr(Addr::from_v4([10, 0, 0, 1])),
            port: 443,
            proto: proto::TCP,
            outbound: false,
        };
        let channel = Channel::new(false, Timestamp::default());
        assert_eq!(pairs.scores(&key, &channel).map(|scores| scores.beacon), Some(1.0));
    }
}

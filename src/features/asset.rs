//! Assets: hosts and networks whose data must not leave. What is read from one marks the reader, and whoever reads from a
//! marked host.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::addr::Addr;
use crate::features::LocalNetworks;
use crate::time::{Span, Timestamp};

/// An asset as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// What people call it.
    pub name: String,
    /// Its networks or addresses, one or a list.
    #[serde(deserialize_with = "networks")]
    pub cidr: Vec<IpNet>,
}

/// One network or address, or a list of them.
fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Networks {
        One(String),
        Many(Vec<String>),
    }
    let texts = match Networks::deserialize(from)? {
        Networks::One(text) => vec![text],
        Networks::Many(texts) => texts,
    };
    let network = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
    let parsed = |text: &String| {
        network(text).ok_or_else(|| D::Error::custom(format!("{text:?} is neither a network nor an address")))
    };
    texts.iter().map(parsed).collect()
}

/// All assets.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    known: Vec<(String, LocalNetworks)>,
}

impl Assets {
    /// From the configuration. An asset without a network is nowhere.
    pub fn new(assets: &[Asset]) -> Self {
        let somewhere = assets.iter().filter(|asset| !asset.cidr.is_empty());
        Self { known: somewhere.map(|asset| (asset.name.clone(), LocalNetworks::new(&asset.cidr))).collect() }
    }

    /// The names, in the order of the numbers that stand for them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|(name, _)| &**name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The name of an asset.
    pub fn name(&self, asset: u16) -> Option<&str> {
        self.known.get(usize::from(asset)).map(|(name, _)| &**name)
    }

    /// What is held of an asset of this name, by the number that it has here; nothing where there is none of the name.
    pub(super) fn renumber(&self, held: Holding, name: &str) -> Option<Holding> {
        let place = self.names().position(|known| known == name)?;
        Some(Holding { asset: u16::try_from(place).ok()?, ..held })
    }

    /// Which asset an address belongs to: the first that names it.
    pub fn of(&self, addr: Addr) -> Option<u16> {
        let place = self.known.iter().position(|(_, networks)| networks.contains(addr))?;
        u16::try_from(place).ok()
    }
}

/// What a host may hold of an asset's data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    /// The asset; the first that was read from.
    pub asset: u16,
    /// Between the asset and the host: 1 where it read from the asset itself, 2 from such a reader, …
    pub hops: u8,
    /// Payload bytes read, less what is forgotten.
    bytes: f64,
    /// First read.
    pub first: Timestamp,
    /// Last read.
    pub last: Timestamp,
}

impl Holding {
    /// After so long half of what was read is forgotten: data is sent out soon after it was gathered, and whoever works with
    /// an asset every day should not be marked with all of it for ever.
    const HALF_LIFE: Span = Span::from_secs(3 * 86_400);

    /// What is held at a time, bytes.
    pub fn at(&self, now: Timestamp) -> f64 {
        let half_lives = (now - self.last).as_secs_f64().max(0.0) / Self::HALF_LIFE.as_secs_f64();
        self.bytes * libm::exp2(-half_lives)
    }

    /// What a host holds that held `before` and then read `bytes` from a peer by `at`: from the asset itself, or from a host that
    /// holds something, which can pass on no more than that. Nothing where neither holds.
    pub fn after_reading(
        before: Option<Self>,
        bytes: u64,
        at: Timestamp,
        asset: Option<u16>,
        peer: Option<Self>,
    ) -> Option<Self> {
        let (asset, hops, most) = match (asset, peer) {
            (Some(asset), _) => (asset, 1, f64::INFINITY),
            (None, Some(peer)) => (peer.asset, peer.hops.saturating_add(1), peer.at(at)),
            (None, None) => return before,
        };
        if bytes == 0 {
            return before;
        }
        let read = bytes as f64;
        let Some(held) = before else {
            return Some(Self { asset, hops, bytes: read.min(most), first: at, last: at });
        };
        let now = held.at(at);
        Some(Self {
            hops: held.hops.min(hops),
            // Reading the same twice is no more than all that the peer holds.
            bytes: if now < most { (now + read).min(most) } else { now },
            last: held.last.max(at),
            ..held
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Config, FeatureStore};
    use crate::flow::{Counters, EndReason, FlowEvent, FlowKey, FlowRecord, FlowReport, ReportPhase};
    use crate::seed::Seed;

    const MB: u64 = 1_000_000;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_secs_nanos(days * 86_400, 0)
    }

    fn addr(text: &str) -> Addr {
        Addr::from(text.parse::<std::net::IpAddr>().unwrap())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small sums of megabytes")]
    fn megabytes(holding: Option<Holding>, now: Timestamp) -> u64 {
        holding.map_or(0, |held| (held.at(now) / MB as f64).round() as u64)
    }

    #[test]
    fn an_address_belongs_to_the_first_asset_that_names_it() {
        let asset = |name: &str, cidr: &[&str]| Asset {
            name: name.to_owned(),
            cidr: cidr.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let assets = Assets::new(&[
            asset("nowhere", &[]),
            asset("weights", &["10.9.0.0/16", "2001:db8::/64"]),
            asset("all", &["10.0.0.0/8"]),
        ]);
        let name = |text: &str| assets.of(addr(text)).and_then(|asset| assets.name(asset));
        assert_eq!(
            ["10.9.3.4", "2001:db8::7", "10.1.1.1", "192.168.1.1"].map(name),
            [Some("weights"), Some("weights"), Some("all"), None]
        );
    }

    #[test]
    fn reading_is_passed_on_but_does_not_multiply() {
        let first = Holding::after_reading(None, 100 * MB, at(0), Some(3), None);
        assert_eq!(megabytes(first, at(0)), 100);
        let more = Holding::after_reading(first, 50 * MB, at(0), Some(3), None);
        assert_eq!(megabytes(more, at(0)), 150);
        let second = Holding::after_reading(None, 900 * MB, at(0), None, more);
        assert_eq!((megabytes(second, at(0)), second.unwrap().hops), (150, 2));
        let again = Holding::after_reading(second, 900 * MB, at(0), None, more);
        assert_eq!(megabytes(again, at(0)), 150, "the same, read twice");
        let third = Holding::after_reading(None, 20 * MB, at(0), None, second);
        assert_eq!((megabytes(third, at(0)), third.unwrap().hops), (20, 3));
        assert_eq!(Holding::after_reading(None, 900 * MB, at(0), None, None), None);
        assert_eq!(Holding::after_reading(None, 0, at(0), Some(1), None), None);
    }

    /// The host reads, as originator or as the one that is sent to.
    fn read(store: &mut FeatureStore, orig: &str, resp: &str, down: u64, up: u64) {
        let key = FlowKey { orig: addr(orig), resp: addr(resp), ..FlowKey::default() };
        let new = Counters { orig_payload: up, resp_payload: down, resp_pkts: 1, ..Counters::default() };
        let record = FlowRecord { key, counters: new, last: at(0), ..FlowRecord::default() };
        let phase = ReportPhase::Final(EndReason::Idle);
        let report = FlowReport { phase, first: true, record, app_is_new: true, new };
        store.apply(std::iter::once(FlowEvent::Report(&report)));
    }

    #[test]
    fn data_is_followed_over_hosts_whoever_connects_to_whom() {
        let weights = Asset { name: "weights".to_owned(), cidr: vec!["10.9.0.0/16".parse().unwrap()] };
        let mut store = FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed::REPLAY)
            .with_assets(Assets::new(&[weights]));
        read(&mut store, "10.1.0.1", "10.9.0.1", 80 * MB, 0);
        read(&mut store, "10.1.0.1", "10.2.0.1", 0, 50 * MB);
        read(&mut store, "10.3.0.1", "10.2.0.1", 70 * MB, 0);
        read(&mut store, "10.4.0.1", "10.5.0.1", 70 * MB, 70 * MB);
        let held = |host: &str| {
            let host = addr(host);
            let holding = store.hosts().get(&host, store.hosts().hash(&host)).unwrap().holding;
            (megabytes(holding, at(0)), holding.map_or(0, |held| held.hops))
        };
        let expected = [(80, 1), (50, 2), (50, 3), (0, 0), (0, 0)];
        assert_eq!(["10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.9.0.1"].map(held), expected);
    }

    #[test]
    fn other_assets_leave_what_is_held_of_those_that_stay() {
        let asset =
            |name: &str, cidr: &str| Asset { name: name.to_owned(), cidr: vec![cidr.parse().unwrap()] };
        let (weights, books) = (asset("weights", "10.9.0.0/16"), asset("books", "10.8.0.0/16"));
        let mut store = FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed::REPLAY)
            .with_assets(Assets::new(&[weights.clone(), books.clone()]));
        read(&mut store, "10.1.0.1", "10.9.0.1", 80 * MB, 0);
        read(&mut store, "10.2.0.1", "10.8.0.1", 50 * MB, 0);
        store.set_assets(Assets::new(&[asset("new", "10.7.0.0/16"), books]));
        let held = |store: &FeatureStore, host: &str| {
            let host = addr(host);
            let held = store.hosts().get(&host, store.hosts().hash(&host)).unwrap().holding?;
            Some((store.assets().name(held.asset).unwrap().to_owned(), megabytes(Some(held), at(0))))
        };
        assert_eq!(held(&store, "10.1.0.1"), None, "of an asset that is no more");
        assert_eq!(held(&store, "10.2.0.1"), Some(("books".to_owned(), 50)));
        store.set_assets(Assets::new(&[weights]));
        read(&mut store, "10.2.0.1", "10.9.0.1", 20 * MB, 0);
        assert_eq!(held(&store, "10.2.0.1"), Some(("weights".to_owned(), 20)), "read after");
    }

    #[test]
    fn a_restart_with_assets_in_another_order_knows_them_by_name() {
        let asset =
            |name: &str, cidr: &str| Asset { name: name.to_owned(), cidr: vec![cidr.parse().unwrap()] };
        let (weights, books) = (asset("weights", "10.9.0.0/16"), asset("books", "10.8.0.0/16"));
        let store = |assets: &[Asset]| {
            FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed::REPLAY)
                .with_assets(Assets::new(assets))
        };
        let mut before = store(&[weights.clone(), books.clone()]);
        read(&mut before, "10.1.0.1", "10.9.0.1", 80 * MB, 0);
        read(&mut before, "10.2.0.1", "10.8.0.1", 50 * MB, 0);
        let bytes = postcard::to_stdvec(&before).unwrap();
        let held_after = |assets: &[Asset], host: &str| {
            let mut after = store(assets);
            after.restore(postcard::from_bytes(&bytes).unwrap());
            let host = addr(host);
            let held = after.hosts().get(&host, after.hosts().hash(&host)).unwrap().holding?;
            Some((after.assets().name(held.asset).unwrap().to_owned(), megabytes(Some(held), at(0))))
        };
        let other_way = [books.clone(), weights];
        assert_eq!(held_after(&other_way, "10.1.0.1"), Some(("weights".to_owned(), 80)));
        assert_eq!(held_after(&other_way, "10.2.0.1"), Some(("books".to_owned(), 50)));
        assert_eq!(held_after(&[asset("new", "10.7.0.0/16"), books], "10.1.0.1"), None);
    }

    #[test]
    fn what_was_read_long_ago_weighs_little() {
        let held = Holding::after_reading(None, 100 * MB, at(0), Some(0), None);
        assert_eq!([0, 3, 6].map(|day| megabytes(held, at(day))), [100, 50, 25]);
        let more = Holding::after_reading(held, 10 * MB, at(3), Some(0), None);
        assert_eq!(megabytes(more, at(3)), 60);
        assert_eq!(megabytes(more, at(-9)), 60, "a clock that goes back takes nothing away");
    }
}

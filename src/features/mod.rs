//! Flow events to per-host and per-channel state, and state to feature vectors. Judges nothing.
//!
//! A *channel* is a monitored host, a peer and a service. State is bounded a channel and in all, and is a function of
//! the flow events alone: the pipeline applies them in one order whatever the number of workers.

mod activity;
mod asset;
mod changes;
mod channel;
mod dns;
mod domains;
mod host;
mod local;
mod map;
mod names;
mod outflow;
pub mod periodicity;
mod reference;
pub mod rita;
mod saved;
mod steps;
#[cfg(test)]
pub(crate) mod testing;
mod traffic;
mod vector;
mod view;
mod volume;
mod window;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

pub use activity::{Activity, LifeHistogram, RecentActivity};
pub use asset::{Asset, Assets, Holding};
pub use channel::{Channel, ChannelKey, IcmpState, Peer, peer_address, peer_name};
pub use dns::DomainState;
pub use host::Host;
pub use local::{LocalNetworks, is_unicast};
pub use map::BoundedMap;
pub use outflow::{Outflow, Part, outflows, sends_out};
pub use reference::render_reference;
pub use saved::SavedFeatures;
pub use traffic::{PeakBucket, Traffic};
pub use vector::{C2, Direction as FeatureDirection, EXFIL, Feature, Scale, vector_of};
pub use view::{ChannelView, Counted, Observed, may_have_a_pace};
pub use volume::VolumeHistogram;
pub use window::{HostTotals, HostWindow};

use crate::addr::Addr;
use crate::decode::Direction;
use crate::features::domains::DomainCache;
use crate::features::names::NameTable;
use crate::features::steps::{LocalEnd, Step, Steps, WINDOW, What};
use crate::flow::{Exchange, FlowEvent, FlowReport, ReportPhase};
use crate::seed::Seed;
use crate::time::Timestamp;

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
#[derive(Clone, Debug)]
pub struct FeatureStore {
    local: LocalNetworks,
    assets: Assets,
    seed: Seed,
    hosts: BoundedMap<Addr, Host>,
    channels: BoundedMap<ChannelKey, Channel>,
    names: NameTable,
    domains: DomainCache,
    /// Unanswered attempts of outside originators: scans and floods make no channel.
    inbound_unanswered: u64,
}

impl FeatureStore {
    /// Empty state.
    pub fn new(config: &Config, local: LocalNetworks, seed: Seed) -> Self {
        Self {
            local,
            assets: Assets::default(),
            seed,
            hosts: BoundedMap::new(config.max_hosts, seed),
            channels: BoundedMap::new(config.max_channels, seed),
            names: NameTable::new(config.max_names, seed),
            domains: DomainCache::new(),
            inbound_unanswered: 0,
        }
    }

    /// The same, and what is read from these assets is followed.
    #[must_use]
    pub fn with_assets(self, assets: Assets) -> Self {
        Self { assets, ..self }
    }

    /// A copy of the state as it is now, made of the one before where that is given: then only what has changed since is cloned, in memory
    /// that is there.
    #[must_use]
    pub fn copy(&mut self, before: Option<Self>) -> Self {
        let (hosts, channels) = before.map(|before| (before.hosts, before.channels)).unzip();
        Self {
            local: self.local.clone(),
            assets: self.assets.clone(),
            seed: self.seed,
            hosts: self.hosts.copy(hosts),
            channels: self.channels.copy(channels),
            names: self.names.clone(),
            domains: self.domains.clone(),
            inbound_unanswered: self.inbound_unanswered,
        }
    }

    /// Follows these assets from now on. What hosts hold of those that are still among them, by name, they go on holding.
    pub fn set_assets(&mut self, assets: Assets) {
        let before = &self.assets;
        let renumber = |held: Holding| assets.renumber(held, before.name(held.asset)?);
        self.hosts.change_all(|host| host.holding = host.holding.and_then(renumber));
        self.assets = assets;
    }

    /// The assets that are followed.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// Takes events in their order.
    pub fn apply<'a>(&mut self, events: impl Iterator<Item = FlowEvent<'a>>) {
        let mut events = events.peekable();
        let mut steps = SmallVec::new();
        while events.peek().is_some() {
            events.by_ref().take(WINDOW).for_each(|event| self.expect(event, &mut steps));
            for step in &steps {
                self.approach(step);
            }
            for step in &mut steps {
                self.follow_up(step);
            }
            for step in &steps {
                self.approach_domain(step);
            }
            for step in &steps {
                self.follow_domain(step);
            }
            for step in steps.drain(..) {
                self.take(&step);
            }
        }
    }

    /// Makes room where a map is nearly full: channels with the fewest bursts and the longest silence go first.
    pub fn trim(&mut self) {
        self.channels.trim(|_, c| (c.activities().min(16), c.last_seen));
        self.hosts.trim(|_, h| h.last_seen);
    }

    /// The seed of all hashes.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The hosts.
    pub fn hosts(&self) -> &BoundedMap<Addr, Host> {
        &self.hosts
    }

    /// The channels.
    pub fn channels(&self) -> &BoundedMap<ChannelKey, Channel> {
        &self.channels
    }

    /// Names that DNS gave for addresses of monitored hosts, to any of them.
    pub fn names_of_hosts(&self) -> impl Iterator<Item = (Addr, &Arc<str>)> {
        self.names
            .iter()
            .filter(|((_, addr), _)| self.local.contains(*addr))
            .map(|((_, addr), name)| (*addr, name))
    }

    /// Flows of outside originators that nobody answered; they are counted at their host and make no channel.
    pub fn inbound_unanswered(&self) -> u64 {
        self.inbound_unanswered
    }

    /// Says what an event changes, and that it will be looked for.
    fn expect<'a>(&self, event: FlowEvent<'a>, steps: &mut Steps<'a>) {
        let what = match What::of(event) {
            Ok(what) => what,
            Err(dns) => return self.expect_dns(dns, steps),
        };
        for end in LocalEnd::of(what.key(), &self.local) {
            let host_hash = self.hosts.hash(&end.host);
            self.hosts.expect(host_hash);
            let channel = (end.has_channel() && what.matters_to(&end)).then(|| {
                let key = end.channel_key(what.key());
                let hash = self.channels.hash(&key);
                self.channels.expect(hash);
                (key, hash)
            });
            let named = channel.is_some() && matches!(what, What::Report(_));
            let name_hash = named.then(|| self.names.expect(end.host, end.peer));
            steps.push(Step::Flow { what, end, host_hash, channel, name_hash });
        }
    }

    /// Asks for the entries that a step changes.
    fn approach(&self, step: &Step<'_>) {
        match step {
            Step::Flow { what, host_hash, channel, name_hash, .. } => {
                if let What::Report(_) = what {
                    self.hosts.approach(*host_hash);
                }
                if let Some((_, hash)) = channel {
                    self.channels.approach(*hash);
                }
                if let Some(hash) = name_hash {
                    self.names.approach(*hash);
                }
            }
            Step::Dns { dns, host_hash, name_hash, .. } => {
                self.hosts.approach(*host_hash);
                self.domains.approach(*name_hash);
                self.approach_names(dns);
            }
        }
    }

    /// Asks for what the entries lead to, which are there by now: the bursts of a channel, and the channel of the domain of a name.
    fn follow_up(&mut self, step: &mut Step<'_>) {
        match step {
            Step::Flow { what, channel: Some((_, hash)), .. } => {
                if let Some((_, channel)) = self.channels.likely(*hash) {
                    match what {
                        What::Exchange(_) => channel.approach_bursts(),
                        What::Report(_) => channel.approach_rare(),
                    }
                }
            }
            Step::Flow { .. } => {}
            Step::Dns { dns, name_hash, channel, .. } => {
                self.follow_names(dns);
                *channel = self.domain_channel(dns, *name_hash);
                if let Some((_, hash)) = channel {
                    self.channels.expect(*hash);
                }
            }
        }
    }

    fn take(&mut self, step: &Step<'_>) {
        match step {
            Step::Flow { what: What::Report(report), end, host_hash, channel, name_hash } => {
                let channel = channel.as_ref().zip(*name_hash);
                self.take_report(report, end, *host_hash, channel);
            }
            Step::Flow { what: What::Exchange(exchange), end, channel: Some(channel), .. } => {
                self.take_exchange(exchange, end, channel);
            }
            Step::Flow { .. } => {}
            Step::Dns { dns, host_hash, name_hash, channel } => {
                self.take_dns(dns, *host_hash, *name_hash, channel.as_ref());
            }
        }
    }

    fn take_report(
        &mut self,
        report: &FlowReport,
        end: &LocalEnd,
        host_hash: u32,
        channel: Option<(&(ChannelKey, u32), u32)>,
    ) {
        let record = &report.record;
        if !self.assets.is_empty() {
            self.follow(report, end, host_hash);
        }
        let ended = matches!(report.phase, ReportPhase::Final(_));
        let new = Traffic::of(&report.new, end.outbound);
        let uses_dns = self.hosts.update(&end.host, host_hash, Host::default, |host| {
            host.report(record.first, record.last, &new, end.internal, report.first);
            host.dns_answers > 0
        });
        let Some(((key, hash), name_hash)) = channel else {
            self.inbound_unanswered += u64::from(ended && end.has_channel());
            return;
        };
        let name = self.names.name_of(end.host, end.peer, name_hash);
        let unresolved =
            end.outbound && ended && uses_dns == Some(true) && name.is_none() && record.begin_seen();
        let keeps_name_back =
            report.app_is_new && record.app.as_ref().is_some_and(|app| app.hello_without_sni);
        let make = || Channel::new(end.internal, record.first);
        self.channels.update(key, *hash, make, |channel| {
            channel.report(record, &new, report.first, ended, end.outbound);
            channel.surge(if end.outbound { report.new.orig_surge } else { 0 });
            channel.flow_without_name(unresolved, keeps_name_back);
            if channel.name.is_none() {
                channel.name = name.cloned();
            }
        });
    }

    /// Marks a host that read from an asset, or from a host that may hold some of one.
    fn follow(&mut self, report: &FlowReport, end: &LocalEnd, host_hash: u32) {
        let asset = self.assets.of(end.peer);
        let held_by = |peer: &Addr| self.hosts.get(peer, self.hosts.hash(peer)).and_then(|host| host.holding);
        let peer = if end.internal { held_by(&end.peer) } else { None };
        if asset.is_none() && peer.is_none() || self.assets.of(end.host).is_some() {
            return;
        }
        let bytes = Traffic::of(&report.new, end.outbound).payload_in;
        let at = report.record.last;
        self.hosts.update(&end.host, host_hash, Host::default, |host| {
            host.holding = Holding::after_reading(host.holding, bytes, at, asset, peer);
        });
    }

    fn take_exchange(&mut self, exchange: &Exchange, end: &LocalEnd, (key, hash): &(ChannelKey, u32)) {
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
        let make = || Channel::new(end.internal, exchange.start);
        self.channels.update(key, *hash, make, |channel| channel.burst(burst, exchange.end));
    }
}

/// Time range that the store has seen, from its hosts: nothing where there is none.
pub fn observed_range(store: &FeatureStore) -> Option<(Timestamp, Timestamp)> {
    let ranges = store.hosts().iter().filter_map(|(_, host)| Some((host.first_seen?, host.last_seen)));
    ranges.reduce(|(lo, hi), (first, last)| (lo.min(first), hi.max(last)))
}

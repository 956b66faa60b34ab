//! The channels of a store as rows, in the order of their keys.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::addr::Addr;
use crate::features::{
    Assets, Channel, ChannelKey, ChannelView, FeatureStore, Host, Observed, Outflow, observed_range,
    outflows, peer_name,
};
use crate::memory::prefetch;

use super::Allowlist;

/// Channels that are asked for ahead of the one that is looked at: in the order of their keys they lie all over the memory.
const AHEAD: usize = 8;

/// Who a peer is for prevalence: its name where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Identity<'a> {
    Name(&'a str),
    Addr(Addr),
}

/// All channels of a store, in the order of their keys, and what is needed to view them.
pub(super) struct Channels<'a> {
    parts: Vec<Parts<'a>>,
    /// By the place of their channel.
    outflows: Vec<(usize, Outflow)>,
    observed: Option<Observed>,
    assets: &'a Assets,
}

/// One channel.
pub(super) struct Parts<'a> {
    pub(super) key: &'a ChannelKey,
    channel: &'a Channel,
    host: &'a Host,
    place: usize,
    hosts_of_peer: usize,
}

impl<'a> Channels<'a> {
    /// The channels of a store. What is known to be fine is part of no outflow.
    pub(super) fn of(store: &'a FeatureStore, known: &Allowlist) -> Self {
        let channels = store.channels().sorted_by(ChannelKey::prefix);
        let observed = observed(store);
        let hosts_of = hosts_of(&channels, store.seed().hasher());
        let outflows = observed
            .map(|observed| outflows(&channels, observed, |key, channel| known.covers_channel(key, channel)))
            .unwrap_or_default();
        let mut hosts = store.hosts().sorted_by(|host| *host).into_iter().peekable();
        let part = |(place, (key, channel)): (usize, &(&'a ChannelKey, &'a Channel))| {
            if let Some((_, ahead)) = channels.get(place + AHEAD) {
                prefetch(*ahead, size_of::<Channel>());
            }
            // Both are in the order of hosts.
            while hosts.next_if(|(host, _)| **host < key.host).is_some() {}
            let host = hosts.peek().filter(|(host, _)| **host == key.host);
            let host = host.map_or(Host::NONE, |(_, host)| host);
            let hosts_of_peer = hosts_of.get(&identity(key, channel)).map_or(1, |(_, hosts)| *hosts);
            Parts { key, channel, host, place, hosts_of_peer }
        };
        let parts = channels.iter().enumerate().map(part).collect();
        Self { parts, outflows, observed, assets: store.assets() }
    }

    /// The channels; none before any host was seen.
    pub(super) fn parts(&self) -> &[Parts<'a>] {
        if self.observed.is_some() { &self.parts } else { &[] }
    }

    /// The views of a run of the channels that `is_wanted` takes.
    pub(super) fn views(
        &self,
        run: &[Parts<'a>],
        is_wanted: impl Fn(&ChannelView<'_>) -> bool,
    ) -> Vec<ChannelView<'a>> {
        let first = run.first().map_or(0, |parts| parts.place);
        let from = self.outflows.partition_point(|(place, _)| *place < first);
        let mut outflows = self.outflows.iter().skip(from).peekable();
        let mut views = Vec::new();
        for (at, parts) in run.iter().enumerate() {
            if let Some(ahead) = run.get(at + AHEAD) {
                prefetch(ahead.channel, size_of::<Channel>());
            }
            let Some(observed) = self.observed else { continue };
            let outflow = outflows.next_if(|(place, _)| *place == parts.place);
            let outflow = outflow.map_or_else(Outflow::default, |(_, outflow)| *outflow);
            let &Parts { key, channel, host, hosts_of_peer, .. } = parts;
            let view = ChannelView::new(key, channel, host, observed, hosts_of_peer, outflow, self.assets);
            if is_wanted(&view) {
                views.push(view);
            }
        }
        views
    }
}

/// All channels of a store as views, in the order of their keys.
pub(super) fn rows_of<'a>(store: &'a FeatureStore, known: &Allowlist) -> Vec<ChannelView<'a>> {
    let channels = Channels::of(store, known);
    channels.views(channels.parts(), |_| true)
}

/// What is known of the network; nothing where no host was seen.
fn observed(store: &FeatureStore) -> Option<Observed> {
    let (first, last) = observed_range(store)?;
    let senders = store.hosts().iter().filter(|(_, host)| host.traffic.packets_out > 0).count();
    Some(Observed { first, last, hosts: senders })
}

fn identity<'a>(key: &'a ChannelKey, channel: &'a Channel) -> Identity<'a> {
    peer_name(key, channel).map_or(Identity::Addr(channel.address), |name| Identity::Name(name))
}

/// For each peer the last host that talks to it, and how many do. The channels are in the order of their hosts.
fn hosts_of<'a, S: BuildHasher>(
    channels: &[(&'a ChannelKey, &'a Channel)],
    hasher: S,
) -> HashMap<Identity<'a>, (Addr, usize), S> {
    let mut hosts_of = HashMap::with_capacity_and_hasher(channels.len(), hasher);
    for (at, (key, channel)) in channels.iter().enumerate() {
        if let Some((key, channel)) = channels.get(at + AHEAD) {
            prefetch(*key, size_of::<ChannelKey>());
            prefetch(*channel, size_of::<Channel>());
        }
        match hosts_of.entry(identity(key, channel)) {
            Entry::Vacant(place) => {
                place.insert((key.host, 1));
            }
            Entry::Occupied(mut known) => {
                let (last, hosts) = known.get_mut();
                *hosts += usize::from(*last != key.host);
                *last = key.host;
            }
        }
    }
    hosts_of
}

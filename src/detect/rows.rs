//! The channels of a store as rows, in the order of their keys.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::addr::Addr;
use crate::features::{
    Assets, Channel, ChannelKey, ChannelView, FeatureStore, Host, Observed, Outflow, observed_range,
    outflows, peer_name, sends_out,
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

/// What a view of a channel is made of.
pub(super) struct Parts<'a> {
    pub(super) key: &'a ChannelKey,
    pub(super) channel: &'a Channel,
    host: &'a Host,
    observed: Observed,
    hosts_of_peer: usize,
    /// Only of those that send out: few do.
    outflow: Option<Box<Outflow>>,
    assets: &'a Assets,
}

/// All channels of a store, in the order of their keys. What is known to be fine is part of no outflow.
pub(super) fn channels_of<'a>(store: &'a FeatureStore, known: &Allowlist) -> Vec<Parts<'a>> {
    let Some(observed) = observed(store) else { return Vec::new() };
    let channels = store.channels().sorted_by(ChannelKey::prefix);
    let hosts_of = hosts_of(&channels, store.seed().hasher());
    let mut hosts = store.hosts().sorted_by(|host| *host).into_iter().peekable();
    let mut parts = Vec::with_capacity(channels.len());
    let mut senders = Vec::new();
    for (at, (key, channel)) in channels.iter().enumerate() {
        if let Some((_, ahead)) = channels.get(at + AHEAD) {
            prefetch(*ahead, size_of::<Channel>());
        }
        // Both are in the order of hosts.
        while hosts.next_if(|(host, _)| **host < key.host).is_some() {}
        let host = hosts.peek().filter(|(host, _)| **host == key.host).map_or(Host::NONE, |(_, host)| host);
        let hosts_of_peer = hosts_of.get(&identity(key, channel)).map_or(1, |(_, hosts)| *hosts);
        if sends_out(key, channel) {
            senders.push((at, *key, *channel));
        }
        let (outflow, assets) = (None, store.assets());
        parts.push(Parts { key, channel, host, observed, hosts_of_peer, outflow, assets });
    }
    senders.retain(|(_, key, channel)| !known.covers_channel(key, channel));
    for (at, outflow) in outflows(&senders, observed) {
        if let Some(part) = parts.get_mut(at) {
            part.outflow = Some(Box::new(outflow));
        }
    }
    parts
}

impl<'a> Parts<'a> {
    fn view(&self) -> ChannelView<'a> {
        let &Self { key, channel, host, observed, hosts_of_peer, assets, .. } = self;
        let outflow = self.outflow.as_deref().copied().unwrap_or_default();
        ChannelView::new(key, channel, host, observed, hosts_of_peer, outflow, assets)
    }
}

/// The views of channels that `is_wanted` takes.
pub(super) fn views_of<'a>(
    channels: &[Parts<'a>],
    is_wanted: impl Fn(&ChannelView<'_>) -> bool,
) -> Vec<ChannelView<'a>> {
    let view = |(at, parts): (usize, &Parts<'a>)| {
        if let Some(ahead) = channels.get(at + AHEAD) {
            prefetch(ahead.channel, size_of::<Channel>());
        }
        parts.view()
    };
    channels.iter().enumerate().map(view).filter(|view| is_wanted(view)).collect()
}

/// All channels of a store as views, in the order of their keys.
pub(super) fn rows_of(store: &FeatureStore) -> Vec<ChannelView<'_>> {
    views_of(&channels_of(store, &Allowlist::default()), |_| true)
}

/// What is known of the network; nothing where no host was seen.
/// Monitored hosts of the network that rows are of; none where there are no rows.
pub(super) fn hosts_seen(rows: &[ChannelView<'_>]) -> u32 {
    rows.first().map_or(0, |row| u32::try_from(row.observed.hosts).unwrap_or(u32::MAX))
}

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

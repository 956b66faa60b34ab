//! The channels of a store as rows, in the order of their keys.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::addr::Addr;
use crate::features::{
    Channel, ChannelKey, ChannelView, FeatureStore, Host, Observed, Outflow, observed_range, outflows,
    peer_name,
};

use super::Allowlist;

/// Who a peer is for prevalence: its name where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Identity<'a> {
    Name(&'a str),
    Addr(Addr),
}

/// All channels of a store as views, in the order of their keys. What is known to be fine is part of no outflow.
pub(super) fn rows_of<'a>(
    store: &'a FeatureStore,
    known: &Allowlist,
) -> impl Iterator<Item = ChannelView<'a>> + use<'a> {
    let channels = store.channels().sorted_by(ChannelKey::prefix);
    let hosts = store.hosts().sorted_by(|host| *host);
    let observed = observed(store);
    let hosts_of = hosts_of(&channels, store.seed().hasher());
    let outflows = observed
        .map(|observed| outflows(&channels, observed, |key, channel| known.covers_channel(key, channel)))
        .unwrap_or_default();
    let (mut hosts, mut outflows) = (hosts.into_iter().peekable(), outflows.into_iter().peekable());
    channels.into_iter().enumerate().filter_map(move |(index, (key, channel))| {
        // Both are in the order of hosts.
        while hosts.next_if(|(host, _)| **host < key.host).is_some() {}
        let host = hosts.peek().filter(|(host, _)| **host == key.host).map_or(Host::NONE, |(_, host)| host);
        let hosts_of_peer = hosts_of.get(&identity(key, channel)).map_or(1, |(_, hosts)| *hosts);
        let outflow =
            outflows.next_if(|(place, _)| *place == index).map_or_else(Outflow::default, |(_, o)| o);
        Some(ChannelView::new(key, channel, host, observed?, hosts_of_peer, outflow, store.assets()))
    })
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
    for (key, channel) in channels {
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

//! The channels of a store as rows, in the order of their keys.

use hashbrown::HashMap;

use crate::addr::Addr;
use crate::features::{
    Assets, Channel, ChannelKey, ChannelView, Counted, FeatureStore, Host, Observed, Outflow, observed_range,
    outflows, peer_address, peer_name, sends_out,
};
use crate::memory::prefetch;
use crate::time::Span;

use super::Allowlist;
use super::parts::in_parts;

/// Channels that are asked for ahead of the one that is looked at: in the order of their keys they lie all over the memory.
const AHEAD: usize = 8;

/// Slots of channels that are worth the start of a thread.
const LEAST_SLOTS: usize = 4096;

/// Who a peer is for prevalence: its name where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Identity<'a> {
    Name(&'a str),
    Addr(Addr),
}

/// A channel as it lies in the store, with what most keys are told apart by.
struct Place<'a> {
    prefix: [u64; 4],
    key: &'a ChannelKey,
    channel: &'a Channel,
    sends_out: bool,
}

/// What a view of a channel is made of.
pub(super) struct Parts<'a> {
    pub(super) key: &'a ChannelKey,
    pub(super) channel: &'a Channel,
    host: &'a Host,
    observed: Observed,
    counted: Counted,
    /// Only of those that send out: few do.
    outflow: Option<Box<Outflow>>,
    assets: &'a Assets,
}

/// The channels of a store that `is_wanted` takes, and those that send out, in the order of their keys. What is known to be fine is part of
/// no outflow. All channels are looked at, most of them only as they lie in memory: few are wanted where only findings are.
pub(super) fn channels_of<'a>(
    store: &'a FeatureStore,
    known: &Allowlist,
    threads: usize,
    is_wanted: impl Fn(&ChannelKey, &Channel) -> bool + Sync,
) -> Vec<Parts<'a>> {
    let Some(observed) = observed(store) else { return Vec::new() };
    let by_key = |a: &Place<'_>, b: &Place<'_>| a.prefix.cmp(&b.prefix).then_with(|| a.key.cmp(b.key));
    let mut places = in_parts(store.channels().slots(), threads, LEAST_SLOTS, |slots| {
        let place = |(key, channel): &'a (ChannelKey, Channel)| {
            let sends_out = sends_out(key, channel);
            let is_place = sends_out || is_wanted(key, channel);
            is_place.then(|| Place { prefix: key.prefix(), key, channel, sends_out })
        };
        let mut places: Vec<Place<'a>> = slots.iter().flatten().filter_map(place).collect();
        places.sort_unstable_by(by_key);
        places
    });
    // Sorted by part: to sort the whole is then to merge.
    places.sort_by(by_key);
    let hosts_of_peers = hosts_of_peers(store, &places, threads);
    let failed_of_hosts = failed_of_hosts(store, threads);
    let assets = store.assets();
    let of_place = |(&Place { key, channel, .. }, hosts_of_peer)| {
        let host = store.hosts().get(&key.host, store.hosts().hash(&key.host)).unwrap_or(Host::NONE);
        let failed_of_host = failed_of_hosts.get(&key.host).copied().unwrap_or_default();
        let counted = Counted { hosts_of_peer, failed_of_host };
        Parts { key, channel, host, observed, counted, outflow: None, assets }
    };
    let mut parts: Vec<Parts<'a>> = asked_ahead(&places).zip(hosts_of_peers).map(of_place).collect();
    let senders: Vec<_> = places
        .iter()
        .enumerate()
        .filter(|(_, place)| place.sends_out && !known.covers_channel(place.key, place.channel))
        .map(|(at, place)| (at, place.key, place.channel))
        .collect();
    for (at, outflow) in outflows(&senders, observed) {
        if let Some(part) = parts.get_mut(at) {
            part.outflow = Some(Box::new(outflow));
        }
    }
    parts
}

impl<'a> Parts<'a> {
    fn view(&self) -> ChannelView<'a> {
        let &Self { key, channel, host, observed, counted, assets, .. } = self;
        let outflow = self.outflow.as_deref().copied().unwrap_or_default();
        ChannelView::new(key, channel, host, observed, counted, outflow, assets)
    }
}

/// The places in their order, which is not that in which they lie in the memory: later ones are asked for.
fn asked_ahead<'a, 'p>(places: &'p [Place<'a>]) -> impl Iterator<Item = &'p Place<'a>> {
    places.iter().enumerate().map(|(at, place)| {
        if let Some(later) = places.get(at + AHEAD) {
            prefetch(later.key, size_of::<ChannelKey>());
            prefetch(later.channel, size_of::<Channel>());
        }
        place
    })
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
    views_of(&channels_of(store, &Allowlist::default(), 1, |_, _| true), |_| true)
}

/// Monitored hosts of the network that rows are of, and the minutes for which they were watched; zero where there are no rows.
pub(super) fn extent_of(rows: &[ChannelView<'_>]) -> [u32; 2] {
    let Some(observed) = rows.first().map(|row| row.observed) else { return [0; 2] };
    let minutes = (observed.last - observed.first).as_nanos() / Span::from_secs(60).as_nanos();
    [u32::try_from(observed.hosts).unwrap_or(u32::MAX), u32::try_from(minutes.max(0)).unwrap_or(u32::MAX)]
}

/// What is known of the network; nothing where no host was seen.
fn observed(store: &FeatureStore) -> Option<Observed> {
    let (first, last) = observed_range(store)?;
    let senders = store.hosts().iter().filter(|(_, host)| host.traffic.packets_out > 0).count();
    Some(Observed { first, last, hosts: senders })
}

fn identity<'a>(key: &'a ChannelKey, channel: &'a Channel) -> Identity<'a> {
    peer_name(key, channel)
        .map_or_else(|| Identity::Addr(peer_address(key, channel)), |name| Identity::Name(name))
}

/// For each of some channels how many hosts talk to its peer, on whatever channel.
fn hosts_of_peers(store: &FeatureStore, places: &[Place<'_>], threads: usize) -> Vec<usize> {
    let mut numbers = HashMap::with_hasher(store.seed().hasher());
    let mut peers = Vec::with_capacity(places.len());
    for place in asked_ahead(places) {
        let next = numbers.len();
        peers.push(*numbers.entry(identity(place.key, place.channel)).or_insert(next));
    }
    // Sorted by part, as above.
    let mut talks = in_parts(store.channels().slots(), threads, LEAST_SLOTS, |slots| {
        let talk =
            |(key, channel): &(ChannelKey, Channel)| Some((*numbers.get(&identity(key, channel))?, key.host));
        let mut talks: Vec<(usize, Addr)> = slots.iter().flatten().filter_map(talk).collect();
        talks.sort_unstable();
        talks.dedup();
        talks
    });
    talks.sort();
    talks.dedup();
    let mut hosts = vec![0; numbers.len()];
    for (peer, _) in talks {
        if let Some(hosts) = hosts.get_mut(peer) {
            *hosts += 1;
        }
    }
    peers.into_iter().map(|peer| hosts.get(peer).copied().unwrap_or(1)).collect()
}

/// How many attempts of each host to reach peers outside failed, of the hosts that have such.
fn failed_of_hosts(store: &FeatureStore, threads: usize) -> HashMap<Addr, u64> {
    let failed = in_parts(store.channels().slots(), threads, LEAST_SLOTS, |slots| {
        let failing = slots.iter().flatten().filter(|(_, channel)| channel.failed() > 0 && !channel.internal);
        failing.map(|(key, channel)| (key.host, channel.failed())).collect()
    });
    let mut of_hosts = HashMap::new();
    for (host, count) in failed {
        *of_hosts.entry(host).or_default() += count;
    }
    of_hosts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::features::testing::store_of;

    proptest! {
        /// Against all channels, compared with each other.
        #[test]
        fn hosts_of_a_peer_are_counted_over_all_channels_whichever_are_wanted(
            talks in prop::collection::vec((0_u8..8, 0_u8..8, 0_u16..3), 1..60),
            threads in 1_usize..3,
        ) {
            let store = store_of(&talks);
            let wanted = |key: &ChannelKey, _: &Channel| key.port != 1;
            let parts = channels_of(&store, &Allowlist::default(), threads, wanted);
            let keys = store.channels().iter().map(|(key, _)| key).filter(|key| key.port != 1);
            prop_assert!(parts.iter().map(|part| part.key).eq(keys.collect::<BTreeSet<_>>()));
            for part in parts {
                let channels = store.channels().iter().filter(|(key, _)| key.peer == part.key.peer);
                let hosts: BTreeSet<Addr> = channels.map(|(key, _)| key.host).collect();
                prop_assert_eq!(part.counted.hosts_of_peer, hosts.len());
            }
        }
    }
}

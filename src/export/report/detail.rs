//! What the page tells of one finding beyond the finding: how its channel behaved, and who else is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::addr::Addr;
use crate::decode::proto;
use crate::detect::{Finding, Kind, Peer, Scores, finding_id};
use crate::features::{
    Activity, Channel, ChannelKey, FeatureStore, Peer as ChannelPeer, peer_address, peer_name,
};
use crate::time::{Span, Timestamp};

/// Peers of the host that are shown.
pub(super) const PEERS: usize = 8;
/// Other hosts of the peer that are shown.
pub(super) const HOSTS: usize = 12;

/// What is known of a finding's channel and of its surroundings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// Begin and bursts of each part of its life, all as long as `part`.
    pub life: Vec<(Timestamp, u16)>,
    /// How long a part is.
    pub part: Span,
    /// The newest bursts, oldest first.
    pub bursts: Vec<Activity>,
    /// Middle and IP bytes out of each part of its life; empty where it sent little.
    pub volume: Vec<(Timestamp, u64)>,
    /// What else the host talked to, the most bytes first: at most eight.
    pub peers: Vec<Neighbour>,
    /// Channels of the host that are not among them.
    pub more_peers: u64,
    /// Other monitored hosts that talked to the peer, in their order: at most twelve.
    pub hosts: Vec<Addr>,
    /// Those that are not among them.
    pub more_hosts: u64,
}

/// Another channel of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// Where it leads.
    pub peer: Peer,
    /// IP bytes out.
    pub bytes_out: u64,
    /// IP bytes in.
    pub bytes_in: u64,
    /// Connections.
    pub flows: u64,
}

/// The details of findings, in their order. Those that share no channel with the scores have empty ones.
pub fn details_of(findings: &[Finding], scores: &Scores, store: &FeatureStore) -> Vec<Detail> {
    let wanted: BTreeSet<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    let mut found: BTreeMap<String, (&ChannelKey, &Channel)> = BTreeMap::new();
    for scored in &scores.channels {
        for (kind, verdict) in Kind::ALL.into_iter().zip(&scored.verdicts) {
            let id = if verdict.judged { finding_id(kind, &scored.key) } else { continue };
            if wanted.contains(id.as_str()) {
                found.insert(id, (&scored.key, &scored.channel));
            }
        }
    }
    let surroundings = Surroundings::of(found.values().map(|(key, _)| *key), store);
    let detail = |finding: &Finding| {
        found.get(&finding.id).map_or_else(Detail::default, |(key, channel)| {
            let mut detail = of_channel(channel);
            surroundings.tell(key, &mut detail);
            detail
        })
    };
    findings.iter().map(detail).collect()
}

fn of_channel(channel: &Channel) -> Detail {
    let life = channel.life();
    Detail {
        life: life.as_ref().map_or_else(Vec::new, |life| {
            life.bins().take_while(|(begin, _)| *begin <= channel.last_seen).collect()
        }),
        part: life.map_or(Span::ZERO, |life| life.bin_width()),
        bursts: channel.recent.iter().collect(),
        volume: channel.volume_out().map_or_else(Vec::new, |volume| volume.bins().collect()),
        ..Detail::default()
    }
}

/// All channels of the hosts, and all hosts of the peers, that findings are about.
#[derive(Default)]
struct Surroundings<'a> {
    channels: BTreeMap<Addr, Vec<(&'a ChannelKey, &'a Channel)>>,
    hosts: BTreeMap<&'a ChannelPeer, BTreeSet<Addr>>,
}

impl<'a> Surroundings<'a> {
    fn of(keys: impl Iterator<Item = &'a ChannelKey>, store: &'a FeatureStore) -> Self {
        let mut all = Self::default();
        for key in keys {
            all.channels.entry(key.host).or_default();
            all.hosts.entry(&key.peer).or_default();
        }
        for (key, channel) in store.channels().iter() {
            if let Some(channels) = all.channels.get_mut(&key.host) {
                channels.push((key, channel));
            }
            if let Some(hosts) = all.hosts.get_mut(&key.peer) {
                hosts.insert(key.host);
            }
        }
        for channels in all.channels.values_mut() {
            let bytes = |channel: &Channel| channel.traffic.bytes_out + channel.traffic.bytes_in;
            channels.sort_by(|a, b| bytes(b.1).cmp(&bytes(a.1)).then_with(|| a.0.cmp(b.0)));
        }
        all
    }

    fn tell(&self, key: &ChannelKey, detail: &mut Detail) {
        let channels = self.channels.get(&key.host).map_or(&[][..], Vec::as_slice);
        let others = channels.iter().filter(|(other, _)| *other != key);
        detail.peers = others.clone().take(PEERS).map(|(key, channel)| neighbour(key, channel)).collect();
        detail.more_peers = others.count().saturating_sub(PEERS) as u64;
        let hosts = self.hosts.get(&key.peer).into_iter().flatten().filter(|host| **host != key.host);
        detail.hosts = hosts.clone().take(HOSTS).copied().collect();
        detail.more_hosts = hosts.count().saturating_sub(HOSTS) as u64;
    }
}

fn neighbour(key: &ChannelKey, channel: &Channel) -> Neighbour {
    Neighbour {
        peer: Peer {
            ip: Some(peer_address(key, channel)),
            name: peer_name(key, channel).map(Arc::clone).map(|name| name.to_string()),
            port: (key.port != 0).then_some(key.port),
            proto: proto::name(key.proto),
            service: channel.service.name().to_owned(),
        },
        bytes_out: channel.traffic.bytes_out,
        bytes_in: channel.traffic.bytes_in,
        flows: channel.flows,
    }
}

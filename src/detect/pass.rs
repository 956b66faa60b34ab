//! The scoring pass: all channels and hosts of a store, in the order of their keys.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::addr::Addr;
use crate::decode::proto;
use crate::features::{
    Channel, ChannelKey, ChannelView, FeatureStore, Host, Observed, Peer as ChannelPeer, observed_range,
    peer_name, vector_of,
};
use crate::model::{Model, ModelError};

use super::explain::{evidence_of, techniques_of};
use super::severity::{REPORT_P, severity_of};
use super::{Allowlist, Finding, Kind, Peer, behaviour_of, can_judge, features_of, specs_of};

/// What a detector says of a channel.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Anomaly score, 0 to 1.
    pub score: f64,
    /// Share of benign calibration rows that score at least as high.
    pub p_value: f64,
    /// Whether there is enough of the channel to be judged.
    pub judged: bool,
    /// The feature row.
    pub row: Vec<f32>,
}

/// A channel with its scores.
#[derive(Clone, Debug)]
pub struct ChannelScore {
    /// Which channel.
    pub key: ChannelKey,
    /// Its state at the time of scoring.
    pub channel: Channel,
    /// By detector, in the order of [`Kind::ALL`].
    pub verdicts: [Verdict; 2],
}

/// A host with its scores: those of its worst judged channel.
#[derive(Clone, Debug)]
pub struct HostScore {
    /// Which host.
    pub host: Addr,
    /// Its state at the time of scoring.
    pub state: Host,
    /// Distinct peers of its channels.
    pub peers: usize,
    /// (score, p-value, index into [`Scores::channels`] of the worst channel) by detector; score 0 and p-value 1 where nothing
    /// could be judged.
    pub worst: [(f64, f64, Option<usize>); 2],
}

/// The outcome of a pass.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// All channels, in the order of their keys.
    pub channels: Vec<ChannelScore>,
    /// All hosts, in the order of their addresses.
    pub hosts: Vec<HostScore>,
    /// Findings, highest score first.
    pub findings: Vec<Finding>,
    /// Findings that the allowlist held back.
    pub allowed: usize,
}

/// Two models and what the user knows to be fine.
#[derive(Clone, Debug)]
pub struct Detector {
    models: [Model; 2],
    allowlist: Allowlist,
}

impl Detector {
    /// A detector of the models for C2 and exfiltration.
    ///
    /// # Errors
    /// [`ModelError`] where a model was trained on other features.
    pub fn new(c2: Model, exfil: Model, allowlist: Allowlist) -> Result<Self, ModelError> {
        c2.check_schema(&specs_of(Kind::C2))?;
        exfil.check_schema(&specs_of(Kind::Exfil))?;
        Ok(Self { models: [c2, exfil], allowlist })
    }

    /// The model of a detector.
    pub fn model(&self, kind: Kind) -> &Model {
        let [c2, exfil] = &self.models;
        match kind {
            Kind::C2 => c2,
            Kind::Exfil => exfil,
        }
    }

    /// Scores everything in the store.
    pub fn score(&self, store: &FeatureStore) -> Scores {
        let rows = rows_of(store);
        let [c2, exfil] = Kind::ALL.map(|kind| self.verdicts(kind, &rows));
        let mut scores = Scores::default();
        for ((row, c2), exfil) in rows.iter().zip(c2).zip(exfil) {
            let verdicts = [c2, exfil];
            self.report(row, &verdicts, &mut scores);
            scores.channels.push(ChannelScore {
                key: row.key.clone(),
                channel: row.channel.clone(),
                verdicts,
            });
        }
        scores.findings.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        scores.hosts = host_scores(store, &scores.channels);
        scores
    }

    fn verdicts(&self, kind: Kind, rows: &[Row]) -> Vec<Verdict> {
        let features = features_of(kind);
        let vectors: Vec<Vec<f32>> = rows.iter().map(|row| vector_of(features, &row.view())).collect();
        let mut scores = vec![0.0_f32; rows.len()];
        self.model(kind).score_rows(&vectors.concat(), &mut scores);
        rows.iter()
            .zip(vectors)
            .zip(scores)
            .map(|((row, vector), score)| Verdict {
                score: f64::from(score),
                p_value: self.model(kind).p_value(score),
                judged: can_judge(kind, &row.view()),
                row: vector,
            })
            .collect()
    }

    fn report(&self, row: &Row, verdicts: &[Verdict; 2], scores: &mut Scores) {
        let view = row.view();
        for (kind, verdict) in Kind::ALL.into_iter().zip(verdicts) {
            let Some(behaviour) = behaviour_of(kind, &view).filter(|_| verdict.p_value <= REPORT_P) else {
                continue;
            };
            let name = peer_name(&row.key, &row.channel);
            if self.allowlist.covers(
                row.key.host,
                Some(row.channel.address),
                name.map(|n| &**n),
                row.key.port,
            ) {
                scores.allowed += 1;
                continue;
            }
            let features = features_of(kind);
            scores.findings.push(Finding {
                id: finding_id(kind, &row.key),
                kind,
                host: row.key.host,
                peer: Peer {
                    ip: Some(row.channel.address),
                    name: name.map(std::string::ToString::to_string),
                    port: (row.key.port != 0).then_some(row.key.port),
                    proto: proto::name(row.key.proto),
                    service: row.channel.service.name().to_owned(),
                },
                score: verdict.score,
                p_value: verdict.p_value,
                severity: severity_of(behaviour, verdict.p_value, &view),
                first_seen: row.channel.first_seen,
                last_seen: row.channel.last_seen,
                detected_at: None,
                behaviour,
                techniques: techniques_of(behaviour, &view),
                evidence: evidence_of(behaviour, features, &verdict.row, self.model(kind), &view),
                flows: row.channel.flows,
                bytes_out: row.channel.traffic.bytes_out,
                bytes_in: row.channel.traffic.bytes_in,
                activity: activity_of(kind, &row.channel),
            });
        }
    }
}

/// A channel copied out of the store with what its view needs.
#[derive(Debug)]
pub(super) struct Row {
    /// Which channel.
    pub key: ChannelKey,
    /// Its state.
    pub channel: Channel,
    host: Host,
    observed: Observed,
    hosts_of_peer: usize,
}

impl Row {
    /// The view that features and gates work on.
    pub(super) fn view(&self) -> ChannelView<'_> {
        ChannelView::new(&self.key, &self.channel, &self.host, self.observed, self.hosts_of_peer)
    }
}

/// Who a peer is for prevalence: its name where it has one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum PeerIdentity {
    Name(String),
    Addr(Addr),
}

/// All channels of a store as rows, in the order of their keys.
pub(super) fn rows_of(store: &FeatureStore) -> Vec<Row> {
    let Some((first, last)) = observed_range(store) else { return Vec::new() };
    let hosts: BTreeMap<Addr, Host> =
        store.hosts().collect_sorted(|_, host| Some(host.clone())).into_iter().collect();
    let senders = hosts.values().filter(|host| host.traffic.packets_out > 0).count();
    let observed = Observed { first, last, hosts: senders };
    let channels = store.channels().collect_sorted(|_, channel| Some(channel.clone()));
    let identity = |key: &ChannelKey, channel: &Channel| match peer_name(key, channel) {
        Some(name) => PeerIdentity::Name(name.to_string()),
        None => PeerIdentity::Addr(channel.address),
    };
    let mut hosts_of: BTreeMap<PeerIdentity, Vec<Addr>> = BTreeMap::new();
    for (key, channel) in &channels {
        let known = hosts_of.entry(identity(key, channel)).or_default();
        // Keys are sorted by host: a host's channels to one peer come in one run.
        if known.last() != Some(&key.host) {
            known.push(key.host);
        }
    }
    channels
        .into_iter()
        .map(|(key, channel)| {
            let hosts_of_peer = hosts_of.get(&identity(&key, &channel)).map_or(1, Vec::len);
            let host = hosts.get(&key.host).cloned().unwrap_or_default();
            Row { key, channel, host, observed, hosts_of_peer }
        })
        .collect()
}

fn host_scores(store: &FeatureStore, channels: &[ChannelScore]) -> Vec<HostScore> {
    let mut hosts: BTreeMap<Addr, HostScore> = store
        .hosts()
        .collect_sorted(|_, state| Some(state.clone()))
        .into_iter()
        .map(|(host, state)| (host, HostScore { host, state, peers: 0, worst: [(0.0, 1.0, None); 2] }))
        .collect();
    let mut previous_peer = None;
    for (index, scored) in channels.iter().enumerate() {
        let Some(host) = hosts.get_mut(&scored.key.host) else { continue };
        let peer = (scored.key.host, &scored.key.peer);
        if matches!(scored.key.peer, ChannelPeer::Addr(_)) && previous_peer != Some(peer) {
            host.peers += 1;
        }
        previous_peer = Some(peer);
        for (worst, verdict) in host.worst.iter_mut().zip(&scored.verdicts) {
            if verdict.judged && verdict.score > worst.0 {
                *worst = (verdict.score, verdict.p_value, Some(index));
            }
        }
    }
    hosts.into_values().collect()
}

/// Stable across reruns: 64 bits of a hash of what the finding is about.
fn finding_id(kind: Kind, key: &ChannelKey) -> String {
    let peer = match &key.peer {
        ChannelPeer::Addr(addr) => addr.to_string(),
        ChannelPeer::Domain(domain) => domain.to_string(),
    };
    let about = format!("{} {} {peer} {} {} {}", kind.name(), key.host, key.port, key.proto, key.outbound);
    let mut id = hex::encode(Sha256::digest(about.as_bytes()));
    id.truncate(16);
    id
}

/// What the finding's chart shows over the channel's life: bytes out for exfiltration, bursts up to the last packet for C2.
fn activity_of(kind: Kind, channel: &Channel) -> Vec<u32> {
    if let (Kind::Exfil, Some(volume)) = (kind, &channel.volume_out) {
        return volume.sums().iter().map(|&sum| u32::try_from(sum).unwrap_or(u32::MAX)).collect();
    }
    let (Kind::C2, Some(life)) = (kind, &channel.life) else { return Vec::new() };
    let bins = (channel.last_seen - channel.first_seen).as_nanos() / life.bin_width().as_nanos() + 1;
    let bins = usize::try_from(bins).unwrap_or(usize::MAX);
    life.counts().iter().take(bins).map(|count| u32::from(*count)).collect()
}

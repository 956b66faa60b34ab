//! Units: incidents and judged channels without a label, with the score that each scorer gives.

use std::collections::{BTreeMap, BTreeSet};

use super::observer::{FlowObserver, Volume};
use super::scorers::{Facts, ScoreSet, Scorer, detector_score, narrow, rule_scores};
use super::{Label, OtherAttack};
use crate::addr::Addr;
use crate::detect::{ChannelScore, Finding, Kind, Scores, Severity};
use crate::features::{Peer, peer_address, peer_name};

/// Hosts from which their share that talks to a peer says something.
const FEWEST_HOSTS: usize = 4;

/// What a unit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A label of the input, by index.
    Incident(usize),
    /// A channel without a label, by index into the channels of the input.
    Channel(usize),
}

/// One unit of one detector.
#[derive(Clone, Debug)]
pub struct Unit {
    pub(super) subject: Subject,
    /// Scores in the order of [`Scorer::ALL`]; that of the plain forest comes last of all inputs.
    pub(super) scores: ScoreSet,
    /// Feature rows: one of a channel, all of an incident.
    pub(super) rows: Vec<Vec<f32>>,
    /// p-value; 1 for an incident without a judged channel.
    pub(super) p_value: f64,
}

/// Units of one detector in one input. Every label has one, those of the other detector too.
/// Channels of other attacks have none.
pub(super) fn units_of(
    kind: Kind,
    scores: &Scores,
    observer: &FlowObserver,
    labels: &[Label],
    others: &[OtherAttack],
) -> Vec<Unit> {
    let incident = |index| Unit {
        subject: Subject::Incident(index),
        scores: ScoreSet::default(),
        rows: Vec::new(),
        p_value: 1.0,
    };
    let mut units: Vec<Unit> = (0..labels.len()).map(incident).collect();
    let context = Context {
        observer,
        volumes: observer.volumes(),
        findings: Findings::new(kind, &scores.findings),
        hosts_of: hosts_of_peers(&scores.channels),
        hosts: scores.hosts.iter().filter(|host| host.state.traffic.packets_out > 0).count(),
    };
    for (index, row) in scores.channels.iter().enumerate() {
        let channel = unit_of(kind, index, row, &context);
        let mut labelled = false;
        for (label, unit) in labels.iter().zip(units.iter_mut()) {
            if label.names_channel(&row.key, &row.channel) {
                unit.merge(&channel);
                labelled = true;
            }
        }
        let other_attack = || others.iter().any(|other| other.names_channel(&row.key));
        if !labelled && verdict(kind, row).judged && !other_attack() {
            units.push(channel);
        }
    }
    units
}

impl Unit {
    /// Takes the higher of each score, and all rows.
    pub(super) fn merge(&mut self, other: &Self) {
        for (score, other) in self.scores.iter_mut().zip(other.scores) {
            *score = score.max(other);
        }
        self.rows.extend(other.rows.iter().cloned());
        self.p_value = self.p_value.min(other.p_value);
    }

    /// The score that a scorer gave.
    pub fn score(&self, scorer: Scorer) -> f32 {
        self.scores.get(scorer.index()).copied().unwrap_or_default()
    }

    pub(super) fn set_score(&mut self, scorer: Scorer, score: f32) {
        if let Some(slot) = self.scores.get_mut(scorer.index()) {
            *slot = score;
        }
    }
}

/// What scoring a channel needs beside the channel.
struct Context<'a> {
    observer: &'a FlowObserver,
    volumes: BTreeMap<Addr, Volume>,
    findings: Findings<'a>,
    hosts_of: BTreeMap<PeerIdentity<'a>, usize>,
    /// Monitored hosts that sent something.
    hosts: usize,
}

/// Whom a channel leads to: a name where it has one, an address otherwise.
type PeerIdentity<'a> = Result<&'a str, Addr>;

fn identity(row: &ChannelScore) -> PeerIdentity<'_> {
    peer_name(&row.key, &row.channel).map(|name| &**name).ok_or_else(|| peer_address(&row.key, &row.channel))
}

/// How many monitored hosts talk to each peer.
fn hosts_of_peers(rows: &[ChannelScore]) -> BTreeMap<PeerIdentity<'_>, usize> {
    let pairs: BTreeSet<(PeerIdentity<'_>, Addr)> =
        rows.iter().map(|row| (identity(row), row.key.host)).collect();
    let mut hosts = BTreeMap::new();
    for (peer, _) in pairs {
        *hosts.entry(peer).or_default() += 1;
    }
    hosts
}

fn unit_of(kind: Kind, index: usize, row: &ChannelScore, context: &Context<'_>) -> Unit {
    let hosts_of_peer = context.hosts_of.get(&identity(row)).copied().unwrap_or(1);
    let facts = Facts {
        channel: &row.channel,
        flows: context.observer.flows_of(&row.key),
        host_volume: context.volumes.get(&row.key.host).copied(),
        rita: context.observer.rita_of(&row.key, &row.channel),
        prevalence: (context.hosts >= FEWEST_HOSTS).then(|| hosts_of_peer as f64 / context.hosts as f64),
    };
    let verdict = verdict(kind, row);
    let (forest, chance) = if verdict.judged { (verdict.score, verdict.chances.of_any) } else { (0.0, 1.0) };
    let mut unit = Unit {
        subject: Subject::Channel(index),
        scores: rule_scores(kind, &facts),
        rows: vec![verdict.row.clone()],
        p_value: if verdict.judged { verdict.p_value } else { 1.0 },
    };
    unit.set_score(Scorer::Forest, narrow(forest));
    unit.set_score(Scorer::Detector, detector_score(context.findings.severity_of(row), chance, forest));
    unit
}

pub(super) fn verdict(kind: Kind, row: &ChannelScore) -> &crate::detect::Verdict {
    let [c2, exfil] = &row.verdicts;
    match kind {
        Kind::C2 => c2,
        Kind::Exfil => exfil,
    }
}

/// The findings of one detector by host.
struct Findings<'a>(BTreeMap<Addr, Vec<&'a Finding>>);

impl<'a> Findings<'a> {
    fn new(kind: Kind, all: &'a [Finding]) -> Self {
        let mut by_host: BTreeMap<Addr, Vec<&Finding>> = BTreeMap::new();
        for finding in all.iter().filter(|finding| finding.kind == kind) {
            by_host.entry(finding.host).or_default().push(finding);
        }
        Self(by_host)
    }

    /// The highest severity of a finding about a channel.
    fn severity_of(&self, row: &ChannelScore) -> Option<Severity> {
        let of_host = self.0.get(&row.key.host)?;
        of_host.iter().filter(|finding| is_about(finding, row)).map(|finding| finding.severity).max()
    }
}

/// Whether a finding is about a channel. What a finding leaves open (several addresses, several ports) is the same for all.
fn is_about(finding: &Finding, row: &ChannelScore) -> bool {
    let peer = &finding.peer;
    let name = peer_name(&row.key, &row.channel).map(|name| &**name);
    let same_end = match &row.key.peer {
        Peer::Addr(addr) => {
            peer.ip.map_or(peer.name.as_deref() == name, |ip| ip == *addr && peer.name.as_deref() == name)
        }
        Peer::Domain(domain) => {
            peer.name.as_deref() == Some(&**domain) && row.channel.dns().is_some() && peer.service == "dns"
        }
    };
    same_end
        && peer.port.is_none_or(|port| port == row.key.port)
        && peer.proto == crate::decode::proto::name(row.key.proto)
}

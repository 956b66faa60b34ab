//! The scoring pass: all channels and hosts of a store, in the order of their keys.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::addr::Addr;
use crate::decode::proto;
use crate::features::{
    Channel, ChannelKey, ChannelView, FeatureStore, Host, Peer as ChannelPeer, observed_range, peer_name,
    vector_of,
};
use crate::model::{Calibrations, Model, ModelError};

use super::explain::{evidence_of, techniques_of};
use super::gate::may_be_judged;
use super::parts::in_parts;
use super::rows::{channels_of, hosts_seen, views_of};
use super::severity::{Chances, SeverityLimits, severity_of};
use super::threshold::score_threshold;
use super::{
    Allowlist, Behaviour, Finding, Kind, Peer, Severity, behaviour_of, can_judge, features_of, specs_of,
};

/// Rows that are worth the start of a thread.
const LEAST_ROWS: usize = 1024;
/// Findings that are, since each is explained.
const LEAST_FINDINGS: usize = 64;

/// What a detector says of a channel. Score 0, p-value 1 and no features where it was not asked.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Anomaly score, 0 to 1.
    pub score: f64,
    /// Share of benign calibration rows that score at least as high.
    pub p_value: f64,
    /// How seldom a benign channel scores as high.
    pub chances: Chances,
    /// Whether there is enough of the channel to be judged.
    pub judged: bool,
    /// What the channel does, where it does something that the detector reports.
    pub behaviour: Option<Behaviour>,
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
    /// Whether the allowlist covers it: it is no finding, and its host is not scored by it.
    pub allowed: bool,
}

/// A host with its scores: those of its worst judged channel that the allowlist does not cover.
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

/// The [`HostScore::worst`] of a host of which nothing could be judged.
const NOT_JUDGED: [(f64, f64, Option<usize>); 2] = [(0.0, 1.0, None); 2];

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Findings alone: no rows, and no score of a channel that shows no behaviour.
    Findings,
    /// Rows of those channels that a detector can judge.
    Judged,
    /// Rows of all, with the scores of both detectors.
    Every,
}

/// The outcome of a pass.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// The channels that were scored, in the order of their keys; none where only findings were asked for.
    pub channels: Vec<ChannelScore>,
    /// All hosts, in the order of their addresses; none where only findings were asked for.
    pub hosts: Vec<HostScore>,
    /// Findings, highest score first.
    pub findings: Vec<Finding>,
    /// Findings that the allowlist held back.
    pub allowed: usize,
    /// The score from which a channel can be of a severity; nothing where the model's calibration is too coarse to tell.
    pub thresholds: BTreeMap<(Kind, Severity), f64>,
}

impl Scores {
    /// Gives each host the score of its worst judged channel, of those that `counts` takes and the allowlist does not cover.
    pub(crate) fn score_hosts(&mut self, counts: impl Fn(&ChannelScore) -> bool) {
        for host in &mut self.hosts {
            host.worst = NOT_JUDGED;
        }
        let mut hosts = self.hosts.iter_mut().peekable();
        for (index, scored) in self.channels.iter().enumerate() {
            // Both are in the order of hosts.
            while hosts.next_if(|host| host.host < scored.key.host).is_some() {}
            let Some(host) = hosts.peek_mut().filter(|host| host.host == scored.key.host) else { continue };
            if scored.allowed || !counts(scored) {
                continue;
            }
            for (worst, verdict) in host.worst.iter_mut().zip(&scored.verdicts) {
                if verdict.judged && verdict.score > worst.0 {
                    *worst = (verdict.score, verdict.p_value, Some(index));
                }
            }
        }
    }
}

/// False findings of high severity or above that the user bears a day, unless told otherwise.
pub const DEFAULT_ALERTS_A_DAY: f64 = 1.0;

/// Two models, what the user knows to be fine, and how many false alerts are borne.
#[derive(Clone, Debug)]
pub struct Detector {
    models: [Model; 2],
    allowlist: Allowlist,
    alerts_a_day: f64,
    threads: usize,
}

impl Detector {
    /// A detector of the models for C2 and exfiltration.
    ///
    /// # Errors
    /// [`ModelError`] where a model was trained on other features.
    pub fn new(c2: Model, exfil: Model, allowlist: Allowlist) -> Result<Self, ModelError> {
        c2.check_schema(&specs_of(Kind::C2))?;
        exfil.check_schema(&specs_of(Kind::Exfil))?;
        Ok(Self { models: [c2, exfil], allowlist, alerts_a_day: DEFAULT_ALERTS_A_DAY, threads: 1 })
    }

    /// The same detector with another alert budget: false findings of high severity or above that are borne a day.
    #[must_use]
    pub fn with_alert_budget(self, alerts_a_day: f64) -> Self {
        Self { alerts_a_day, ..self }
    }

    /// The same detector with so many threads for a pass, which changes no score.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The model of a detector.
    pub fn model(&self, kind: Kind) -> &Model {
        let [c2, exfil] = &self.models;
        match kind {
            Kind::C2 => c2,
            Kind::Exfil => exfil,
        }
    }

    /// Scores everything in the store: gives a row for every channel.
    pub fn score(&self, store: &FeatureStore) -> Scores {
        self.pass(store, Scope::Every)
    }

    /// Scores only the channels that a detector can judge, and gives rows of no others: enough for findings and for the
    /// scores of hosts, which are those of [`Detector::score`].
    pub fn score_judged(&self, store: &FeatureStore) -> Scores {
        self.pass(store, Scope::Judged)
    }

    /// Makes only the findings, which are those of [`Detector::score`]; gives no rows of channels and hosts.
    pub fn find(&self, store: &FeatureStore) -> Scores {
        self.pass(store, Scope::Findings)
    }

    fn pass(&self, store: &FeatureStore, scope: Scope) -> Scores {
        let mut scores = Scores::default();
        if scope != Scope::Findings {
            scores.hosts = hosts_of(store);
            count_peers(store, &mut scores.hosts);
        }
        let channels = channels_of(store, &self.allowlist, self.threads, |key, channel| {
            scope == Scope::Every || may_be_judged(key, channel)
        });
        let is_wanted = |view: &ChannelView<'_>| {
            scope == Scope::Every || Kind::ALL.into_iter().any(|kind| can_judge(kind, view))
        };
        let rows = in_parts(&channels, self.threads, LEAST_ROWS, |channels| views_of(channels, is_wanted));
        let [c2, exfil] = Kind::ALL
            .map(|kind| in_parts(&rows, self.threads, LEAST_ROWS, |rows| self.verdicts(kind, rows, scope)));
        let limits = [&c2, &exfil].map(|verdicts| self.limits(store, verdicts));
        scores.thresholds = self.thresholds(&rows, limits);
        for ((kind, verdicts), limits) in Kind::ALL.into_iter().zip([&c2, &exfil]).zip(limits) {
            self.report(kind, &rows, verdicts, limits, &mut scores);
        }
        scores.findings.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        if scope != Scope::Findings {
            scores.channels = rows
                .iter()
                .zip(c2.into_iter().zip(exfil))
                .map(|(row, (c2, exfil))| ChannelScore {
                    key: row.key.clone(),
                    channel: row.channel.clone(),
                    verdicts: [c2, exfil],
                    allowed: self.allowlist.covers_channel(row.key, row.channel),
                })
                .collect();
            scores.score_hosts(|_| true);
        }
        scores
    }

    /// The verdicts on rows; those that are not asked for are left blank.
    fn verdicts(&self, kind: Kind, rows: &[ChannelView<'_>], scope: Scope) -> Vec<Verdict> {
        let benign = self.benign(kind, rows);
        let features = features_of(kind);
        let mut verdicts: Vec<Verdict> = rows
            .iter()
            .map(|row| {
                let (judged, behaviour) = (can_judge(kind, row), behaviour_of(kind, row));
                let wanted = match scope {
                    Scope::Findings => behaviour.is_some(),
                    Scope::Judged => judged,
                    Scope::Every => true,
                };
                let row = if wanted { vector_of(features, row) } else { Vec::new() };
                Verdict { score: 0.0, p_value: 1.0, chances: Chances::NONE, judged, behaviour, row }
            })
            .collect();
        let vectors: Vec<f32> = verdicts.iter().flat_map(|verdict| &verdict.row).copied().collect();
        let mut scores = vec![0.0_f32; vectors.len() / features.len()];
        self.model(kind).score_rows(&vectors, &mut scores);
        for (verdict, score) in verdicts.iter_mut().filter(|verdict| !verdict.row.is_empty()).zip(scores) {
            verdict.score = f64::from(score);
            verdict.p_value = benign.all.p_value(score);
            verdict.chances = Chances::of(benign, score);
        }
        verdicts
    }

    /// What rows are compared with: benign rows of networks of about as many hosts.
    fn benign(&self, kind: Kind, rows: &[ChannelView<'_>]) -> &Calibrations {
        self.model(kind).calibrations_of(hosts_seen(rows))
    }

    /// What the severities of a pass ask for. A time shorter than a day is taken for a day: it is looked at once.
    fn limits(&self, store: &FeatureStore, verdicts: &[Verdict]) -> SeverityLimits {
        const DAY_S: f64 = 86_400.0;
        let days = observed_range(store).map_or(1.0, |(first, last)| (last - first).as_secs_f64() / DAY_S);
        let judged = verdicts.iter().filter(|verdict| verdict.judged).count() as f64;
        SeverityLimits::new(judged / days.max(1.0), self.alerts_a_day)
    }

    fn thresholds(
        &self,
        rows: &[ChannelView<'_>],
        limits: [SeverityLimits; 2],
    ) -> BTreeMap<(Kind, Severity), f64> {
        let of_kind = |(kind, limits): (Kind, SeverityLimits)| {
            Severity::ALL.into_iter().filter_map(move |severity| {
                Some(((kind, severity), score_threshold(self.benign(kind, rows), limits, severity)?))
            })
        };
        Kind::ALL.into_iter().zip(limits).flat_map(of_kind).collect()
    }

    /// Makes the findings of a detector.
    fn report(
        &self,
        kind: Kind,
        rows: &[ChannelView<'_>],
        verdicts: &[Verdict],
        limits: SeverityLimits,
        scores: &mut Scores,
    ) {
        let mut found = Vec::new();
        for (view, verdict) in rows.iter().zip(verdicts) {
            let Some(behaviour) = verdict.behaviour else { continue };
            let Some(severity) = severity_of(behaviour, verdict.chances, limits, view) else { continue };
            if self.allowlist.covers_channel(view.key, view.channel) {
                scores.allowed += 1;
            } else {
                found.push(Found { kind, view, verdict, behaviour, severity });
            }
        }
        if kind == Kind::Exfil {
            found.retain(|found| !found.is_told_by_another());
        }
        scores
            .findings
            .extend(in_parts(&found, self.threads, LEAST_FINDINGS, |found| self.explained(kind, found)));
    }

    fn explained(&self, kind: Kind, found: &[Found<'_>]) -> Vec<Finding> {
        let rows: Vec<f32> = found.iter().flat_map(|found| &found.verdict.row).copied().collect();
        let shares = self.model(kind).explain_rows(&rows);
        found.iter().zip(shares).map(|(found, shares)| self.finding(found, &shares)).collect()
    }

    fn finding(&self, found: &Found<'_>, shares: &[f32]) -> Finding {
        let &Found { kind, view, verdict, behaviour, severity } = found;
        let (key, channel) = (view.key, view.channel);
        let features = features_of(kind);
        Finding {
            id: finding_id(kind, key),
            kind,
            host: key.host,
            peer: Peer {
                ip: Some(channel.address),
                name: peer_name(key, channel).map(std::string::ToString::to_string),
                port: (key.port != 0).then_some(key.port),
                proto: proto::name(key.proto),
                service: channel.service.name().to_owned(),
            },
            score: verdict.score,
            p_value: verdict.p_value,
            severity,
            first_seen: channel.first_seen,
            last_seen: channel.last_seen,
            detected_at: None,
            behaviour,
            techniques: techniques_of(behaviour, view),
            evidence: evidence_of(behaviour, features, (&verdict.row, shares), self.model(kind), view),
            flows: channel.flows,
            bytes_out: channel.traffic.bytes_out,
            bytes_in: channel.traffic.bytes_in,
            activity: activity_of(kind, channel),
        }
    }
}

/// A channel of which there is a finding.
struct Found<'a> {
    kind: Kind,
    view: &'a ChannelView<'a>,
    verdict: &'a Verdict,
    behaviour: Behaviour,
    severity: Severity,
}

impl Found<'_> {
    /// Whether another finding stands for this one too: what a host sends to many destinations is one incident.
    fn is_told_by_another(&self) -> bool {
        let (outflow, of_an_asset) = (&self.view.outflow, self.view.asset_outflow());
        if of_an_asset > 0.0 {
            outflow.is_told_by_another(of_an_asset)
        } else {
            outflow.unusual.is_told_by_another()
        }
    }
}

/// All hosts, not scored yet.
fn hosts_of(store: &FeatureStore) -> Vec<HostScore> {
    let blank = |(host, state): (&Addr, &Host)| HostScore {
        host: *host,
        state: state.clone(),
        peers: 0,
        worst: NOT_JUDGED,
    };
    store.hosts().sorted_by(|host| *host).into_iter().map(blank).collect()
}

/// Counts the distinct addresses that hosts, in the order of their addresses, have channels to.
fn count_peers(store: &FeatureStore, hosts: &mut [HostScore]) {
    let talk = |(key, _): (&ChannelKey, &Channel)| match key.peer {
        ChannelPeer::Addr(peer) => Some((key.host, peer)),
        ChannelPeer::Domain(_) => None,
    };
    let mut talks: Vec<(Addr, Addr)> = store.channels().iter().filter_map(talk).collect();
    talks.sort_unstable();
    talks.dedup();
    for host in hosts {
        let until = talks.partition_point(|(of, _)| *of <= host.host);
        host.peers = until - talks.partition_point(|(of, _)| *of < host.host);
    }
}

/// What a finding of a channel is called, stable across reruns: 64 bits of a hash of what it is about.
pub fn finding_id(kind: Kind, key: &ChannelKey) -> String {
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
    if let (Kind::Exfil, Some(volume)) = (kind, channel.volume_out()) {
        return volume.sums().iter().map(|&sum| u32::try_from(sum).unwrap_or(u32::MAX)).collect();
    }
    let (Kind::C2, Some(life)) = (kind, &channel.life) else { return Vec::new() };
    let bins = (channel.last_seen - channel.first_seen).as_nanos() / life.bin_width().as_nanos() + 1;
    let bins = usize::try_from(bins).unwrap_or(usize::MAX);
    life.counts().iter().take(bins).map(|count| u32::from(*count)).collect()
}

//! The scoring pass: all channels and hosts of a store, in the order of their keys.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::decode::proto;
use crate::features::{
    Channel, ChannelKey, ChannelView, FeatureStore, Peer as ChannelPeer, observed_range, peer_address,
    peer_name, vector_of,
};
use crate::model::{Calibrations, Model, ModelError};

use super::explain::{evidence_of, techniques_of};
use super::gate::{is_told_by_another, may_be_judged};
use super::parts::in_parts;
use super::rows::{channels_of, extent_of, views_of};
use super::scores::{count_peers, hosts_of};
use super::severity::{Chances, SeverityLimits, severity_of};
use super::threshold::score_threshold;
use super::{
    Allowlist, Behaviour, ChannelScore, Finding, Kind, Peer, Scores, Severity, Verdict, behaviour_of,
    can_judge, features_of, specs_of,
};

/// Rows that are worth the start of a thread.
const LEAST_ROWS: usize = 1024;
/// Rows that are scored together.
const ROWS_AT_ONCE: usize = 4096;
/// Findings that are, since each is explained.
const LEAST_FINDINGS: usize = 64;

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

/// False alerts that the user bears a day, unless told otherwise.
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

    /// The same detector with another alert budget: false alerts that are borne a day, of C2 and exfiltration together. Each has half of it.
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

    /// The verdicts on rows; those that are not asked for are left blank. Rows are taken so many at a time that what they are scored by stays in the cache.
    fn verdicts(&self, kind: Kind, rows: &[ChannelView<'_>], scope: Scope) -> Vec<Verdict> {
        let benign = self.benign(kind, rows);
        let mut verdicts = Vec::with_capacity(rows.len());
        for rows in rows.chunks(ROWS_AT_ONCE) {
            verdicts.extend(self.verdicts_beside(benign, kind, rows, scope));
        }
        verdicts
    }

    /// The verdicts on a few thousand rows, beside benign ones.
    fn verdicts_beside(
        &self,
        benign: &Calibrations,
        kind: Kind,
        rows: &[ChannelView<'_>],
        scope: Scope,
    ) -> Vec<Verdict> {
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
                Verdict {
                    score: 0.0,
                    question: 0,
                    p_value: 1.0,
                    chances: Chances::NONE,
                    judged,
                    behaviour,
                    row,
                }
            })
            .collect();
        let vectors: Vec<f32> = verdicts.iter().flat_map(|verdict| &verdict.row).copied().collect();
        let answers = self.model(kind).answer_rows(&vectors);
        for (verdict, answer) in verdicts.iter_mut().filter(|verdict| !verdict.row.is_empty()).zip(answers) {
            verdict.score = f64::from(answer.score);
            verdict.question = answer.question;
            verdict.p_value = benign.all.p_value(answer.score);
            verdict.chances = Chances::of(benign, answer.score);
        }
        verdicts
    }

    /// What rows are compared with: benign rows of networks of about as many hosts, watched for about as long.
    fn benign(&self, kind: Kind, rows: &[ChannelView<'_>]) -> &Calibrations {
        self.model(kind).calibrations_of(extent_of(rows))
    }

    /// What the severities of a pass ask for. A time shorter than a day is taken for a day: it is looked at once.
    fn limits(&self, store: &FeatureStore, verdicts: &[Verdict]) -> SeverityLimits {
        const DAY_S: f64 = 86_400.0;
        let days = observed_range(store).map_or(1.0, |(first, last)| (last - first).as_secs_f64() / DAY_S);
        let judged = verdicts.iter().filter(|verdict| verdict.judged).count() as f64;
        SeverityLimits::new(judged / days.max(1.0), self.alerts_a_day / Kind::ALL.len() as f64)
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
        found.retain(|found| !is_told_by_another(kind, found.view));
        scores
            .findings
            .extend(in_parts(&found, self.threads, LEAST_FINDINGS, |found| self.explained(kind, found)));
    }

    fn explained(&self, kind: Kind, found: &[Found<'_>]) -> Vec<Finding> {
        let rows: Vec<f32> = found.iter().flat_map(|found| &found.verdict.row).copied().collect();
        let questions: Vec<usize> = found.iter().map(|found| found.verdict.question).collect();
        let shares = self.model(kind).explain_rows(&rows, &questions);
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
                ip: Some(peer_address(key, channel)),
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
    let (Kind::C2, Some(life)) = (kind, channel.life()) else { return Vec::new() };
    let bins = (channel.last_seen - channel.first_seen).as_nanos() / life.bin_width().as_nanos() + 1;
    let bins = usize::try_from(bins).unwrap_or(usize::MAX);
    life.counts().iter().take(bins).map(|count| u32::from(*count)).collect()
}

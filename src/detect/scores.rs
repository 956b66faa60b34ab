//! The outcome of a scoring pass.

use std::collections::BTreeMap;

use crate::addr::Addr;
use crate::features::{Channel, ChannelKey, FeatureStore, Host, Peer as ChannelPeer};

use super::severity::Chances;
use super::{Behaviour, Finding, Kind, Severity};

/// What a detector says of a channel. Score 0, p-value 1 and no features where it was not asked.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Anomaly score, 0 to 1.
    pub score: f64,
    /// The question of the model that it is the answer to: an index into the model's questions.
    pub question: usize,
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

/// All hosts, not scored yet.
pub(super) fn hosts_of(store: &FeatureStore) -> Vec<HostScore> {
    let blank = |(host, state): (&Addr, &Host)| HostScore {
        host: *host,
        state: state.clone(),
        peers: 0,
        worst: NOT_JUDGED,
    };
    store.hosts().sorted_by(|host| *host).into_iter().map(blank).collect()
}

/// Counts the distinct addresses that hosts, in the order of their addresses, have channels to.
pub(super) fn count_peers(store: &FeatureStore, hosts: &mut [HostScore]) {
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

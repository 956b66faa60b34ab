//! Which hosts have series of their own: at most K of each detector, chosen so that series do not flap.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::addr::Addr;
use crate::time::{Span, Timestamp};

/// How hosts come and go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopKConfig {
    /// Hosts, at most.
    pub limit: usize,
    /// Score at which a host enters.
    pub entry: f64,
    /// Score below which a host leaves.
    pub release: f64,
    /// How long a host stays at least, unless one of higher standing needs its place.
    pub dwell: Span,
    /// How much more a host must score than the one whose place it takes.
    pub margin: f64,
}

impl Default for TopKConfig {
    fn default() -> Self {
        Self { limit: 50, entry: 0.3, release: 0.2, dwell: Span::from_secs(600), margin: 0.05 }
    }
}

/// A host that may have series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The host.
    pub host: Addr,
    /// Its score, 0 to 1.
    pub score: f64,
    /// Hosts of higher standing come first.
    pub standing: Standing,
}

/// What there is against a host beside its score; the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing.
    Usual,
    /// Its score is over the alert threshold.
    Over,
    /// A finding stands too that raises an alert.
    Suspected,
}

/// The chosen hosts of one detector.
#[derive(Clone, Debug)]
pub struct TopK {
    config: TopKConfig,
    /// Since when each has been chosen.
    members: BTreeMap<Addr, Timestamp>,
}

/// Why a host lost its series: the `reason` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Eviction {
    /// Its score fell below the release score.
    Released,
    /// Another host took its place.
    Displaced,
    /// It has no state any more.
    Gone,
}

impl Eviction {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Released, Self::Displaced, Self::Gone];

    /// The label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Displaced => "displaced",
            Self::Gone => "gone",
        }
    }
}

impl TopK {
    /// Nobody is chosen yet.
    pub const fn new(config: TopKConfig) -> Self {
        Self { config, members: BTreeMap::new() }
    }

    /// Chooses anew among all hosts. Gives why hosts lost their place.
    pub fn update(&mut self, at: Timestamp, hosts: &[Candidate]) -> Vec<Eviction> {
        let known: BTreeMap<Addr, Candidate> = hosts.iter().map(|c| (c.host, *c)).collect();
        let mut evictions = self.release(at, &known);
        let mut outside: Vec<Candidate> = hosts
            .iter()
            .copied()
            .filter(|c| {
                !self.members.contains_key(&c.host)
                    && (c.standing > Standing::Usual || c.score >= self.config.entry)
            })
            .collect();
        outside.sort_by(|a, b| b.cmp_rank(a));
        for candidate in outside {
            if self.members.len() >= self.config.limit {
                let Some(weakest) = self.displaceable(at, &candidate, &known) else { break };
                self.members.remove(&weakest);
                evictions.push(Eviction::Displaced);
            }
            self.members.insert(candidate.host, at);
        }
        evictions
    }

    /// Takes other rules; who is chosen stays so until the next update.
    pub fn configure(&mut self, config: TopKConfig) {
        self.config = config;
    }

    /// Whether a host is chosen.
    pub fn contains(&self, host: Addr) -> bool {
        self.members.contains_key(&host)
    }

    /// K.
    pub const fn limit(&self) -> usize {
        self.config.limit
    }

    fn release(&mut self, at: Timestamp, known: &BTreeMap<Addr, Candidate>) -> Vec<Eviction> {
        let mut evictions = Vec::new();
        let TopKConfig { release, dwell, .. } = self.config;
        self.members.retain(|host, since| {
            let eviction = match known.get(host) {
                None => Eviction::Gone,
                Some(c) if c.standing == Standing::Usual && c.score < release && at - *since >= dwell => {
                    Eviction::Released
                }
                Some(_) => return true,
            };
            evictions.push(eviction);
            false
        });
        evictions
    }

    /// The weakest member, where the candidate may take its place.
    fn displaceable(
        &self,
        at: Timestamp,
        candidate: &Candidate,
        known: &BTreeMap<Addr, Candidate>,
    ) -> Option<Addr> {
        let members = self.members.iter().filter_map(|(host, since)| Some((known.get(host)?, *since)));
        let (weakest, since) = members.min_by(|(a, _), (b, _)| a.cmp_rank(b))?;
        let stayed = at - since >= self.config.dwell;
        let stronger = candidate.score >= weakest.score + self.config.margin;
        let comes_first = candidate.standing > weakest.standing;
        let outranks = candidate.standing == weakest.standing && stronger && stayed;
        (comes_first || outranks).then_some(weakest.host)
    }
}

impl Candidate {
    /// Hosts of higher standing are greater, then those of higher score, then those of lower address.
    fn cmp_rank(&self, other: &Self) -> Ordering {
        let by_standing = self.standing.cmp(&other.standing);
        by_standing.then(self.score.total_cmp(&other.score)).then(other.host.cmp(&self.host))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const CONFIG: TopKConfig =
        TopKConfig { limit: 2, entry: 0.3, release: 0.2, dwell: Span::from_secs(600), margin: 0.05 };

    fn addr(n: u8) -> Addr {
        Addr::from_v4([10, 0, 0, n])
    }

    /// Applies scores at minutes; one over 0.9 is over the alert threshold, and host 9 is suspected then. Gives the members after the last.
    fn members(steps: &[(i64, &[(u8, f64)])]) -> (Vec<u8>, Vec<Eviction>) {
        let mut top = TopK::new(CONFIG);
        let mut evictions = Vec::new();
        for (minute, scores) in steps {
            let hosts: Vec<Candidate> = scores
                .iter()
                .map(|&(n, score)| {
                    let standing = match (score > 0.9, n) {
                        (false, _) => Standing::Usual,
                        (true, 9) => Standing::Suspected,
                        (true, _) => Standing::Over,
                    };
                    Candidate { host: addr(n), score, standing }
                })
                .collect();
            evictions.extend(top.update(Timestamp::from_secs_nanos(minute * 60, 0), &hosts));
            assert!(top.members.len() <= CONFIG.limit);
        }
        ((0..=u8::MAX).filter(|n| top.contains(addr(*n))).collect(), evictions)
    }

    #[test]
    fn the_highest_enter_above_the_floor() {
        assert_eq!(members(&[(0, &[(1, 0.2), (2, 0.5), (3, 0.4), (4, 0.6)])]).0, [2, 4]);
        assert!(members(&[(0, &[(1, 0.2), (2, 0.29)])]).0.is_empty());
        assert_eq!(members(&[(0, &[(3, 0.5), (2, 0.5), (1, 0.5)])]).0, [1, 2], "ties go by address");
    }

    #[test]
    fn members_stay_for_the_dwell_time_and_leave_below_the_release_score() {
        let low: &[(u8, f64)] = &[(1, 0.1)];
        let between: &[(u8, f64)] = &[(1, 0.25)];
        let high: &[(u8, f64)] = &[(1, 0.5)];
        assert_eq!(members(&[(0, high), (9, low)]), (vec![1], vec![]));
        assert_eq!(members(&[(0, high), (10, between)]), (vec![1], vec![]));
        assert_eq!(members(&[(0, high), (10, low)]), (vec![], vec![Eviction::Released]));
        assert_eq!(members(&[(0, high), (1, &[])]), (vec![], vec![Eviction::Gone]));
    }

    #[test]
    fn a_place_is_taken_by_a_clear_margin_or_by_an_alert() {
        let full: &[(u8, f64)] = &[(1, 0.5), (2, 0.6)];
        let check = |minute, score, expected: &[u8]| {
            let now = [(1, 0.5), (2, 0.6), (3, score)];
            assert_eq!(members(&[(0, full), (minute, &now)]).0, expected, "{minute} {score}");
        };
        check(20, 0.54, &[1, 2]);
        check(20, 0.55, &[2, 3]);
        check(5, 0.8, &[1, 2]);
        check(5, 0.95, &[2, 3]);
        let alerts: &[(u8, f64)] = &[(1, 0.91), (2, 0.92)];
        let more = [(1, 0.91), (2, 0.92), (3, 1.0)];
        assert_eq!(
            members(&[(0, alerts), (5, &more)]).0,
            [1, 2],
            "alerts have the dwell time among themselves"
        );
        assert_eq!(members(&[(0, alerts), (10, &more)]).0, [2, 3]);
        let suspected = [(1, 0.95), (2, 0.96), (9, 0.91)];
        assert_eq!(members(&[(0, alerts), (5, &suspected)]).0, [2, 9], "who is suspected comes first of all");
    }

    /// A day of a pass a minute over 5,000 hosts, whose scores waver about a mean of their own; twenty of them are over the alert
    /// threshold for an hour each. Gives the series that were started by each way to choose, and the alerts that it missed.
    fn day() -> [(u64, u64); 2] {
        use rand::{RngExt, SeedableRng};
        const HOSTS: u16 = 5000;
        let config = TopKConfig::default();
        let mut random = rand::rngs::ChaCha8Rng::seed_from_u64(7);
        let means: Vec<f64> = (0..HOSTS).map(|_| random.random::<f64>().powi(6) * 0.6).collect();
        let mut top = TopK::new(config);
        let mut before: [BTreeSet<Addr>; 2] = Default::default();
        let mut counts = [(0, 0); 2];
        for minute in 0..24 * 60_i64 {
            let hosts: Vec<Candidate> = (0..HOSTS)
                .map(|n| {
                    let [high, low] = n.to_be_bytes();
                    let alert = n < 20 && minute / 60 == i64::from(n);
                    let wavering = means[usize::from(n)] + random.random_range(-0.05..0.05);
                    let score = if alert { 0.95 } else { wavering.clamp(0.0, 0.9) };
                    let standing = if alert { Standing::Suspected } else { Standing::Usual };
                    Candidate { host: Addr::from_v4([10, 1, high, low]), score, standing }
                })
                .collect();
            top.update(Timestamp::from_secs_nanos(minute * 60, 0), &hosts);
            let mut ranked = hosts.clone();
            ranked.sort_by(|a, b| b.cmp_rank(a));
            let plain: BTreeSet<Addr> = ranked.iter().take(config.limit).map(|c| c.host).collect();
            let chosen = hosts.iter().map(|c| c.host).filter(|host| top.contains(*host)).collect();
            for ((now, before), count) in [plain, chosen].into_iter().zip(&mut before).zip(&mut counts) {
                count.0 += now.difference(before).count() as u64;
                count.1 +=
                    hosts.iter().filter(|c| c.standing > Standing::Usual && !now.contains(&c.host)).count()
                        as u64;
                *before = now;
            }
        }
        counts
    }

    #[test]
    fn a_day_of_5000_hosts_starts_a_fifth_of_the_series_of_plain_top_k_and_misses_no_alert() {
        let [(plain, missed_by_plain), (ours, missed)] = day();
        assert_eq!((missed_by_plain, missed), (0, 0));
        assert!(ours * 5 <= plain, "{ours} against {plain}");
        assert!(ours >= 20 + 50, "{ours}: there were hosts to choose");
    }
}

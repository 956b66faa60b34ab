//! Follows findings from one scoring pass to the next: each incident is told once when it is found, again when it changes, and
//! once more when it is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::detect::{Behaviour, Finding, Kind, Severity};
use crate::time::{Span, Timestamp};

/// When an incident is told again, and when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// Seconds after which an incident that goes on is told again, with the counters of then.
    pub update_every_s: u32,
    /// Seconds of silence after which an incident is over.
    pub end_after_s: u32,
    /// Most incidents that are followed.
    pub max_open: usize,
}

impl Default for BookConfig {
    fn default() -> Self {
        Self { update_every_s: 3600, end_after_s: 6 * 3600, max_open: 10_000 }
    }
}

/// Why a finding is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    New,
    /// It has grown worse, or goes on.
    Update,
    /// Nothing was seen of it for a while.
    End,
}

impl Change {
    /// The name in outputs, e.g. `new`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Update => "update",
            Self::End => "end",
        }
    }
}

/// An incident that is being followed, as checkpoints hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Which detector found it.
    pub kind: Kind,
    /// The monitored host.
    pub host: Addr,
    /// Severity as it was told last.
    pub severity: Severity,
    /// Behaviour as it was told last.
    pub behaviour: Behaviour,
    /// Packet time of the pass that found it.
    pub detected_at: Timestamp,
    /// Packet time at which it was told last.
    pub told_at: Timestamp,
    /// Its last packet.
    pub last_seen: Timestamp,
}

/// Something to be told of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Why.
    pub change: Change,
    /// Packet time of the pass.
    pub at: Timestamp,
    /// The finding's id.
    pub id: String,
    /// The incident.
    pub incident: Incident,
    /// The finding; of one that is over, the last that was known of it, which after a restart is nothing.
    pub finding: Option<Finding>,
}

/// The incidents that are being followed.
#[derive(Debug)]
pub struct Book {
    config: BookConfig,
    open: BTreeMap<String, Incident>,
    untold: u64,
}

impl Book {
    /// Goes on with the incidents of an earlier run.
    pub fn new(config: BookConfig, open: BTreeMap<String, Incident>) -> Self {
        Self { config, open, untold: 0 }
    }

    /// The incidents by the id of their finding.
    pub fn open(&self) -> &BTreeMap<String, Incident> {
        &self.open
    }

    /// Findings that are not followed because the book is full.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    /// Takes other settings.
    pub fn configure(&mut self, config: BookConfig) {
        self.config = config;
    }

    /// Takes the findings of a pass: leaves out those that are over, gives the others the time at which they were found, and says
    /// what is to be told.
    pub fn take(&mut self, at: Timestamp, findings: &mut Vec<Finding>) -> Vec<Event> {
        let silent = Span::from_secs(self.config.end_after_s.into());
        findings.retain(|finding| at - finding.last_seen < silent);
        let mut events = Vec::new();
        for finding in findings {
            let known = self.open.get(&finding.id);
            if known.is_none() && self.open.len() >= self.config.max_open {
                self.untold += 1;
                continue;
            }
            let change = known.map_or(Some(Change::New), |incident| self.change(at, incident, finding));
            let detected_at = known.map_or(at, |incident| incident.detected_at);
            let told_at = change.map_or_else(|| known.map_or(at, |incident| incident.told_at), |_| at);
            finding.detected_at = Some(detected_at);
            let (severity, behaviour) = match (known, change) {
                (Some(known), None) => (known.severity, known.behaviour),
                _ => (finding.severity, finding.behaviour),
            };
            let incident = Incident {
                kind: finding.kind,
                host: finding.host,
                severity,
                behaviour,
                detected_at,
                told_at,
                last_seen: finding.last_seen,
            };
            if let Some(change) = change {
                let (id, incident) = (finding.id.clone(), incident.clone());
                events.push(Event { change, at, id, incident, finding: Some(finding.clone()) });
            }
            self.open.insert(finding.id.clone(), incident);
        }
        events.extend(self.end(at, silent));
        events
    }

    fn change(&self, at: Timestamp, told: &Incident, finding: &Finding) -> Option<Change> {
        let rested = at - told.told_at >= Span::from_secs(self.config.update_every_s.into());
        let other = told.severity != finding.severity || told.behaviour != finding.behaviour;
        let goes_on = finding.last_seen > told.last_seen || other;
        // What grows worse is told at once; what wavers about a threshold is not told at every pass.
        (finding.severity > told.severity || rested && goes_on).then_some(Change::Update)
    }

    /// Ends the incidents of which nothing was seen for long.
    fn end(&mut self, at: Timestamp, silent: Span) -> Vec<Event> {
        let over: Vec<String> = self
            .open
            .iter()
            .filter(|(_, incident)| at - incident.last_seen >= silent)
            .map(|(id, _)| id.clone())
            .collect();
        over.into_iter()
            .filter_map(|id| {
                let incident = self.open.remove(&id)?;
                Some(Event { change: Change::End, at, id, incident, finding: None })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Peer;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    fn finding(id: &str, severity: Severity, last_seen: i64) -> Finding {
        Finding {
            id: id.to_owned(),
            kind: Kind::C2,
            host: Addr::from_v4([10, 0, 0, 1]),
            peer: Peer::default(),
            score: 0.9,
            p_value: 0.001,
            severity,
            first_seen: at(0),
            last_seen: at(last_seen),
            detected_at: None,
            behaviour: Behaviour::Beacon,
            techniques: vec![],
            evidence: vec![],
            flows: 1,
            bytes_out: 1,
            bytes_in: 1,
            activity: vec![],
        }
    }

    /// Findings of a pass: id, severity, last packet.
    type Made<'a> = &'a [(&'a str, Severity, i64)];

    /// What is told of passes at seconds.
    fn told(book: &mut Book, passes: &[(i64, Made<'_>)]) -> Vec<(i64, Change, String)> {
        let mut all = Vec::new();
        for (second, findings) in passes {
            let mut findings: Vec<Finding> = findings.iter().map(|f| finding(f.0, f.1, f.2)).collect();
            let events = book.take(at(*second), &mut findings);
            all.extend(events.into_iter().map(|event| (*second, event.change, event.id)));
        }
        all
    }

    #[test]
    fn an_incident_is_told_once_then_when_it_changes_and_when_it_is_over() {
        use Severity::{Critical, High, Low};
        let mut book = Book::new(BookConfig::default(), BTreeMap::new());
        let passes: &[(i64, Made<'_>)] = &[
            (10, &[("a", High, 9)]),
            (20, &[("a", High, 19)]),
            (25, &[("a", Low, 24)]),
            (27, &[("a", High, 26)]),
            (30, &[("a", Critical, 29), ("b", High, 5)]),
            (4000, &[("a", Critical, 3999), ("b", High, 5)]),
            (9000, &[("a", Critical, 8999)]),
            (40_000, &[("a", Critical, 8999)]),
            (40_010, &[("a", Critical, 40_009)]),
        ];
        let events = told(&mut book, passes);
        let expected = [
            (10, Change::New, "a"),
            (30, Change::Update, "a"),
            (30, Change::New, "b"),
            (4000, Change::Update, "a"),
            (9000, Change::Update, "a"),
            (40_000, Change::End, "a"),
            (40_000, Change::End, "b"),
            (40_010, Change::New, "a"),
        ];
        assert_eq!(events, expected.map(|(second, change, id)| (second, change, id.to_owned())));
    }

    #[test]
    fn a_restart_goes_on_with_what_was_told() {
        let mut before = Book::new(BookConfig::default(), BTreeMap::new());
        told(&mut before, &[(10, &[("a", Severity::High, 9)])]);
        let mut after = Book::new(BookConfig::default(), before.open().clone());
        let mut findings = vec![finding("a", Severity::High, 50)];
        assert!(after.take(at(60), &mut findings).is_empty());
        assert_eq!(findings[0].detected_at, Some(at(10)));
    }

    #[test]
    fn the_book_is_bounded() {
        let mut book = Book::new(BookConfig { max_open: 1, ..BookConfig::default() }, BTreeMap::new());
        let both: &[(&str, Severity, i64)] = &[("a", Severity::High, 9), ("b", Severity::High, 9)];
        assert_eq!(told(&mut book, &[(10, both)]).len(), 1);
        assert_eq!((book.open().len(), book.untold()), (1, 1));
    }
}

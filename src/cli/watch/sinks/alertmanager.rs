//! Prometheus Alertmanager, API v2: findings as alerts that are sent again while they go on, and resolved when they are over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::detect::{Finding, Severity};
use crate::export::text::printable;
use crate::sensor::{AlertmanagerConfig, Change, Incident};
use crate::time::{Span, Timestamp};

use super::super::super::clock;
use super::http::{Post, Trusted};
use super::{Note, Sink, WAITING_MAX};

/// Times of sending again after which an alert that was not sent again counts as over: one may be missed.
const MISSED: i64 = 3;

#[derive(Debug)]
pub(in super::super) struct Target {
    post: Post,
    resend: Duration,
}

impl Target {
    pub(super) fn new(config: &AlertmanagerConfig, trusted: &Trusted) -> anyhow::Result<Self> {
        let url = format!("{}/api/v2/alerts", config.url.trim_end_matches('/'));
        Ok(Self {
            post: Post::new(url, &config.bearer_token_file, trusted)?,
            resend: Duration::from_secs(config.resend_s.into()),
        })
    }
}

pub(super) struct Alertmanager {
    target: Target,
    /// What goes on, as of the last pass.
    active: Arc<Vec<Finding>>,
    /// The gravest that each of these was, by id.
    gravest: BTreeMap<String, Severity>,
    /// What is over and was not told yet: labels, and when it began.
    over: Vec<Value>,
    due: bool,
    last: Option<Instant>,
}

impl Alertmanager {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            active: Arc::default(),
            gravest: BTreeMap::new(),
            over: Vec::new(),
            due: false,
            last: None,
        }
    }

    fn alerts(&self, now: Timestamp) -> Vec<Value> {
        let lasts = Span::from_nanos(
            i64::try_from(self.target.resend.as_nanos()).unwrap_or(i64::MAX).saturating_mul(MISSED),
        );
        let gravest = |finding: &Finding| self.gravest.get(&finding.id).copied().unwrap_or(finding.severity);
        let active = self.active.iter().map(|finding| alert(finding, gravest(finding), now + lasts));
        active.chain(self.over.iter().cloned()).collect()
    }
}

impl Sink for Alertmanager {
    fn take(&mut self, note: &Note) -> u64 {
        self.active = Arc::clone(&note.active);
        let gravest = |finding: &Finding| {
            let before = self.gravest.get(&finding.id).copied();
            (finding.id.clone(), before.map_or(finding.severity, |before| before.max(finding.severity)))
        };
        self.gravest = self.active.iter().map(gravest).collect();
        self.due |= !note.events.is_empty();
        let ended = note.events.iter().filter(|event| event.change == Change::End);
        self.over.extend(ended.map(|event| resolved(&event.id, &event.incident, clock::now())));
        let excess = self.over.len().saturating_sub(WAITING_MAX);
        self.over.drain(..excess);
        excess as u64
    }

    fn flush(&mut self) -> (u64, anyhow::Result<()>) {
        let rested = self.last.is_none_or(|last| last.elapsed() >= self.target.resend);
        if !(self.due || rested && !self.active.is_empty()) {
            return (0, Ok(()));
        }
        let alerts = self.alerts(clock::now());
        let count = alerts.len() as u64;
        if let Err(error) = self.target.post.send(&Value::Array(alerts)) {
            return (0, Err(error));
        }
        self.over.clear();
        self.due = false;
        self.last = Some(clock::instant());
        (count, Ok(()))
    }

    fn waiting(&self) -> usize {
        self.over.len() + if self.due { self.active.len() } else { 0 }
    }

    fn turn_to(&mut self, target: super::Target) {
        if let super::Target::Alertmanager(target) = target {
            self.target = target;
            // Where it is another Alertmanager, it has heard of none of them.
            self.due = !self.active.is_empty() || !self.over.is_empty();
        }
    }
}

/// Labels name the incident and nothing that wavers while it goes on, or Alertmanager would take it for another one. An incident
/// that grows worse is another one: the milder one ends by itself.
fn labels(id: &str, kind: &str, host: &str, severity: Severity) -> Value {
    json!({
        "alertname": "UndercurrentFinding",
        "detector": kind,
        "finding_id": id,
        "host": host,
        "severity": severity.name(),
    })
}

fn alert(finding: &Finding, severity: Severity, ends_at: Timestamp) -> Value {
    let (kind, host) = (finding.kind.name(), finding.host.to_string());
    let peer =
        finding.peer.name.clone().or_else(|| finding.peer.ip.map(|ip| ip.to_string())).unwrap_or_default();
    let reasons: Vec<&str> = finding.evidence.iter().map(|evidence| evidence.text.as_str()).collect();
    let summary = format!("{kind}: {} of {host} to {peer}", finding.behaviour.title());
    json!({
        "labels": labels(&finding.id, kind, &host, severity),
        "annotations": { "summary": printable(&summary), "description": printable(&reasons.join("; ")) },
        "startsAt": finding.detected_at.unwrap_or(finding.first_seen).to_rfc3339(),
        "endsAt": ends_at.to_rfc3339(),
    })
}

fn resolved(id: &str, incident: &Incident, now: Timestamp) -> Value {
    json!({
        "labels": labels(id, incident.kind.name(), &incident.host.to_string(), incident.severity),
        "startsAt": incident.detected_at.to_rfc3339(),
        "endsAt": now.to_rfc3339(),
    })
}

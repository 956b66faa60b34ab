//! From scored inputs to the measures.

use std::collections::BTreeMap;

use super::detection::DetectionTimes;
use super::outcome::{BehaviourRow, CalibrationRow, Evaluation, FalseFinding, Group, GroupRow, SeverityRow};
use super::scorers::{ScoreSet, plain_scores};
use super::unit::Subject;
use super::{
    IncidentRow, ScoredInput, Scorer, allowed_false_alerts, at_threshold, curve, recall_at_budget, sweep,
};
use crate::detect::{Kind, Severity};
use crate::model::ModelError;
use crate::model::metrics::{average_precision, roc_auc};
use crate::time::Span;

/// Inputs longer than this are counted by themselves.
const LONG_INPUT: Span = Span::from_secs(600);
/// p-values at which the calibration is looked at.
const P_VALUES: [f64; 6] = [0.01, 0.03, 0.1, 0.25, 0.5, 0.75];
const MINUTES_A_DAY: f64 = 1440.0;

/// Measures all inputs together. `budget_a_day`: false alerts a day that are allowed; `seed`: of the plain forest.
///
/// # Errors
/// Where the plain forest cannot be trained for another reason than too few rows.
pub fn evaluate(
    mut inputs: Vec<ScoredInput>,
    budget_a_day: f64,
    seed: u64,
) -> Result<Evaluation, ModelError> {
    for kind in Kind::ALL {
        score_plainly(kind, &mut inputs, seed)?;
    }
    let benign_days = inputs.iter().map(|input| input.active_minutes).sum::<u64>() as f64 / MINUTES_A_DAY;
    let allowed = allowed_false_alerts(budget_a_day, benign_days);
    let mut groups = Vec::new();
    for group in [Group::C2, Group::Exfil, Group::Overall] {
        let units = Units::of(group, &inputs);
        let asked = |scorer: &Scorer| match group {
            Group::C2 => scorer.answers(Kind::C2),
            Group::Exfil => scorer.answers(Kind::Exfil),
            Group::Overall => true,
        };
        groups.extend(
            Scorer::ALL
                .into_iter()
                .filter(asked)
                .map(|scorer| units.measure(group, scorer, benign_days, allowed)),
        );
    }
    for input in &mut inputs {
        mark_within_budget(input, &groups);
    }
    let false_findings = false_findings(&inputs);
    let incidents: Vec<IncidentRow> = inputs.iter().flat_map(|input| input.incidents.clone()).collect();
    Ok(Evaluation {
        inputs: inputs.len(),
        unlabelled_inputs: inputs.iter().filter(|input| input.labels.is_empty()).count(),
        benign_days,
        budget_a_day,
        allowed_false_alerts: allowed,
        passes: inputs.iter().any(|input| input.passes),
        behaviours: behaviours(&inputs),
        groups,
        sweep: sweep(&incidents),
        incidents,
        severities: severities(&inputs, &false_findings),
        false_findings,
        calibration: Kind::ALL.into_iter().flat_map(|kind| calibration(kind, &inputs)).collect(),
        dropped: inputs.iter().map(|input| input.dropped).sum(),
    })
}

/// Fits the plain forest on the rows of all units, as its textbook use is, and scores them.
fn score_plainly(kind: Kind, inputs: &mut [ScoredInput], seed: u64) -> Result<(), ModelError> {
    let units = || inputs.iter().flat_map(|input| input.units(kind));
    let rows: Vec<f32> = units().flat_map(|unit| unit.rows.iter().flatten().copied()).collect();
    let mut scores = plain_scores(kind, &rows, &rows, seed)?.into_iter();
    for input in inputs {
        let [c2, exfil] = &mut input.units;
        for unit in if kind == Kind::C2 { c2 } else { exfil } {
            let best = scores.by_ref().take(unit.rows.len()).fold(0.0, f32::max);
            unit.set_score(Scorer::PlainForest, best);
        }
    }
    Ok(())
}

/// The units of a group: scores beside labels.
struct Units {
    scores: Vec<ScoreSet>,
    positive: Vec<bool>,
}

impl Units {
    fn of(group: Group, inputs: &[ScoredInput]) -> Self {
        let mut units = Self { scores: Vec::new(), positive: Vec::new() };
        for input in inputs {
            let kinds: &[Kind] = match group {
                Group::C2 => &[Kind::C2],
                Group::Exfil => &[Kind::Exfil],
                Group::Overall => &Kind::ALL,
            };
            let mut best: BTreeMap<Subject, ScoreSet> = BTreeMap::new();
            for unit in kinds.iter().flat_map(|kind| input.units(*kind)) {
                let scores = best.entry(unit.subject).or_default();
                for (score, other) in scores.iter_mut().zip(unit.scores) {
                    *score = score.max(other);
                }
            }
            for (subject, scores) in best {
                let label = match subject {
                    Subject::Incident(index) => input.labels.get(index),
                    Subject::Channel(_) => None,
                };
                if label.is_none_or(|label| kinds.contains(&label.kind)) {
                    units.scores.push(scores);
                    units.positive.push(label.is_some());
                }
            }
        }
        units
    }

    fn measure(&self, group: Group, scorer: Scorer, benign_days: f64, allowed: usize) -> GroupRow {
        let of = |set: &ScoreSet| set.get(scorer.index()).copied().unwrap_or_default();
        let scores: Vec<f32> = self.scores.iter().map(of).collect();
        let incidents = self.positive.iter().filter(|is| **is).count();
        let at_budget = recall_at_budget(&scores, &self.positive, allowed);
        GroupRow {
            group,
            scorer,
            incidents,
            benign: self.positive.len() - incidents,
            average_precision: average_precision(&scores, &self.positive),
            roc_auc: roc_auc(&scores, &self.positive),
            recall_at_budget: at_budget.map(|(recall, _)| recall),
            budget_threshold: at_budget.map(|(_, threshold)| threshold),
            thresholds: scorer
                .thresholds()
                .iter()
                .map(|(name, from)| at_threshold(name, *from, &scores, &self.positive, benign_days))
                .collect(),
            curve: curve(&scores, &self.positive),
        }
    }
}

/// Notes at each incident which scorers score it over their threshold at the budget.
fn mark_within_budget(input: &mut ScoredInput, groups: &[GroupRow]) {
    let [c2, exfil] = &input.units;
    for (index, incident) in input.incidents.iter_mut().enumerate() {
        let (group, units) = if incident.kind == Kind::C2 { (Group::C2, c2) } else { (Group::Exfil, exfil) };
        let Some(unit) = units.get(index) else { continue };
        let is_over = |row: &&GroupRow| {
            row.group == group && row.budget_threshold.is_some_and(|limit| unit.score(row.scorer) > limit)
        };
        incident.within_budget = groups.iter().filter(is_over).map(|row| row.scorer).collect();
    }
}

fn behaviours(inputs: &[ScoredInput]) -> Vec<BehaviourRow> {
    let mut rows: BTreeMap<(Kind, &str), BehaviourRow> = BTreeMap::new();
    for incident in inputs.iter().flat_map(|input| &input.incidents) {
        let row = rows
            .entry((incident.kind, &incident.behaviour))
            .or_insert_with(|| BehaviourRow::new(incident.kind, &incident.behaviour));
        count(row, incident);
    }
    for ((kind, behaviour), row) in &mut rows {
        let all = inputs.iter().flat_map(|input| &input.incidents);
        let of_row = all.filter(|incident| incident.kind == *kind && incident.behaviour == *behaviour);
        row.times = DetectionTimes::of(of_row.map(|incident| &incident.detection));
    }
    rows.into_values().collect()
}

fn count(row: &mut BehaviourRow, incident: &IncidentRow) {
    let own = incident.found.as_ref().filter(|found| found.kind == incident.kind);
    row.incidents += 1;
    row.judged += usize::from(incident.judged > 0);
    row.found += usize::from(own.is_some());
    row.right_behaviour += usize::from(own.is_some_and(|found| found.behaviour == incident.behaviour));
    row.high += usize::from(own.is_some_and(|found| found.severity >= Severity::High));
    row.within_budget += usize::from(incident.within_budget.contains(&Scorer::Detector));
    row.other_kind_only += usize::from(incident.found.is_some() && own.is_none());
}

/// The gravest first; within a severity in the order of the inputs.
fn false_findings(inputs: &[ScoredInput]) -> Vec<FalseFinding> {
    let mut all: Vec<FalseFinding> = Vec::new();
    for input in inputs {
        let beside_label = !input.labels.is_empty();
        all.extend(input.others.iter().map(|finding| FalseFinding { beside_label, ..finding.clone() }));
    }
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    all
}

fn severities(inputs: &[ScoredInput], findings: &[FalseFinding]) -> Vec<SeverityRow> {
    let long: Vec<&str> =
        inputs.iter().filter(|input| input.length > LONG_INPUT).map(|input| input.name.as_str()).collect();
    let row = |severity: Severity| {
        let of = || findings.iter().filter(move |f| f.severity == severity && !f.beside_label);
        let mut names: Vec<&str> = of().map(|finding| finding.input.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        SeverityRow {
            severity,
            c2: of().filter(|finding| finding.kind == Kind::C2).count(),
            exfil: of().filter(|finding| finding.kind == Kind::Exfil).count(),
            inputs: names.len(),
            on_long_inputs: of().filter(|finding| long.contains(&finding.input.as_str())).count(),
            beside_labels: findings.iter().filter(|f| f.severity == severity && f.beside_label).count(),
        }
    };
    Severity::ALL.into_iter().rev().map(row).collect()
}

fn calibration(kind: Kind, inputs: &[ScoredInput]) -> Vec<CalibrationRow> {
    let any_unlabelled = inputs.iter().any(|input| input.labels.is_empty());
    let p_values: Vec<f64> = inputs
        .iter()
        .filter(|input| input.labels.is_empty() || !any_unlabelled)
        .flat_map(|input| input.units(kind))
        .filter(|unit| matches!(unit.subject, Subject::Channel(_)))
        .map(|unit| unit.p_value)
        .collect();
    let row = |expected: f64| {
        let at_most = p_values.iter().filter(|p| **p <= expected).count();
        CalibrationRow {
            kind,
            expected,
            observed: at_most as f64 / p_values.len().max(1) as f64,
            channels: p_values.len(),
        }
    };
    P_VALUES.map(row).to_vec()
}

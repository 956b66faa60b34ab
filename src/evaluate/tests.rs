//! Measures of hand-made inputs.

use super::unit::{Subject, Unit};
use super::*;
use crate::detect::{Kind, features_of};
use crate::time::Span;

fn unit(subject: Subject, detector: f32, p_value: f64) -> Unit {
    let mut unit = Unit { subject, scores: Default::default(), rows: Vec::new(), p_value };
    unit.set_score(Scorer::Detector, detector);
    unit
}

fn label(kind: Kind, behaviour: &str) -> Label {
    Label {
        host: crate::addr::Addr::from_v4([10, 0, 0, 1]),
        peers: vec![PeerPattern::parse("tunnel.example").unwrap()],
        kind,
        behaviour: behaviour.to_owned(),
        start: None,
        end: None,
        note: String::new(),
    }
}

/// An input of one day whose C2 units are `units`; the exfiltration detector has the incidents alone, all missed.
fn input(labels: Vec<Label>, c2: Vec<Unit>) -> ScoredInput {
    let exfil = (0..labels.len()).map(|index| unit(Subject::Incident(index), 0.0, 1.0)).collect();
    let incidents = labels
        .iter()
        .map(|label| IncidentRow {
            input: "a.pcap".into(),
            host: label.host.to_string(),
            peer: label.peer_text(),
            kind: label.kind,
            behaviour: label.behaviour.clone(),
            note: label.note.clone(),
            detection: None,
            within_budget: Vec::new(),
            channels: 0,
            judged: 0,
            p_value: 1.0,
            found: None,
        })
        .collect();
    ScoredInput {
        name: "a.pcap".into(),
        length: Span::from_secs(86_400),
        active_minutes: 1440,
        labels,
        units: [c2, exfil],
        incidents,
        others: Vec::new(),
        dropped: 0,
        passes: false,
    }
}

fn of(outcome: &Evaluation, group: Group) -> GroupRow {
    outcome.groups.iter().find(|row| row.group == group && row.scorer == Scorer::Detector).unwrap().clone()
}

fn benign(scores: &[f32]) -> Vec<Unit> {
    scores.iter().zip(0..).map(|(score, index)| unit(Subject::Channel(index), *score, 1.0)).collect()
}

#[test]
fn without_incidents_nothing_is_defined_but_false_alerts() {
    let outcome = evaluate(vec![input(Vec::new(), benign(&[0.7, 0.1]))], 1.0, 1).unwrap();
    let row = of(&outcome, Group::C2);
    assert_eq!((row.incidents, row.benign), (0, 2));
    assert_eq!((row.average_precision, row.roc_auc, row.recall_at_budget), (None, None, None));
    let high = row.thresholds.iter().find(|at| at.name == "high").unwrap();
    assert_eq!((high.false_alerts, high.false_alerts_a_day, high.recall), (1, Some(1.0), None));
    assert_eq!(outcome.unlabelled_inputs, 1);
}

#[test]
fn a_label_without_a_channel_is_missed_whatever_the_budget() {
    let mut units = vec![unit(Subject::Incident(0), 0.0, 1.0)];
    units.extend(benign(&[0.3, 0.2]));
    let outcome = evaluate(vec![input(vec![label(Kind::C2, "beacon")], units)], 100.0, 1).unwrap();
    let row = of(&outcome, Group::C2);
    assert_eq!((row.recall_at_budget, row.roc_auc), (Some(0.0), Some(0.0)));
    assert!((row.average_precision.unwrap() - 1.0 / 3.0).abs() < 1e-9);
    assert_eq!((outcome.behaviours[0].incidents, outcome.behaviours[0].within_budget), (1, 0));
}

#[test]
fn the_other_detectors_incidents_are_no_false_alerts() {
    let mut units = vec![unit(Subject::Incident(0), 0.9, 0.01), unit(Subject::Incident(1), 0.7, 0.02)];
    units.extend(benign(&[0.75]));
    let labels = vec![label(Kind::Exfil, "bulk_upload"), label(Kind::C2, "beacon")];
    let outcome = evaluate(vec![input(labels, units)], 1.0, 1).unwrap();
    let c2 = of(&outcome, Group::C2);
    assert_eq!((c2.incidents, c2.benign), (1, 1));
    // One false alert is allowed, and the beacon is the best of what is left.
    assert_eq!((c2.average_precision, c2.recall_at_budget), (Some(0.5), Some(1.0)));
    let exfil = of(&outcome, Group::Exfil);
    assert_eq!((exfil.incidents, exfil.recall_at_budget), (1, Some(0.0)));
    // Over both, the upload counts as found by the C2 detector.
    let both = of(&outcome, Group::Overall);
    assert_eq!((both.incidents, both.benign, both.recall_at_budget), (2, 1, Some(1.0)));
}

#[test]
fn calibration_is_that_of_inputs_without_a_label_where_there_are_any() {
    let with_p = |p: f64, index| unit(Subject::Channel(index), 0.0, p);
    let quiet = input(Vec::new(), vec![with_p(0.05, 0), with_p(0.4, 1), with_p(0.9, 2), with_p(1.0, 3)]);
    let mut infected = input(vec![label(Kind::C2, "beacon")], Vec::new());
    infected.units[0] = vec![unit(Subject::Incident(0), 0.0, 0.001), with_p(0.02, 0)];
    let observed = |inputs: Vec<ScoredInput>, expected: f64| {
        let rows = evaluate(inputs, 1.0, 1).unwrap().calibration;
        let row = rows.iter().find(|row| row.kind == Kind::C2 && row.expected >= expected).unwrap();
        (row.observed, row.channels)
    };
    assert_eq!(observed(vec![quiet.clone(), infected.clone()], 0.1), (0.25, 4));
    assert_eq!(observed(vec![quiet, infected.clone()], 0.5), (0.5, 4));
    assert_eq!(observed(vec![infected], 0.03), (1.0, 1));
}

#[test]
fn the_plain_forest_scores_every_unit_by_its_own_rows() {
    let width = features_of(Kind::C2).len();
    let mut units = vec![unit(Subject::Incident(0), 0.0, 1.0), unit(Subject::Incident(1), 0.0, 1.0)];
    units.extend(benign(&[0.0; 60]));
    for (index, unit) in units.iter_mut().enumerate().skip(1) {
        unit.rows =
            vec![vec![if index == 1 { 1e6 } else { 1.0 + f32::from(u8::try_from(index).unwrap()) }; width]];
    }
    let labels = vec![label(Kind::C2, "beacon"), label(Kind::C2, "beacon")];
    let outcome = evaluate(vec![input(labels, units)], 0.0, 1).unwrap();
    let row = outcome
        .groups
        .iter()
        .find(|row| row.group == Group::C2 && row.scorer == Scorer::PlainForest)
        .unwrap();
    // The second incident is the oddest row; the first has none.
    assert_eq!(row.recall_at_budget, Some(0.5));
}

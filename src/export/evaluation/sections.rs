//! What the tables of an evaluation hold.

use crate::detect::Severity;
use crate::evaluate::{
    AtThreshold, BehaviourRow, Detection, Evaluation, Group, GroupRow, IncidentRow, Match, Scorer,
};
use crate::export::text::{count, counted, printable, probability, quantity};

/// A column of a table.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) is_number: bool,
}

/// A table with its title and a sentence below it.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) note: String,
}

/// The tables, the broadest first. What is told of labels is left out where there are none.
pub(super) fn sections(evaluation: &Evaluation) -> Vec<Section> {
    let there = |section: &Section| !section.rows.is_empty();
    let mut sections = vec![scorers(evaluation), thresholds(evaluation)];
    sections.extend(Some(behaviours(evaluation)).filter(there));
    sections.extend(evaluation.passes.then(|| times(evaluation)).filter(there));
    sections.extend(Some(notes(evaluation)).filter(there));
    sections.extend([
        incidents(evaluation),
        severities(evaluation),
        false_findings(evaluation),
        calibration(evaluation),
    ]);
    sections
}

/// Columns by name; those that begin with `#` hold numbers.
fn columns(names: &[&'static str]) -> Vec<Column> {
    names
        .iter()
        .map(|name| Column { name: name.strip_prefix('#').unwrap_or(name), is_number: name.starts_with('#') })
        .collect()
}

fn scorers(e: &Evaluation) -> Section {
    let row = |row: &GroupRow| {
        vec![
            group_name(row.group).to_owned(),
            row.scorer.name().to_owned(),
            share(row.average_precision),
            share(row.roc_auc),
            share(row.recall_at_budget),
            count(row.incidents as u64),
            count(row.benign as u64),
        ]
    };
    Section {
        title: "Detectors and simpler rules",
        columns: columns(&[
            "detector",
            "scorer",
            "#average precision",
            "#ROC AUC",
            "#recall at budget",
            "#incidents",
            "#benign",
        ]),
        rows: e.groups.iter().map(row).collect(),
        note: format!(
            "{}, {} without a label; {} days with traffic. Budget: {} false alerts a day, so {} in all.{}",
            counted(e.inputs as u64, "input"),
            count(e.unlabelled_inputs as u64),
            quantity(e.benign_days),
            quantity(e.budget_a_day),
            count(e.allowed_false_alerts as u64),
            if e.dropped == 0 {
                String::new()
            } else {
                format!(" {} did not fit the tables of the simpler rules.", counted(e.dropped, "flow"))
            },
        ),
    }
}

fn thresholds(e: &Evaluation) -> Section {
    let row = |of: &GroupRow, at: &AtThreshold| {
        vec![
            group_name(of.group).to_owned(),
            of.scorer.name().to_owned(),
            at.name.to_owned(),
            share(at.precision),
            share(at.recall),
            count(at.found as u64),
            count(at.false_alerts as u64),
            at.false_alerts_a_day.map_or_else(|| "-".to_owned(), quantity),
        ]
    };
    Section {
        title: "At the alert thresholds",
        columns: columns(&[
            "detector",
            "scorer",
            "from",
            "#precision",
            "#recall",
            "#found",
            "#false",
            "#false a day",
        ]),
        rows: e.groups.iter().flat_map(|of| of.thresholds.iter().map(move |at| row(of, at))).collect(),
        note: "Each scorer at the thresholds that its authors set; those of the detector are severities."
            .to_owned(),
    }
}

fn behaviours(e: &Evaluation) -> Section {
    Section {
        title: "Detections by behaviour",
        columns: columns(&[
            "labelled",
            "#incidents",
            "#judged",
            "#found",
            "#as labelled",
            "#high or above",
            "#within budget",
            "#other detector only",
        ]),
        rows: e
            .behaviours
            .iter()
            .map(|b| {
                let numbers = [
                    b.incidents,
                    b.judged,
                    b.found,
                    b.right_behaviour,
                    b.high,
                    b.within_budget,
                    b.other_kind_only,
                ];
                std::iter::once(format!("{} {}", b.kind.name(), b.behaviour))
                    .chain(numbers.map(|n| count(n as u64)))
                    .collect()
            })
            .collect(),
        note: "Found: a finding of the labelled kind on the labelled host and peer.".to_owned(),
    }
}

fn times(e: &Evaluation) -> Section {
    let row = |b: &BehaviourRow| {
        let times = &b.times;
        let median = |text: &dyn Fn(&Detection) -> String| times.median.as_ref().map_or("-".to_owned(), text);
        vec![
            format!("{} {}", b.kind.name(), b.behaviour),
            count(times.incidents as u64),
            count(times.found as u64),
            count(times.within_hour as u64),
            count(times.within_day as u64),
            median(&|m| quantity(m.after_s)),
            median(&|m| count(m.bursts)),
            median(&|m| count(m.bytes_out)),
        ]
    };
    Section {
        title: "Until detection",
        columns: columns(&[
            "labelled",
            "#incidents",
            "#found",
            "#in the first hour",
            "#first day",
            "#seconds, median",
            "#bursts, median",
            "#bytes out, median",
        ]),
        rows: e.behaviours.iter().map(row).collect(),
        note: "From the first packet of the incident to the first scoring pass with a finding of the labelled kind; medians are of those found."
            .to_owned(),
    }
}

/// How many incidents of each note every scorer finds within the budget. Without notes there is nothing to tell apart.
fn notes(e: &Evaluation) -> Section {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let of_note = |incident: &IncidentRow| (incident.kind, incident.behaviour.clone(), incident.note.clone());
    let mut keys: Vec<_> = e.incidents.iter().filter(|i| !i.note.is_empty()).map(of_note).collect();
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    for key in keys {
        let all: Vec<&IncidentRow> = e.incidents.iter().filter(|incident| of_note(incident) == key).collect();
        let (kind, behaviour, note) = key;
        let mut row = vec![format!("{} {behaviour}", kind.name()), note, count(all.len() as u64)];
        row.extend(Scorer::ALL.map(|scorer| {
            let found = all.iter().filter(|incident| incident.within_budget.contains(&scorer)).count();
            if scorer.answers(kind) { count(found as u64) } else { "-".to_owned() }
        }));
        rows.push(row);
    }
    let names = Scorer::ALL.map(Scorer::name);
    let mut columns = columns(&["labelled", "note", "#incidents"]);
    columns.extend(names.map(|name| Column { name, is_number: true }));
    Section {
        title: "Found within the budget, by note",
        columns,
        rows,
        note: "Labels without a note are not listed.".to_owned(),
    }
}

fn incidents(e: &Evaluation) -> Section {
    let found = e.incidents.iter().filter(|incident| incident.is_found()).count();
    Section {
        title: "Incidents",
        columns: columns(&[
            "input", "host", "peer", "labelled", "note", "found", "as", "severity", "#p-value", "#rank",
        ]),
        rows: e.incidents.iter().map(incident_row).collect(),
        note: format!(
            "{found} of {} found by the labelled detector. Without a finding, the p-value is that of the best judged channel.",
            count(e.incidents.len() as u64)
        ),
    }
}

fn incident_row(incident: &IncidentRow) -> Vec<String> {
    let labelled = format!("{} {}", incident.kind.name(), incident.behaviour);
    let found = match &incident.found {
        Some(_) if incident.is_found() => "yes",
        Some(_) => "other detector",
        None if incident.channels == 0 => "no channel",
        None if incident.judged == 0 => "not judged",
        None => "no finding",
    };
    let of_finding = |text: fn(&Match) -> String| incident.found.as_ref().map(text).unwrap_or_default();
    let p_value = incident.found.as_ref().map_or(incident.p_value, |found| found.p_value);
    vec![
        incident.input.clone(),
        incident.host.clone(),
        incident.peer.clone(),
        labelled,
        incident.note.clone(),
        found.to_owned(),
        of_finding(|found| format!("{} {}", found.kind.name(), found.behaviour)),
        of_finding(|found| found.severity.name().to_owned()),
        probability(p_value),
        of_finding(|found| count(found.rank as u64)),
    ]
}

fn severities(e: &Evaluation) -> Section {
    Section {
        title: "False findings by severity",
        columns: columns(&[
            "severity",
            "#c2",
            "#exfil",
            "#inputs",
            "#on inputs over 10 min",
            "#beside a label",
        ]),
        rows: e
            .severities
            .iter()
            .map(|s| {
                let numbers = [s.c2, s.exfil, s.inputs, s.on_long_inputs, s.beside_labels];
                std::iter::once(s.severity.name().to_owned())
                    .chain(numbers.map(|n| count(n as u64)))
                    .collect()
            })
            .collect(),
        note: "On inputs without a label; the last column counts findings beside the label of an input."
            .to_owned(),
    }
}

/// Low findings are counted above, and listed in the JSON alone.
fn false_findings(e: &Evaluation) -> Section {
    let listed: Vec<_> = e.false_findings.iter().filter(|f| f.severity >= Severity::Medium).collect();
    Section {
        title: "False findings, medium and above",
        columns: columns(&["severity", "input", "host", "peer", "as", "#p-value", "input has a label"]),
        rows: listed
            .iter()
            .map(|f| {
                vec![
                    f.severity.name().to_owned(),
                    f.input.clone(),
                    f.host.clone(),
                    printable(&f.peer).into_owned(),
                    format!("{} {}", f.kind.name(), f.behaviour),
                    probability(f.p_value),
                    if f.beside_label { "yes" } else { "" }.to_owned(),
                ]
            })
            .collect(),
        note: format!(
            "{} of {}.",
            count(listed.len() as u64),
            counted(e.false_findings.len() as u64, "false finding")
        ),
    }
}

fn calibration(e: &Evaluation) -> Section {
    Section {
        title: "Calibration",
        columns: columns(&["detector", "#p-value", "#share of benign channels", "#channels"]),
        rows: e
            .calibration
            .iter()
            .map(|c| {
                vec![
                    c.kind.name().to_owned(),
                    probability(c.expected),
                    if c.channels == 0 { "-".to_owned() } else { format!("{:.3}", c.observed) },
                    count(c.channels as u64),
                ]
            })
            .collect(),
        note: "Where the calibration holds, the share of benign channels is the p-value or less.".to_owned(),
    }
}

pub(super) const fn group_name(group: Group) -> &'static str {
    match group {
        Group::C2 => "c2",
        Group::Exfil => "exfil",
        Group::Overall => "both",
    }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

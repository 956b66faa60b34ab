//! An evaluation as CSV, for those who draw their own charts.

use std::path::Path;

use super::sections::group_name;
use crate::evaluate::{Evaluation, IncidentRow, Scorer};
use crate::export::ExportError;
use crate::export::table::{Column, ColumnKind, Schema, TableWriter, Value};

/// Writes `measures.csv`, `curves.csv`, `sweep.csv` and `incidents.csv` into a folder that exists.
///
/// # Errors
///
/// Where a file cannot be written.
pub fn write_tables(folder: &Path, evaluation: &Evaluation) -> Result<(), ExportError> {
    write(&folder.join("measures.csv"), MEASURES, &[], measures(evaluation))?;
    write(&folder.join("curves.csv"), CURVES, &[], curves(evaluation))?;
    write(&folder.join("sweep.csv"), SWEEP, &[], sweep(evaluation))?;
    let scorers = Scorer::ALL.map(|scorer| format!("within_budget_{}", scorer.name()));
    write(&folder.join("incidents.csv"), INCIDENTS, &scorers, incidents(evaluation))
}

type Rows<'a> = Vec<Vec<Value<'a>>>;

const MEASURES: &[(&str, ColumnKind)] = &[
    ("group", ColumnKind::Text),
    ("scorer", ColumnKind::Text),
    ("incidents", ColumnKind::Int),
    ("benign", ColumnKind::Int),
    ("average_precision", ColumnKind::Float),
    ("roc_auc", ColumnKind::Float),
    ("recall_at_budget", ColumnKind::Float),
    ("budget_threshold", ColumnKind::Float),
];

const CURVES: &[(&str, ColumnKind)] = &[
    ("group", ColumnKind::Text),
    ("scorer", ColumnKind::Text),
    ("threshold", ColumnKind::Float),
    ("recall", ColumnKind::Float),
    ("precision", ColumnKind::Float),
    ("found", ColumnKind::Int),
    ("false_alerts", ColumnKind::Int),
];

const SWEEP: &[(&str, ColumnKind)] = &[
    ("kind", ColumnKind::Text),
    ("behaviour", ColumnKind::Text),
    ("interval_s", ColumnKind::Float),
    ("jitter", ColumnKind::Float),
    ("scorer", ColumnKind::Text),
    ("incidents", ColumnKind::Int),
    ("found", ColumnKind::Int),
];

/// Followed by a column for each scorer.
const INCIDENTS: &[(&str, ColumnKind)] = &[
    ("input", ColumnKind::Text),
    ("host", ColumnKind::Text),
    ("peer", ColumnKind::Text),
    ("kind", ColumnKind::Text),
    ("behaviour", ColumnKind::Text),
    ("note", ColumnKind::Text),
    ("channels", ColumnKind::Int),
    ("judged", ColumnKind::Int),
    ("p_value", ColumnKind::Float),
    ("found", ColumnKind::Bool),
    ("found_kind", ColumnKind::Text),
    ("found_behaviour", ColumnKind::Text),
    ("severity", ColumnKind::Text),
    ("score", ColumnKind::Float),
    ("rank", ColumnKind::Int),
    ("detected_after_s", ColumnKind::Float),
    ("detected_after_bytes", ColumnKind::Int),
    ("detected_after_bursts", ColumnKind::Int),
];

fn write(
    path: &Path,
    columns: &'static [(&'static str, ColumnKind)],
    flags: &[String],
    rows: Rows<'_>,
) -> Result<(), ExportError> {
    let fixed = columns.iter().map(|(name, kind)| Column::new(*name, *kind, "", ""));
    let flags = flags.iter().map(|name| Column::new(name.clone(), ColumnKind::Bool, "", ""));
    let mut table = TableWriter::create(path, &Schema::new(fixed.chain(flags).collect()))?;
    for row in rows {
        table.write_row(&row)?;
    }
    table.finish()
}

fn measures(evaluation: &Evaluation) -> Rows<'_> {
    let rows = evaluation.groups.iter().map(|of| {
        vec![
            group_name(of.group).into(),
            of.scorer.name().into(),
            (of.incidents as u64).into(),
            (of.benign as u64).into(),
            of.average_precision.into(),
            of.roc_auc.into(),
            of.recall_at_budget.into(),
            of.budget_threshold.map(f64::from).into(),
        ]
    });
    rows.collect()
}

fn curves(evaluation: &Evaluation) -> Rows<'_> {
    let rows = evaluation.groups.iter().flat_map(|of| {
        of.curve.iter().map(move |point| {
            vec![
                group_name(of.group).into(),
                of.scorer.name().into(),
                f64::from(point.threshold).into(),
                point.recall(of.incidents).into(),
                point.precision().into(),
                (point.found as u64).into(),
                (point.false_alerts as u64).into(),
            ]
        })
    });
    rows.collect()
}

fn sweep(evaluation: &Evaluation) -> Rows<'_> {
    let rows = evaluation.sweep.iter().flat_map(|of| {
        of.found.iter().map(move |(scorer, found)| {
            vec![
                of.kind.name().into(),
                of.behaviour.as_str().into(),
                of.interval_s.into(),
                of.jitter.into(),
                scorer.name().into(),
                (of.incidents as u64).into(),
                (*found as u64).into(),
            ]
        })
    });
    rows.collect()
}

fn incidents(evaluation: &Evaluation) -> Rows<'_> {
    evaluation.incidents.iter().map(incident).collect()
}

fn incident(of: &IncidentRow) -> Vec<Value<'_>> {
    let found = of.found.as_ref();
    let mut row = vec![
        of.input.as_str().into(),
        of.host.as_str().into(),
        of.peer.as_str().into(),
        of.kind.name().into(),
        of.behaviour.as_str().into(),
        of.note.as_str().into(),
        (of.channels as u64).into(),
        (of.judged as u64).into(),
        found.map_or(of.p_value, |found| found.p_value).into(),
        of.is_found().into(),
        found.map(|found| found.kind.name()).into(),
        found.map(|found| found.behaviour).into(),
        found.map(|found| found.severity.name()).into(),
        found.map(|found| found.score).into(),
        found.map(|found| found.rank as u64).into(),
        of.detection.map(|detection| detection.after_s).into(),
        of.detection.map(|detection| detection.bytes_out).into(),
        of.detection.map(|detection| detection.bursts).into(),
    ];
    row.extend(Scorer::ALL.map(|scorer| of.within_budget.contains(&scorer).into()));
    row
}

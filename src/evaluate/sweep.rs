//! Detection against what incidents were made with: interval and jitter, where the notes of the labels tell them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{IncidentRow, Scorer};
use crate::detect::Kind;

/// Incidents of one behaviour, interval and jitter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepRow {
    /// The labelled kind.
    pub kind: Kind,
    /// The labelled behaviour.
    pub behaviour: String,
    /// Seconds from one contact to the next.
    pub interval_s: f64,
    /// Share of the interval by which it varies.
    pub jitter: f64,
    /// Incidents.
    pub incidents: usize,
    /// Those that each scorer finds within the budget of false alerts, in the order of [`Scorer::ALL`]; nothing for a scorer that
    /// does not ask for the kind.
    pub found: Vec<(Scorer, usize)>,
}

/// What a note tells of the pace: `every 60 s; jitter 0.3`, as `simulate` writes it. Without a jitter there was none.
fn pace(note: &str) -> Option<(f64, f64)> {
    let after = |word: &str| {
        let rest = note.split(';').find_map(|part| part.trim().strip_prefix(word))?;
        rest.split_whitespace().next()?.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
    };
    Some((after("every ")?, after("jitter ").unwrap_or(0.0)))
}

/// The rows in the order of behaviour, interval and jitter.
pub fn sweep(incidents: &[IncidentRow]) -> Vec<SweepRow> {
    let mut rows: BTreeMap<(Kind, &str, u64, u64), SweepRow> = BTreeMap::new();
    for incident in incidents {
        let Some((interval_s, jitter)) = pace(&incident.note) else { continue };
        // Floats that are not negative are ordered as their bits are.
        let key = (incident.kind, incident.behaviour.as_str(), interval_s.to_bits(), jitter.to_bits());
        let asked = || Scorer::ALL.into_iter().filter(|scorer| scorer.answers(incident.kind));
        let row = rows.entry(key).or_insert_with(|| SweepRow {
            kind: incident.kind,
            behaviour: incident.behaviour.clone(),
            interval_s,
            jitter,
            incidents: 0,
            found: asked().map(|scorer| (scorer, 0)).collect(),
        });
        row.incidents += 1;
        for (scorer, found) in &mut row.found {
            *found += usize::from(incident.within_budget.contains(scorer));
        }
    }
    rows.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_tell_the_pace() {
        for (note, expected) in [
            ("every 300 s; jitter 0.3; missed 0.2", Some((300.0, 0.3))),
            ("every 0.27 s", Some((0.27, 0.0))),
            ("lab 3; every 60 s", Some((60.0, 0.0))),
            ("jitter 0.3", None),
            ("every now and then", None),
            ("every -5 s", None),
            ("", None),
        ] {
            assert_eq!(pace(note), expected, "{note}");
        }
    }

    #[test]
    fn incidents_of_one_pace_are_counted_together() {
        let incident = |note: &str, within: &[Scorer]| IncidentRow {
            input: String::new(),
            host: String::new(),
            peer: String::new(),
            kind: Kind::C2,
            behaviour: "beacon".into(),
            note: note.into(),
            channels: 1,
            judged: 1,
            p_value: 0.5,
            found: None,
            detection: None,
            within_budget: within.to_vec(),
        };
        let rows = sweep(&[
            incident("every 60 s; jitter 0.5", &[]),
            incident("every 60 s", &[Scorer::Detector, Scorer::Rita]),
            incident("every 60 s", &[Scorer::Detector]),
            incident("", &[Scorer::Detector]),
        ]);
        let told: Vec<(f64, usize, usize)> =
            rows.iter().map(|row| (row.jitter, row.incidents, row.found[0].1)).collect();
        assert_eq!(told, [(0.0, 2, 2), (0.5, 1, 0)]);
        assert_eq!(rows[0].found.iter().find(|(scorer, _)| *scorer == Scorer::Rita).unwrap().1, 1);
    }
}

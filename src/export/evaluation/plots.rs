//! The charts of an evaluation as inline SVG. Colours come from the style sheet; a scorer has the same in every chart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::evaluate::{GroupRow, Scorer, SweepRow};
use crate::export::markup::Page;
use crate::export::text;
use crate::time::Span;

// A plot in user units of its viewBox.
const LEFT: f64 = 38.0;
const WIDTH: f64 = 392.0;
const FLOOR: f64 = 262.0;
const HEIGHT: f64 = 250.0;

/// The place of a point with both coordinates from 0 to 1.
fn at(x: f64, y: f64) -> String {
    format!("{:.1} {:.1}", LEFT + x.clamp(0.0, 1.0) * WIDTH, FLOOR - y.clamp(0.0, 1.0) * HEIGHT)
}

/// Opens a figure with a plot from 0 to 1 upwards; what runs to the right is the caller's.
fn begin(page: &mut Page, title: &str, upwards: &'static str, rightwards: &'static str) {
    page.raw("<figure class=\"plot\"><figcaption><b>").text(title).raw("</b></figcaption>");
    page.raw("<svg viewBox=\"0 0 440 300\" role=\"img\" aria-label=\"").text(title).raw(": ");
    page.raw(upwards).raw(" against ").raw(rightwards).raw("\">");
    for tenth in [0, 2, 4, 6, 8, 10_u8] {
        let share = f64::from(tenth) / 10.0;
        page.raw("<path class=\"grid\" d=\"M")
            .text(at(0.0, share))
            .raw("h392\"/><text class=\"end\" x=\"33\" y=\"");
        page.text(format_args!("{:.1}", FLOOR - share * HEIGHT + 4.0)).raw("\">").text(share).raw("</text>");
    }
    page.raw("<path class=\"axis\" d=\"M38 262.5h392\"/><text class=\"middle\" x=\"234\" y=\"296\">");
    page.raw(rightwards)
        .raw("</text><text class=\"middle\" transform=\"rotate(-90 8 137)\" x=\"8\" y=\"137\">");
    page.raw(upwards).raw("</text>");
}

fn tick(page: &mut Page, x: f64, label: impl std::fmt::Display) {
    page.raw("<text class=\"middle\" y=\"278\" x=\"")
        .text(format_args!("{:.1}", LEFT + x * WIDTH))
        .raw("\">");
    page.text(label).raw("</text>");
}

fn line(page: &mut Page, scorer: Scorer, path: &str) {
    page.raw("<path class=\"line s").text(scorer.index()).raw("\" d=\"").text(path).raw("\"/>");
}

/// Closes the figure with a legend: each scorer and what is said of it.
fn end(page: &mut Page, legend: &[(Scorer, String)]) {
    page.raw("</svg><ul class=\"legend\">");
    for (scorer, said) in legend {
        page.raw("<li><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line s")
            .text(scorer.index());
        page.raw("\" d=\"M0 4h24\"/></svg>").text(scorer.name()).raw(" <span class=\"dim\">").text(said);
        page.raw("</span></li>");
    }
    page.raw("</ul></figure>\n");
}

/// Precision against recall of every scorer of a group, as steps: between two thresholds nothing is found.
pub(super) fn precision_recall(page: &mut Page, title: &str, rows: &[&GroupRow]) {
    begin(page, title, "precision", "recall");
    for tenth in [0, 2, 4, 6, 8, 10_u8] {
        tick(page, f64::from(tenth) / 10.0, f64::from(tenth) / 10.0);
    }
    // The detector is drawn last, over the others.
    for row in rows.iter().rev() {
        let mut path = String::new();
        let mut recall = 0.0;
        for point in &row.curve {
            let (next, precision) = (point.recall(row.incidents), point.precision());
            // Writing to a `String` cannot fail.
            let _ = write!(
                path,
                "{}{}L{}",
                if path.is_empty() { 'M' } else { 'L' },
                at(recall, precision),
                at(next, precision)
            );
            recall = next;
        }
        if !path.is_empty() {
            line(page, row.scorer, &path);
        }
    }
    for row in rows.iter().rev() {
        budget(page, row);
    }
    let said = |row: &&GroupRow| {
        (row.scorer, row.average_precision.map_or_else(String::new, |ap| format!("{ap:.3}")))
    };
    end(page, &rows.iter().map(said).collect::<Vec<_>>());
}

/// A circle at the last point over the threshold that the budget leaves.
fn budget(page: &mut Page, row: &GroupRow) {
    let limit = row.budget_threshold.unwrap_or(f32::INFINITY);
    if let Some(point) = row.curve.iter().rev().find(|point| point.threshold > limit) {
        let place = at(point.recall(row.incidents), point.precision());
        let (x, y) = place.split_once(' ').unwrap_or_default();
        page.raw("<circle class=\"dot s").text(row.scorer.index()).raw("\" r=\"4\" cx=\"").text(x);
        page.raw("\" cy=\"").text(y).raw("\"/>");
    }
}

/// The share that each scorer finds, by jitter, over all intervals.
pub(super) fn jitter(page: &mut Page, rows: &[SweepRow]) {
    let Some(first) = rows.first() else { return };
    let mut sums: BTreeMap<u64, (usize, BTreeMap<usize, usize>)> = BTreeMap::new();
    for row in rows {
        let (incidents, found) = sums.entry(row.jitter.to_bits()).or_default();
        *incidents += row.incidents;
        for (scorer, count) in &row.found {
            *found.entry(scorer.index()).or_default() += count;
        }
    }
    let most = sums.keys().next_back().map_or(1.0, |bits| f64::from_bits(*bits).max(1e-9));
    let x = |bits: u64| f64::from_bits(bits) / most;
    let title = format!("{} {}, by jitter", first.kind.name(), first.behaviour);
    begin(page, &title, "share found within the budget", "jitter, share of the interval");
    for bits in sums.keys() {
        tick(page, x(*bits), text::quantity(f64::from_bits(*bits)));
    }
    let scorers: Vec<Scorer> = first.found.iter().map(|(scorer, _)| *scorer).collect();
    for scorer in scorers.iter().rev() {
        let mut path = String::new();
        for (bits, (incidents, found)) in &sums {
            let share = found.get(&scorer.index()).copied().unwrap_or(0) as f64 / *incidents as f64;
            // Writing to a `String` cannot fail.
            let _ = write!(path, "{}{}", if path.is_empty() { 'M' } else { 'L' }, at(x(*bits), share));
        }
        // A single point is drawn as a short line.
        line(page, *scorer, &if sums.len() == 1 { format!("{path}h8") } else { path });
    }
    let all: usize = sums.values().map(|(incidents, _)| incidents).sum();
    let found =
        |scorer: Scorer| sums.values().filter_map(|(_, found)| found.get(&scorer.index())).sum::<usize>();
    let said = |scorer: Scorer| (scorer, format!("{} of {all}", found(scorer)));
    end(page, &scorers.into_iter().map(said).collect::<Vec<_>>());
}

/// What the detector finds by interval and jitter, as a table of shaded boxes.
pub(super) fn heat(page: &mut Page, rows: &[SweepRow]) {
    let intervals: BTreeSet<u64> = rows.iter().map(|row| row.interval_s.to_bits()).collect();
    let jitters: BTreeSet<u64> = rows.iter().map(|row| row.jitter.to_bits()).collect();
    let (wide, high) =
        (350.0 / jitters.len().max(1) as f64, (250.0 / intervals.len().max(1) as f64).min(40.0));
    let floor = 14.0 + high * intervals.len() as f64;
    page.raw("<figure class=\"plot heat\"><figcaption><b>undercurrent, by interval and jitter</b> <span class=\"dim\">found of incidents</span></figcaption>");
    page.raw("<svg viewBox=\"0 0 440 ").text(floor + 34.0);
    page.raw("\" role=\"img\" aria-label=\"Incidents found by interval and jitter\">");
    for (line, interval) in intervals.iter().enumerate() {
        let y = 8.0 + line as f64 * high;
        page.raw("<text class=\"end\" x=\"74\" y=\"")
            .text(format_args!("{:.1}", y + high / 2.0 + 4.0))
            .raw("\">");
        page.text(text::span(Span::from_secs_f64(f64::from_bits(*interval)))).raw("</text>");
        for (column, jitter) in jitters.iter().enumerate() {
            let of =
                |row: &&SweepRow| (row.interval_s.to_bits(), row.jitter.to_bits()) == (*interval, *jitter);
            if let Some(row) = rows.iter().find(of) {
                cell(page, row, (80.0 + column as f64 * wide, y), (wide - 2.0, high - 2.0));
            }
        }
    }
    for (column, jitter) in jitters.iter().enumerate() {
        let x = 80.0 + (column as f64 + 0.5) * wide;
        page.raw("<text class=\"middle\" x=\"")
            .text(format_args!("{x:.1}"))
            .raw("\" y=\"")
            .text(floor + 10.0)
            .raw("\">");
        page.text(text::quantity(f64::from_bits(*jitter))).raw("</text>");
    }
    page.raw("<text class=\"middle\" x=\"255\" y=\"").text(floor + 28.0);
    page.raw("\">jitter, share of the interval</text></svg></figure>\n");
}

fn cell(page: &mut Page, row: &SweepRow, (x, y): (f64, f64), (wide, high): (f64, f64)) {
    let found =
        row.found.iter().find(|(scorer, _)| *scorer == Scorer::Detector).map_or(0, |(_, found)| *found);
    let share = found as f64 / row.incidents.max(1) as f64;
    page.raw("<rect rx=\"2\" x=\"").text(format_args!("{x:.1}")).raw("\" y=\"").text(format_args!("{y:.1}"));
    page.raw("\" width=\"")
        .text(format_args!("{wide:.1}"))
        .raw("\" height=\"")
        .text(format_args!("{high:.1}"));
    if found == 0 {
        page.raw("\" class=\"none");
    } else {
        page.raw("\" opacity=\"").text(format_args!("{:.2}", 0.15 + 0.85 * share));
    }
    page.raw("\"/><text class=\"middle value");
    page.raw(if share > 0.5 { " strong" } else { "" })
        .raw("\" x=\"")
        .text(format_args!("{:.1}", x + wide / 2.0));
    page.raw("\" y=\"").text(format_args!("{:.1}", y + high / 2.0 + 4.0)).raw("\">");
    page.text(found).raw("/").text(row.incidents).raw("</text>");
}

//! An evaluation as one self-contained page: precision against recall, detection against jitter, and the tables.

use super::plots::{heat, jitter, precision_recall};
use super::sections::{Section, sections};
use crate::evaluate::{Evaluation, Group, GroupRow};
use crate::export::markup::Page;
use crate::export::report::STYLE;
use crate::export::text;

/// The style of the charts, over that of the report.
const CHART_STYLE: &str = include_str!("page.css");

/// Rows of a table that are on the page.
const ROWS: usize = 2000;

/// The page. `title` is what was measured, such as the names of the inputs.
pub fn render_page(evaluation: &Evaluation, title: &str) -> String {
    let mut page = Page::default();
    page.raw(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Evaluation of ",
    );
    page.text(title).raw(" – undercurrent</title>\n<style>\n").raw(STYLE).raw(CHART_STYLE);
    page.raw("</style>\n</head>\n<body>\n<header class=\"top\">\n<p class=\"brand\">undercurrent ");
    page.raw(env!("CARGO_PKG_VERSION"))
        .raw("</p>\n<h1>How well it detects</h1>\n<p class=\"lead\">")
        .text(title);
    page.raw("</p>\n<p class=\"lead\">");
    page.text(text::counted(evaluation.incidents.len() as u64, "incident")).raw(" in ");
    page.text(text::counted(evaluation.inputs as u64, "input")).raw(", ");
    page.text(text::quantity(evaluation.benign_days)).raw(" days with traffic; false alerts allowed a day: ");
    page.text(text::quantity(evaluation.budget_a_day)).raw("</p>\n</header>\n<main>\n");
    curves(&mut page, evaluation);
    sweeps(&mut page, evaluation);
    for section in sections(evaluation) {
        table(&mut page, &section);
    }
    page.raw("</main>\n</body>\n</html>\n");
    page.into_string()
}

/// A chart for each detector that has an incident, and one for both where both have.
fn curves(page: &mut Page, evaluation: &Evaluation) {
    let of = |group: Group| -> Vec<&GroupRow> {
        evaluation.groups.iter().filter(|row| row.group == group && row.incidents > 0).collect()
    };
    let charts = [
        ("Command and control", of(Group::C2)),
        ("Exfiltration", of(Group::Exfil)),
        ("Both detectors", of(Group::Overall)),
    ];
    let alone = charts.iter().filter(|(_, rows)| !rows.is_empty()).count() < 3;
    let shown: Vec<_> =
        charts.iter().take(if alone { 2 } else { 3 }).filter(|(_, rows)| !rows.is_empty()).collect();
    page.raw("<section aria-labelledby=\"curves\">\n<h2 id=\"curves\">Precision against recall</h2>\n");
    if shown.is_empty() {
        page.raw("<p class=\"empty\">No incident is labelled.</p>\n</section>\n");
        return;
    }
    page.raw("<p>Of all alerts above a score, the share that are incidents, against the share of the incidents that are found. A circle is where the \
              budget of false alerts is used up; the number beside a name is the average precision.</p>\n<div class=\"pair\">\n");
    for (title, rows) in shown {
        precision_recall(page, title, rows);
    }
    page.raw("</div>\n</section>\n");
}

/// Only where notes tell intervals, as those of `simulate` do.
fn sweeps(page: &mut Page, evaluation: &Evaluation) {
    if evaluation.sweep.is_empty() {
        return;
    }
    page.raw(
        "<section aria-labelledby=\"sweep\">\n<h2 id=\"sweep\">Detection against jitter and interval</h2>\n",
    );
    page.raw("<p>Share of the incidents that are found within the budget of false alerts, by what the notes of their labels say.</p>\n");
    for rows in evaluation.sweep.chunk_by(|a, b| (a.kind, &a.behaviour) == (b.kind, &b.behaviour)) {
        page.raw("<div class=\"pair\">\n");
        jitter(page, rows);
        heat(page, rows);
        page.raw("</div>\n");
    }
    page.raw("</section>\n");
}

fn table(page: &mut Page, section: &Section) {
    page.raw("<section>\n<h2>").text(section.title).raw("</h2>\n");
    if !section.rows.is_empty() {
        page.raw("<div class=\"scroll\" role=\"region\" aria-label=\"").text(section.title);
        page.raw("\" tabindex=\"0\"><table>\n<thead><tr>");
        for column in &section.columns {
            page.raw(if column.is_number { "<th scope=\"col\" class=\"n\">" } else { "<th scope=\"col\">" });
            page.text(column.name).raw("</th>");
        }
        page.raw("</tr></thead>\n<tbody>\n");
        for row in section.rows.iter().take(ROWS) {
            page.raw("<tr>");
            for (cell, column) in row.iter().zip(&section.columns) {
                page.raw(if column.is_number { "<td class=\"n\">" } else { "<td>" }).text(cell).raw("</td>");
            }
            page.raw("</tr>\n");
        }
        page.raw("</tbody></table></div>\n");
    }
    page.raw("<p class=\"dim\">").text(&section.note);
    if section.rows.len() > ROWS {
        page.raw(" ").text(text::counted((section.rows.len() - ROWS) as u64, "more row"));
        page.raw(" not on this page; <code>--csv DIR</code> writes them all.");
    }
    page.raw("</p>\n</section>\n");
}

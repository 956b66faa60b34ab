//! The findings: a timeline, a card each for the first, a table row for the others.

use super::detail::Detail;
use super::{ReportData, cards, timeline};
use crate::detect::{Finding, Severity};
use crate::export::findings::{by_severity, headline, peer_lines};
use crate::export::markup::Page;
use crate::export::text;

/// Findings that have a card of their own.
pub const CARDS: usize = 200;
/// Findings after those that have a row.
const ROWS: usize = 2000;
/// Findings that are on the page.
pub(super) const SHOWN: usize = CARDS + ROWS;

pub(super) fn render(page: &mut Page, data: &ReportData<'_>) {
    page.raw("<section id=\"findings\" aria-labelledby=\"findings-title\">\n<h2 id=\"findings-title\">Findings</h2>\n");
    if data.findings.is_empty() {
        page.raw("<p class=\"empty\">").text(text::counted(data.summary.hosts, "host")).raw(" and ");
        page.text(text::counted(data.summary.channels, "channel"));
        page.raw(" were scored; none is over the thresholds.</p>\n</section>\n");
        return;
    }
    timeline::render(page, data);
    filter(page, data.findings);
    let (cards, rest) = data.findings.split_at(data.findings.len().min(CARDS));
    let blank = Detail::default();
    for (nth, finding) in cards.iter().enumerate() {
        cards::with_detail(page, finding, data.details.get(nth).unwrap_or(&blank));
    }
    if !rest.is_empty() {
        rows(page, rest);
    }
    page.raw("</section>\n");
}

/// Radio buttons that hide the other severities, by style alone.
fn filter(page: &mut Page, findings: &[Finding]) {
    let present: Vec<_> = by_severity(findings).into_iter().filter(|&(_, count)| count > 0).collect();
    if present.len() < 2 {
        return;
    }
    page.raw("<fieldset class=\"filter\"><legend>Show</legend>");
    page.raw("<label><input type=\"radio\" name=\"show\" id=\"show-all\" checked><span>all ");
    page.text(text::count(findings.len() as u64)).raw("</span></label>");
    for (severity, count) in present {
        page.raw("<label><input type=\"radio\" name=\"show\" id=\"show-")
            .text(severity.name())
            .raw("\"><span>");
        page.text(severity.name()).raw(" ").text(text::count(count)).raw("</span></label>");
    }
    page.raw("</fieldset>\n");
}

fn rows(page: &mut Page, findings: &[Finding]) {
    page.raw("<h3 class=\"more\">").text(text::counted(findings.len() as u64, "further finding"));
    page.raw(
        "</h3>\n<div class=\"scroll\" role=\"region\" aria-label=\"Further findings\" tabindex=\"0\"><table data-noun=\"findings\">\n<thead><tr>\
         <th scope=\"col\">Severity</th><th scope=\"col\">Host</th><th scope=\"col\">Peer</th><th scope=\"col\">What</th>\
         <th scope=\"col\" class=\"n\">Score</th><th scope=\"col\" class=\"n\">p</th><th scope=\"col\">First seen (UTC)</th>\
         <th scope=\"col\" class=\"n\">Out</th><th scope=\"col\" class=\"n\">In</th></tr></thead>\n<tbody>\n",
    );
    for finding in findings.iter().take(ROWS) {
        row(page, finding);
    }
    page.raw("</tbody></table></div>\n");
    if findings.len() > ROWS {
        page.raw("<p class=\"dim\">").text(text::counted((findings.len() - ROWS) as u64, "more finding"));
        page.raw(
            " with lower scores are not on this page; <code>--format jsonl</code> prints them all.</p>\n",
        );
    }
}

fn row(page: &mut Page, f: &Finding) {
    page.raw("<tr id=\"f-")
        .text(&f.id)
        .raw("\" data-severity=\"")
        .text(f.severity.name())
        .raw("\"><td data-v=\"");
    page.text(f.severity.level()).raw("\">");
    severity(page, f.severity);
    page.raw("</td><td class=\"mono\">")
        .text(f.host)
        .raw("</td><td class=\"mono\">")
        .text(peer_lines(&f.peer).0);
    page.raw("</td><td>").text(headline(f)).raw("</td><td class=\"n\" data-v=\"").text(f.score).raw("\">");
    page.text(format_args!("{:.3}", f.score))
        .raw("</td><td class=\"n\" data-v=\"")
        .text(f.p_value)
        .raw("\">");
    page.text(text::probability(f.p_value)).raw("</td><td class=\"nw\">").text(text::date_time(f.first_seen));
    for bytes in [f.bytes_out, f.bytes_in] {
        page.raw("</td><td class=\"n\" data-v=\"").text(bytes).raw("\">").text(text::bytes(bytes));
    }
    page.raw("</td></tr>\n");
}

/// The severity as a coloured word.
pub(super) fn severity(page: &mut Page, severity: Severity) {
    page.raw("<span class=\"sev ").text(severity.name()).raw("\">").text(severity.name()).raw("</span>");
}

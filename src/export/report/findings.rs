//! The findings: a card each for the first, a table row for the others.

use super::{ReportData, cards};
use crate::detect::{Finding, Severity};
use crate::export::findings::{by_severity, headline, peer_lines};
use crate::export::markup::Page;
use crate::export::text;

/// Findings that have a card of their own.
const CARDS: usize = 200;

pub(super) fn render(page: &mut Page, data: &ReportData<'_>) {
    page.raw("<section id=\"findings\" aria-labelledby=\"findings-title\">\n<h2 id=\"findings-title\">Findings</h2>\n");
    if data.findings.is_empty() {
        page.raw("<p class=\"empty\">").text(text::counted(data.summary.hosts, "host")).raw(" and ");
        page.text(text::counted(data.summary.channels, "channel"));
        page.raw(" were scored; none is over the thresholds.</p>\n</section>\n");
        return;
    }
    filter(page, data.findings);
    let (cards, rest) = data.findings.split_at(data.findings.len().min(CARDS));
    for finding in cards {
        cards::render(page, finding);
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
        "</h3>\n<div class=\"scroll\" role=\"region\" aria-label=\"Further findings\" tabindex=\"0\"><table>\n<thead><tr>\
         <th scope=\"col\">Severity</th><th scope=\"col\">Host</th><th scope=\"col\">Peer</th><th scope=\"col\">What</th>\
         <th scope=\"col\" class=\"n\">Score</th><th scope=\"col\" class=\"n\">p</th><th scope=\"col\">First seen (UTC)</th>\
         <th scope=\"col\" class=\"n\">Out</th><th scope=\"col\" class=\"n\">In</th></tr></thead>\n<tbody>\n",
    );
    for finding in findings {
        row(page, finding);
    }
    page.raw("</tbody></table></div>\n");
}

fn row(page: &mut Page, f: &Finding) {
    page.raw("<tr data-severity=\"").text(f.severity.name()).raw("\"><td>");
    severity(page, f.severity);
    page.raw("</td><td class=\"mono\">")
        .text(f.host)
        .raw("</td><td class=\"mono\">")
        .text(peer_lines(&f.peer).0);
    page.raw("</td><td>").text(headline(f)).raw("</td><td class=\"n\">").text(format_args!("{:.3}", f.score));
    page.raw("</td><td class=\"n\">").text(text::probability(f.p_value)).raw("</td><td class=\"nw\">");
    page.text(text::date_time(f.first_seen)).raw("</td><td class=\"n\">").text(text::bytes(f.bytes_out));
    page.raw("</td><td class=\"n\">").text(text::bytes(f.bytes_in)).raw("</td></tr>\n");
}

/// The severity as a coloured word.
pub(super) fn severity(page: &mut Page, severity: Severity) {
    page.raw("<span class=\"sev ").text(severity.name()).raw("\">").text(severity.name()).raw("</span>");
}

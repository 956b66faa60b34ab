//! One finding as a card: who, what, when, why; with its details, a page of its own.

use super::charts::activity;
use super::detail::Detail;
use super::findings::severity;
use super::{intervals, peers, raster, volume};
use crate::detect::{Evidence, Finding};
use crate::export::findings::{headline, peer_lines};
use crate::export::markup::Page;
use crate::export::text;

/// Adds a finding as a card.
pub fn finding_card(page: &mut Page, finding: &Finding) {
    page.raw("<article class=\"card\" data-severity=\"").text(finding.severity.name()).raw("\">\n");
    body(page, finding);
    page.raw("</article>\n");
}

/// Adds a finding as a card that can be linked to; then it is shown alone, with its details, which are hidden otherwise.
pub(super) fn with_detail(page: &mut Page, finding: &Finding, detail: &Detail) {
    page.raw("<article class=\"card\" id=\"f-").text(&finding.id);
    page.raw("\" data-severity=\"").text(finding.severity.name()).raw("\">\n");
    body(page, finding);
    page.raw("<p class=\"turn\"><a class=\"open\" href=\"#f-")
        .text(&finding.id)
        .raw("\" aria-label=\"Details of ");
    page.text(finding.host).raw(" to ").text(peer_lines(&finding.peer).0).raw("\">Details</a>");
    page.raw("<a class=\"back\" href=\"#findings\">All findings</a></p>\n<div class=\"detail\">\n<div class=\"columns\">\n<div>\n");
    raster::render(page, detail);
    intervals::render(page, detail);
    volume::render(page, finding.kind, detail);
    page.raw("</div>\n");
    peers::render(page, detail);
    page.raw("</div>\n</div>\n</article>\n");
}

fn body(page: &mut Page, finding: &Finding) {
    header(page, finding);
    page.raw("<div class=\"columns\">\n<div>\n<h4>Why</h4>\n<ul class=\"why\">");
    for evidence in &finding.evidence {
        reason(page, evidence);
    }
    page.raw("</ul>\n</div>\n<div>\n");
    if !finding.activity.is_empty() {
        activity(page, finding);
    }
    facts(page, finding);
    page.raw("</div>\n</div>\n");
}

fn header(page: &mut Page, finding: &Finding) {
    let (peer, address) = peer_lines(&finding.peer);
    page.raw("<header>");
    severity(page, finding.severity);
    page.raw("<div class=\"who\"><h3><span class=\"mono\">").text(finding.host);
    page.raw("</span> <span class=\"to\" role=\"img\" aria-label=\"to\">→</span> <span class=\"mono\">")
        .text(peer);
    page.raw("</span></h3>\n<p>").text(headline(finding));
    if let Some(address) = address {
        page.raw(" <span class=\"dim mono\">").text(address).raw("</span>");
    }
    for technique in &finding.techniques {
        page.raw(" <span class=\"tag\">").text(technique).raw("</span>");
    }
    page.raw("</p></div>\n<dl class=\"score\"><div><dt>score</dt><dd>")
        .text(format_args!("{:.3}", finding.score));
    page.raw("</dd></div><div><dt>p-value</dt><dd>").text(text::probability(finding.p_value));
    page.raw("</dd></div></dl></header>\n");
}

/// A sentence, the share of the score that it explains, and the numbers behind it.
fn reason(page: &mut Page, evidence: &Evidence) {
    let percent = (evidence.contribution.clamp(0.0, 1.0) * 100.0).round();
    page.raw("<li><p>")
        .text(&evidence.text)
        .raw("</p><div class=\"share\"><span class=\"bar\" aria-hidden=\"true\">");
    page.raw("<i style=\"width:").text(percent).raw("%\"></i></span><span class=\"n\">").text(percent);
    page.raw(" %</span></div><p class=\"numbers\"><code>").text(&evidence.feature).raw("</code> ");
    page.text(text::quantity(evidence.value)).raw(", typically ").text(text::quantity(evidence.typical));
    page.raw("</p></li>\n");
}

fn facts(page: &mut Page, finding: &Finding) {
    let lasted = finding.last_seen - finding.first_seen;
    let facts = [
        ("First seen", text::date_time(finding.first_seen)),
        ("Last seen", text::date_time(finding.last_seen)),
        ("Duration", text::span(lasted)),
        ("Connections", text::count(finding.flows)),
        ("Sent", text::bytes(finding.bytes_out)),
        ("Received", text::bytes(finding.bytes_in)),
    ];
    page.raw("<dl class=\"facts\">");
    for (name, value) in facts {
        page.raw("<div><dt>").text(name).raw("</dt><dd>").text(value).raw("</dd></div>");
    }
    page.raw("</dl>\n<p class=\"id\">id <code>").text(&finding.id).raw("</code></p>\n");
}

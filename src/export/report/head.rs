//! What was read, and how much was found: the top of the page.

use super::ReportData;
use crate::export::findings::by_severity;
use crate::export::markup::Page;
use crate::export::text;

/// The page's heading: `3 findings in 14 hosts`.
pub(super) fn title(data: &ReportData<'_>) -> String {
    let hosts = text::counted(data.summary.hosts, "host");
    match data.findings.len() as u64 {
        0 => format!("No findings in {hosts}"),
        n => format!("{} in {hosts}", text::counted(n, "finding")),
    }
}

pub(super) fn render(page: &mut Page, data: &ReportData<'_>) {
    page.raw("<header class=\"top\">\n<p class=\"brand\">undercurrent</p>\n<h1>").text(title(data));
    page.raw("</h1>\n");
    span(page, data);
    severities(page, data);
    tiles(page, data);
    inputs(page, data);
    page.raw(
        "<nav aria-label=\"Sections\"><a href=\"#findings\">Findings</a> <a href=\"#hosts\">Hosts</a> \
         <a href=\"#scores\">Scores</a> <a href=\"#methods\">Methods and versions</a></nav>\n</header>\n",
    );
}

fn span(page: &mut Page, data: &ReportData<'_>) {
    let (Some(first), Some(last)) = (data.summary.first_packet, data.summary.last_packet) else {
        page.raw("<p class=\"lead\">No packet was read.</p>\n");
        return;
    };
    page.raw("<p class=\"lead\"><time>").text(text::date_time(first)).raw("</time> to <time>");
    page.text(text::date_time(last))
        .raw("</time> UTC, ")
        .text(text::span(last - first))
        .raw(" of traffic</p>\n");
}

fn severities(page: &mut Page, data: &ReportData<'_>) {
    page.raw("<ul class=\"counts\" aria-label=\"Findings by severity\">");
    for (severity, count) in by_severity(data.findings) {
        let empty = if count == 0 { " none" } else { "" };
        page.raw("<li class=\"sev ").text(severity.name()).text(empty).raw("\"><b>").text(text::count(count));
        page.raw("</b> ").text(severity.name()).raw("</li>");
    }
    page.raw("</ul>\n");
}

fn tiles(page: &mut Page, data: &ReportData<'_>) {
    let s = data.summary;
    let tiles = [
        ("packets", text::count(s.packets)),
        ("on the wire", text::bytes(s.bytes)),
        ("connections", text::count(s.flows)),
        ("monitored hosts", text::count(s.hosts)),
        ("channels", text::count(s.channels)),
    ];
    page.raw("<dl class=\"tiles\">");
    for (name, value) in tiles {
        page.raw("<div><dt>").text(name).raw("</dt><dd>").text(value).raw("</dd></div>");
    }
    page.raw("</dl>\n");
}

fn inputs(page: &mut Page, data: &ReportData<'_>) {
    let inputs = &data.summary.inputs;
    if inputs.is_empty() {
        return;
    }
    page.raw("<details class=\"inputs\"");
    if inputs.len() <= 3 {
        page.raw(" open");
    }
    page.raw("><summary>").text(text::counted(inputs.len() as u64, "input")).raw(" read</summary><ul>");
    for input in inputs {
        page.raw("<li><code>").text(&input.path).raw("</code> <span class=\"dim\">");
        page.text(text::counted(input.packets, "packet"));
        if let Some(digest) = &input.sha256 {
            page.raw(", SHA-256 <code>").text(digest).raw("</code>");
        }
        page.raw("</span></li>");
    }
    page.raw("</ul></details>\n");
}

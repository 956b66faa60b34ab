//! The monitored hosts: who sent most, how the scores lie, and a table of the highest.

use std::collections::BTreeMap;

use super::findings::SHOWN;
use super::{HostRow, ReportData, charts};
use crate::addr::Addr;
use crate::detect::{Finding, Kind};
use crate::export::markup::Page;
use crate::export::text;

/// Hosts in the chart of bytes out.
const CHART_HOSTS: usize = 12;
/// Hosts in the table.
const TABLE_HOSTS: usize = 2000;

pub(super) fn render(page: &mut Page, data: &ReportData<'_>) {
    page.raw("<section id=\"hosts\" aria-labelledby=\"hosts-title\">\n<h2 id=\"hosts-title\">Hosts</h2>\n");
    let mut hosts: Vec<&HostRow> = data.hosts.iter().collect();
    hosts.sort_by(|a, b| b.bytes_out.cmp(&a.bytes_out).then(a.host.cmp(&b.host)));
    hosts.truncate(CHART_HOSTS);
    if hosts.is_empty() {
        page.raw("<p class=\"empty\">No monitored host sent or received a packet.</p>\n</section>\n");
        page.raw("<span id=\"scores\"></span>\n");
        return;
    }
    page.raw("<h3>Sent most</h3>\n");
    charts::bytes_out(page, &hosts);
    table(page, data.hosts, data.findings);
    page.raw("</section>\n<section id=\"scores\" aria-labelledby=\"scores-title\">\n");
    page.raw("<h2 id=\"scores-title\">Scores</h2>\n<p>How the scores of all hosts lie (logarithmic), and from where they count.</p>");
    page.raw("<div class=\"pair\">\n");
    for kind in Kind::ALL {
        charts::scores(page, kind, data.hosts, data.score_thresholds);
    }
    page.raw("</div>\n</section>\n");
}

fn table(page: &mut Page, hosts: &[HostRow], findings: &[Finding]) {
    let worst = |host: &HostRow| host.c2_score.unwrap_or(0.0).max(host.exfil_score.unwrap_or(0.0));
    let mut ranked: Vec<&HostRow> = hosts.iter().collect();
    ranked.sort_by(|a, b| worst(b).total_cmp(&worst(a)).then(a.host.cmp(&b.host)));
    let mut found: BTreeMap<Addr, (u64, Option<&str>)> = BTreeMap::new();
    for (nth, finding) in findings.iter().enumerate() {
        let first = (nth < SHOWN).then_some(finding.id.as_str());
        found.entry(finding.host).or_insert((0, first)).0 += 1;
    }
    page.raw("<h3>By score</h3>\n");
    page.raw(
        "<div class=\"scroll\" role=\"region\" aria-label=\"Hosts by score\" tabindex=\"0\"><table data-noun=\"hosts\">\n<thead><tr>\
         <th scope=\"col\">Host</th><th scope=\"col\" class=\"n\">Findings</th><th scope=\"col\" class=\"n\">C2 score</th><th scope=\"col\" class=\"n\">p</th>\
         <th scope=\"col\" class=\"n\">Exfil score</th><th scope=\"col\" class=\"n\">p</th>\
         <th scope=\"col\" class=\"n\">Sent</th><th scope=\"col\" class=\"n\">Received</th>\
         <th scope=\"col\" class=\"n\">Connections</th><th scope=\"col\" class=\"n\">Peers</th>\
         <th scope=\"col\">First seen (UTC)</th><th scope=\"col\">Last seen (UTC)</th></tr></thead>\n<tbody>\n",
    );
    for host in ranked.iter().take(TABLE_HOSTS) {
        row(page, host, found.get(&host.host).copied());
    }
    page.raw("</tbody></table></div>\n");
    if hosts.len() > TABLE_HOSTS {
        let more = (hosts.len() - TABLE_HOSTS) as u64;
        page.raw("<p class=\"dim\">").text(text::counted(more, "more host"));
        page.raw(" with lower scores; <code>--hosts FILE.csv</code> writes them all.</p>\n");
    }
}

/// A host, with how many findings it has and which is the first of them, where that is on the page.
fn row(page: &mut Page, host: &HostRow, found: Option<(u64, Option<&str>)>) {
    page.raw("<tr><th scope=\"row\" class=\"mono\">").text(host.host).raw("</th>");
    let (findings, first) = found.unwrap_or((0, None));
    page.raw("<td class=\"n\" data-v=\"").text(findings).raw("\">");
    match first {
        Some(id) => page.raw("<a href=\"#f-").text(id).raw("\">").text(text::count(findings)).raw("</a>"),
        None => page.text(text::count(findings)),
    };
    page.raw("</td>");
    for (score, p_value) in [(host.c2_score, host.c2_p_value), (host.exfil_score, host.exfil_p_value)] {
        // What could not be judged is below what is least suspicious.
        let nothing = || "–".to_owned();
        number(page, score.unwrap_or(-1.0), &score.map_or_else(nothing, |score| format!("{score:.3}")));
        number(page, p_value.unwrap_or(2.0), &p_value.map_or_else(nothing, text::probability));
    }
    for (value, shown) in [
        (host.bytes_out, text::bytes(host.bytes_out)),
        (host.bytes_in, text::bytes(host.bytes_in)),
        (host.flows, text::count(host.flows)),
        (host.peers, text::count(host.peers)),
    ] {
        number(page, value, &shown);
    }
    for ts in [host.first_seen, host.last_seen] {
        // To the minute: the width of the table is short.
        let minute = text::date_time(ts);
        page.raw("<td class=\"nw\">").text(minute.get(..16).unwrap_or(&minute)).raw("</td>");
    }
    page.raw("</tr>\n");
}

/// A cell that is ordered by a value, and shown as people read it.
fn number(page: &mut Page, value: impl std::fmt::Display, shown: &str) {
    page.raw("<td class=\"n\" data-v=\"").text(value).raw("\">");
    page.text(shown).raw("</td>");
}

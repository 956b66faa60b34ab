//! The monitored hosts: who sent most, how the scores lie, and a table of the highest.

use super::{HostRow, ReportData, charts};
use crate::detect::Kind;
use crate::export::markup::Page;
use crate::export::text;

/// Hosts in the chart of bytes out.
const CHART_HOSTS: usize = 12;
/// Hosts in the table.
const TABLE_HOSTS: usize = 200;

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
    table(page, data.hosts);
    page.raw("</section>\n<section id=\"scores\" aria-labelledby=\"scores-title\">\n");
    page.raw("<h2 id=\"scores-title\">Scores</h2>\n<p>How the scores of all hosts lie (logarithmic), and from where they count.</p>");
    page.raw("<div class=\"pair\">\n");
    for kind in Kind::ALL {
        charts::scores(page, kind, data.hosts, data.score_thresholds);
    }
    page.raw("</div>\n</section>\n");
}

fn table(page: &mut Page, hosts: &[HostRow]) {
    let worst = |host: &HostRow| host.c2_score.unwrap_or(0.0).max(host.exfil_score.unwrap_or(0.0));
    let mut ranked: Vec<&HostRow> = hosts.iter().collect();
    ranked.sort_by(|a, b| worst(b).total_cmp(&worst(a)).then(a.host.cmp(&b.host)));
    page.raw("<h3>Highest scores</h3>\n");
    page.raw(
        "<div class=\"scroll\" role=\"region\" aria-label=\"Hosts by score\" tabindex=\"0\"><table>\n<thead><tr>\
         <th scope=\"col\">Host</th><th scope=\"col\" class=\"n\">C2 score</th><th scope=\"col\" class=\"n\">p</th>\
         <th scope=\"col\" class=\"n\">Exfil score</th><th scope=\"col\" class=\"n\">p</th>\
         <th scope=\"col\" class=\"n\">Sent</th><th scope=\"col\" class=\"n\">Received</th>\
         <th scope=\"col\" class=\"n\">Connections</th><th scope=\"col\" class=\"n\">Peers</th>\
         <th scope=\"col\">First seen (UTC)</th><th scope=\"col\">Last seen (UTC)</th></tr></thead>\n<tbody>\n",
    );
    for host in ranked.iter().take(TABLE_HOSTS) {
        row(page, host);
    }
    page.raw("</tbody></table></div>\n");
    if hosts.len() > TABLE_HOSTS {
        let more = (hosts.len() - TABLE_HOSTS) as u64;
        page.raw("<p class=\"dim\">").text(text::counted(more, "more host"));
        page.raw(" with lower scores; <code>--hosts FILE.csv</code> writes them all.</p>\n");
    }
}

fn row(page: &mut Page, host: &HostRow) {
    let score = |score: Option<f64>| score.map_or_else(|| "–".to_owned(), |s| format!("{s:.3}"));
    let p_value = |p: Option<f64>| p.map_or_else(|| "–".to_owned(), text::probability);
    let numbers = [
        score(host.c2_score),
        p_value(host.c2_p_value),
        score(host.exfil_score),
        p_value(host.exfil_p_value),
        text::bytes(host.bytes_out),
        text::bytes(host.bytes_in),
        text::count(host.flows),
        text::count(host.peers),
    ];
    page.raw("<tr><th scope=\"row\" class=\"mono\">").text(host.host).raw("</th>");
    for number in numbers {
        page.raw("<td class=\"n\">").text(number).raw("</td>");
    }
    for ts in [host.first_seen, host.last_seen] {
        // To the minute: the width of the table is short.
        let minute = text::date_time(ts);
        page.raw("<td class=\"nw\">").text(minute.get(..16).unwrap_or(&minute)).raw("</td>");
    }
    page.raw("</tr>\n");
}

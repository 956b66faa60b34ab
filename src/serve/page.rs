//! The pages for people: the sensor at a glance, and one host. Plain HTML that needs no script; [`SCRIPT`] keeps it up to date.

use super::api::ranked;
use super::served::Served;
use crate::addr::Addr;
use crate::detect::{Finding, HostScore};
use crate::export::markup::Page;
use crate::export::report::{STYLE, finding_card};
use crate::export::text;
use crate::features::{peer_address, peer_name};
use crate::time::{Span, Timestamp};

mod sensor;

/// Fetches the page again now and then and puts its main part in place of the old one.
pub(super) const SCRIPT: &str = include_str!("page/update.js");

/// Findings shown with all that is known of them; the others are in the API.
const CARDS: usize = 50;
/// Hosts shown.
const HOSTS: usize = 50;

/// The sensor at a glance.
pub(super) fn index(served: &Served, now: Timestamp) -> String {
    let findings = &served.verdicts.scores.findings;
    let hosts = text::counted(served.metrics.hosts_tracked, "host");
    let title = match findings.len() as u64 {
        0 => format!("No findings in {hosts}"),
        n => format!("{} in {hosts}", text::counted(n, "finding")),
    };
    document(&title, |page| {
        sensor::overview(page, served, now, &title);
        page.raw("<section id=\"findings\" aria-labelledby=\"findings-title\">\n<h2 id=\"findings-title\">Findings</h2>\n");
        cards(page, findings, served.verdicts.at);
        page.raw("</section>\n");
        ended(page, &served.verdicts.ended);
        hosts_table(page, served);
        sensor::details(page, served);
    })
}

/// One host; nothing where it is not known.
pub(super) fn host(served: &Served, addr: Addr) -> Option<String> {
    let scores = &served.verdicts.scores;
    let host = scores.hosts.iter().find(|host| host.host == addr)?;
    let findings: Vec<Finding> =
        scores.findings.iter().filter(|finding| finding.host == addr).cloned().collect();
    Some(document(&addr.to_string(), |page| {
        page.raw("<p><a href=\"/\">All hosts</a></p>\n<h1 class=\"mono\">").text(addr).raw("</h1>\n");
        facts(page, host);
        page.raw("<section aria-labelledby=\"findings-title\">\n<h2 id=\"findings-title\">Findings</h2>\n");
        cards(page, &findings, served.verdicts.at);
        page.raw("</section>\n");
        channels(page, served, addr);
        page.raw("<p><a href=\"/api/v1/hosts/").text(addr).raw("\">This host as JSON</a></p>\n");
    }))
}

/// What is said of a host that is not known.
pub(super) fn no_such_host() -> String {
    document("No such host", |page| {
        page.raw("<h1>No such host</h1>\n<p>No packet of a monitored host with this address was seen since the last pass. \
                  <a href=\"/\">All hosts</a></p>\n");
    })
}

fn document(title: &str, content: impl FnOnce(&mut Page)) -> String {
    let mut page = Page::default();
    page.raw(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
    );
    page.text(title).raw(" – undercurrent</title>\n<style>\n").raw(STYLE).raw(include_str!("page/live.css"));
    page.raw(
        "</style>\n<script src=\"/update.js\" defer></script>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
         <header class=\"top bar-top\"><p class=\"brand\"><a href=\"/\">undercurrent</a></p>\
         <p id=\"updated\" class=\"dim\" role=\"status\"></p></header>\n<main id=\"content\">\n",
    );
    content(&mut page);
    page.raw("</main>\n</body>\n</html>\n");
    page.into_string()
}

fn cards(page: &mut Page, findings: &[Finding], scored: Option<Timestamp>) {
    if findings.is_empty() {
        let said = if scored.is_some() { "None." } else { "Nothing has been scored yet." };
        page.raw("<p class=\"empty\">").text(said).raw("</p>\n");
    }
    for finding in findings.iter().take(CARDS) {
        finding_card(page, finding);
    }
    if findings.len() > CARDS {
        let more = text::counted((findings.len() - CARDS) as u64, "further finding");
        page.raw("<p class=\"dim\">").text(more);
        page.raw(" in <a href=\"/api/v1/findings\">the API</a>.</p>\n");
    }
}

fn ended(page: &mut Page, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    page.raw("<details class=\"ended\"><summary>").text(text::counted(findings.len() as u64, "finding"));
    page.raw(" over</summary>\n");
    for finding in findings.iter().take(CARDS) {
        finding_card(page, finding);
    }
    page.raw("</details>\n");
}

fn hosts_table(page: &mut Page, served: &Served) {
    let hosts = ranked(&served.verdicts.scores.hosts);
    page.raw("<section id=\"hosts\" aria-labelledby=\"hosts-title\">\n<h2 id=\"hosts-title\">Hosts by score</h2>\n");
    if hosts.is_empty() {
        page.raw("<p class=\"empty\">No monitored host was seen yet. Are the monitored networks (<code>--local</code>) those of the tap?</p>\n</section>\n");
        return;
    }
    head(
        page,
        "Table of hosts",
        &["Host", "C2", "Exfiltration", "Sent", "Received", "Connections", "Peers", "Last seen (UTC)"],
    );
    for host in hosts.iter().take(HOSTS) {
        let [c2, exfil] = host.worst.map(|(score, _, channel)| score_text(score, channel.is_some()));
        let traffic = &host.state.traffic;
        let cells = [
            c2,
            exfil,
            text::bytes(traffic.bytes_out),
            text::bytes(traffic.bytes_in),
            text::count(host.state.flows),
            text::count(host.peers as u64),
            text::date_time(host.state.last_seen),
        ];
        page.raw("<tr><th scope=\"row\" class=\"mono\"><a href=\"/hosts/").text(host.host).raw("\">");
        page.text(host.host).raw("</a></th>");
        row_end(page, &cells);
    }
    page.raw("</tbody></table></div>\n");
    if hosts.len() > HOSTS {
        page.raw("<p class=\"dim\">").text(text::counted((hosts.len() - HOSTS) as u64, "more host"));
        page.raw(" in <a href=\"/api/v1/hosts\">the API</a>.</p>\n");
    }
    page.raw("</section>\n");
}

fn facts(page: &mut Page, host: &HostScore) {
    let traffic = &host.state.traffic;
    let [c2, exfil] = host.worst.map(|(score, _, channel)| score_text(score, channel.is_some()));
    let tiles = [
        ("C2 score", c2),
        ("exfiltration score", exfil),
        ("sent", text::bytes(traffic.bytes_out)),
        ("received", text::bytes(traffic.bytes_in)),
        ("connections", text::count(host.state.flows)),
        ("peers", text::count(host.peers as u64)),
    ];
    sensor::tiles(page, &tiles);
    let first = host.state.first_seen.unwrap_or(host.state.last_seen);
    page.raw("<p class=\"dim\">Seen from ").text(text::date_time(first)).raw(" to ");
    page.text(text::date_time(host.state.last_seen)).raw(" UTC.</p>\n");
}

/// The channels of a host that can be judged, most suspicious first.
fn channels(page: &mut Page, served: &Served, addr: Addr) {
    let all = served.verdicts.scores.channels.iter();
    let mut channels: Vec<_> = all.filter(|scored| scored.key.host == addr).collect();
    let worst = |scored: &crate::detect::ChannelScore| {
        scored.verdicts.iter().filter(|v| v.judged).map(|v| v.score).fold(0.0, f64::max)
    };
    channels.sort_by(|a, b| worst(b).total_cmp(&worst(a)).then_with(|| a.key.cmp(&b.key)));
    page.raw("<section aria-labelledby=\"channels-title\">\n<h2 id=\"channels-title\">Channels</h2>\n");
    if channels.is_empty() {
        page.raw("<p class=\"empty\">None with enough evidence to be judged.</p>\n</section>\n");
        return;
    }
    head(
        page,
        "Table of channels",
        &["Peer", "C2", "Exfiltration", "Sent", "Received", "Connections", "Lasted", "Last seen (UTC)"],
    );
    for scored in channels.iter().take(HOSTS) {
        let channel = &scored.channel;
        let [c2, exfil] = scored.verdicts.each_ref().map(|v| score_text(v.score, v.judged));
        let name = peer_name(&scored.key, channel);
        let peer = name.map_or_else(|| peer_address(&scored.key, channel).to_string(), ToString::to_string);
        let lasted: Span = channel.last_seen - channel.first_seen;
        let cells = [
            c2,
            exfil,
            text::bytes(channel.traffic.bytes_out),
            text::bytes(channel.traffic.bytes_in),
            text::count(channel.flows),
            text::span(lasted),
            text::date_time(channel.last_seen),
        ];
        page.raw("<tr><th scope=\"row\" class=\"mono\">").text(peer);
        if scored.key.port != 0 {
            page.raw(" <span class=\"dim\">").text(scored.key.port).raw("</span>");
        }
        if scored.allowed {
            page.raw(" <span class=\"dim\">on the allowlist</span>");
        }
        page.raw("</th>");
        row_end(page, &cells);
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

fn head(page: &mut Page, name: &'static str, columns: &[&'static str]) {
    page.raw("<div class=\"scroll\" role=\"region\" aria-label=\"")
        .raw(name)
        .raw("\" tabindex=\"0\"><table>\n<thead><tr>");
    for (at, column) in columns.iter().enumerate() {
        page.raw(if at == 0 { "<th scope=\"col\">" } else { "<th scope=\"col\" class=\"n\">" })
            .raw(column)
            .raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
}

fn row_end(page: &mut Page, cells: &[String]) {
    for cell in cells {
        page.raw("<td class=\"n\">").text(cell).raw("</td>");
    }
    page.raw("</tr>\n");
}

fn score_text(score: f64, judged: bool) -> String {
    if judged { format!("{score:.3}") } else { "–".to_owned() }
}

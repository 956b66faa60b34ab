//! Whom else the host of a finding talked to, and who else talked to its peer.

use super::detail::{Detail, Neighbour};
use crate::export::findings::peer_lines;
use crate::export::markup::Page;
use crate::export::text;

pub(super) fn render(page: &mut Page, detail: &Detail) {
    page.raw("<div class=\"peers\"><h4>Other hosts that talked to the peer</h4>\n<p class=\"mono\">");
    if detail.hosts.is_empty() {
        page.raw("none");
    }
    for (nth, host) in detail.hosts.iter().enumerate() {
        page.raw(if nth == 0 { "" } else { ", " }).text(host);
    }
    if detail.more_hosts > 0 {
        page.raw(" and ").text(text::count(detail.more_hosts)).raw(" more");
    }
    page.raw("</p>\n<h4>What else the host talked to</h4>\n");
    if detail.peers.is_empty() {
        page.raw("<p>nothing</p></div>\n");
        return;
    }
    page.raw("<table><thead><tr><th scope=\"col\">Peer</th><th scope=\"col\" class=\"n\">Sent</th><th scope=\"col\" class=\"n\">Received</th>");
    page.raw("<th scope=\"col\" class=\"n\">Connections</th></tr></thead><tbody>\n");
    for peer in &detail.peers {
        row(page, peer);
    }
    page.raw("</tbody></table>\n");
    if detail.more_peers > 0 {
        page.raw("<p class=\"dim\">").text(text::counted(detail.more_peers, "more channel"));
        page.raw(" with fewer bytes</p>");
    }
    page.raw("</div>\n");
}

fn row(page: &mut Page, neighbour: &Neighbour) {
    let (peer, address) = peer_lines(&neighbour.peer);
    page.raw("<tr><td class=\"mono\">").text(peer);
    if let Some(address) = address {
        page.raw(" <span class=\"dim\">").text(address).raw("</span>");
    }
    page.raw("</td>");
    for number in
        [text::bytes(neighbour.bytes_out), text::bytes(neighbour.bytes_in), text::count(neighbour.flows)]
    {
        page.raw("<td class=\"n\">").text(number).raw("</td>");
    }
    page.raw("</tr>\n");
}

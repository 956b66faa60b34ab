//! One self-contained page about a run: no external resource, light and dark, printable. Its one script searches and orders tables; all is
//! there without it.
//!
//! The findings with the highest scores have a card each, with details of their own behind an anchor (`#f-ID`); those after them a row; how many are
//! left out beyond that is told, as it is of hosts.
//!
//! What is shown depends on the run's input only, never on how long it took or on how many threads, so that the page is
//! byte-identical when made again.

mod cards;
mod charts;
mod detail;
mod findings;
mod head;
mod hosts;
mod intervals;
mod methods;
mod peers;
mod raster;
mod script;
mod timeline;
mod volume;

use crate::addr::Addr;
use crate::detect::Finding;
use crate::export::markup::Page;
use crate::export::metrics::PerSeverity;
use crate::export::summary::Summary;
use crate::time::Timestamp;

/// What the page tells.
#[derive(Clone, Copy, Debug)]
pub struct ReportData<'a> {
    /// The counters of the run; its times and rates are not shown.
    pub summary: &'a Summary,
    /// The findings, in the order in which they are shown.
    pub findings: &'a [Finding],
    /// Details of the first findings, in the same order: as many as [`CARDS`], or fewer.
    pub details: &'a [Detail],
    /// Every monitored host, in any order.
    pub hosts: &'a [HostRow],
    /// Score from which a host is of a severity.
    pub score_thresholds: &'a PerSeverity<f64>,
    /// Keys of the configuration that are not as shipped, with their values.
    pub settings: &'a [(String, String)],
}

/// A monitored host. Scores are nothing where there was too little to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostRow {
    /// The host.
    pub host: Addr,
    /// Score of its worst channel, 0 to 1.
    pub c2_score: Option<f64>,
    /// Share of benign calibration rows that score at least as high.
    pub c2_p_value: Option<f64>,
    /// Exfiltration score, 0 to 1.
    pub exfil_score: Option<f64>,
    /// Share of benign calibration rows that score at least as high.
    pub exfil_p_value: Option<f64>,
    /// IP bytes sent.
    pub bytes_out: u64,
    /// IP bytes received.
    pub bytes_in: u64,
    /// Connections.
    pub flows: u64,
    /// Peers.
    pub peers: u64,
    /// First packet.
    pub first_seen: Timestamp,
    /// Last packet.
    pub last_seen: Timestamp,
}

/// The style sheet, light and dark.
pub const STYLE: &str = include_str!("style.css");

pub use cards::finding_card;
pub use detail::{Detail, Neighbour, details_of};
pub use findings::CARDS;

/// The page.
pub fn render(data: &ReportData<'_>) -> String {
    let mut page = Page::default();
    page.raw(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n",
    );
    script::policy(&mut page);
    page.raw("<title>").text(head::title(data)).raw(" – undercurrent report</title>\n<style>\n").raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n");
    head::render(&mut page, data);
    page.raw("<main>\n");
    findings::render(&mut page, data);
    hosts::render(&mut page, data);
    methods::render(&mut page, data);
    page.raw("</main>\n");
    script::render(&mut page);
    page.raw("</body>\n</html>\n");
    page.into_string()
}

#[cfg(test)]
mod tests;

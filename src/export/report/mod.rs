//! One self-contained page about a run: no script, no external resource, light and dark, printable.
//!
//! What is shown depends on the run's input only, never on how long it took or on how many threads, so that the page is
//! byte-identical when made again.

mod cards;
mod charts;
mod findings;
mod head;
mod hosts;
mod methods;

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
    /// Every monitored host, in any order.
    pub hosts: &'a [HostRow],
    /// Score from which a host is of a severity.
    pub score_thresholds: &'a PerSeverity<f64>,
    /// The seed of the run.
    pub seed: u64,
    /// A digest of the configuration, in hex; empty for the default one.
    pub config_digest: &'a str,
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

pub use cards::render as finding_card;

/// The page.
pub fn render(data: &ReportData<'_>) -> String {
    let mut page = Page::default();
    page.raw(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>",
    );
    page.text(head::title(data)).raw(" – undercurrent report</title>\n<style>\n").raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n");
    head::render(&mut page, data);
    page.raw("<main>\n");
    findings::render(&mut page, data);
    hosts::render(&mut page, data);
    methods::render(&mut page, data);
    page.raw("</main>\n</body>\n</html>\n");
    page.into_string()
}

#[cfg(test)]
mod tests;

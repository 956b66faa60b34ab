//! The few charts, as inline SVG. Colours come from the style sheet; each chart says in words what it shows.

use std::fmt::Write;

use super::HostRow;
use crate::detect::{Finding, Kind, Severity};
use crate::export::markup::Page;
use crate::export::metrics::PerSeverity;
use crate::export::text;
use crate::time::Span;

/// Bars as one path: `heights` in user units, from the left, each `step` wide with a small gap, standing on `floor`.
pub(super) fn bars(heights: &[f64], left: f64, step: f64, floor: f64) -> String {
    let width = if step > 3.0 { step - 1.0 } else { step * 0.8 };
    let mut path = String::new();
    for (i, &height) in heights.iter().enumerate().filter(|&(_, &height)| height > 0.0) {
        let x = left + i as f64 * step;
        // Writing to a `String` cannot fail.
        let _ = write!(path, "M{x:.1} {floor:.1}v-{height:.1}h{width:.1}v{height:.1}z");
    }
    path
}

/// The traffic of a finding over its time.
pub(super) fn activity(page: &mut Page, finding: &Finding) {
    const WIDTH: f64 = 440.0;
    const HEIGHT: f64 = 72.0;
    let peak = finding.activity.iter().copied().max().unwrap_or(0);
    let bins = finding.activity.len() as f64;
    let height = |&value: &u32| match value {
        0 => 0.0,
        // Where there was something, something is seen.
        value => (f64::from(value) / f64::from(peak) * HEIGHT).max(1.5),
    };
    let heights: Vec<f64> = finding.activity.iter().map(height).collect();
    let bin = text::span(Span::from_secs_f64((finding.last_seen - finding.first_seen).as_secs_f64() / bins));
    let peak = match finding.kind {
        Kind::C2 => text::counted(peak.into(), "burst"),
        // Bins saturate.
        Kind::Exfil if peak == u32::MAX => format!("over {}", text::bytes(peak.into())),
        Kind::Exfil => text::bytes(peak.into()),
    };
    let title = match finding.kind {
        Kind::C2 => "Activity",
        Kind::Exfil => "Bytes sent",
    };
    page.raw("<figure class=\"activity\"><figcaption>")
        .text(title)
        .raw(", at most <b>")
        .text(&peak)
        .raw("</b> in ")
        .text(&bin);
    page.raw("</figcaption><svg viewBox=\"0 0 440 90\" role=\"img\" aria-label=\"").text(title);
    page.raw(" over time, at most ")
        .text(&peak)
        .raw(" in ")
        .text(&bin)
        .raw("\"><path class=\"axis\" d=\"M0 72.5h440\"/><path class=\"fill\" d=\"");
    page.text(bars(&heights, 0.0, WIDTH / bins, HEIGHT)).raw("\"/><text x=\"0\" y=\"87\">");
    page.text(text::date_time(finding.first_seen)).raw("</text><text x=\"440\" y=\"87\" class=\"end\">");
    page.text(text::date_time(finding.last_seen)).raw("</text></svg></figure>\n");
}

/// The hosts that sent most.
pub(super) fn bytes_out(page: &mut Page, hosts: &[&HostRow]) {
    const ROW: f64 = 26.0;
    let names: Vec<String> = hosts.iter().map(|host| host.host.to_string()).collect();
    let longest = names.iter().map(String::len).max().unwrap_or(0) as f64;
    let left = longest * 7.4 + 10.0;
    let most = hosts.iter().map(|host| host.bytes_out).max().unwrap_or(0).max(1) as f64;
    let scale = (720.0 - left - 74.0) / most;
    page.raw("<div class=\"plain\" role=\"region\" aria-label=\"Hosts by bytes sent\" tabindex=\"0\">");
    page.raw("<svg class=\"hbars\" viewBox=\"0 0 720 ").text(hosts.len() as f64 * ROW);
    page.raw("\" role=\"img\" aria-label=\"Bytes sent by the hosts that sent most\">");
    for (i, (host, name)) in hosts.iter().zip(&names).enumerate() {
        let y = i as f64 * ROW;
        let width = (host.bytes_out as f64 * scale).max(1.0);
        page.raw("<text class=\"mono end\" x=\"")
            .text(left - 8.0)
            .raw("\" y=\"")
            .text(y + 17.0)
            .raw("\">")
            .text(name);
        page.raw("</text><rect class=\"fill\" rx=\"2\" height=\"14\" x=\"")
            .text(left)
            .raw("\" y=\"")
            .text(y + 6.0);
        page.raw("\" width=\"").text(format_args!("{width:.1}")).raw("\"/><text x=\"");
        page.text(format_args!("{:.1}", left + width + 7.0)).raw("\" y=\"").text(y + 17.0).raw("\">");
        page.text(text::bytes(host.bytes_out)).raw("</text>");
    }
    page.raw("</svg></div>\n");
}

/// How the scores of the hosts lie, on a logarithmic scale, with the thresholds of the severities.
pub(super) fn scores(page: &mut Page, kind: Kind, hosts: &[HostRow], thresholds: &PerSeverity<f64>) {
    const BINS: usize = 50;
    let mut counts = [0_u32; BINS];
    let score = |host: &HostRow| match kind {
        Kind::C2 => host.c2_score,
        Kind::Exfil => host.exfil_score,
    };
    for score in hosts.iter().filter_map(score) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` from float saturates; a score is 0 to 1"
        )]
        let bin = ((score * BINS as f64) as usize).min(BINS - 1);
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    let scored: u32 = counts.iter().sum();
    let title = match kind {
        Kind::C2 => "Command and control",
        Kind::Exfil => "Exfiltration",
    };
    page.raw("<figure class=\"scores\"><figcaption><b>").text(title).raw("</b> <span class=\"dim\">");
    page.text(text::counted(scored.into(), "host")).raw(" scored</span></figcaption>");
    page.raw("<svg viewBox=\"0 0 440 200\" role=\"img\" aria-label=\"Histogram of the ").text(title);
    page.raw(" scores of ").text(text::counted(scored.into(), "host")).raw("\">");
    histogram(page, &counts);
    for &severity in &Severity::ALL {
        if let Some(&threshold) = thresholds.get(&(kind, severity)) {
            threshold_line(page, severity, threshold);
        }
    }
    page.raw("</svg></figure>\n");
}

// The plot of a score histogram: user units of its viewBox.
const PLOT_LEFT: f64 = 34.0;
const PLOT_WIDTH: f64 = 400.0;
const PLOT_FLOOR: f64 = 176.0;
const PLOT_HEIGHT: f64 = 122.0;

fn histogram(page: &mut Page, counts: &[u32]) {
    let most = f64::from(counts.iter().copied().max().unwrap_or(0).max(9));
    // One host is seen as well as a thousand: the axis begins at half a host.
    let height = |count: f64| (count.log10() + 0.3) / (most.log10() + 0.3) * PLOT_HEIGHT;
    let mut tick = 1_u64;
    while tick as f64 <= most {
        let y = PLOT_FLOOR - height(tick as f64);
        page.raw("<path class=\"grid\" d=\"M34 ")
            .text(format_args!("{y:.1}"))
            .raw("h400\"/><text class=\"end\" x=\"29\" y=\"");
        page.text(format_args!("{:.1}", y + 4.0)).raw("\">").text(tick_label(tick)).raw("</text>");
        tick *= 10;
    }
    let heights: Vec<f64> =
        counts.iter().map(|&count| if count == 0 { 0.0 } else { height(count.into()) }).collect();
    let step = PLOT_WIDTH / counts.len() as f64;
    page.raw("<path class=\"fill\" d=\"").text(bars(&heights, PLOT_LEFT + 0.5, step, PLOT_FLOOR));
    page.raw("\"/><path class=\"axis\" d=\"M34 176.5h400\"/>");
    for tenth in [0, 2, 4, 6, 8, 10_u8] {
        let score = f64::from(tenth) / 10.0;
        page.raw("<text class=\"middle\" y=\"192\" x=\"")
            .text(PLOT_LEFT + score * PLOT_WIDTH)
            .raw("\">")
            .text(score);
        page.raw("</text>");
    }
}

fn tick_label(tick: u64) -> String {
    match tick {
        t if t >= 1_000_000 => format!("{}M", t / 1_000_000),
        t if t >= 1000 => format!("{}k", t / 1000),
        t => t.to_string(),
    }
}

/// A dashed line with the severity's name; each severity has its own height, as thresholds are close together.
fn threshold_line(page: &mut Page, severity: Severity, threshold: f64) {
    let rank = Severity::ALL.iter().filter(|&&other| other > severity).count() as f64;
    let (x, y) = (PLOT_LEFT + threshold.clamp(0.0, 1.0) * PLOT_WIDTH, 8.0 + rank * 13.0);
    page.raw("<g class=\"threshold ")
        .text(severity.name())
        .raw("\"><path d=\"M")
        .text(format_args!("{x:.1} {:.1}V176", y - 5.0));
    // The name is left of its line, where there is room for it.
    if x > PLOT_WIDTH / 3.0 {
        page.raw("\"/><text class=\"end\" x=\"").text(format_args!("{:.1}", x - 4.0));
    } else {
        page.raw("\"/><text x=\"").text(format_args!("{:.1}", x + 4.0));
    }
    page.raw("\" y=\"").text(y + 3.0).raw("\">");
    page.text(severity.name()).raw(" ").text(text::quantity(threshold)).raw("</text></g>");
}

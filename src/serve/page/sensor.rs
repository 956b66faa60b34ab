//! How the sensor is.

use crate::export::findings::by_severity;
use crate::export::markup::Page;
use crate::export::text;
use crate::serve::Served;
use crate::time::Timestamp;

/// The top of the page: health, findings by severity, the figures.
pub(super) fn overview(page: &mut Page, served: &Served, now: Timestamp, title: &str) {
    page.raw("<header>\n<h1>").text(title).raw("</h1>\n<p class=\"lead\">");
    match served.ready(now) {
        Ok(why) => page.raw("<span class=\"state good\">Up</span> ").text(why),
        Err(why) => page.raw("<span class=\"state bad\">Not ready</span> ").text(why),
    };
    if let Some(scored) = served.verdicts.at {
        page.raw("; scored as of <time>").text(text::date_time(scored)).raw("</time> UTC");
    }
    page.raw(".</p>\n");
    if !served.troubles.is_empty() {
        page.raw("<ul class=\"troubles\" aria-label=\"Troubles\">");
        for trouble in &served.troubles {
            page.raw("<li>").text(trouble).raw("</li>");
        }
        page.raw("</ul>\n");
    }
    page.raw("<ul class=\"counts\" aria-label=\"Findings by severity\">");
    for (severity, count) in by_severity(&served.verdicts.scores.findings) {
        let empty = if count == 0 { " none" } else { "" };
        page.raw("<li class=\"sev ").text(severity.name()).text(empty).raw("\"><b>").text(text::count(count));
        page.raw("</b> ").text(severity.name()).raw("</li>");
    }
    page.raw("</ul>\n");
    let metrics = &served.metrics;
    let dropped: u64 = dropped_in_capture(served).map(|(_, count)| count).sum();
    tiles(
        page,
        &[
            ("packets a second", text::quantity(served.packets_per_second.round())),
            ("bits a second", text::bytes(bits(served.bytes_per_second)).replace('B', "b")),
            ("packets lost", text::count(dropped)),
            ("monitored hosts", text::count(metrics.hosts_tracked)),
            ("channels", text::count(metrics.channels_tracked)),
            ("open connections", text::count(metrics.flows_active)),
        ],
    );
    page.raw("<nav aria-label=\"Sections\"><a href=\"#findings\">Findings</a> <a href=\"#hosts\">Hosts</a> <a href=\"#sensor\">Sensor</a> \
              <a href=\"/metrics\">Metrics</a> <a href=\"/api/v1/findings\">Findings as JSON</a></nav>\n</header>\n");
}

/// Figures in a row.
pub(super) fn tiles(page: &mut Page, tiles: &[(&'static str, String)]) {
    page.raw("<dl class=\"tiles\">");
    for (name, value) in tiles {
        page.raw("<div><dt>").raw(name).raw("</dt><dd>").text(value).raw("</dd></div>");
    }
    page.raw("</dl>\n");
}

/// What an operator looks at when something seems wrong.
pub(super) fn details(page: &mut Page, served: &Served) {
    let metrics = &served.metrics;
    let sensor = metrics.sensor.clone().unwrap_or_default();
    page.raw("<section id=\"sensor\" aria-labelledby=\"sensor-title\">\n<h2 id=\"sensor-title\">Sensor</h2>\n<dl class=\"facts wide\">");
    for (interface, up) in &sensor.interfaces {
        let state = if *up { "captured from" } else { "waited for" };
        fact(page, "Interface", &format!("{interface}: {state}"));
    }
    let counts = |counts: Vec<(&str, u64)>| {
        let all =
            counts.iter().filter(|(_, n)| *n > 0).map(|(reason, n)| format!("{} {reason}", text::count(*n)));
        let all: Vec<String> = all.collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    let owned = |map: &std::collections::BTreeMap<String, u64>| {
        counts(map.iter().map(|(reason, n)| (reason.as_str(), *n)).collect())
    };
    fact(page, "Packets", &format!("{} with {}", text::count(metrics.packets), text::bytes(metrics.bytes)));
    fact(page, "Not looked at", &owned(&metrics.dropped_packets));
    fact(page, "Not decoded whole", &owned(&metrics.decode_errors));
    fact(page, "Connections ended", &owned(&metrics.flows_expired));
    fact(page, "No room for", &owned(&metrics.state_overflows));
    let checkpoint = metrics
        .checkpoint_age
        .map_or_else(|| "none yet".to_owned(), |age| format!("{} old", text::span(age)));
    fact(page, "Checkpoint", &checkpoint);
    for (name, sink) in &sensor.sinks {
        let state = if sink.up { "" } else { ", failing" };
        let lines = format!(
            "{} written, {} wait, {} lost{state}",
            text::count(sink.written),
            text::count(sink.waiting),
            text::count(sink.lost)
        );
        fact(page, if *name == "file" { "Findings file" } else { "Findings sink" }, &lines);
    }
    for model in &metrics.models {
        fact(page, "Model", &format!("{} {}, SHA-256 {}", model.name, model.version, model.sha256));
    }
    if let Some(bytes) = sensor.process.resident_bytes {
        fact(page, "Memory", &text::bytes(bytes));
    }
    fact(page, "Program", &format!("undercurrent {}", metrics.version));
    page.raw("</dl>\n</section>\n");
}

/// Reasons for which packets were lost on their way here, in distinction to those that were left out.
fn dropped_in_capture(served: &Served) -> impl Iterator<Item = (&str, u64)> {
    const LOST: [&str; 3] = ["ring", "interface", "shed"];
    let all = served.metrics.dropped_packets.iter().map(|(reason, count)| (reason.as_str(), *count));
    all.filter(|(reason, _)| LOST.contains(reason))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate that is not negative, rounded"
)]
fn bits(bytes_per_second: f64) -> u64 {
    (bytes_per_second * 8.0).round() as u64
}

fn fact(page: &mut Page, name: &'static str, value: &str) {
    page.raw("<div><dt>").raw(name).raw("</dt><dd>").text(value).raw("</dd></div>\n");
}

//! How the numbers were made, so that they can be made again: the end of the page.

use std::collections::BTreeMap;

use super::ReportData;
use crate::export::markup::Page;
use crate::export::summary::ModelSummary;
use crate::export::text;

pub(super) fn render(page: &mut Page, data: &ReportData<'_>) {
    page.raw("<section id=\"methods\" aria-labelledby=\"methods-title\">\n<h2 id=\"methods-title\">Methods and versions</h2>\n");
    method(page, data);
    page.raw("<dl class=\"facts wide\">");
    let run = &data.summary.run;
    fact(page, "Program", |page| {
        page.raw("undercurrent ")
            .text(&data.summary.version)
            .raw(" <span class=\"dim\">")
            .text(&run.system)
            .raw("</span>");
    });
    for model in &data.summary.models {
        fact(page, "Model", |page| artifact(page, model));
    }
    fact(page, "Seed", |page| {
        page.raw("<code>").text(run.seed).raw("</code>");
    });
    if let Some(filter) = &run.filter {
        fact(page, "Filter", |page| {
            page.raw("<code>").text(filter).raw("</code>");
        });
    }
    if let Some(seconds) = run.score_every_s {
        fact(page, "Scored", |page| {
            page.raw("every ")
                .text(text::counted(seconds.into(), "second"))
                .raw(" of packet time, and at the end");
        });
    }
    fact(page, "Configuration", |page| settings(page, data.settings));
    counts(page, "Not decoded", &data.summary.decode_errors);
    counts(page, "Left out", &data.summary.skipped);
    fact(page, "Inputs cut short", |page| {
        page.text(text::count(data.summary.truncated_inputs));
    });
    page.raw("</dl>\n</section>\n");
}

/// The method in the words of an appendix.
fn method(page: &mut Page, data: &ReportData<'_>) {
    page.raw(
        "<p>A channel is a monitored host, a peer and a service; a name counts as the peer where DNS, TLS, QUIC or HTTP told one. Two detectors judge channels: \
         one asks whether a host takes orders from outside (C2), one whether data leaves that should not (exfiltration). Each is a set of isolation \
         forests (Liu, Ting and Zhou, ICDM 2008), one a question, over features that are oriented so that larger is more suspicious and \
         clipped at the benign median. A score is 0 to 1. Its p-value is the share of benign calibration rows, of captures that the forest \
         was not grown on (cross-conformal, Vovk 2015), that score at least as high. Channels with too little traffic to judge have no verdict.</p>\n<p>",
    );
    if let Some(budget) = data.summary.run.configuration.pointer("/detect/alerts_a_day") {
        page.raw("Severities keep to a budget of ").text(budget);
        page.raw(" expected false findings a day, of high severity or above, over all channels judged. ");
    }
    page.raw(
        "The percentage beside a reason is the share of the score that it explains. Times are packet times in UTC; byte units are \
         decimal. <code>--summary run.json</code> writes all that decides these results, and <code>undercurrent reproduce run.json</code> \
         makes them again.</p>\n",
    );
}

fn artifact(page: &mut Page, model: &ModelSummary) {
    page.text(&model.name).raw(" ").text(&model.version);
    if model.trees > 0 {
        page.raw(", ").text(text::counted(model.features, "feature")).raw(", ");
        page.text(text::counted(model.trees, "tree"))
            .raw(" a forest grown on ")
            .text(text::count(model.sample));
        page.raw(" of ").text(text::counted(model.training_rows, "row")).raw(" each, ");
        page.text(text::counted(model.calibration_rows, "calibration row"));
    }
    page.raw(" <span class=\"dim\">SHA-256</span> <code>").text(&model.sha256).raw("</code>");
}

fn settings(page: &mut Page, settings: &[(String, String)]) {
    if settings.is_empty() {
        page.raw("as shipped");
        return;
    }
    page.raw("as shipped, but for ");
    for (nth, (key, value)) in settings.iter().enumerate() {
        page.raw(if nth == 0 { "" } else { ", " })
            .raw("<code>")
            .text(key)
            .raw(" = ")
            .text(value)
            .raw("</code>");
    }
}

fn fact(page: &mut Page, name: &'static str, value: impl FnOnce(&mut Page)) {
    page.raw("<div><dt>").raw(name).raw("</dt><dd>");
    value(page);
    page.raw("</dd></div>\n");
}

fn counts(page: &mut Page, name: &'static str, counts: &BTreeMap<String, u64>) {
    let shown: Vec<_> = counts
        .iter()
        .filter(|&(_, &count)| count > 0)
        .map(|(reason, &count)| format!("{} {reason}", text::count(count)))
        .collect();
    fact(page, name, |page| {
        page.text(if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") });
    });
}

//! How the numbers were made, so that they can be made again: the end of the page.

use std::collections::BTreeMap;

use super::ReportData;
use crate::export::markup::Page;
use crate::export::text;

pub(super) fn render(page: &mut Page, data: &ReportData<'_>) {
    page.raw(
        "<section id=\"methods\" aria-labelledby=\"methods-title\">\n<h2 id=\"methods-title\">Methods and versions</h2>\n\
         <p>Two isolation forests score the traffic: one asks whether a host takes orders from outside, one whether data leaves \
         that should not. A score is 0 to 1; its p-value is the share of benign calibration rows that score at least as high, \
         so a small one is rare in ordinary traffic. The percentage beside a reason is the share of the score that it explains. \
         Times are packet times in UTC; byte units are decimal.</p>\n<dl class=\"facts wide\">",
    );
    fact(page, "Program", |page| {
        page.raw("undercurrent ").text(&data.summary.version);
    });
    for model in &data.summary.models {
        fact(page, "Model", |page| {
            page.text(&model.name)
                .raw(" ")
                .text(&model.version)
                .raw(" <span class=\"dim\">SHA-256</span> <code>");
            page.text(&model.sha256).raw("</code>");
        });
    }
    fact(page, "Seed", |page| {
        page.raw("<code>").text(data.seed).raw("</code>");
    });
    fact(page, "Configuration", |page| {
        if data.config_digest.is_empty() {
            page.raw("as shipped");
        } else {
            page.raw("<span class=\"dim\">SHA-256</span> <code>").text(data.config_digest).raw("</code>");
        }
    });
    counts(page, "Not decoded", &data.summary.decode_errors);
    counts(page, "Left out", &data.summary.skipped);
    fact(page, "Inputs cut short", |page| {
        page.text(text::count(data.summary.truncated_inputs));
    });
    page.raw("</dl>\n</section>\n");
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

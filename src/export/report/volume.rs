//! What went through a channel over time.

use super::charts::bars;
use super::detail::Detail;
use crate::detect::Kind;
use crate::export::markup::Page;
use crate::export::text;

const WIDTH: f64 = 440.0;
const HALF: f64 = 36.0;

/// Adds the bytes of the newest bursts, sent above the axis and received below it; and for C2 the bytes sent over the whole life, which
/// are the first chart of an exfiltration.
pub(super) fn render(page: &mut Page, kind: Kind, detail: &Detail) {
    if detail.bursts.len() > 1 {
        bursts(page, detail);
    }
    if kind == Kind::C2 && detail.volume.len() > 1 {
        life(page, detail);
    }
}

fn bursts(page: &mut Page, detail: &Detail) {
    let out = detail.bursts.iter().map(|burst| burst.bytes_out).max().unwrap_or(0);
    let received = detail.bursts.iter().map(|burst| burst.bytes_in).max().unwrap_or(0);
    let most = f64::from(out.max(received).max(1));
    // Where there was something, something is seen.
    let height = |bytes: u32| if bytes == 0 { 0.0 } else { (f64::from(bytes) / most * HALF).max(1.0) };
    let step = WIDTH / detail.bursts.len() as f64;
    let above: Vec<f64> = detail.bursts.iter().map(|burst| height(burst.bytes_out)).collect();
    let below: Vec<f64> = detail.bursts.iter().map(|burst| height(burst.bytes_in)).collect();
    page.raw("<figure><figcaption>Payload of the newest ")
        .text(text::counted(detail.bursts.len() as u64, "burst"));
    page.raw(", one after the other: sent above, at most <b>").text(text::bytes(out.into()));
    page.raw("</b>; received below, at most <b>").text(text::bytes(received.into()));
    page.raw("</b></figcaption><svg viewBox=\"0 0 440 74\" role=\"img\" aria-label=\"Payload of each burst, sent and received\">");
    page.raw("<path class=\"fill\" d=\"").text(bars(&above, 0.0, step, HALF)).raw("\"/>");
    // The same bars, turned over.
    page.raw("<path class=\"fill in\" transform=\"matrix(1 0 0 -1 0 74)\" d=\"");
    page.text(bars(&below, 0.0, step, HALF))
        .raw("\"/><path class=\"axis\" d=\"M0 37h440\"/></svg></figure>\n");
}

fn life(page: &mut Page, detail: &Detail) {
    let peak = detail.volume.iter().map(|(_, bytes)| *bytes).max().unwrap_or(1).max(1);
    let heights: Vec<f64> =
        detail.volume.iter().map(|(_, bytes)| *bytes as f64 / peak as f64 * HALF * 2.0).collect();
    page.raw("<figure><figcaption>Bytes sent over its life, at most <b>").text(text::bytes(peak));
    page.raw("</b> in ").text(
        detail
            .volume
            .first()
            .zip(detail.volume.get(1))
            .map_or_else(String::new, |(a, b)| text::span(b.0 - a.0)),
    );
    page.raw("</figcaption><svg viewBox=\"0 0 440 74\" role=\"img\" aria-label=\"Bytes sent over time\">");
    page.raw("<path class=\"fill\" d=\"").text(bars(&heights, 0.0, WIDTH / heights.len() as f64, HALF * 2.0));
    page.raw("\"/><path class=\"axis\" d=\"M0 72.5h440\"/></svg></figure>\n");
}

//! When the findings were: a bar each for the highest scores, and how many there were at a time.

use super::ReportData;
use super::charts::bars;
use super::findings::CARDS;
use crate::detect::Finding;
use crate::export::findings::{headline, peer_lines};
use crate::export::markup::Page;
use crate::export::text;
use crate::time::Timestamp;

/// Findings with a bar of their own.
const BARS: usize = 40;
const BINS: usize = 120;
// User units.
const LEFT: f64 = 150.0;
const WIDTH: f64 = 570.0;
const ROW: f64 = 10.0;
const DENSITY: f64 = 40.0;
/// A letter of an address.
const LETTER: f64 = 5.0;

/// The time that is shown.
struct Axis {
    first: Timestamp,
    length_s: f64,
}

impl Axis {
    fn share(&self, at: Timestamp) -> f64 {
        ((at - self.first).as_secs_f64() / self.length_s).clamp(0.0, 1.0)
    }

    fn x(&self, at: Timestamp) -> f64 {
        LEFT + self.share(at) * WIDTH
    }
}

/// Adds the timeline; nothing where there is nothing to be put in order.
pub(super) fn render(page: &mut Page, data: &ReportData<'_>) {
    let findings = data.findings;
    let begin = findings.iter().map(|finding| finding.first_seen).chain(data.summary.first_packet).min();
    let end = findings.iter().map(|finding| finding.last_seen).chain(data.summary.last_packet).max();
    let (Some(first), Some(last), true) = (begin, end, findings.len() > 1) else { return };
    let axis = Axis { first, length_s: (last - first).as_secs_f64().max(1e-3) };
    let shown = findings.get(..BARS).unwrap_or(findings);
    let top = if findings.len() > BARS { DENSITY + 10.0 } else { 2.0 };
    let height = top + shown.len() as f64 * ROW + 14.0;
    let letters = shown.iter().map(|finding| short(&finding.host.to_string()).chars().count()).max();
    // Room for the longest address, and for the word beside the density.
    let from = LEFT - 10.0 - letters.unwrap_or_default().max(14) as f64 * LETTER;
    page.raw("<figure class=\"timeline\"><figcaption>When they were");
    if findings.len() > BARS {
        page.raw(": how many at a time, and the ").text(BARS).raw(" with the highest scores");
    }
    page.raw("</figcaption><div class=\"plain\" role=\"region\" aria-label=\"Timeline\" tabindex=\"0\"><svg viewBox=\"");
    page.text(from)
        .raw(" 0 ")
        .text(LEFT + WIDTH - from)
        .raw(" ")
        .text(height)
        .raw("\" role=\"group\" aria-label=\"Timeline of the findings\">");
    if findings.len() > BARS {
        density(page, findings, &axis);
    }
    for (nth, finding) in shown.iter().enumerate() {
        bar(page, finding, &axis, top + nth as f64 * ROW);
    }
    ends(page, (first, last), height);
    page.raw("</svg></div></figure>\n");
}

fn bar(page: &mut Page, finding: &Finding, axis: &Axis, y: f64) {
    let (from, to) = (axis.x(finding.first_seen), axis.x(finding.last_seen));
    // Every finding has a card or, beyond those, a row: both have its anchor.
    page.raw("<a href=\"#f-")
        .text(&finding.id)
        .raw("\"><text class=\"mono end\" x=\"142\" y=\"")
        .text(y + 7.5);
    page.raw("\">")
        .text(short(&finding.host.to_string()))
        .raw("</text><rect class=\"")
        .text(finding.severity.name());
    page.raw("\" rx=\"2\" height=\"6\" y=\"").text(y + 2.0).raw("\" x=\"").text(format_args!("{from:.1}"));
    page.raw("\" width=\"").text(format_args!("{:.1}", (to - from).max(2.0))).raw("\"><title>to ");
    page.text(peer_lines(&finding.peer).0).raw(", ").text(headline(finding)).raw("</title></rect></a>");
}

/// An address that fits beside its bar.
fn short(address: &str) -> String {
    const ROOM: usize = 28;
    if address.len() <= ROOM {
        return address.to_owned();
    }
    format!("…{}", address.get(address.len() - ROOM + 1..).unwrap_or(address))
}

/// How many findings there were in each part of the time.
fn density(page: &mut Page, findings: &[Finding], axis: &Axis) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` from float saturates; a share is 0 to 1"
    )]
    let bin = |at: Timestamp| ((axis.share(at) * BINS as f64) as usize).min(BINS - 1);
    let mut changes = [0_i64; BINS + 1];
    for finding in findings {
        for (at, change) in [(bin(finding.first_seen), 1), (bin(finding.last_seen) + 1, -1)] {
            if let Some(sum) = changes.get_mut(at) {
                *sum += change;
            }
        }
    }
    let mut open = 0;
    let counts: Vec<i64> = changes
        .iter()
        .take(BINS)
        .map(|change| {
            open += change;
            open
        })
        .collect();
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let heights: Vec<f64> = counts.iter().map(|count| *count as f64 / most as f64 * DENSITY).collect();
    page.raw("<text class=\"end\" x=\"142\" y=\"12\">at most ")
        .text(text::count(most.unsigned_abs()))
        .raw("</text><path class=\"fill\" d=\"");
    page.text(bars(&heights, LEFT, WIDTH / BINS as f64, DENSITY))
        .raw("\"/><path class=\"axis\" d=\"M150 40.5h570\"/>");
}

fn ends(page: &mut Page, (first, last): (Timestamp, Timestamp), height: f64) {
    page.raw("<text x=\"150\" y=\"").text(height - 4.0).raw("\">").text(text::date_time(first));
    page.raw("</text><text class=\"end\" x=\"720\" y=\"").text(height - 4.0).raw("\">");
    page.text(text::date_time(last)).raw("</text>");
}

/// A bar leads to a card: there are as many.
const _: () = assert!(BARS <= CARDS);

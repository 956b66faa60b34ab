//! How long it took from one burst to the next.

use super::charts::bars;
use super::detail::Detail;
use crate::export::markup::Page;
use crate::export::text;
use crate::time::Span;

const BINS: usize = 30;
/// From this ratio of the longest to the shortest interval on, the axis is logarithmic.
const LOGARITHMIC_FROM: f64 = 10.0;
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 72.0;

/// Adds a histogram of the intervals between the newest bursts; nothing where there are too few.
pub(super) fn render(page: &mut Page, detail: &Detail) {
    let mut intervals: Vec<f64> = detail
        .bursts
        .iter()
        .zip(detail.bursts.iter().skip(1))
        .map(|(a, b)| (b.start - a.start).as_secs_f64())
        .collect();
    if intervals.len() < 3 {
        return;
    }
    intervals.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0 to 1")]
        let index = ((intervals.len() - 1) as f64 * share).round() as usize;
        intervals.get(index).copied().unwrap_or_default()
    };
    let axis = Axis::over(at(0.0), at(1.0));
    let mut counts = [0_u32; BINS];
    for interval in &intervals {
        if let Some(count) = counts.get_mut(axis.bin(*interval)) {
            *count += 1;
        }
    }
    let most = f64::from(counts.iter().copied().max().unwrap_or(1));
    let heights: Vec<f64> = counts.iter().map(|count| f64::from(*count) / most * HEIGHT).collect();
    let [low, median, high] = [0.1, 0.5, 0.9].map(at).map(interval);
    page.raw("<figure><figcaption>Intervals between bursts, the newest <b>").text(intervals.len());
    page.raw("</b>: median <b>").text(&median).raw("</b>, eight in ten ").text(&low).raw(" to ").text(&high);
    if axis.logarithmic {
        page.raw(" (logarithmic)");
    }
    page.raw("</figcaption><svg viewBox=\"0 0 440 90\" role=\"img\" aria-label=\"Histogram of the intervals between bursts, median ");
    page.text(&median).raw("\"><path class=\"axis\" d=\"M0 72.5h440\"/><path class=\"fill\" d=\"");
    page.text(bars(&heights, 0.0, WIDTH / BINS as f64, HEIGHT)).raw("\"/><text x=\"0\" y=\"87\">");
    page.text(interval(axis.low)).raw("</text><text x=\"440\" y=\"87\" class=\"end\">");
    page.text(interval(axis.high)).raw("</text></svg></figure>\n");
}

fn interval(seconds: f64) -> String {
    text::span(Span::from_secs_f64(seconds))
}

/// Where an interval lies.
struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Axis {
    /// From the shortest to the longest, at least a tenth of it wide: what is regular looks like it.
    fn over(shortest: f64, longest: f64) -> Self {
        let logarithmic = shortest > 0.0 && longest / shortest >= LOGARITHMIC_FROM;
        let slack = if logarithmic { 0.0 } else { (longest * 0.1 - (longest - shortest)).max(0.0) / 2.0 };
        let high = if longest > 0.0 { longest + slack } else { 1.0 };
        Self { low: (shortest - slack).max(0.0), high, logarithmic }
    }

    fn bin(&self, seconds: f64) -> usize {
        let share = if self.logarithmic {
            (seconds / self.low).ln() / (self.high / self.low).ln()
        } else {
            (seconds - self.low) / (self.high - self.low)
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` from float saturates; a share is 0 to 1"
        )]
        let bin = (share * BINS as f64) as usize;
        bin.min(BINS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Activity;
    use crate::time::Timestamp;

    fn page(starts_ms: &[i64]) -> String {
        let burst = |ms: &i64| Activity {
            start: Timestamp::from_nanos(ms * 1_000_000),
            bytes_out: 0,
            bytes_in: 0,
            opens_flow: true,
            peer_driven: false,
        };
        let detail = Detail { bursts: starts_ms.iter().map(burst).collect(), ..Detail::default() };
        let mut page = Page::default();
        render(&mut page, &detail);
        page.into_string()
    }

    #[test]
    fn tells_the_middle_and_the_spread() {
        let regular: Vec<i64> = (0..20).map(|i| i * 60_000).collect();
        let html = page(&regular);
        assert!(html.contains("median <b>60 s</b>, eight in ten 60 s to 60 s"), "{html}");
        let bursty: Vec<i64> = (0..20).map(|i| (1 << i) * 10).collect();
        assert!(page(&bursty).contains("(logarithmic)"));
        assert_eq!(page(&[0, 5, 9]), "");
        for degenerate in
            [vec![7; 9], vec![0, 0, 0, 0, 9], vec![i64::MIN / 1_000_000, 0, 1, i64::MAX / 1_000_000]]
        {
            assert!(!page(&degenerate).contains("NaN"));
        }
    }
}

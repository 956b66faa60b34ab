//! When a channel was active: a row for each hour, day or week, so that what comes back at the same time stands in a column.

use std::fmt::Write;

use super::detail::Detail;
use crate::export::markup::Page;
use crate::export::text;
use crate::time::{Span, Timestamp};

/// Rows at most: the newest are shown.
const ROWS: i64 = 31;
/// What a row may be, in seconds, and what it is called.
const PERIODS: [(i64, &str); 5] =
    [(60, "minute"), (3600, "hour"), (86_400, "day"), (604_800, "week"), (2_419_200, "four weeks")];

// User units.
const LEFT: f64 = 78.0;
const WIDTH: f64 = 362.0;
const ROW: f64 = 11.0;

/// How a life is cut into rows.
struct Rows {
    period: Span,
    name: &'static str,
    /// Begin of the first row that is shown.
    first: Timestamp,
    count: i64,
    /// Earlier rows that are not shown.
    left_out: i64,
}

impl Rows {
    /// The shortest period of which the rows find room.
    fn of(begin: Timestamp, end: Timestamp) -> Self {
        let needed = |seconds: i64| {
            let period = Span::from_secs(seconds);
            (end.floor_to(period) - begin.floor_to(period)).as_nanos() / period.as_nanos() + 1
        };
        let longest = PERIODS.last().copied().unwrap_or((1, ""));
        let (seconds, name) = PERIODS.iter().copied().find(|(s, _)| needed(*s) <= ROWS).unwrap_or(longest);
        let (period, count) = (Span::from_secs(seconds), needed(seconds));
        let left_out = (count - ROWS).max(0);
        let first = begin.floor_to(period) + Span::from_nanos(period.as_nanos().saturating_mul(left_out));
        Self { period, name, first, count: count - left_out, left_out }
    }

    /// Row, and place in it from 0 to 1; nothing for what is not shown.
    fn place(&self, at: Timestamp) -> Option<(i64, f64)> {
        let since = (at - self.first).as_nanos();
        let row = since.div_euclid(self.period.as_nanos());
        let within = since.rem_euclid(self.period.as_nanos()) as f64 / self.period.as_nanos() as f64;
        (0..self.count).contains(&row).then_some((row, within))
    }
}

/// Adds the raster; nothing where there was one burst only.
pub(super) fn render(page: &mut Page, detail: &Detail) {
    let (Some((begin, _)), Some((last, _))) = (detail.life.first(), detail.life.last()) else { return };
    let rows = Rows::of(*begin, *last + detail.part);
    let height = rows.count as f64 * ROW;
    page.raw("<figure class=\"raster\"><figcaption>Activity, a row each <b>").text(rows.name);
    page.raw("</b>: shaded where it was active, a stroke for each of the newest ");
    page.text(text::counted(detail.bursts.len() as u64, "burst"));
    if rows.left_out > 0 {
        page.raw("; ").text(text::counted(rows.left_out.unsigned_abs(), "earlier row")).raw(" not shown");
    }
    page.raw("</figcaption><svg viewBox=\"0 0 440 ").text(height + 14.0);
    page.raw("\" role=\"img\" aria-label=\"Activity by time within the ").text(rows.name).raw("\">");
    for row in (0..rows.count).step_by(usize::try_from(rows.count / 8 + 1).unwrap_or(1)) {
        let begin = rows.first + Span::from_nanos(rows.period.as_nanos().saturating_mul(row));
        page.raw("<text class=\"end\" x=\"72\" y=\"").text(row as f64 * ROW + 9.0).raw("\">");
        page.text(label(begin, rows.period)).raw("</text>");
    }
    shades(page, detail, &rows);
    page.raw("<path class=\"tick\" d=\"").text(strokes(detail, &rows)).raw("\"/>");
    page.raw("<text x=\"78\" y=\"").text(height + 12.0).raw("\">0</text><text class=\"end\" x=\"440\" y=\"");
    page.text(height + 12.0).raw("\">").text(text::span(rows.period)).raw("</text></svg></figure>\n");
}

/// The begin of a row, as short as it can be.
fn label(at: Timestamp, period: Span) -> String {
    let text = text::date_time(at);
    let part = if period >= Span::from_secs(86_400) { text.get(..10) } else { text.get(5..16) };
    part.unwrap_or(&text).to_owned()
}

/// The parts of the life as boxes, a path for each of four shades.
fn shades(page: &mut Page, detail: &Detail, rows: &Rows) {
    let most = detail.life.iter().map(|(_, bursts)| *bursts).max().unwrap_or(1).max(1);
    let mut paths = [const { String::new() }; 4];
    for &(begin, bursts) in detail.life.iter().filter(|(_, bursts)| *bursts > 0) {
        let shade = usize::from((u32::from(bursts) * 4).div_ceil(u32::from(most)).clamp(1, 4) as u8) - 1;
        let Some(path) = paths.get_mut(shade) else { continue };
        let mut from = begin;
        let end = begin + detail.part;
        // A part may reach over the end of its row, or hold several rows.
        while from < end {
            let row_end = from.floor_to(rows.period) + rows.period;
            let to = row_end.min(end);
            if let Some((row, within)) = rows.place(from) {
                let width = (to - from).as_secs_f64() / rows.period.as_secs_f64() * WIDTH;
                // Writing to a `String` cannot fail.
                let _ = write!(
                    path,
                    "M{:.1} {}h{width:.1}v9h-{width:.1}z",
                    LEFT + within * WIDTH,
                    row as f64 * ROW + 1.0
                );
            }
            if to <= from {
                break;
            }
            from = to;
        }
    }
    for (shade, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        page.raw("<path class=\"shade s").text(shade + 1).raw("\" d=\"").text(path).raw("\"/>");
    }
}

fn strokes(detail: &Detail, rows: &Rows) -> String {
    let mut path = String::new();
    for (row, within) in detail.bursts.iter().filter_map(|burst| rows.place(burst.start)) {
        // Writing to a `String` cannot fail.
        let _ = write!(path, "M{:.1} {}v9", LEFT + within * WIDTH, row as f64 * ROW + 1.0);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    #[test]
    fn rows_are_as_short_as_there_is_room_for() {
        fn check(begin: i64, end: i64, name: &str, count: i64, left_out: i64) {
            let rows = Rows::of(at(begin), at(end));
            assert_eq!((rows.name, rows.count, rows.left_out), (name, count, left_out));
        }
        check(0, 0, "minute", 1, 0);
        check(59, 61, "minute", 2, 0);
        check(0, 3600, "hour", 2, 0);
        check(0, 86_400 * 7, "day", 8, 0);
        check(0, 86_400 * 40, "week", 6, 0);
        check(0, 86_400 * 28 * 40, "four weeks", 31, 10);
    }

    #[test]
    fn a_part_over_midnight_is_in_two_rows() {
        let detail = Detail {
            life: vec![(at(86_000), 1), (at(88_048), 0), (at(500_000), 2)],
            part: Span::from_secs(2048),
            ..Detail::default()
        };
        let mut page = Page::default();
        render(&mut page, &detail);
        let html = page.into_string();
        assert_eq!(html.matches("v9h").count(), 3, "{html}");
        assert!(html.contains("a row each <b>day</b>"), "{html}");
    }

    #[test]
    fn the_ends_of_time_are_bounded() {
        let detail = Detail {
            life: vec![(Timestamp::MIN, 1), (Timestamp::from_nanos(i64::MAX), 1)],
            part: Span::from_secs(1 << 33),
            ..Detail::default()
        };
        let mut page = Page::default();
        render(&mut page, &detail);
        assert!(page.into_string().len() < 16_000);
    }
}

//! Lengths of time and amounts of data as people write them: `90s`, `4h`, `5d`, `250ms`; `64kB`, `1.5GB`.

use crate::simulate::random::whole;
use crate::time::Span;

const SPANS: [(&str, f64); 5] = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];
const BYTES: [(&str, f64); 5] = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1.0)];

/// A century: no simulation is longer.
const MAX_SECONDS: f64 = 3.2e9;

/// Reads a length of time. Nothing where there is no unit, or where it is negative or of more than a century.
pub fn parse_span(text: &str) -> Option<Span> {
    let seconds = quantity(text, &SPANS)?;
    (seconds <= MAX_SECONDS).then(|| Span::from_secs_f64(seconds))
}

/// Reads an amount of data, in bytes; a number without a unit is bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let bytes = quantity(text, &BYTES).or_else(|| quantity(text, &[("", 1.0)]))?;
    (bytes < 1e18).then(|| whole(bytes))
}

fn quantity(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (number, scale) =
        units.iter().find_map(|(unit, scale)| Some((text.trim().strip_suffix(unit)?, scale)))?;
    let number: f64 = number.trim_end().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        let check = |text: &str, millis: i64| {
            assert_eq!(parse_span(text), Some(Span::from_millis(millis)), "{text}");
        };
        check("250ms", 250);
        check("1.5 s", 1_500);
        check("5m", 300_000);
        check("24h", 86_400_000);
        check("5d", 432_000_000);
        for (text, bytes) in [("0", 0), ("512", 512), ("1kB", 1_000), ("1.5GB", 1_500_000_000), ("7B", 7)] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "s", "5", "-5s", "NaNs", "infs", "1y", "1e12d"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
        for text in ["", "MB", "-1", "1kb", "1e30", "NaN"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }
}

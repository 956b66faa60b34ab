//! Numbers, spans and foreign text as people read them.

use std::borrow::Cow;

use crate::time::{Span, Timestamp};

/// Text from a packet, made safe to print: control characters (terminal escapes among them) and characters that reorder or hide
/// text are replaced by `�`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(deceives) {
        Cow::Owned(text.chars().map(|c| if deceives(c) { char::REPLACEMENT_CHARACTER } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Controls (Cc), and the format characters that hide or reorder text (Trojan Source, CVE-2021-42574).
pub(super) fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Bytes in decimal units with three significant digits: `412 kB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        // 999.5 would print as 1000.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{} {unit}", three_digits(value))
}

/// A number with thousands separated: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with its noun: `1 host`, `14 hosts`.
pub fn counted(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A length of time in its largest fitting unit: `12 ms`, `59.8 s`, `4.2 min`, `3.99 h`, `6.5 d`.
pub fn span(span: Span) -> String {
    let secs = span.as_secs_f64().abs();
    let (value, unit) = match secs {
        s if s < 1.0 => (s * 1e3, "ms"),
        s if s < 90.0 => (s, "s"),
        s if s < 90.0 * 60.0 => (s / 60.0, "min"),
        s if s < 48.0 * 3600.0 => (s / 3600.0, "h"),
        s => (s / 86400.0, "d"),
    };
    format!("{} {unit}", three_digits(value))
}

/// A probability with two significant digits: `0.00021`, `3e-7`.
pub fn probability(p: f64) -> String {
    match p {
        0.0 => "0".to_owned(),
        p if p < 1e-4 => {
            let text = format!("{p:.1e}");
            text.replace(".0e", "e")
        }
        p => {
            let rounded: f64 = format!("{p:.1e}").parse().unwrap_or(p);
            rounded.to_string()
        }
    }
}

/// Any quantity, with at most four significant digits and no trailing zeros.
pub fn quantity(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 || (size < 1e-4 && size > 0.0) {
        return format!("{value:.2e}");
    }
    if size >= 1000.0 {
        let whole = format!("{value:.0}");
        let (sign, digits) = whole.strip_prefix('-').map_or(("", whole.as_str()), |d| ("-", d));
        return digits.parse().map_or_else(|_| whole.clone(), |n| format!("{sign}{}", count(n)));
    }
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    rounded.to_string()
}

/// Date and time to the second, UTC: `2025-01-01 08:00:03`.
pub fn date_time(ts: Timestamp) -> String {
    let text = ts.to_rfc3339();
    text.get(..19).map_or_else(|| text.clone(), |t| t.replace('T', " "))
}

fn three_digits(value: f64) -> String {
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        fn check(value: u64, expected: &str) {
            assert_eq!(bytes(value), expected);
        }
        check(0, "0 B");
        check(999, "999 B");
        check(1000, "1 kB");
        check(412_337, "412 kB");
        check(999_499, "999 kB");
        check(999_500, "1 MB");
        check(1_234_567, "1.23 MB");
        check(u64::MAX, "18.4 EB");
    }

    #[test]
    fn counts_are_separated() {
        for (value, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), expected);
        }
        assert_eq!(counted(1, "host"), "1 host");
        assert_eq!(counted(0, "host"), "0 hosts");
    }

    #[test]
    fn spans_and_quantities_are_short() {
        fn check(nanos: i64, expected: &str) {
            assert_eq!(span(Span::from_nanos(nanos)), expected);
        }
        check(0, "0 ms");
        check(12_000_000, "12 ms");
        check(60_100_000_000, "60.1 s");
        check(14_378_000_000_000, "3.99 h");
        check(5_400_000_000_000, "1.5 h");
        check(561_600_000_000_000, "6.5 d");
        check(i64::MIN, "106752 d");
        for (value, expected) in [
            (0.0, "0"),
            (0.12345, "0.1235"),
            (1234.5, "1,234"),
            (-98765.4, "-98,765"),
            (2e-7, "2.00e-7"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(quantity(value), expected);
        }
        for (value, expected) in [(0.0, "0"), (0.000_21, "0.00021"), (3e-7, "3e-7"), (0.5, "0.5"), (1.0, "1")]
        {
            assert_eq!(probability(value), expected);
        }
    }

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        fn check(text: &str, expected: &str) {
            assert_eq!(printable(text), expected);
        }
        check("cdn.example.net", "cdn.example.net");
        check("a\x1b[31mb", "a\u{fffd}[31mb");
        check("a\r\n\u{9b}b", "a\u{fffd}\u{fffd}\u{fffd}b");
        check("\u{202e}gpj.exe", "\u{fffd}gpj.exe");
        check("bücher.example", "bücher.example");
    }
}

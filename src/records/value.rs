//! Values as logs write them.

use crate::time::{Span, Timestamp};

/// A number of seconds since 1970 from here on is one of milliseconds: as seconds, it would be the year 5138.
const MILLIS_FROM: u64 = 100_000_000_000;

/// A time: seconds since 1970 with a fraction, whole milliseconds since 1970 (Zeek's `JSON::TS_MILLIS`), or RFC 3339
/// (`JSON::TS_ISO8601`).
pub(super) fn time(text: &str) -> Option<Timestamp> {
    match decimal(text) {
        Some((whole, _)) if whole >= MILLIS_FROM => {
            Some(Timestamp::from_nanos(i64::try_from(whole).ok()?.checked_mul(1_000_000)?))
        }
        Some((whole, nanos)) => Some(Timestamp::from_secs_nanos(i64::try_from(whole).ok()?, nanos)),
        None => Timestamp::parse_rfc3339(text).or_else(|| {
            let seconds: f64 = text.parse().ok().filter(|s: &f64| s.is_finite())?;
            Some(Timestamp::from_nanos(0) + to_micros(seconds))
        }),
    }
}

/// A date and a time without a zone, taken for UTC: year, month, day, or day, month, year as CICFlowMeter has it; 24 hours, or 12 with `AM` and
/// `PM`; with or without seconds and their fraction.
pub(super) fn civil_time(text: &str) -> Option<Timestamp> {
    let (text, noon) = match text.trim() {
        t if t.ends_with("PM") => (t.trim_end_matches("PM").trim_end(), Some(12)),
        t if t.ends_with("AM") => (t.trim_end_matches("AM").trim_end(), Some(0)),
        t => (t, None),
    };
    let (date, clock) = text.split_once([' ', 'T'])?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let numbers = |text: &str| -> Option<Vec<u16>> {
        text.split(['/', '-', ':']).map(|part| part.parse().ok()).collect()
    };
    let (year, month, day) = match numbers(date)?.as_slice() {
        [year, month, day] if *year >= 1000 => (*year, *month, *day),
        [day, month, year] if *year >= 1000 => (*year, *month, *day),
        _ => return None,
    };
    let (hour, minute, second) = match numbers(clock)?.as_slice() {
        [hour, minute, second] => (*hour, *minute, *second),
        [hour, minute] => (*hour, *minute, 0),
        _ => return None,
    };
    let hour = noon.map_or(hour, |noon| hour % 12 + noon);
    Timestamp::parse_rfc3339(&format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction}Z"
    ))
}

/// A length of time in seconds. Negative ones, of clocks that were set back, are no time at all.
pub(super) fn seconds(text: &str) -> Option<Span> {
    if let Some((whole, nanos)) = decimal(text) {
        let nanos = i64::try_from(whole).ok()?.saturating_mul(1_000_000_000).saturating_add(nanos);
        return Some(Span::from_nanos(nanos));
    }
    let seconds: f64 = text.parse().ok().filter(|s: &f64| s.is_finite())?;
    Some(to_micros(seconds.max(0.0)))
}

/// A number of bytes or packets. Some programs write them with a fraction of zero.
pub(super) fn count(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| decimal(text).filter(|(_, nanos)| *nanos == 0).map(|(whole, _)| whole))
}

/// Floating-point numbers of seconds are exact to microseconds, as Zeek's clock is.
fn to_micros(seconds: f64) -> Span {
    Span::from_nanos(Span::from_secs_f64(seconds).as_nanos().saturating_add(500) / 1000 * 1000)
}

/// Whole part and nanoseconds of digits with a point, up to nine behind it; nothing for other texts.
fn decimal(text: &str) -> Option<(u64, i64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() > 18 {
        return None;
    }
    let mut nanos = 0;
    let padded = fraction.bytes().chain(std::iter::repeat(b'0'));
    for digit in padded.take(9) {
        nanos = nanos * 10 + i64::from(digit - b'0');
    }
    Some((whole.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_in_any_form_of_zeek() {
        let check = |text: &str, nanos: Option<i64>| {
            assert_eq!(time(text).map(Timestamp::as_nanos), nanos, "{text}");
        };
        check("1545403816.962094", Some(1_545_403_816_962_094_000));
        check("19.981745", Some(19_981_745_000));
        check("1545403816", Some(1_545_403_816_000_000_000));
        check("1545403816962", Some(1_545_403_816_962_000_000));
        check("1.545403816962094e9", Some(1_545_403_816_962_094_000));
        check("2018-12-21T14:50:16.962094Z", Some(1_545_403_816_962_094_000));
        check("2018-12-21T15:50:16.962094+01:00", Some(1_545_403_816_962_094_000));
        for bad in ["", "-", "now", "1.2.3", "1e999", "NaN", "12:00", "99999999999999999999"] {
            assert_eq!(time(bad).filter(|_| bad.len() < 20), None, "{bad}");
        }
    }

    #[test]
    fn lengths_of_time_are_exact_to_the_microsecond() {
        let check = |text: &str, nanos: Option<i64>| {
            assert_eq!(seconds(text).map(Span::as_nanos), nanos, "{text}");
        };
        check("48976.123457", Some(48_976_123_457_000));
        check("9.5367431640625e-07", Some(1000));
        check("0", Some(0));
        check("-0.000001", Some(0));
        check("x", None);
        check("inf", None);
    }

    #[test]
    fn counts_are_whole() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(count(text), expected, "{text}");
        check("18446744073709551615", Some(u64::MAX));
        check("12.0", Some(12));
        check("12.5", None);
        check("-1", None);
        check("", None);
    }

    #[test]
    fn dates_are_read_in_any_form() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(civil_time(text).map(Timestamp::to_rfc3339).as_deref(), expected, "{text}");
        };
        check("2013/12/17 22:09:19.500617", Some("2013-12-17T22:09:19.500Z"));
        check("2024-01-01 00:00:01", Some("2024-01-01T00:00:01.000Z"));
        check("07/08/2017 03:30:05 PM", Some("2017-08-07T15:30:05.000Z"));
        check("7/8/2017 12:30", Some("2017-08-07T12:30:00.000Z"));
        check("07/08/2017 12:01:00 AM", Some("2017-08-07T00:01:00.000Z"));
        for bad in ["", "yesterday", "2013/13/17 22:09:19", "2013/12/17", "1/2/3 4:5", "2013/12/17 25:00:00"]
        {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(micros in 0_i64..9_000_000_000_000_000) {
            let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            prop_assert_eq!(time(&text), Some(Timestamp::from_nanos(micros * 1000)));
            prop_assert_eq!(seconds(&text), Some(Span::from_nanos(micros * 1000)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = (time(&text), seconds(&text), count(&text), civil_time(&text));
        }
    }
}

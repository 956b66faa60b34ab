//! Times and lengths of time in CSV, in the form and unit that a map says.

use std::borrow::Cow;

use serde::Deserialize;
use time::format_description::OwnedFormatItem;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::value;
use crate::time::{Span, Timestamp};

/// A unit of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Unit {
    #[default]
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Millis,
    #[serde(rename = "us")]
    Micros,
    #[serde(rename = "ns")]
    Nanos,
}

/// How times are written.
#[derive(Clone, Debug)]
pub(super) enum TimeForm {
    /// As Zeek writes them, or a date and time; without a zone, so many seconds east of Greenwich.
    Any(i64),
    /// A number since 1970.
    Number(Unit),
    /// As a description says; without a zone, so many seconds east of Greenwich.
    Format(OwnedFormatItem, i64),
}

impl Unit {
    const fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    /// A number of this unit.
    pub(super) fn span(self, text: &str) -> Option<Span> {
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Span::from_nanos(whole.checked_mul(self.nanos())?));
        }
        if self == Self::Seconds && !text.starts_with('-') {
            return value::seconds(text);
        }
        let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
        Some(Span::from_secs_f64(number * self.nanos() as f64 / 1e9))
    }
}

impl TimeForm {
    /// A time.
    pub(super) fn read(&self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Any(east_s) => {
                value::time(text).or_else(|| Some(value::civil_time(text)? - Span::from_secs(*east_s)))
            }
            Self::Number(unit) => Some(Timestamp::from_nanos(0) + unit.span(text)?),
            Self::Format(format, east_s) => {
                let at = match OffsetDateTime::parse(text, format) {
                    Ok(at) => at,
                    Err(_) => {
                        PrimitiveDateTime::parse(text, format).ok()?.assume_utc()
                            - time::Duration::seconds(*east_s)
                    }
                };
                Some(Timestamp::from_nanos(i64::try_from(at.unix_timestamp_nanos()).ok()?))
            }
        }
    }
}

/// A length of time as seconds, as Zeek writes it. Some programs write negative ones where their clock was set back.
pub(super) fn seconds_text(span: Span) -> Cow<'static, str> {
    let nanos = span.as_nanos().max(0);
    Cow::Owned(format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000))
}

/// A time as seconds since 1970, as Zeek writes it.
pub(super) fn time_text(at: Timestamp) -> Cow<'static, str> {
    let (seconds, nanos) = (at.as_secs(), at.as_nanos().rem_euclid(1_000_000_000));
    Cow::Owned(format!("{seconds}.{nanos:09}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_any_form() {
        let check = |form: &TimeForm, text: &str, expected: Option<&str>| {
            assert_eq!(form.read(text).map(Timestamp::to_rfc3339).as_deref(), expected, "{text}");
        };
        check(&TimeForm::Any(0), "2017/07/07 03:30:05", Some("2017-07-07T03:30:05.000Z"));
        check(&TimeForm::Any(-10_800), "07/07/2017 03:30:05 PM", Some("2017-07-07T18:30:05.000Z"));
        check(&TimeForm::Any(3_600), "2017-07-07T03:30:05Z", Some("2017-07-07T03:30:05.000Z"));
        check(&TimeForm::Number(Unit::Seconds), "1499441405.25", Some("2017-07-07T15:30:05.250Z"));
        check(&TimeForm::Number(Unit::Millis), "1499441405250", Some("2017-07-07T15:30:05.250Z"));
        check(&TimeForm::Number(Unit::Micros), "1499441405250000", Some("2017-07-07T15:30:05.250Z"));
        check(&TimeForm::Number(Unit::Nanos), "now", None);
        let format =
            time::format_description::parse_owned::<2>("[day].[month].[year] [hour]:[minute]:[second]")
                .unwrap();
        check(
            &TimeForm::Format(format.clone(), 3_600),
            "07.07.2017 16:30:05",
            Some("2017-07-07T15:30:05.000Z"),
        );
        check(&TimeForm::Format(format, 0), "2017-07-07", None);
    }

    #[test]
    fn lengths_are_read_in_any_unit() {
        let check = |unit: Unit, text: &str, expected: Option<&str>| {
            assert_eq!(unit.span(text).map(seconds_text).as_deref(), expected, "{text}");
        };
        check(Unit::Seconds, "1.5", Some("1.500000000"));
        check(Unit::Millis, "1500", Some("1.500000000"));
        check(Unit::Micros, "1500000", Some("1.500000000"));
        check(Unit::Micros, "-7", Some("0.000000000"));
        check(Unit::Nanos, "long", None);
    }
}

//! Packet time. Every stage takes time as an argument; none reads a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in packet time: nanoseconds since 1970-01-01T00:00:00Z, negative before it.
///
/// Arithmetic saturates: a capture may claim any 64-bit time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

/// A length of packet time in nanoseconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(i64);

const NANOS_PER_SEC: i64 = 1_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;

impl Timestamp {
    /// The earliest time that can be held.
    pub const MIN: Self = Self(i64::MIN);

    /// The latest time that can be held; later ones become it.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds and nanoseconds, saturating.
    pub const fn from_secs_nanos(secs: i64, nanos: i64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SEC)
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MILLI)
    }

    /// The largest multiple of `step` that is not after this time. A step of zero or less gives the time itself.
    #[must_use]
    pub const fn floor_to(self, step: Span) -> Self {
        if step.0 <= 0 { self } else { Self(self.0.saturating_sub(self.0.rem_euclid(step.0))) }
    }

    /// RFC 3339 in UTC with milliseconds: `2025-01-01T08:00:03.120Z`.
    pub fn to_rfc3339(self) -> String {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0)) {
            Ok(t) => format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                t.year(),
                u8::from(t.month()),
                t.day(),
                t.hour(),
                t.minute(),
                t.second(),
                t.millisecond()
            ),
            // 64-bit nanoseconds span the years 1677 to 2262, all of which `time` can hold.
            Err(_) => self.0.to_string(),
        }
    }

    /// Reads RFC 3339. Nothing where the text is not a time or does not fit.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(parsed.unix_timestamp_nanos()).ok().map(Self)
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// From whole seconds, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// From seconds, rounded to nanoseconds and saturating.
    #[expect(clippy::cast_possible_truncation, reason = "`as` from float saturates, which is what is wanted")]
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * NANOS_PER_SEC as f64).round() as i64)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// In seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_parses_rfc3339() {
        let t = Timestamp::from_secs_nanos(1_735_718_403, 120_000_000);
        assert_eq!(t.to_rfc3339(), "2025-01-01T08:00:03.120Z");
        assert_eq!(Timestamp::parse_rfc3339("2025-01-01T08:00:03.120Z"), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("2025-01-01T09:00:03.120+01:00"), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
        assert_eq!(Timestamp::from_nanos(-1).to_rfc3339(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn extreme_times_saturate() {
        let end = Timestamp::from_nanos(i64::MAX);
        assert_eq!(end + Span::from_secs(1), end);
        assert_eq!((end - Timestamp::MIN).as_nanos(), i64::MAX);
        assert_eq!(Timestamp::from_secs_nanos(i64::MAX, 5), end);
        assert!(!Timestamp::MIN.to_rfc3339().is_empty());
        assert_eq!(Timestamp::MIN.floor_to(Span::from_secs(10)), Timestamp::MIN);
        assert_eq!(Timestamp::from_secs_nanos(19, 5).floor_to(Span::from_secs(10)).as_secs(), 10);
    }
}

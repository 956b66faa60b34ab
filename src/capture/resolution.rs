//! The unit and origin of an interface's times in pcapng (`if_tsresol`, `if_tsoffset`).

use crate::time::Timestamp;

const NANOS_PER_SEC: i128 = 1_000_000_000;

/// Turns 64-bit ticks into packet time, saturating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    unit: Unit,
    offset_nanos: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A tick is so many nanoseconds.
    Nanos(u64),
    /// So many ticks are a nanosecond.
    PerNano(u64),
    /// Two to this power ticks are a second.
    Log2PerSec(u32),
    /// Ticks are too short for all of them together to reach a nanosecond.
    Nothing,
}

impl Resolution {
    /// `if_tsresol` of an interface that has none: microseconds.
    pub(super) const DEFAULT_TSRESOL: u8 = 6;

    /// From the options: the highest bit of `tsresol` chooses base 2 over base 10, the others are the negative
    /// exponent of a second; `offset_secs` is added to every time.
    pub(super) fn new(tsresol: u8, offset_secs: i64) -> Self {
        let exponent = u32::from(tsresol & 0x7f);
        let unit = if tsresol & 0x80 != 0 {
            Unit::Log2PerSec(exponent)
        } else if exponent <= 9 {
            Unit::Nanos(10_u64.pow(9 - exponent))
        } else {
            10_u64.checked_pow(exponent - 9).map_or(Unit::Nothing, Unit::PerNano)
        };
        Self { unit, offset_nanos: i128::from(offset_secs) * NANOS_PER_SEC }
    }

    /// The time of a tick count, as near as 64-bit nanoseconds come, rounded down.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 64 bits before")]
    pub(super) fn timestamp(self, ticks: u64) -> Timestamp {
        let nanos = match self.unit {
            // As unsigned, counts of 63 bits and more lie past the year 2262: they are times before 1970.
            Unit::Nanos(nanos) => i128::from(ticks.cast_signed()) * i128::from(nanos),
            Unit::PerNano(ticks_per_nano) => i128::from(ticks / ticks_per_nano),
            Unit::Log2PerSec(log2) => (i128::from(ticks) * NANOS_PER_SEC) >> log2,
            Unit::Nothing => 0,
        };
        let nanos = nanos + self.offset_nanos;
        Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_and_offset() {
        let check = |tsresol: u8, offset: i64, ticks: u64, nanos: i64| {
            let got = Resolution::new(tsresol, offset).timestamp(ticks).as_nanos();
            assert_eq!(got, nanos, "tsresol {tsresol:#x}, offset {offset}, {ticks} ticks");
        };
        check(6, 0, 1_500_000, 1_500_000_000);
        check(9, 0, 7, 7);
        check(0, 0, 3, 3_000_000_000);
        check(12, 0, 1_999, 1);
        check(28, 0, 10_u64.pow(19), 1);
        check(29, 0, u64::MAX, 0);
        check(127, 0, u64::MAX, 0);
        check(0x80, 0, 2, 2_000_000_000);
        check(0x8a, 0, 1_536, 1_500_000_000);
        check(0xff, 0, u64::MAX, 0);
        check(6, -1, 0, -1_000_000_000);
        check(6, 5, 1, 5_000_001_000);
        check(6, 0, u64::MAX, -1_000);
        check(0, 0, u64::MAX >> 1, i64::MAX);
        check(0, 0, 1 << 63, i64::MIN);
        check(9, i64::MIN, 0, i64::MIN);
        check(0, i64::MAX, 1, i64::MAX);
    }
}

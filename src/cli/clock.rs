//! The clock: for the live sensor, which has to go on where no packet comes, and for what concerns people rather than packets.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "the live sensor serves people and other programs, who live by the clock"
)]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A point on a clock that is never set.
#[expect(clippy::disallowed_methods, reason = "intervals of the live sensor, and how long things take")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

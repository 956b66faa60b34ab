//! Counters of what a host sent and received.

use serde::{Deserialize, Serialize};

use crate::flow::Counters;
use crate::time::{Span, Timestamp};

/// Traffic as the monitored host sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets the host sent.
    pub packets_out: u64,
    /// Packets the host received.
    pub packets_in: u64,
    /// IP bytes the host sent, headers included.
    pub bytes_out: u64,
    /// IP bytes the host received, headers included.
    pub bytes_in: u64,
    /// Transport payload bytes the host sent.
    pub payload_out: u64,
    /// Transport payload bytes the host received.
    pub payload_in: u64,
}

impl Traffic {
    /// No traffic.
    pub const NONE: Self =
        Self { packets_out: 0, packets_in: 0, bytes_out: 0, bytes_in: 0, payload_out: 0, payload_in: 0 };

    /// The counters of a flow as its originator (`outbound`) or its responder sees them.
    pub fn of(counters: &Counters, outbound: bool) -> Self {
        let c = counters;
        if outbound {
            Self {
                packets_out: c.orig_pkts,
                packets_in: c.resp_pkts,
                bytes_out: c.orig_ip_bytes,
                bytes_in: c.resp_ip_bytes,
                payload_out: c.orig_payload,
                payload_in: c.resp_payload,
            }
        } else {
            Self {
                packets_out: c.resp_pkts,
                packets_in: c.orig_pkts,
                bytes_out: c.resp_ip_bytes,
                bytes_in: c.orig_ip_bytes,
                payload_out: c.resp_payload,
                payload_in: c.orig_payload,
            }
        }
    }

    /// What was added since `before`.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            packets_out: self.packets_out.saturating_sub(before.packets_out),
            packets_in: self.packets_in.saturating_sub(before.packets_in),
            bytes_out: self.bytes_out.saturating_sub(before.bytes_out),
            bytes_in: self.bytes_in.saturating_sub(before.bytes_in),
            payload_out: self.payload_out.saturating_sub(before.payload_out),
            payload_in: self.payload_in.saturating_sub(before.payload_in),
        }
    }

    /// Adds other traffic.
    pub fn add(&mut self, other: &Self) {
        self.packets_out += other.packets_out;
        self.packets_in += other.packets_in;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
        self.payload_out += other.payload_out;
        self.payload_in += other.payload_in;
    }
}

/// The largest sum of a value over one bucket of fixed length.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PeakBucket {
    bucket: i64,
    sum: u64,
    peak: u64,
}

impl PeakBucket {
    /// Length of a bucket.
    pub const LENGTH: Span = Span::from_secs(300);

    /// Adds a value at a time.
    pub fn add(&mut self, at: Timestamp, value: u64) {
        let bucket = at.floor_to(Self::LENGTH).as_secs();
        if bucket != self.bucket {
            self.bucket = bucket;
            self.sum = 0;
        }
        self.sum += value;
        self.peak = self.peak.max(self.sum);
    }

    /// Adds a value of which only is known between which times it came: evenly, which makes the peak the least that it can be.
    pub fn add_over(&mut self, from: Timestamp, to: Timestamp, value: u64) {
        let lasted = u128::try_from((to - from).as_nanos()).unwrap_or_default();
        let bucket = u128::from(Self::LENGTH.as_nanos().unsigned_abs());
        if lasted <= bucket {
            return self.add(to, value);
        }
        let a_bucket = u64::try_from(u128::from(value) * bucket / lasted).unwrap_or(value);
        self.add(to, a_bucket);
    }

    /// The largest sum so far.
    pub fn peak(&self) -> u64 {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_over_one_bucket() {
        let mut peak = PeakBucket::default();
        for (time, value) in [(10, 5), (200, 5), (301, 7), (599, 4), (600, 1)] {
            peak.add(Timestamp::from_secs_nanos(time, 0), value);
        }
        assert_eq!(peak.peak(), 11);
    }
}

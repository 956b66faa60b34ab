//! How many bytes left through a channel over its life.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// Sums of bytes in at most 64 bins that double in width as the life grows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VolumeHistogram {
    origin: Timestamp,
    width: Span,
    sums: Vec<u64>,
}

impl VolumeHistogram {
    /// Bins, at most.
    pub const BINS: usize = 64;

    /// Nothing yet. Times before `origin` count in the first bin.
    pub const fn new(origin: Timestamp) -> Self {
        Self { origin, width: Span::from_secs(1), sums: Vec::new() }
    }

    /// Adds bytes that were sent by a time.
    pub fn add(&mut self, at: Timestamp, bytes: u64) {
        let bin = loop {
            let bin = (at - self.origin).as_nanos().max(0) / self.width.as_nanos();
            match usize::try_from(bin) {
                Ok(bin) if bin < Self::BINS => break bin,
                _ => self.double(),
            }
        };
        if bin >= self.sums.len() {
            self.sums.resize(bin + 1, 0);
        }
        if let Some(sum) = self.sums.get_mut(bin) {
            *sum = sum.saturating_add(bytes);
        }
    }

    /// Bytes a bin, from the origin to the last addition.
    pub fn sums(&self) -> &[u64] {
        &self.sums
    }

    /// Ends: after 34 doublings, 64 bins hold all of 64-bit nanoseconds.
    fn double(&mut self) {
        self.width = Span::from_nanos(self.width.as_nanos().saturating_mul(2));
        self.sums =
            self.sums.chunks(2).map(|pair| pair.iter().copied().fold(0, u64::saturating_add)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_of_any_length_fits_and_nothing_is_lost() {
        let mut volume = VolumeHistogram::new(Timestamp::from_secs_nanos(100, 0));
        for second in 0..1000 {
            volume.add(Timestamp::from_secs_nanos(100 + second, 0), 3);
        }
        assert_eq!(volume.sums().iter().sum::<u64>(), 3000);
        assert_eq!(volume.sums().len(), 1000_usize.div_ceil(16), "16 seconds a bin");
        assert!(volume.sums().iter().rev().skip(1).all(|sum| *sum == 48), "{:?}", volume.sums());
        volume.add(Timestamp::from_nanos(i64::MAX), 1);
        volume.add(Timestamp::MIN, u64::MAX);
        assert!(volume.sums().len() <= VolumeHistogram::BINS);
        assert_eq!(volume.sums().first(), Some(&u64::MAX));
    }
}

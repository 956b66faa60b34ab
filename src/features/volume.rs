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
        self.add_over(at, at, bytes);
    }

    /// Adds bytes that were sent between two times, as evenly as bins go.
    pub fn add_over(&mut self, from: Timestamp, to: Timestamp, bytes: u64) {
        let last = self.bin_of(to.max(from));
        let first = self.bin_of(from);
        if last >= self.sums.len() {
            self.sums.resize(last + 1, 0);
        }
        let bins = (last - first + 1) as u64;
        for (nth, sum) in (0_u64..).zip(self.sums.iter_mut().take(last + 1).skip(first)) {
            *sum = sum.saturating_add(bytes / bins + u64::from(nth < bytes % bins));
        }
    }

    /// The bin of a time, doubling the width until there is one.
    fn bin_of(&mut self, at: Timestamp) -> usize {
        loop {
            let bin = (at - self.origin).as_nanos().max(0) / self.width.as_nanos();
            match usize::try_from(bin) {
                Ok(bin) if bin < Self::BINS => return bin,
                _ => self.double(),
            }
        }
    }

    /// Bytes a bin, from the origin to the last addition.
    pub fn sums(&self) -> &[u64] {
        &self.sums
    }

    /// The middle of each bin, and the bytes in it.
    pub fn bins(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        let width = self.width.as_nanos();
        let middles = std::iter::successors(Some(width / 2), move |at| Some(at.saturating_add(width)));
        middles.zip(&self.sums).map(|(at, sum)| (self.origin + Span::from_nanos(at), *sum))
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
        let mut even = VolumeHistogram::new(Timestamp::from_secs_nanos(100, 0));
        even.add_over(Timestamp::from_secs_nanos(103, 0), Timestamp::from_secs_nanos(105, 0), 8);
        assert_eq!(even.sums(), [0, 0, 0, 3, 3, 2]);
        volume.add(Timestamp::from_nanos(i64::MAX), 1);
        volume.add(Timestamp::MIN, u64::MAX);
        assert!(volume.sums().len() <= VolumeHistogram::BINS);
        assert_eq!(volume.sums().first(), Some(&u64::MAX));
    }
}

//! What reading came to: counters, and the warnings that go to standard error.

use std::collections::BTreeMap;
use std::fmt;

/// Warnings kept for one input; more are only counted.
const WARNINGS_MAX: usize = 16;

/// The counters of one input, or of several added up with [`CaptureStats::add`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// Frames given out.
    pub frames: u64,
    /// Bytes captured of them.
    pub captured_bytes: u64,
    /// Bytes that they had on the wire.
    pub wire_bytes: u64,
    /// Frames that claimed fewer bytes on the wire than were captured, or more than 1 MiB: taken as captured whole.
    pub wire_lengths_corrected: u64,
    /// What was not read, by reason. Damage that ends an input counts one, whatever lies behind it.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Inputs that end in the middle of a record or of their compressed stream.
    pub truncated_inputs: u64,
    /// The first warnings of each input.
    pub warnings: Vec<Warning>,
    /// Warnings that found no room.
    pub warnings_dropped: u64,
}

/// Something a person should know about an input that was read all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Name of the input.
    pub input: String,
    /// Where in the input, in bytes after decompression.
    pub offset: u64,
    /// One sentence.
    pub reason: String,
}

impl CaptureStats {
    /// Adds the counters of another input, and all its warnings.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.captured_bytes += other.captured_bytes;
        self.wire_bytes += other.wire_bytes;
        self.wire_lengths_corrected += other.wire_lengths_corrected;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        self.truncated_inputs += other.truncated_inputs;
        self.warnings.extend_from_slice(&other.warnings);
        self.warnings_dropped += other.warnings_dropped;
    }

    /// Counts something that was not read.
    pub(super) fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Keeps a warning while there is room.
    pub(super) fn warn(&mut self, input: &str, offset: u64, reason: String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(Warning { input: input.to_owned(), offset, reason });
        } else {
            self.warnings_dropped += 1;
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: byte {}: {}", self.input, self.offset, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_bounded_and_counted() {
        let mut stats = CaptureStats::default();
        for offset in 0..20 {
            stats.warn("a.pcap", offset, "odd".to_owned());
        }
        assert_eq!((stats.warnings.len(), stats.warnings_dropped), (WARNINGS_MAX, 4));
        assert_eq!(stats.warnings[3].to_string(), "a.pcap: byte 3: odd");
    }

    #[test]
    fn sums_add_every_counter() {
        let mut one = CaptureStats { frames: 2, captured_bytes: 3, wire_bytes: 4, ..CaptureStats::default() };
        one.skip("damaged_block");
        one.warn("a", 0, String::new());
        let mut sum = one.clone();
        sum.add(&one);
        assert_eq!((sum.frames, sum.captured_bytes, sum.wire_bytes), (4, 6, 8));
        assert_eq!(sum.skipped.get("damaged_block"), Some(&2));
        assert_eq!(sum.warnings.len(), 2);
    }
}

//! What reading flow records came to: counters, and the warnings that go to standard error.

use std::collections::BTreeMap;
use std::fmt;

use super::{Record, Told};

/// Warnings kept for one input; more are only counted.
const WARNINGS_MAX: usize = 16;

/// The counters of one input, or of several added up with [`RecordStats::add`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordStats {
    /// Connections.
    pub flows: u64,
    /// Their packets, where they are told.
    pub packets: u64,
    /// DNS questions and answers.
    pub dns_messages: u64,
    /// Lines that named a connection's peer: of `ssl.log`, `http.log` and `quic.log`.
    pub names: u64,
    /// What was not read, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Inputs that end in the middle of a line or of their compressed stream.
    pub truncated_inputs: u64,
    /// The first warnings of each input.
    pub warnings: Vec<RecordWarning>,
    /// Warnings that found no room.
    pub warnings_dropped: u64,
}

/// Something a person should know about an input that was read all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWarning {
    /// Name of the input.
    pub input: String,
    /// Line of the input, from 1; zero where it is about all of it.
    pub line: u64,
    /// One sentence.
    pub reason: String,
}

impl RecordStats {
    /// Adds the counters of another input, and all its warnings.
    pub fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.packets += other.packets;
        self.dns_messages += other.dns_messages;
        self.names += other.names;
        for (reason, count) in &other.skipped {
            self.skip(reason, *count);
        }
        self.truncated_inputs += other.truncated_inputs;
        self.warnings.extend_from_slice(&other.warnings);
        self.warnings_dropped += other.warnings_dropped;
    }

    /// Whether there were lines, and not one of them could be read.
    pub fn nothing_read(&self) -> bool {
        let read = self.flows + self.dns_messages + self.names;
        read == 0 && self.skipped.contains_key("bad_line")
    }

    /// Counts what records tell.
    pub(super) fn count(&mut self, records: &[Record]) {
        for record in records {
            match &record.what {
                Told::Flow(_, report) => {
                    self.flows += u64::from(report.first);
                    let packets = report.new.orig_pkts.saturating_add(report.new.resp_pkts);
                    self.packets = self.packets.saturating_add(packets);
                }
                Told::Dns(_) => self.dns_messages += 1,
            }
        }
    }

    /// Counts what was not read.
    pub(super) fn skip(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }

    /// Keeps a warning while there is room.
    pub(super) fn warn(&mut self, input: &str, line: u64, reason: String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(RecordWarning { input: input.to_owned(), line, reason });
        } else {
            self.warnings_dropped += 1;
        }
    }
}

impl fmt::Display for RecordWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.input, self.reason),
            line => write!(f, "{}: line {line}: {}", self.input, self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_every_counter_and_warnings_are_bounded() {
        let mut one =
            RecordStats { flows: 1, packets: 2, dns_messages: 3, names: 4, ..RecordStats::default() };
        one.skip("bad_line", 5);
        one.skip("bad_line", 0);
        for line in 0..20 {
            one.warn("conn.log", line, "odd".to_owned());
        }
        let mut sum = one.clone();
        sum.add(&one);
        assert_eq!((sum.flows, sum.packets, sum.dns_messages, sum.names), (2, 4, 6, 8));
        assert_eq!((sum.skipped["bad_line"], sum.warnings.len(), sum.warnings_dropped), (10, 32, 8));
        assert_eq!(sum.warnings[3].to_string(), "conn.log: line 3: odd");
    }
}

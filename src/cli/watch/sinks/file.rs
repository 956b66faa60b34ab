//! The findings file.

use crate::config::Config;
use crate::sensor::{FindingFormat, Journal, JournalConfig};
use crate::time::Timestamp;

use super::super::super::with_causes;
use super::{Note, Shared, Sink, Sinks, lock};

#[derive(Debug)]
pub(in super::super) struct Target {
    journal: JournalConfig,
    format: FindingFormat,
}

impl Target {
    pub(super) fn new(config: &Config) -> Self {
        Self { journal: config.findings.journal(&config.state.directory), format: config.findings.format }
    }
}

/// Writes findings to the file; it has a queue of its own for a disk that is full.
pub(super) struct FileSink {
    journal: Journal,
    format: FindingFormat,
    at: Timestamp,
    fresh: Vec<String>,
    sinks: Shared<Sinks>,
}

impl FileSink {
    pub(super) fn new(target: Target, sinks: Shared<Sinks>) -> Self {
        let Target { journal, format } = target;
        Self { journal: Journal::new(journal), format, at: Timestamp::MIN, fresh: Vec::new(), sinks }
    }
}

impl Sink for FileSink {
    fn take(&mut self, note: &Note) -> u64 {
        self.at = note.at;
        self.fresh.extend(note.events.iter().map(|event| self.format.render(event).to_string()));
        0
    }

    fn flush(&mut self) -> (u64, anyhow::Result<()>) {
        let (written, lost) = (self.journal.written(), self.journal.lost());
        let outcome = self.journal.append(self.at, self.fresh.drain(..));
        let newly_lost = self.journal.lost() - lost;
        if newly_lost > 0 {
            lock(&self.sinks).known.entry("file").or_default().state.lost += newly_lost;
        }
        let outcome = outcome.map_err(|error| anyhow::anyhow!(with_causes(&error)));
        (self.journal.written() - written, outcome)
    }

    fn waiting(&self) -> usize {
        self.journal.waiting()
    }

    fn turn_to(&mut self, target: super::Target) {
        if let super::Target::File(Target { journal, format }) = target {
            self.journal.configure(journal);
            self.format = format;
        }
    }
}

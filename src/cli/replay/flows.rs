//! The file of `--flows`, written while reading.

use std::path::Path;

use crate::export::ExportError;
use crate::export::rows::{flow_row, flow_schema};
use crate::export::table::TableWriter;
use crate::flow::{FlowRecord, community_id, uid_text};
use crate::seed::Seed;

/// A table of flows, or nothing. The first error is kept until [`FlowFile::finish`].
pub(super) struct FlowFile {
    seed: Seed,
    table: Option<TableWriter>,
    error: Option<ExportError>,
}

impl FlowFile {
    pub(super) fn create(path: Option<&Path>, seed: Seed) -> Result<Self, ExportError> {
        let table = path.map(|path| TableWriter::create(path, &flow_schema())).transpose()?;
        Ok(Self { seed, table, error: None })
    }

    pub(super) fn write(&mut self, record: &FlowRecord) {
        if let (Some(table), None) = (&mut self.table, &self.error) {
            let uid = uid_text(record.uid(self.seed));
            let community = community_id(&record.key);
            self.error = table.write_row(&flow_row(record, &uid, Some(&community))).err();
        }
    }

    pub(super) const fn failed(&self) -> bool {
        self.error.is_some()
    }

    pub(super) fn finish(self) -> Result<(), ExportError> {
        match (self.error, self.table) {
            (Some(error), _) => Err(error),
            (None, Some(table)) => table.finish(),
            (None, None) => Ok(()),
        }
    }
}

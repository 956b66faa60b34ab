//! Rows of typed columns as CSV, JSON Lines or Parquet, told by the ending of the file's name; those of which Zeek has a log, as
//! that log too (`.log`).
//!
//! | kind | CSV | JSON Lines | Parquet |
//! |---|---|---|---|
//! | text | as it is | string | `BYTE_ARRAY` (`STRING`) |
//! | int | decimal | number | INT64 |
//! | float | shortest that reads back the same | number | DOUBLE |
//! | bool | `true`, `false` | `true`, `false` | BOOLEAN |
//! | time | RFC 3339, milliseconds | string | INT64 (TIMESTAMP, ns, UTC) |
//! | epoch | seconds with six decimals | number | DOUBLE, seconds |
//! | missing, or a float that is not finite | empty | `null` | null |
//!
//! Text is not changed to suit a spreadsheet, since other programs read it back: names that packets carry may begin with `=`, `+`,
//! `-` or `@`, which a spreadsheet takes for a formula (CWE-1236) unless its columns are imported as text.

mod columnar;
mod delimited;
mod json_lines;
mod schema;
mod zeek;

use std::path::Path;

pub use json_lines::json_object;
pub use schema::{Column, ColumnKind, Schema, Value};

use super::{ExportError, OutFile};

/// Writes one table.
#[derive(Debug)]
pub struct TableWriter {
    format: Format,
}

#[derive(Debug)]
enum Format {
    Csv(Box<delimited::Writer>),
    JsonLines(json_lines::Writer),
    Parquet(Box<columnar::Writer>),
    Zeek(zeek::Writer),
}

impl TableWriter {
    /// Opens a table of the format that the ending of `path` names.
    ///
    /// # Errors
    ///
    /// On another ending, and where the file cannot be opened.
    pub fn create(path: &Path, schema: &Schema) -> Result<Self, ExportError> {
        let zeek_log = schema.zeek_log;
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let format = match (ending.as_deref(), zeek_log) {
            (Some("csv"), _) => {
                Format::Csv(Box::new(delimited::Writer::new(OutFile::create(path)?, schema)?))
            }
            (Some("jsonl"), _) => Format::JsonLines(json_lines::Writer::new(OutFile::create(path)?, schema)),
            (Some("parquet"), _) => {
                Format::Parquet(Box::new(columnar::Writer::new(OutFile::create(path)?, schema)?))
            }
            (Some("log"), Some(log)) => Format::Zeek(zeek::Writer::new(OutFile::create(path)?, schema, log)?),
            _ => return Err(ExportError::UnknownEnding { path: path.to_owned(), zeek: zeek_log.is_some() }),
        };
        Ok(Self { format })
    }

    /// Writes a row: a value for each column of the schema.
    ///
    /// # Errors
    ///
    /// Where the row does not fit the schema, and where the disk is full.
    pub fn write_row(&mut self, row: &[Value<'_>]) -> Result<(), ExportError> {
        match &mut self.format {
            Format::Csv(writer) => writer.write_row(row),
            Format::JsonLines(writer) => writer.write_row(row),
            Format::Parquet(writer) => writer.write_row(row),
            Format::Zeek(writer) => writer.write_row(row),
        }
    }

    /// Completes the file. Without it nothing is left under the file's name.
    ///
    /// # Errors
    ///
    /// Where the disk is full, or the file cannot be renamed.
    pub fn finish(self) -> Result<(), ExportError> {
        match self.format {
            Format::Csv(writer) => writer.finish(),
            Format::JsonLines(writer) => writer.finish(),
            Format::Parquet(writer) => writer.finish(),
            Format::Zeek(writer) => writer.finish(),
        }
    }
}

#[cfg(test)]
mod tests;

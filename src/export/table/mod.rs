//! Rows of typed columns as CSV, JSON Lines or Parquet, told by the ending of the file's name.
//!
//! | kind | CSV | JSON Lines | Parquet |
//! |---|---|---|---|
//! | text | as it is | string | BYTE_ARRAY (STRING) |
//! | int | decimal | number | INT64 |
//! | float | shortest that reads back the same | number | DOUBLE |
//! | bool | `true`, `false` | `true`, `false` | BOOLEAN |
//! | time | RFC 3339, milliseconds | string | INT64 (TIMESTAMP, ns, UTC) |
//! | epoch | seconds with six decimals | number | DOUBLE, seconds |
//! | missing, or a float that is not finite | empty | `null` | null |

mod columnar;
mod delimited;
mod json_lines;
mod schema;

use std::path::Path;

pub use schema::{Column, ColumnKind, Schema, Value};

use super::{ExportError, OutFile};

/// Writes one table.
#[derive(Debug)]
pub struct TableWriter {
    format: Format,
}

/// What a table is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet, compressed with zstd.
    Parquet,
}

#[derive(Debug)]
enum Format {
    Csv(Box<delimited::Writer>),
    JsonLines(json_lines::Writer),
    Parquet(Box<columnar::Writer>),
}

impl TableFormat {
    /// The format that the ending of a file's name says.
    ///
    /// # Errors
    ///
    /// [`ExportError::UnknownEnding`] where it says none.
    pub fn of(path: &Path) -> Result<Self, ExportError> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("jsonl") => Ok(Self::JsonLines),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(ExportError::UnknownEnding { path: path.to_owned() }),
        }
    }
}

impl TableWriter {
    /// Opens a table of the format that the ending of `path` names.
    ///
    /// # Errors
    ///
    /// On another ending, and where the file cannot be opened.
    pub fn create(path: &Path, schema: &Schema) -> Result<Self, ExportError> {
        let format = TableFormat::of(path)?;
        let file = OutFile::create(path)?;
        let format = match format {
            TableFormat::Csv => Format::Csv(Box::new(delimited::Writer::new(file, schema)?)),
            TableFormat::JsonLines => Format::JsonLines(json_lines::Writer::new(file, schema)),
            TableFormat::Parquet => Format::Parquet(Box::new(columnar::Writer::new(file, schema)?)),
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
        }
    }
}

#[cfg(test)]
mod tests;

//! JSON Lines: one object a row, keys in the order of the columns, every key in every row.

use std::io::{self, Write};
use std::path::Path;

use super::schema::epoch_text;
use super::{ColumnKind, Schema, Value};
use crate::export::{ExportError, OutFile};

#[derive(Debug)]
pub(super) struct Writer {
    schema: Schema,
    out: OutFile,
    line: Vec<u8>,
}

impl Writer {
    pub(super) fn new(out: OutFile, schema: &Schema) -> Self {
        Self { schema: schema.clone(), out, line: Vec::new() }
    }

    pub(super) fn write_row(&mut self, row: &[Value<'_>]) -> Result<(), ExportError> {
        self.line.clear();
        object(&mut self.line, &self.schema, row, self.out.path())?;
        self.line.push(b'\n');
        self.out.write_all(&self.line).map_err(|e| ExportError::io(self.out.path(), e))
    }

    pub(super) fn finish(self) -> Result<(), ExportError> {
        self.out.finish()
    }
}

/// A row as one object, keys in the order of the columns. Empty where the row does not fit the schema, which would be a fault of the
/// program.
pub fn json_object(schema: &Schema, row: &[Value<'_>]) -> String {
    let mut line = Vec::new();
    match object(&mut line, schema, row, Path::new("")) {
        Ok(()) => String::from_utf8_lossy(&line).into_owned(),
        Err(_) => "{}".to_owned(),
    }
}

fn object(line: &mut Vec<u8>, schema: &Schema, row: &[Value<'_>], path: &Path) -> Result<(), ExportError> {
    for (column, value) in schema.pair(row, path)? {
        let fit = value.fit(column.kind).ok_or_else(|| Schema::misfit(column, value, path))?;
        line.push(if line.is_empty() { b'{' } else { b',' });
        member(line, &column.name, &fit, column.kind).map_err(|e| ExportError::io(path, e))?;
    }
    line.push(b'}');
    Ok(())
}

fn member(line: &mut Vec<u8>, name: &str, value: &Value<'_>, kind: ColumnKind) -> io::Result<()> {
    serde_json::to_writer(&mut *line, name)?;
    line.push(b':');
    match value {
        Value::Missing => line.extend_from_slice(b"null"),
        Value::Text(text) => serde_json::to_writer(line, text)?,
        Value::Int(int) => serde_json::to_writer(line, int)?,
        Value::Float(float) => serde_json::to_writer(line, float)?,
        Value::Bool(bool) => serde_json::to_writer(line, bool)?,
        Value::Time(ts) if kind == ColumnKind::Epoch => line.extend_from_slice(epoch_text(*ts).as_bytes()),
        Value::Time(ts) => serde_json::to_writer(line, &ts.to_rfc3339())?,
    }
    Ok(())
}

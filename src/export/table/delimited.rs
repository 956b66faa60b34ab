//! CSV with a header row (RFC 4180, with `\n` line ends).

use super::schema::epoch_text;
use super::{ColumnKind, Schema, Value};
use crate::export::{ExportError, OutFile};

#[derive(Debug)]
pub(super) struct Writer {
    schema: Schema,
    out: csv::Writer<OutFile>,
    path: std::path::PathBuf,
}

impl Writer {
    pub(super) fn new(out: OutFile, schema: &Schema) -> Result<Self, ExportError> {
        let path = out.path().to_owned();
        let mut out = csv::Writer::from_writer(out);
        out.write_record(schema.columns.iter().map(|c| c.name.as_bytes())).map_err(|e| failed(&path, e))?;
        Ok(Self { schema: schema.clone(), out, path })
    }

    pub(super) fn write_row(&mut self, row: &[Value<'_>]) -> Result<(), ExportError> {
        for (column, value) in self.schema.pair(row, &self.path)? {
            let fit = value.fit(column.kind).ok_or_else(|| Schema::misfit(column, value, &self.path))?;
            self.out.write_field(cell(&fit, column.kind)).map_err(|e| failed(&self.path, e))?;
        }
        self.out.write_record(None::<&[u8]>).map_err(|e| failed(&self.path, e))
    }

    pub(super) fn finish(self) -> Result<(), ExportError> {
        let Self { out, path, .. } = self;
        let out = out.into_inner().map_err(|e| ExportError::io(&path, e.into_error()))?;
        out.finish()
    }
}

fn cell(value: &Value<'_>, kind: ColumnKind) -> String {
    match value {
        Value::Missing => String::new(),
        Value::Text(text) => text.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Time(ts) if kind == ColumnKind::Epoch => epoch_text(*ts),
        Value::Time(ts) => ts.to_rfc3339(),
    }
}

fn failed(path: &std::path::Path, error: csv::Error) -> ExportError {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => ExportError::io(path, source),
        other => ExportError::encode(path, format!("{other:?}")),
    }
}

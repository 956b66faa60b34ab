//! Parquet: a flat schema of optional columns, zstd, row groups of bounded size. Units and meanings of the columns
//! are in the file's key-value metadata under `undercurrent.columns`, as JSON.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::schema::epoch_micros;
use super::{Column, ColumnKind, Schema, Value};
use crate::export::{ExportError, OutFile};

/// Rows of a row group, at most.
const GROUP_ROWS: usize = 65_536;
/// Cells of a row group, at most: bounds the memory of wide tables to some 100 MB.
const GROUP_CELLS: usize = 1 << 22;

pub(super) struct Writer {
    schema: Schema,
    file: SerializedFileWriter<OutFile>,
    columns: Vec<Buffer>,
    rows: usize,
    group_rows: usize,
    path: std::path::PathBuf,
}

/// A column of the row group that is being filled: the values that are there, and for each row whether there is one.
struct Buffer {
    present: Vec<i16>,
    values: Values,
}

enum Values {
    Text(Vec<ByteArray>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
}

impl Writer {
    pub(super) fn new(out: OutFile, schema: &Schema) -> Result<Self, ExportError> {
        let path = out.path().to_owned();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("undercurrent ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![KeyValue::new(
                "undercurrent.columns".to_owned(),
                describe(schema),
            )]))
            .build();
        let file = message_type(schema)
            .and_then(|message| SerializedFileWriter::new(out, message, Arc::new(properties)))
            .map_err(|e| failed(&path, e))?;
        let columns = schema.columns.iter().map(|c| Buffer::new(c.kind)).collect();
        let group_rows = GROUP_ROWS.min(GROUP_CELLS / schema.columns.len().max(1)).max(1);
        Ok(Self { schema: schema.clone(), file, columns, rows: 0, group_rows, path })
    }

    pub(super) fn write_row(&mut self, row: &[Value<'_>]) -> Result<(), ExportError> {
        for ((column, value), buffer) in self.schema.pair(row, &self.path)?.zip(&mut self.columns) {
            value
                .fit(column.kind)
                .and_then(|fit| buffer.push(&fit, column.kind))
                .ok_or_else(|| Schema::misfit(column, value, &self.path))?;
        }
        self.rows += 1;
        if self.rows == self.group_rows { self.flush_group() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.flush_group()?;
        let Self { file, path, .. } = self;
        file.into_inner().map_err(|e| failed(&path, e))?.finish()
    }

    fn flush_group(&mut self) -> Result<(), ExportError> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let Self { file, columns, path, .. } = self;
        let write = || {
            let mut group = file.next_row_group()?;
            for buffer in columns {
                buffer.write(&mut group)?;
            }
            group.close()?;
            Ok(())
        };
        let result: Result<(), ParquetError> = { write }();
        result.map_err(|e| failed(path, e))
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Buffer {
    fn new(kind: ColumnKind) -> Self {
        let values = match kind {
            ColumnKind::Text => Values::Text(Vec::new()),
            ColumnKind::Int | ColumnKind::Time => Values::Int(Vec::new()),
            ColumnKind::Float | ColumnKind::Epoch => Values::Float(Vec::new()),
            ColumnKind::Bool => Values::Bool(Vec::new()),
        };
        Self { present: Vec::new(), values }
    }

    /// Adds a cell. Nothing where the value is of another type than the column.
    fn push(&mut self, value: &Value<'_>, kind: ColumnKind) -> Option<()> {
        match (&mut self.values, value) {
            (_, Value::Missing) => {}
            (Values::Text(values), Value::Text(text)) => {
                values.push(ByteArray::from(text.as_bytes().to_vec()));
            }
            (Values::Int(values), Value::Int(int)) => values.push(*int),
            (Values::Int(values), Value::Time(ts)) => values.push(ts.as_nanos()),
            (Values::Float(values), Value::Float(float)) => values.push(*float),
            (Values::Float(values), Value::Time(ts)) if kind == ColumnKind::Epoch => {
                values.push(epoch_micros(*ts) as f64 / 1e6);
            }
            (Values::Bool(values), Value::Bool(bool)) => values.push(*bool),
            _ => return None,
        }
        self.present.push(i16::from(*value != Value::Missing));
        Some(())
    }

    /// Writes the buffered cells as the group's next column, and forgets them.
    fn write(&mut self, group: &mut SerializedRowGroupWriter<'_, OutFile>) -> Result<(), ParquetError> {
        match &mut self.values {
            Values::Text(values) => write_column::<ByteArrayType>(group, values, &self.present)?,
            Values::Int(values) => write_column::<Int64Type>(group, values, &self.present)?,
            Values::Float(values) => write_column::<DoubleType>(group, values, &self.present)?,
            Values::Bool(values) => write_column::<BoolType>(group, values, &self.present)?,
        }
        self.present.clear();
        Ok(())
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, OutFile>,
    values: &mut Vec<T::T>,
    present: &[i16],
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("more columns than the schema has".to_owned()));
    };
    column.typed::<T>().write_batch(values, Some(present), None)?;
    values.clear();
    column.close()
}

fn message_type(schema: &Schema) -> Result<TypePtr, ParquetError> {
    let fields =
        schema.columns.iter().map(|c| column_type(c).map(Arc::new)).collect::<Result<_, ParquetError>>()?;
    Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
}

fn column_type(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        ColumnKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Int => (PhysicalType::INT64, None),
        ColumnKind::Float | ColumnKind::Epoch => (PhysicalType::DOUBLE, None),
        ColumnKind::Bool => (PhysicalType::BOOLEAN, None),
        ColumnKind::Time => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

fn describe(schema: &Schema) -> String {
    let columns: Vec<_> = schema
        .columns
        .iter()
        .map(|c| serde_json::json!({"name": c.name, "unit": c.unit, "doc": c.doc}))
        .collect();
    serde_json::Value::Array(columns).to_string()
}

fn failed(path: &std::path::Path, error: ParquetError) -> ExportError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => ExportError::io(path, *source),
            Err(other) => ExportError::encode(path, other.to_string()),
        },
        other => ExportError::encode(path, other.to_string()),
    }
}

//! What a table's columns are called, mean and hold.

use std::borrow::Cow;
use std::path::Path;

use crate::addr::Addr;
use crate::export::ExportError;
use crate::time::Timestamp;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// 64-bit integers.
    Int,
    /// 64-bit floats.
    Float,
    /// True or false.
    Bool,
    /// Points in packet time.
    Time,
    /// Points in packet time, written as Zeek does: seconds since the epoch with six decimals.
    Epoch,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in the header: public API.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: ColumnKind,
    /// Unit of its values (`bytes`, `seconds`, …), empty where there is none.
    pub unit: &'static str,
    /// What it means, one sentence.
    pub doc: &'static str,
}

/// The columns of a table, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns.
    pub columns: Vec<Column>,
    /// The log that Zeek has of such rows, such as `conn`.
    pub zeek_log: Option<&'static str>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not known or does not apply.
    Missing,
    /// For [`ColumnKind::Text`].
    Text(Cow<'a, str>),
    /// For [`ColumnKind::Int`]; fits [`ColumnKind::Float`] as well.
    Int(i64),
    /// For [`ColumnKind::Float`]; one that is not finite is written as missing.
    Float(f64),
    /// For [`ColumnKind::Bool`].
    Bool(bool),
    /// For [`ColumnKind::Time`] and [`ColumnKind::Epoch`].
    Time(Timestamp),
}

impl Column {
    /// A column.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        kind: ColumnKind,
        unit: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name: name.into(), kind, unit, doc }
    }
}

impl Schema {
    /// A schema of these columns.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, zeek_log: None }
    }

    /// The same schema, of rows of which Zeek has a log.
    #[must_use]
    pub fn of_zeek(self, log: &'static str) -> Self {
        Self { zeek_log: Some(log), ..self }
    }

    /// Pairs columns with the cells of a row. Fails where their numbers differ.
    pub(super) fn pair<'s, 'r, 'v>(
        &'s self,
        row: &'r [Value<'v>],
        path: &Path,
    ) -> Result<impl Iterator<Item = (&'s Column, &'r Value<'v>)>, ExportError> {
        if row.len() == self.columns.len() {
            Ok(self.columns.iter().zip(row))
        } else {
            let message = format!("a row has {} values for {} columns", row.len(), self.columns.len());
            Err(ExportError::encode(path, message))
        }
    }

    /// That a cell does not fit its column.
    pub(super) fn misfit(column: &Column, value: &Value<'_>, path: &Path) -> ExportError {
        ExportError::encode(path, format!("column {} ({:?}) cannot hold {value:?}", column.name, column.kind))
    }
}

impl Value<'_> {
    /// The value as a column of this kind takes it: a float that is not finite is missing, an integer in a float
    /// column is a float. Nothing where it does not fit.
    pub(super) fn fit(&self, kind: ColumnKind) -> Option<Value<'_>> {
        match (self, kind) {
            (Self::Missing, _) => Some(Value::Missing),
            (Self::Text(text), ColumnKind::Text) => Some(Value::Text(Cow::Borrowed(text))),
            (Self::Int(int), ColumnKind::Int) => Some(Value::Int(*int)),
            (Self::Int(int), ColumnKind::Float) => Some(Value::Float(*int as f64)),
            (Self::Float(float), ColumnKind::Float) => {
                Some(if float.is_finite() { Value::Float(*float) } else { Value::Missing })
            }
            (Self::Bool(bool), ColumnKind::Bool) => Some(Value::Bool(*bool)),
            (Self::Time(ts), ColumnKind::Time | ColumnKind::Epoch) => Some(Value::Time(*ts)),
            _ => None,
        }
    }
}

/// Microseconds since the epoch, rounded: the precision of Zeek's `time`.
pub(super) const fn epoch_micros(ts: Timestamp) -> i64 {
    let nanos = ts.as_nanos();
    nanos.div_euclid(1000) + (nanos.rem_euclid(1000) >= 500) as i64
}

/// Seconds since the epoch with six decimals, as Zeek writes `time`.
pub(super) fn epoch_text(ts: Timestamp) -> String {
    let micros = epoch_micros(ts);
    let sign = if micros < 0 { "-" } else { "" };
    let size = micros.unsigned_abs();
    format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000)
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Addr> for Value<'_> {
    fn from(addr: Addr) -> Self {
        addr.to_string().into()
    }
}

impl From<f64> for Value<'_> {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}

impl From<i64> for Value<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<u64> for Value<'_> {
    /// Saturates at the largest `i64`.
    fn from(int: u64) -> Self {
        Self::Int(i64::try_from(int).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value<'_> {
    fn from(int: u32) -> Self {
        Self::Int(int.into())
    }
}

impl From<u16> for Value<'_> {
    fn from(int: u16) -> Self {
        Self::Int(int.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(ts: Timestamp) -> Self {
        Self::Time(ts)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_is_written_as_zeek_does() {
        fn check(nanos: i64, expected: &str) {
            assert_eq!(epoch_text(Timestamp::from_nanos(nanos)), expected);
        }
        check(1_735_718_403_120_000_499, "1735718403.120000");
        check(1_735_718_403_120_000_500, "1735718403.120001");
        check(0, "0.000000");
        check(-1_500_000, "-0.001500");
        check(i64::MIN, "-9223372036.854776");
        check(i64::MAX, "9223372036.854776");
    }
}

//! JSON logs: an object a line, with the names of Zeek's columns.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::column::Column;
use super::row::{BadLine, Row};

/// Reads a line.
pub(super) fn row(line: &str) -> Result<Row<'_>, BadLine> {
    let bad = |error: serde_json::Error| BadLine::Json(error.to_string());
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let row = deserializer.deserialize_map(Cells).map_err(bad)?;
    deserializer.end().map_err(bad)?;
    Ok(row)
}

struct Cells;

impl<'de> Visitor<'de> for Cells {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        let mut row = Row::new(',');
        while let Some(column) = map.next_key_seed(Name)? {
            match column {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(column) => {
                    let cell = cell(map.next_value::<&RawValue>()?.get()).map_err(A::Error::custom)?;
                    if let Some(cell) = cell {
                        row.set(column, cell);
                    }
                }
            }
        }
        Ok(row)
    }
}

/// A value as text: strings without their quotes, all else as it is written. `null` is nothing.
fn cell(raw: &str) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Ok(match inner {
        None if raw == "null" => None,
        None => Some(Cow::Borrowed(raw)),
        Some(inner) if inner.contains('\\') => Some(Cow::Owned(serde_json::from_str(raw)?)),
        Some(inner) => Some(Cow::Borrowed(inner)),
    })
}

/// The column of a key.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<Column>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<Column>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Column::by_name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_their_keys() {
        let line = r#"{"_path":"conn","ts":1.5,"uid":"C1","id.orig_p":80,"x":{"ts":[2]},"service":null,
            "host":"a\"b\u00e9","answers":["x,y","z"],"orig_bytes":12.0}"#;
        let row = row(line).unwrap();
        assert_eq!(row.time(Column::Ts).unwrap().as_nanos(), 1_500_000_000);
        assert_eq!((row.text(Column::Uid), row.text(Column::Path)), (Some("C1"), Some("conn")));
        assert_eq!(row.port(Column::OrigP).unwrap(), Some(80));
        assert_eq!(row.text(Column::Service), None);
        assert_eq!(row.text(Column::Host), Some("a\"bé"));
        assert_eq!(row.list(Column::Answers), ["x,y", "z"]);
        assert_eq!(row.count(Column::OrigBytes).unwrap(), Some(12));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["", "{", "[1]", "7", r#"{"ts":1"#, r#"{"ts":1}x"#, r#"{"host":"\ud800"}"#] {
            assert!(matches!(row(line), Err(BadLine::Json(_))), "{line}");
        }
    }
}

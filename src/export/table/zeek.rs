//! Zeek's ASCII log: a header that names separators, fields and types, then tab-separated rows
//! (<https://docs.zeek.org/en/master/log-formats.html>). Without `#open` and `#close`, which would be times of the clock.

use std::fmt::Write as _;
use std::io::Write as _;

use super::schema::epoch_text;
use super::{Column, ColumnKind, Schema, Value};
use crate::export::{ExportError, OutFile};

/// What stands for a value that is not known, and for a text that is empty.
const UNSET: &str = "-";
const EMPTY: &str = "(empty)";

#[derive(Debug)]
pub(super) struct Writer {
    schema: Schema,
    out: OutFile,
    line: String,
}

impl Writer {
    /// `log` is the name of the log, such as `conn`.
    pub(super) fn new(mut out: OutFile, schema: &Schema, log: &str) -> Result<Self, ExportError> {
        let mut head = format!(
            "#separator \\x09\n#set_separator\t,\n#empty_field\t{EMPTY}\n#unset_field\t{UNSET}\n#path\t{log}\n#fields"
        );
        for name in schema.columns.iter().map(|column| &*column.name) {
            head.extend(["\t", name]);
        }
        head.push_str("\n#types");
        for name in schema.columns.iter().map(type_of) {
            head.extend(["\t", name]);
        }
        head.push('\n');
        let path = out.path().to_owned();
        out.write_all(head.as_bytes()).map_err(|source| ExportError::io(&path, source))?;
        Ok(Self { schema: schema.clone(), out, line: String::new() })
    }

    pub(super) fn write_row(&mut self, row: &[Value<'_>]) -> Result<(), ExportError> {
        self.line.clear();
        for (column, value) in self.schema.pair(row, self.out.path())? {
            if !self.line.is_empty() {
                self.line.push('\t');
            }
            let fit = value.fit(column.kind).ok_or_else(|| Schema::misfit(column, value, self.out.path()))?;
            cell(&mut self.line, &fit);
        }
        self.line.push('\n');
        let written = self.out.write_all(self.line.as_bytes());
        written.map_err(|source| ExportError::io(self.out.path(), source))
    }

    pub(super) fn finish(self) -> Result<(), ExportError> {
        self.out.finish()
    }
}

/// Zeek's type of a column.
fn type_of(column: &Column) -> &'static str {
    match (column.kind, &*column.name) {
        (ColumnKind::Text, "id.orig_h" | "id.resp_h") => "addr",
        (ColumnKind::Text, "proto") => "enum",
        (ColumnKind::Text, _) => "string",
        (ColumnKind::Int, "id.orig_p" | "id.resp_p") => "port",
        (ColumnKind::Int, _) => "count",
        (ColumnKind::Float, _) if column.unit == "seconds" => "interval",
        (ColumnKind::Float, _) => "double",
        (ColumnKind::Bool, _) => "bool",
        (ColumnKind::Time | ColumnKind::Epoch, _) => "time",
    }
}

fn cell(line: &mut String, value: &Value<'_>) {
    // Writing to a `String` cannot fail.
    let _ = match value {
        Value::Missing => line.write_str(UNSET),
        Value::Text(text) => {
            escape(line, text);
            Ok(())
        }
        Value::Int(int) => write!(line, "{int}"),
        // Six decimals, as Zeek writes `interval` and `double`.
        Value::Float(float) => write!(line, "{float:.6}"),
        Value::Bool(bool) => line.write_str(if *bool { "T" } else { "F" }),
        Value::Time(ts) => line.write_str(&epoch_text(*ts)),
    };
}

/// Text as Zeek's ASCII writer escapes it: what would end a cell, a line or an escape, and what could be taken for a value that is not there.
fn escape(line: &mut String, text: &str) {
    if text.is_empty() {
        line.push_str(EMPTY);
        return;
    }
    let first = usize::from(text == UNSET || text == EMPTY);
    for (nth, byte) in text.bytes().enumerate() {
        if nth < first || byte == b'\\' || !(b' '..=b'~').contains(&byte) {
            // Writing to a `String` cannot fail.
            let _ = write!(line, "\\x{byte:02x}");
        } else {
            line.push(char::from(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_zeek_does() {
        fn check(text: &str, expected: &str) {
            let mut line = String::new();
            escape(&mut line, text);
            assert_eq!(line, expected);
        }
        check("cdn.example.net", "cdn.example.net");
        check("", "(empty)");
        check("-", "\\x2d");
        check("(empty)", "\\x28empty)");
        check("a\tb\\c\n", "a\\x09b\\x5cc\\x0a");
        check("é", "\\xc3\\xa9");
    }
}

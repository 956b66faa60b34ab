//! Zeek's own format: a header of `#` lines, then columns between separators
//! (<https://docs.zeek.org/en/master/log-formats.html>).

use std::borrow::Cow;

use memchr::memchr_iter;

use super::column::Column;
use super::row::{BadLine, Row};

/// Some collections join their labels to the last column with three spaces, in the header and in each line.
const JOINT: &str = "   ";

/// What a column of the file is read as.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Ignored,
    One(Column),
    /// Several columns that stand in one, see [`JOINT`].
    Joined(Vec<Option<Column>>),
}

/// The header, as far as it was read. Concatenated logs have several; each holds until the next.
#[derive(Clone, Debug)]
pub(super) struct Tsv {
    separator: u8,
    set_separator: char,
    empty: String,
    unset: String,
    path: Option<String>,
    fields: Vec<Field>,
}

impl Default for Tsv {
    fn default() -> Self {
        Self {
            separator: b'\t',
            set_separator: ',',
            empty: "(empty)".to_owned(),
            unset: "-".to_owned(),
            path: None,
            fields: Vec::new(),
        }
    }
}

impl Tsv {
    /// The name of the log, where the header says it.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether the header names this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.fields.iter().any(|field| match field {
            Field::Ignored => false,
            Field::One(one) => *one == column,
            Field::Joined(columns) => columns.contains(&Some(column)),
        })
    }

    /// Takes a line that begins with `#`.
    pub(super) fn take_header(&mut self, line: &str) {
        if let Some(separator) = line.strip_prefix("#separator ") {
            // One character, written as it is or as \x09.
            if let [byte] = unescaped(separator.trim()).as_bytes() {
                self.separator = *byte;
            }
            return;
        }
        let separator = char::from(self.separator);
        let Some((key, value)) = line.split_once(separator) else { return };
        match key {
            "#set_separator" => self.set_separator = unescaped(value).chars().next().unwrap_or(','),
            "#empty_field" => value.clone_into(&mut self.empty),
            "#unset_field" => value.clone_into(&mut self.unset),
            "#path" => self.path = Some(value.to_owned()),
            "#fields" => self.fields = value.split(separator).map(field).collect(),
            _ => {}
        }
    }

    /// Reads a line of values.
    pub(super) fn row<'a>(&self, line: &'a str) -> Result<Row<'a>, BadLine> {
        if self.fields.is_empty() {
            return Err(BadLine::NoFields);
        }
        let mut row = Row::new(self.set_separator);
        let mut fields = self.fields.iter();
        let (mut begin, mut found) = (0, 0);
        for end in memchr_iter(self.separator, line.as_bytes()).chain([line.len()]) {
            let cell = line.get(begin..end).unwrap_or_default();
            begin = end + 1;
            found += 1;
            match fields.next() {
                // Some programs end every line with a separator.
                None if cell.is_empty() => found -= 1,
                None | Some(Field::Ignored) => {}
                Some(Field::One(column)) => self.set(&mut row, *column, cell),
                Some(Field::Joined(columns)) => {
                    for (column, cell) in columns.iter().zip(cell.split(JOINT)) {
                        if let Some(column) = column {
                            self.set(&mut row, *column, cell);
                        }
                    }
                }
            }
        }
        if found == self.fields.len() {
            Ok(row)
        } else {
            Err(BadLine::Columns { found, expected: self.fields.len() })
        }
    }

    fn set<'a>(&self, row: &mut Row<'a>, column: Column, cell: &'a str) {
        if cell == self.empty {
            row.set(column, Cow::Borrowed(""));
        } else if cell != self.unset {
            row.set(column, unescaped(cell));
        }
    }
}

fn field(name: &str) -> Field {
    if name.contains(JOINT) {
        return Field::Joined(name.split(JOINT).map(Column::by_name).collect());
    }
    Column::by_name(name).map_or(Field::Ignored, Field::One)
}

/// A text without Zeek's `\x09` escapes.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("\\x") {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        let escaped = match rest {
            [b'x', high, low, ..] if *first == b'\\' => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = rest.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fields: &str) -> Tsv {
        let mut tsv = Tsv::default();
        for line in ["#separator \\x09", "#set_separator\t,", "#unset_field\t-", "#path\tconn"] {
            tsv.take_header(line);
        }
        tsv.take_header(&format!("#fields\t{fields}"));
        tsv
    }

    #[test]
    fn cells_are_found_by_the_names_of_the_header() {
        let tsv = header("_node_name\tts\tuid\thost\tanswers");
        assert_eq!(tsv.path(), Some("conn"));
        let row = tsv.row("worker-1\t7.5\t-\ta\\x09b\\x\tx,y").unwrap();
        assert_eq!(row.time(Column::Ts).unwrap().as_nanos(), 7_500_000_000);
        assert_eq!(row.text(Column::Uid), None, "unset");
        assert_eq!(row.text(Column::Service), None, "not there");
        assert_eq!(row.text(Column::Host), Some("a\tb\\x"));
        assert_eq!(row.list(Column::Answers), ["x", "y"]);
        assert_eq!(tsv.row("w\t7.5\t-\t-\t(empty)").unwrap().list(Column::Answers).len(), 0);
    }

    #[test]
    fn columns_that_are_joined_by_spaces_are_taken_apart() {
        let tsv = header("ts\ttunnel_parents   label   detailed-label");
        let row = tsv.row("1\t-   Malicious   C&C").unwrap();
        assert_eq!(
            (row.text(Column::Label), row.text(Column::DetailedLabel)),
            (Some("Malicious"), Some("C&C"))
        );
        let row = tsv.row("1\t(empty)   Benign   -").unwrap();
        assert_eq!((row.text(Column::Label), row.text(Column::DetailedLabel)), (Some("Benign"), None));
        assert!(tsv.has(Column::Label) && !tsv.has(Column::Uid));
    }

    #[test]
    fn lines_with_other_columns_than_the_header_are_refused() {
        let tsv = header("ts\tuid");
        assert_eq!(tsv.row("1").unwrap_err(), BadLine::Columns { found: 1, expected: 2 });
        assert_eq!(tsv.row("1\t2\t3").unwrap_err(), BadLine::Columns { found: 3, expected: 2 });
        assert_eq!(tsv.row("1\t2\t\t3").unwrap_err(), BadLine::Columns { found: 3, expected: 2 });
    }

    #[test]
    fn a_separator_at_the_end_of_a_line_is_no_column() {
        let tsv = header("ts\tuid");
        assert_eq!(tsv.row("1\tC2\t").unwrap().text(Column::Uid), Some("C2"));
        assert!(tsv.row("1\t").is_ok());
    }

    #[test]
    fn another_separator_is_taken_as_the_header_says() {
        let mut tsv = Tsv::default();
        tsv.take_header("#separator |");
        tsv.take_header("#unset_field|NA");
        tsv.take_header("#fields|ts|uid");
        let row = tsv.row("3|NA").unwrap();
        assert_eq!((row.text(Column::Ts), row.text(Column::Uid)), (Some("3"), None));
    }

    #[test]
    fn a_header_without_fields_is_told() {
        let mut tsv = Tsv::default();
        tsv.take_header("#separator \\x09");
        assert_eq!(tsv.row("1\t2").unwrap_err(), BadLine::NoFields);
    }
}

//! One line of a log as the columns that are read of it.

use std::borrow::Cow;
use std::net::IpAddr;

use super::column::Column;
use super::value;
use crate::addr::Addr;
use crate::time::{Span, Timestamp};

/// The cells of a line. One that is not there, or unset, is nothing.
#[derive(Debug)]
pub(super) struct Row<'a> {
    cells: [Option<Cow<'a, str>>; Column::COUNT],
    /// What stands between the members of a set; JSON has arrays.
    set_separator: char,
}

/// Why a line is no row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadLine {
    #[error("it is not UTF-8")]
    Encoding,
    #[error("no line #fields came before it, so nobody knows its columns")]
    NoFields,
    #[error("it has {found} columns, the header names {expected}")]
    Columns { found: usize, expected: usize },
    #[error("it is no JSON object: {0}")]
    Json(String),
    #[error("there is no {0}")]
    Missing(String),
    #[error("{column} {value:?} is not {expected}")]
    Value { column: String, value: String, expected: &'static str },
}

impl BadLine {
    /// A cell that is not what it should be.
    pub(super) fn of_value(column: &str, value: &str, expected: &'static str) -> Self {
        Self::Value { column: column.to_owned(), value: value.chars().take(VALUE_SHOWN).collect(), expected }
    }
}

impl<'a> Row<'a> {
    /// A row without a cell.
    pub(super) fn new(set_separator: char) -> Self {
        Self { cells: [const { None }; Column::COUNT], set_separator }
    }

    pub(super) fn set(&mut self, column: Column, cell: Cow<'a, str>) {
        if let Some(slot) = self.cells.get_mut(column as usize) {
            *slot = Some(cell);
        }
    }

    pub(super) fn clear(&mut self, column: Column) {
        if let Some(slot) = self.cells.get_mut(column as usize) {
            *slot = None;
        }
    }

    /// Exchanges two cells.
    pub(super) fn swap(&mut self, one: Column, other: Column) {
        self.cells.swap(one as usize, other as usize);
    }

    /// The text of a cell.
    pub(super) fn text(&self, column: Column) -> Option<&str> {
        self.cells.get(column as usize)?.as_deref()
    }

    /// A text that must be there.
    pub(super) fn required(&self, column: Column) -> Result<&str, BadLine> {
        self.text(column).ok_or(BadLine::Missing(column.name().to_owned()))
    }

    /// A number of something.
    pub(super) fn count(&self, column: Column) -> Result<Option<u64>, BadLine> {
        self.read(column, "a number", value::count)
    }

    /// A number of 16 bits.
    pub(super) fn port(&self, column: Column) -> Result<Option<u16>, BadLine> {
        self.read(column, "a number up to 65535", |text| text.parse().ok())
    }

    /// A length of time in seconds.
    pub(super) fn span(&self, column: Column) -> Result<Option<Span>, BadLine> {
        self.read(column, "a number of seconds", value::seconds)
    }

    /// A time that must be there.
    pub(super) fn time(&self, column: Column) -> Result<Timestamp, BadLine> {
        let expected = "a time (seconds since 1970, or as 2025-01-01T08:00:00Z)";
        self.read(column, expected, value::time)?.ok_or(BadLine::Missing(column.name().to_owned()))
    }

    /// An address that must be there.
    pub(super) fn addr(&self, column: Column) -> Result<Addr, BadLine> {
        let addr = self.read(column, "an address", |text| text.parse::<IpAddr>().ok())?;
        addr.map(Addr::from).ok_or(BadLine::Missing(column.name().to_owned()))
    }

    /// The members of a set or vector.
    pub(super) fn list(&self, column: Column) -> Vec<Cow<'_, str>> {
        match self.text(column) {
            None | Some("") => Vec::new(),
            Some(array) if array.starts_with('[') => serde_json::from_str(array).unwrap_or_default(),
            Some(set) => set.split(self.set_separator).map(Cow::Borrowed).collect(),
        }
    }

    fn read<T>(
        &self,
        column: Column,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, BadLine> {
        let Some(text) = self.text(column) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| BadLine::of_value(column.name(), text, expected))
    }
}

/// Characters of a bad value that a message shows.
const VALUE_SHOWN: usize = 60;

//! A column map of one's own: which column of a CSV file is what, and how its times are written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::format_description::OwnedFormatItem;

use super::column::Column;
use super::csv::{Field, Part};
use super::instant::{TimeForm, Unit};

/// Which column is what, in a file of TOML.
#[derive(Clone, Debug)]
pub struct ColumnMap {
    /// The text that it was read from.
    text: String,
    /// What stands between columns.
    pub(super) separator: char,
    /// Whether the first line names the columns.
    pub(super) has_header: bool,
    /// What is where.
    pub(super) fields: Vec<(Place, Field)>,
    /// Times and lengths of time.
    pub(super) form: TimeForm,
    pub(super) duration: Unit,
}

/// Where a column is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Place {
    /// By its name in the header.
    Named(String),
    /// By its number, from 1.
    Numbered(usize),
}

/// Why a column map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ColumnMapError {
    /// It could not be read.
    #[error("cannot read the column map {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It is no column map.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// Its path.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "comma")]
    separator: char,
    #[serde(default = "yes")]
    header: bool,
    /// Told by the text where there is none.
    time: Option<Unit>,
    time_format: Option<String>,
    utc_offset: Option<String>,
    #[serde(default)]
    duration: Unit,
    columns: BTreeMap<String, Place>,
}

const fn comma() -> char {
    ','
}

const fn yes() -> bool {
    true
}

/// What can be named in a map, and what it is here.
const KEYS: [(&str, Field); 22] = {
    use Column as C;
    use Field::{End, Length, Same, Start, Total};
    [
        ("ts", Start),
        ("end", End),
        ("duration", Length(Unit::Seconds)),
        ("src", Same(C::OrigH)),
        ("sport", Same(C::OrigP)),
        ("dst", Same(C::RespH)),
        ("dport", Same(C::RespP)),
        ("proto", Same(C::Proto)),
        ("service", Same(C::Service)),
        ("state", Same(C::ConnState)),
        ("uid", Same(C::Uid)),
        ("src_packets", Same(C::OrigPkts)),
        ("dst_packets", Same(C::RespPkts)),
        ("packets", Total(Part::Packets)),
        ("src_ip_bytes", Same(C::OrigIpBytes)),
        ("dst_ip_bytes", Same(C::RespIpBytes)),
        ("src_frame_bytes", Same(C::OrigFrameBytes)),
        ("dst_frame_bytes", Same(C::RespFrameBytes)),
        ("frame_bytes", Total(Part::FrameBytes)),
        ("src_payload_bytes", Same(C::OrigBytes)),
        ("dst_payload_bytes", Same(C::RespBytes)),
        ("label", Same(C::Label)),
    ]
};

/// Without these, there is no flow.
const NEEDED: [&str; 4] = ["ts", "src", "dst", "proto"];

impl ColumnMap {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, is no TOML, names what is not known here, or lacks what a flow needs.
    pub fn load(path: &Path) -> Result<Self, ColumnMapError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ColumnMapError::Read { path: path.to_owned(), source })?;
        Self::of_text(&text, path)
    }

    /// Reads the text of a file; `path` is the one that errors are to name.
    ///
    /// # Errors
    /// Where the text is no column map.
    pub fn of_text(text: &str, path: &Path) -> Result<Self, ColumnMapError> {
        Self::parse(text).map_err(|message| ColumnMapError::Invalid { path: path.to_owned(), message })
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if let Some(missing) = NEEDED.iter().find(|key| !raw.columns.contains_key(**key)) {
            return Err(format!(
                "[columns] does not say which column is {missing}; a flow needs {}",
                NEEDED.join(", ")
            ));
        }
        let mut fields = Vec::new();
        for (key, place) in raw.columns {
            let Some((_, field)) = KEYS.iter().find(|(known, _)| *known == key) else {
                let known = KEYS.map(|(known, _)| known).join(", ");
                return Err(format!("[columns] names {key}, which is none of: {known}"));
            };
            if matches!(place, Place::Numbered(0)) {
                return Err(format!("[columns] {key} = 0: columns are counted from 1"));
            }
            if matches!(place, Place::Named(_)) && !raw.header {
                return Err(format!("[columns] {key} names a column, but header = false: give its number"));
            }
            fields.push((place, *field));
        }
        let offset_s = raw.utc_offset.as_deref().map_or(Some(0), offset_s);
        let offset_s = offset_s.ok_or("utc_offset is not as \"+01:00\" or \"-03:00\"")?;
        let form = match (raw.time_format, raw.time) {
            (Some(text), None) => TimeForm::Format(format(&text)?, offset_s),
            (Some(_), Some(_)) => {
                return Err("time and time_format say the same thing: give one of them".to_owned());
            }
            (None, Some(unit)) => TimeForm::Number(unit),
            (None, None) => TimeForm::Any(offset_s),
        };
        Ok(Self {
            text: text.to_owned(),
            separator: raw.separator,
            has_header: raw.header,
            fields,
            form,
            duration: raw.duration,
        })
    }
}

fn format(text: &str) -> Result<OwnedFormatItem, String> {
    time::format_description::parse_owned::<2>(text).map_err(|error| {
        format!("time_format {text:?}: {error}; it is as \"[year]-[month]-[day] [hour]:[minute]:[second]\"")
    })
}

/// Seconds of an offset such as `-03:00`.
fn offset_s(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=14).contains(&hours) && (0..60).contains(&minutes)).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[columns]\nts = \"t\"\nsrc = \"a\"\ndst = \"b\"\nproto = \"p\"\n";

    #[test]
    fn what_is_wrong_with_a_map_is_said() {
        assert!(ColumnMap::parse(LEAST).is_ok());
        let check = |text: String, expected: &str| {
            let message = ColumnMap::parse(&text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        };
        check("[columns]\nts = \"t\"\n".to_owned(), "which column is src");
        check(format!("{LEAST}bytes = \"n\"\n"), "names bytes, which is none of: ts, end");
        check(format!("{LEAST}sport = 0\n"), "counted from 1");
        check(format!("header = false\n{LEAST}"), "give its number");
        check(format!("seperator = \";\"\n{LEAST}"), "seperator");
        check(format!("time = \"minutes\"\n{LEAST}"), "minutes");
        check(format!("time_format = \"[yeer]\"\n{LEAST}"), "time_format");
        check(format!("time = \"ms\"\ntime_format = \"[year]\"\n{LEAST}"), "one of them");
        check(format!("utc_offset = \"3\"\n{LEAST}"), "utc_offset");
    }

    #[test]
    fn offsets_are_hours_and_minutes() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(offset_s(text), expected, "{text}");
        check("+01:00", Some(3_600));
        check("-03:30", Some(-12_600));
        for bad in ["", "1:00", "+1", "+15:00", "+01:60", "é"] {
            check(bad, None);
        }
    }
}

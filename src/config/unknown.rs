//! Keys that no configuration has. They are looked for before the values are read, so that the message can say where the
//! key stands and which one was probably meant.

use toml::de::{DeTable, DeValue};

/// Similarity from which a known key is proposed, of 1.
const ALIKE: f64 = 0.8;

/// The first unknown key of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownKey<'a> {
    /// With the tables that it stands in: `flow.max_flow`.
    pub(super) key: String,
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    /// The known key or table that is most like it.
    pub(super) meant: Option<&'a str>,
}

impl UnknownKey<'_> {
    /// What to say of it.
    pub(super) fn complaint(&self) -> String {
        let advice = self.meant.map_or_else(
            || "`undercurrent print-config` prints all keys".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        format!("unknown key `{}`; {advice}", self.key)
    }
}

/// The first key of `text` that is neither in `known` (dotted names) nor a table of known keys; nothing where there is none,
/// or where the text is no TOML.
pub(super) fn unknown_key<'a>(text: &str, known: &[&'a str]) -> Option<UnknownKey<'a>> {
    let document = DeTable::parse(text).ok()?;
    let (offset, key) = first_unknown("", document.get_ref(), known)?;
    let before = text.get(..offset)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Some(UnknownKey {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..)?.chars().count() + 1,
        meant: most_alike(&key, known),
        key,
    })
}

/// Byte offset and dotted name of the unknown key that stands first.
fn first_unknown(prefix: &str, table: &DeTable<'_>, known: &[&str]) -> Option<(usize, String)> {
    let of_entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let path = format!("{prefix}{}", key.get_ref());
        if known.contains(&path.as_str()) {
            return None;
        }
        let inside = format!("{path}.");
        if !known.iter().any(|k| k.starts_with(&inside)) {
            return Some((key.span().start, path));
        }
        value.get_ref().as_table().and_then(|table| first_unknown(&inside, table, known))
    };
    table.iter().filter_map(of_entry).min()
}

/// Compares what comes after the table that the key stands in, since that table is right: a name that has only the table in
/// common with the key is not what was meant. Compares last parts as well: a key may stand in the wrong table.
fn most_alike<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let (table, own) = key.rsplit_once('.').unwrap_or(("", key));
    let in_table = |name: &'a str| name.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
    let alike = |name: &'a str| {
        let last = name.rsplit('.').next().unwrap_or(name);
        strsim::jaro_winkler(own, in_table(name).unwrap_or(name)).max(strsim::jaro(own, last))
    };
    let tables = known.iter().filter_map(|name| name.rsplit_once('.')).map(|(table, _)| table);
    known
        .iter()
        .copied()
        .chain(tables)
        .map(|name| (alike(name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["local", "flow.max_flows", "flow.udp_s", "decode.max_fragments"];

    #[test]
    fn the_first_unknown_key_is_found_with_the_one_that_was_meant() {
        for (text, key, line, column, meant) in [
            ("locl = []", "locl", 1, 1, Some("local")),
            ("[flow]\nudp_s = 1\n  max_flow = 3\nzz = 1", "flow.max_flow", 3, 3, Some("flow.max_flows")),
            ("max_flows = 3", "max_flows", 1, 1, Some("flow.max_flows")),
            ("flow_max_flows = 3", "flow_max_flows", 1, 1, Some("flow.max_flows")),
            ("[decode]\nmax_flow = 3", "decode.max_flow", 2, 1, Some("flow.max_flows")),
            ("[flows]\nudp_s = 1", "flows", 1, 2, Some("flow")),
            ("zebra.stripes = 7\nabc = 1", "zebra", 1, 1, None),
            ("flow = { \"ü\" = 1, udp_s = 2 }", "flow.ü", 1, 10, None),
        ] {
            let expected = UnknownKey { key: key.to_owned(), line, column, meant };
            assert_eq!(unknown_key(text, KNOWN), Some(expected), "{text}");
        }
    }

    #[test]
    fn known_keys_and_texts_that_are_no_toml_have_none() {
        for text in ["", "local = 3\n[flow]\nudp_s = 'x'", "flow = 3", "flow.udp_s = 1", "[flow", "= 3"] {
            assert_eq!(unknown_key(text, KNOWN), None, "{text}");
        }
    }
}

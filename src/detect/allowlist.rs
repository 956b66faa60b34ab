//! What the user knows to be fine. Applies to findings and to scores of hosts when they are made, so also to what was seen
//! before an entry was written; rows of channels keep their scores.

use std::fs;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::addr::Addr;
use crate::features::{Channel, ChannelKey, peer_address, peer_name};

/// An entry that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AllowlistError {
    /// The file could not be read.
    #[error("cannot read the allowlist {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no entry.
    #[error(
        "allowlist {origin}, line {line}: {reason} in {text:?}; an entry is `[SOURCE ->] DESTINATION[:PORT]`, each an address, a network or a name such as *.example.com"
    )]
    Entry {
        /// File, or `configuration`.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
        /// The line.
        text: String,
    },
}

/// What a side of an entry matches.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Net(IpNet),
    /// A name; with `subdomains` also every name below it.
    Name {
        name: String,
        subdomains: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// As it was written, without a comment.
    text: String,
    source: Pattern,
    destination: Pattern,
    port: Option<u16>,
}

/// A set of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowlist {
    entries: Vec<Entry>,
}

impl Allowlist {
    /// Adds the entries of a text, one a line; `#` begins a comment. `origin` names the text in errors.
    ///
    /// # Errors
    /// [`AllowlistError::Entry`] at the first line that is no entry.
    pub fn add_text(&mut self, origin: &str, text: &str) -> Result<(), AllowlistError> {
        for (index, line) in text.lines().enumerate() {
            let line_text = line.split('#').next().unwrap_or_default().trim();
            if line_text.is_empty() {
                continue;
            }
            let entry = parse_entry(line_text).map_err(|reason| AllowlistError::Entry {
                origin: origin.to_owned(),
                line: index + 1,
                reason,
                text: line_text.to_owned(),
            })?;
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Adds the entries of a file.
    ///
    /// # Errors
    /// Where the file cannot be read or has a line that is no entry.
    pub fn add_file(&mut self, path: &Path) -> Result<(), AllowlistError> {
        let text = fs::read_to_string(path)
            .map_err(|source| AllowlistError::Read { path: path.to_owned(), source })?;
        self.add_text(&path.display().to_string(), &text)
    }

    /// The entries as they were written, without comments.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.text.as_str())
    }

    /// Whether a channel is known to be fine.
    pub fn covers_channel(&self, key: &ChannelKey, channel: &Channel) -> bool {
        let name = peer_name(key, channel).map(|name| &**name);
        self.covers(key.host, Some(peer_address(key, channel)), name, key.port)
    }

    /// Whether an entry covers this traffic.
    pub fn covers(&self, host: Addr, peer: Option<Addr>, name: Option<&str>, port: u16) -> bool {
        self.entries.iter().any(|entry| {
            entry.port.is_none_or(|p| p == port)
                && entry.source.matches(Some(host), None)
                && entry.destination.matches(peer, name)
        })
    }
}

impl Pattern {
    fn matches(&self, addr: Option<Addr>, name: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Net(net) => addr.is_some_and(|a| net.contains(&a.to_ip())),
            Self::Name { name: wanted, subdomains } => name.is_some_and(|name| {
                let name = name.trim_end_matches('.').as_bytes();
                let split = name.len().checked_sub(wanted.len()).and_then(|at| name.split_at_checked(at));
                split.is_some_and(|(below, end)| {
                    end.eq_ignore_ascii_case(wanted.as_bytes())
                        && (below.is_empty() || *subdomains && below.ends_with(b"."))
                })
            }),
        }
    }
}

fn parse_entry(text: &str) -> Result<Entry, &'static str> {
    let (source, destination) = match text.split_once("->") {
        Some((source, destination)) => (parse_pattern(source.trim())?, destination.trim()),
        None => (Pattern::Any, text),
    };
    if matches!(source, Pattern::Name { .. }) {
        return Err("the source must be an address, a network or *");
    }
    let (destination, port) = split_port(destination)?;
    Ok(Entry { text: text.to_owned(), source, destination: parse_pattern(destination)?, port })
}

/// Splits `host:port`. A bare IPv6 address has several colons and no port; with one it stands in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or("no closing bracket")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((inside, Some(parse_port(port)?))),
            None if after.is_empty() => Ok((inside, None)),
            None => Err("something other than a port after the bracket"),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => Ok((host, Some(parse_port(port)?))),
        _ => Ok((text, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "a port that is no number from 0 to 65535")
}

fn parse_pattern(text: &str) -> Result<Pattern, &'static str> {
    if text == "*" {
        return Ok(Pattern::Any);
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(Pattern::Net(net));
    }
    if let Ok(ip) = text.parse::<std::net::IpAddr>() {
        return Ok(Pattern::Net(ip.into()));
    }
    let (name, subdomains) = match text.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (text, false),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || !name.chars().all(plain) || !name.contains(|c: char| c.is_ascii_alphabetic()) {
        return Err("neither an address, a network nor a name");
    }
    Ok(Pattern::Name { name: name.trim_end_matches('.').to_ascii_lowercase(), subdomains })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        Addr::from(text.parse::<std::net::IpAddr>().unwrap())
    }

    #[test]
    fn entries_cover_what_they_say() {
        for (entry, host, peer, name, port, covered) in [
            ("198.51.100.7", "10.0.0.1", "198.51.100.7", None, 443, true),
            ("198.51.100.0/24", "10.0.0.1", "198.51.100.9", None, 443, true),
            ("198.51.100.0/24:80", "10.0.0.1", "198.51.100.9", None, 443, false),
            ("*.example.com", "10.0.0.1", "198.51.100.9", Some("a.b.EXAMPLE.com"), 443, true),
            ("*.example.com", "10.0.0.1", "198.51.100.9", Some("example.com"), 443, true),
            ("*.example.com", "10.0.0.1", "198.51.100.9", Some("badexample.com"), 443, false),
            ("example.com", "10.0.0.1", "198.51.100.9", Some("a.example.com"), 443, false),
            ("10.0.0.0/8 -> *.example.com:443", "10.0.0.1", "198.51.100.9", Some("x.example.com"), 443, true),
            (
                "10.9.0.0/16 -> *.example.com:443",
                "10.0.0.1",
                "198.51.100.9",
                Some("x.example.com"),
                443,
                false,
            ),
            ("10.0.0.1 -> *", "10.0.0.1", "198.51.100.9", None, 1, true),
            ("[2001:db8::1]:443", "fd00::1", "2001:db8::1", None, 443, true),
            ("2001:db8::/32", "fd00::1", "2001:db8::1", None, 443, true),
        ] {
            let mut list = Allowlist::default();
            list.add_text("test", entry).unwrap();
            assert_eq!(list.covers(addr(host), Some(addr(peer)), name, port), covered, "{entry}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        for text in ["what is this?", "a.example -> 10.0.0.1", "10.0.0.1:99999", "[2001:db8::1", "1.2.3.4.5"]
        {
            let mut list = Allowlist::default();
            let error = list.add_text("list.txt", &format!("# fine\n\n{text}")).unwrap_err().to_string();
            assert!(error.contains("list.txt, line 3"), "{error}");
        }
    }
}

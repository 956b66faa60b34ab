//! The configuration file: TOML, every key optional, unknown keys refused. One default for one knob: that of the stage.

mod unknown;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::detect::{Allowlist, AllowlistError, DEFAULT_ALERTS_A_DAY};
use crate::features::{Asset, Assets, LocalNetworks};
use crate::{decode, features, flow, pipeline};

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Monitored networks; the default ranges where empty.
    pub local: Vec<IpNet>,
    /// Whose data must not leave.
    pub assets: Vec<Asset>,
    /// What the user knows to be fine.
    pub allowlist: AllowlistConfig,
    /// How much is reported.
    pub detect: DetectConfig,
    /// Decode stage.
    pub decode: decode::Config,
    /// Flow stage.
    pub flow: flow::Config,
    /// Feature stage.
    pub features: features::Config,
}

/// Where the allowlist comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AllowlistConfig {
    /// Entries.
    pub entries: Vec<String>,
    /// Files of entries, one a line; relative to the folder of the configuration file.
    pub files: Vec<PathBuf>,
}

/// How much is reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectConfig {
    /// False findings of high severity or above that are borne a day.
    pub alerts_a_day: f64,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self { alerts_a_day: DEFAULT_ALERTS_A_DAY }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no valid configuration. The message names line, column and key.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// The allowlist is not valid.
    #[error(transparent)]
    Allowlist(#[from] AllowlistError),
}

/// What each key means; the one source of `print-config` and of `docs/configuration.md`.
const KEYS: &[(&str, &str)] = &[
    (
        "local",
        "Monitored networks, e.g. [\"10.0.0.0/8\", \"2001:db8::/32\"]. Empty: private, unique-local and link-local ranges.",
    ),
    (
        "assets",
        "Whose data must not leave, e.g. [{ name = \"weights\", cidr = [\"10.9.0.0/16\"] }], or a table [[assets]] each: what is read from there, over any number of hosts inside, and then sent out is a staged upload.",
    ),
    (
        "allowlist.entries",
        "What is known to be fine: \"[SOURCE ->] DESTINATION[:PORT]\", each an address, a network or a name; *.example.com also means example.com.",
    ),
    (
        "allowlist.files",
        "Files of such entries, one a line, # begins a comment. A relative path begins at the folder of the configuration file.",
    ),
    (
        "detect.alerts_a_day",
        "False findings of high severity or above that are borne a day in the whole network, of each detector; a quarter of them critical, and beside each twenty medium and a hundred low ones at most.",
    ),
    (
        "decode.verify_checksums",
        "Verify transport checksums of packets that were captured whole. Off: captures of the sending host look wrong.",
    ),
    ("decode.max_fragments", "First fragments remembered so that later ones get their ports."),
    ("flow.max_flows", "Most flows held at a time; past it the least valuable are evicted and counted."),
    ("flow.tcp_attempt_s", "Seconds until TCP of which one side was seen ends."),
    ("flow.tcp_open_s", "Seconds of silence until established TCP ends."),
    ("flow.tcp_half_closed_s", "Seconds of silence until TCP of which one side closed ends."),
    ("flow.tcp_closed_s", "Seconds for which trailing packets of closed TCP are counted to it."),
    ("flow.udp_s", "Seconds of silence until UDP and other protocols end."),
    ("flow.icmp_s", "Seconds of silence until ICMP ends."),
    ("flow.interim_s", "Seconds between reports of an open flow."),
    ("features.max_hosts", "Most monitored hosts with state."),
    (
        "features.max_channels",
        "Most channels (host, peer, service) with state; past it the least valuable are given up and counted.",
    ),
    ("features.max_names", "Most (host, address) pairs whose DNS name is remembered."),
];

const HEAD_OF_REFERENCE: &str = "\
# Configuration

<!-- Made from src/config.rs by `make pages`; do not edit. -->

One TOML file (`--config`). Every key is optional; an unknown key is an error that names the key that was probably meant.
`undercurrent print-config` prints the defaults, `undercurrent check-config FILE` checks a file. Flags of the command line come before the file.
What an allowlist entry is: [user guide](user-guide.md#allowlist).

| key | default | meaning |
|---|---|---|
";

impl Config {
    /// Reads a file, and checks that the allowlist files it names can be read.
    ///
    /// # Errors
    /// Where it cannot be read, is no TOML, or has an unknown key or a value of another type.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config = Self::parse(path, &text)?;
        config.allowlist()?;
        Ok(config)
    }

    /// Reads the text of a file that lies, or would lie, at `path`. No file is opened.
    ///
    /// # Errors
    /// Where it is no TOML, or has an unknown key or a value of another type.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let invalid = |message| ConfigError::Invalid { path: path.to_owned(), message };
        let known: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
        if let Some(unknown) = unknown::unknown_key(text, &known) {
            let advice = unknown.meant.map_or_else(
                || "`undercurrent print-config` prints all keys".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            let (line, column, key) = (unknown.line, unknown.column, unknown.key);
            return Err(invalid(format!("line {line}, column {column}: unknown key `{key}`; {advice}")));
        }
        let mut config: Self =
            toml::from_str(text).map_err(|e| invalid(e.to_string().trim_end().to_owned()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.allowlist.files.iter_mut().for_each(|file| *file = folder.join(&*file));
        if !(config.detect.alerts_a_day.is_finite() && config.detect.alerts_a_day > 0.0) {
            let found = config.detect.alerts_a_day;
            return Err(invalid(format!("detect.alerts_a_day is {found}; it must be above 0")));
        }
        Ok(config)
    }

    /// The allowlist, its files read.
    ///
    /// # Errors
    /// Where a file cannot be read or an entry is none.
    pub fn allowlist(&self) -> Result<Allowlist, ConfigError> {
        let mut list = Allowlist::default();
        list.add_text("of the configuration", &self.allowlist.entries.join("\n"))?;
        for file in &self.allowlist.files {
            list.add_file(file)?;
        }
        Ok(list)
    }

    /// The pipeline's part.
    pub fn pipeline(&self) -> pipeline::Config {
        pipeline::Config {
            local: LocalNetworks::new(&self.local),
            assets: Assets::new(&self.assets),
            decode: self.decode.clone(),
            flow: self.flow.clone(),
            features: self.features.clone(),
        }
    }

    /// The default configuration as a file, every key with its meaning.
    pub fn commented_default() -> String {
        let mut out =
            String::from("# undercurrent configuration. Every key is optional; these are the defaults.\n");
        let mut section = "";
        for (key, meaning, value) in Self::keys() {
            let (of_key, name) = key.rsplit_once('.').unwrap_or(("", key));
            if of_key != section {
                section = of_key;
                let _ = write!(out, "\n[{section}]\n");
            }
            let _ = write!(out, "# {meaning}\n{name} = {value}\n");
        }
        out
    }

    /// The reference page of all keys, as Markdown.
    pub fn reference() -> String {
        let mut out = HEAD_OF_REFERENCE.to_owned();
        for (key, meaning, value) in Self::keys() {
            let _ = writeln!(out, "| `{key}` | `{value}` | {meaning} |");
        }
        out
    }

    /// Key, meaning, default.
    fn keys() -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let defaults = toml::Value::try_from(Self::default()).unwrap_or(toml::Value::Boolean(false));
        KEYS.iter().map(move |(key, meaning)| {
            let value = key.split('.').try_fold(&defaults, |value, part| value.get(part));
            (*key, *meaning, value.map(ToString::to_string).unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(prefix: &str, value: &toml::Value, out: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    leaves(&format!("{prefix}{key}."), value, out);
                }
            }
            _ => out.push(prefix.trim_end_matches('.').to_owned()),
        }
    }

    #[test]
    fn every_key_is_documented_and_the_printed_default_is_the_default() {
        let mut keys = Vec::new();
        leaves("", &toml::Value::try_from(Config::default()).unwrap(), &mut keys);
        keys.sort();
        let mut documented: Vec<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
        documented.sort();
        assert_eq!(keys, documented);
        assert_eq!(toml::from_str::<Config>(&Config::commented_default()).unwrap(), Config::default());
    }

    #[test]
    fn mistakes_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        for (text, expected) in [
            (
                "[flow]\nmax_flow = 3\n",
                "line 2, column 1: unknown key `flow.max_flow`; did you mean `flow.max_flows`?",
            ),
            ("colour = 3\n", "print-config"),
            ("[flow]\nmax_flows = \"many\"\n", "line 2"),
            ("local = [\"10.0.0.0/99\"]\n", "line 1"),
            ("[allowlist]\nentries = [\"what is this?\"]\n", "what is this?"),
            ("[detect]\nalerts_a_day = -1.0\n", "above 0"),
            ("[[assets]]\nname = \"weights\"\ncidr = \"10.9.0/16\"\n", "line 3"),
            ("[[assets]]\nname = \"weights\"\nnet = []\n", "line 3"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Config::load(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}

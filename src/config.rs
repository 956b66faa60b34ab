//! The configuration file: TOML, every key optional, unknown keys refused. One default for one knob: that of the stage.

mod env;
mod keys;
mod replay;
mod unknown;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::capture::live;
use crate::detect::{Allowlist, AllowlistError, DEFAULT_ALERTS_A_DAY};
use crate::features::{Asset, Assets, LocalNetworks};
use crate::records::netflow;
use crate::sensor::{
    AlertmanagerConfig, FindingsConfig, MetricsConfig, StateConfig, SyslogConfig, WebhookConfig,
};
use crate::serve::WebConfig;
use crate::{decode, features, flow, pipeline};
use keys::KEYS;

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
    /// How it captures.
    pub capture: live::Config,
    /// Exports that it listens for.
    pub netflow: netflow::Config,
    /// What the live sensor remembers.
    pub state: StateConfig,
    /// Where its findings go.
    pub findings: FindingsConfig,
    /// A webhook that they are told to.
    pub webhook: WebhookConfig,
    /// An Alertmanager.
    pub alertmanager: AlertmanagerConfig,
    /// A syslog.
    pub syslog: SyslogConfig,
    /// Its series of hosts.
    pub metrics: MetricsConfig,
    /// Its web server.
    pub web: WebConfig,
    /// What it gives up.
    pub sandbox: SandboxConfig,
    /// Its messages.
    pub log: LogConfig,
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
    /// False alerts that are borne a day.
    pub alerts_a_day: f64,
    /// Seconds between scoring passes of the live sensor.
    pub score_every_s: u32,
}

/// What the live sensor gives up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Whether it does.
    pub enabled: bool,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// What the live sensor says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Least grave messages that are written.
    pub level: LogLevel,
    /// Their form.
    pub format: LogFormat,
}

/// How grave a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say all")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// The form of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self { alerts_a_day: DEFAULT_ALERTS_A_DAY, score_every_s: 15 }
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
    /// An environment variable does not fit.
    #[error("{variable}: {message}")]
    Environment {
        /// Its name.
        variable: String,
        /// What is wrong.
        message: String,
    },
    /// The allowlist is not valid.
    #[error(transparent)]
    Allowlist(#[from] AllowlistError),
}

const HEAD_OF_REFERENCE: &str = "\
# Configuration

<!-- Made from src/config.rs by `make pages`; do not edit. -->

One TOML file (`--config`). Every key is optional; an unknown key is an error that names the key that was probably meant.
`undercurrent print-config` prints the defaults, `undercurrent check-config FILE` checks a file. Flags of the command line come before environment variables, those before
the file: `UNDERCURRENT_SECTION__KEY` is `section.key`, its value TOML or plain text (`UNDERCURRENT_WEB__LISTEN_ADDRESS=0.0.0.0:9909`).
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
        if let Some(unknown) = unknown::unknown_key(text, &known_keys()) {
            let (line, column) = (unknown.line, unknown.column);
            return Err(invalid(format!("line {line}, column {column}: {}", unknown.complaint())));
        }
        let mut config: Self =
            toml::from_str(text).map_err(|e| invalid(e.to_string().trim_end().to_owned()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.allowlist.files.iter_mut().for_each(|file| *file = folder.join(&*file));
        config.check().map_err(invalid)?;
        Ok(config)
    }

    /// Puts environment variables over it: `UNDERCURRENT_SECTION__KEY` is `section.key`, as TOML or as plain text.
    ///
    /// # Errors
    /// Where a variable names no key, or its value does not fit.
    pub fn with_environment(
        self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        env::apply(self, variables)
    }

    /// What no type can say.
    fn check(&self) -> Result<(), String> {
        let positive = [
            ("detect.alerts_a_day", self.detect.alerts_a_day),
            ("detect.score_every_s", self.detect.score_every_s.into()),
            ("state.checkpoint_interval_s", self.state.checkpoint_interval_s.into()),
            ("findings.end_after_s", self.findings.end_after_s.into()),
            ("alertmanager.resend_s", self.alertmanager.resend_s.into()),
            ("web.max_connections", self.web.max_connections as f64),
            ("web.request_timeout_s", self.web.request_timeout_s.into()),
        ];
        match positive.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            Some((key, value)) => Err(format!("{key} is {value}; it must be above 0")),
            None => Ok(()),
        }
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

fn known_keys() -> Vec<&'static str> {
    KEYS.iter().map(|(key, _)| *key).collect()
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

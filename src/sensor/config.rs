//! The sensor's sections of the configuration.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{BookConfig, FindingFormat, JournalConfig};
use crate::export::metrics::TopKConfig;
use crate::time::Span;

/// What is remembered over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// Folder of the checkpoint, and of all that has a relative name; made where it does not exist.
    pub directory: PathBuf,
    /// Seconds between checkpoints.
    pub checkpoint_interval_s: u32,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { directory: PathBuf::from("/var/lib/undercurrent"), checkpoint_interval_s: 60 }
    }
}

impl StateConfig {
    /// The checkpoint's file.
    pub fn checkpoint(&self) -> PathBuf {
        self.directory.join("checkpoint")
    }
}

/// How findings are followed and where they go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FindingsConfig {
    /// The form of the file's lines.
    pub format: FindingFormat,
    /// See [`JournalConfig::file`].
    pub file: PathBuf,
    /// See [`JournalConfig::max_bytes`].
    pub max_bytes: u64,
    /// See [`JournalConfig::max_age_h`].
    pub max_age_h: u32,
    /// See [`JournalConfig::keep`].
    pub keep: usize,
    /// See [`BookConfig::update_every_s`].
    pub update_every_s: u32,
    /// See [`BookConfig::end_after_s`].
    pub end_after_s: u32,
    /// See [`BookConfig::max_open`].
    pub max_open: usize,
}

impl Default for FindingsConfig {
    fn default() -> Self {
        let JournalConfig { file, max_bytes, max_age_h, keep } = JournalConfig::default();
        let BookConfig { update_every_s, end_after_s, max_open } = BookConfig::default();
        Self {
            format: FindingFormat::Eve,
            file,
            max_bytes,
            max_age_h,
            keep,
            update_every_s,
            end_after_s,
            max_open,
        }
    }
}

impl FindingsConfig {
    /// What is followed.
    pub const fn book(&self) -> BookConfig {
        let Self { update_every_s, end_after_s, max_open, .. } = *self;
        BookConfig { update_every_s, end_after_s, max_open }
    }

    /// The file, relative to a folder.
    pub fn journal(&self, folder: &Path) -> JournalConfig {
        let Self { max_bytes, max_age_h, keep, .. } = *self;
        JournalConfig { file: folder.join(&self.file), max_bytes, max_age_h, keep }
    }
}

/// Which hosts have series of their own, and under which name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Hosts of each detector, at most.
    pub topk_hosts: usize,
    /// Score at which a host gets series.
    pub topk_entry: f64,
    /// Score below which it loses them.
    pub topk_release: f64,
    /// Seconds for which it keeps them at least.
    pub topk_dwell_s: u32,
    /// How much higher another host must score to take its place.
    pub topk_margin: f64,
    /// What stands for a host in labels.
    pub host_label: HostLabelKind,
    /// File with the key of `hmac`.
    pub host_label_key_file: PathBuf,
}

/// The values of `metrics.host_label`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostLabelKind {
    /// The address.
    #[default]
    Ip,
    /// The name that DNS gave for it.
    Hostname,
    /// A keyed hash.
    Hmac,
    /// No series of hosts.
    Off,
}

impl Default for MetricsConfig {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few minutes")]
    fn default() -> Self {
        let TopKConfig { limit, entry, release, dwell, margin } = TopKConfig::default();
        Self {
            topk_hosts: limit,
            topk_entry: entry,
            topk_release: release,
            topk_dwell_s: dwell.as_secs_f64() as u32,
            topk_margin: margin,
            host_label: HostLabelKind::Ip,
            host_label_key_file: PathBuf::new(),
        }
    }
}

impl MetricsConfig {
    /// The rules for the series of hosts.
    pub fn top_k(&self) -> TopKConfig {
        TopKConfig {
            limit: self.topk_hosts,
            entry: self.topk_entry,
            release: self.topk_release,
            dwell: Span::from_secs(self.topk_dwell_s.into()),
            margin: self.topk_margin,
        }
    }
}

/// A webhook that findings are told to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its address; none where empty.
    pub url: String,
    /// The form of a request's body.
    pub format: FindingFormat,
    /// File of a token that requests show; none where empty.
    pub bearer_token_file: PathBuf,
}

/// An Alertmanager that findings are told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// Its address, without `/api`; none where empty.
    pub url: String,
    /// Seconds after which findings that go on are told again.
    pub resend_s: u32,
    /// File of a token that requests show; none where empty.
    pub bearer_token_file: PathBuf,
}

impl Default for AlertmanagerConfig {
    fn default() -> Self {
        Self { url: String::new(), resend_s: 60, bearer_token_file: PathBuf::new() }
    }
}

/// A syslog that findings are told to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyslogConfig {
    /// `udp://HOST:PORT` or `unix:///dev/log`; none where empty.
    pub address: String,
    /// The form of a message's content.
    pub format: FindingFormat,
}

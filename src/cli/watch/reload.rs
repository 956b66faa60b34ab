//! What can change while the sensor runs: thresholds, allowlist, assets, models, labels, log level, where findings are told, TLS and users.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ipnet::IpNet;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::export::metrics::HostLabel;
use crate::features::Assets;
use crate::sensor::{HostLabelKind, Judge, JudgeConfig};
use crate::serve::{Security, WebFile};

use super::super::args::WatchArgs;
use super::super::models::{self, Loaded};
use super::log::LogHandle;
use super::sinks::{self, Shared, Sinks, Trusted, lock};

/// Where the settings come from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    config: Option<PathBuf>,
    models: Option<PathBuf>,
    allowlist: Vec<PathBuf>,
    local: Vec<IpNet>,
    state: Option<PathBuf>,
    findings: Option<PathBuf>,
    netflow: Vec<SocketAddr>,
    listen: Option<SocketAddr>,
    web_file: Option<PathBuf>,
    filter: Option<String>,
    /// Keys what is remembered of passwords.
    key: [u8; 32],
}

/// What the packet thread goes on with after a reload.
#[derive(Debug)]
pub(super) struct Reloaded {
    pub(super) tunables: Tunables,
    /// The assets, where they have changed.
    pub(super) assets: Option<Assets>,
}

/// What the packet thread is to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tunables {
    /// Seconds of packet time between passes.
    pub(super) score_every_s: u32,
    /// Seconds between checkpoints.
    pub(super) checkpoint_interval_s: u32,
}

impl Tunables {
    pub(super) const fn of(config: &Config) -> Self {
        Self {
            score_every_s: config.detect.score_every_s,
            checkpoint_interval_s: config.state.checkpoint_interval_s,
        }
    }
}

impl Origin {
    pub(super) fn new(args: &WatchArgs, key: [u8; 32]) -> Self {
        Self {
            config: args.config.clone(),
            models: args.models.clone(),
            allowlist: args.allowlist.clone(),
            local: args.local.clone(),
            state: args.state.clone(),
            findings: args.findings.clone(),
            netflow: args.netflow.clone(),
            listen: args.listen_address,
            web_file: args.web_config_file.clone(),
            filter: args.filter.clone(),
            key,
        }
    }

    /// Neither flags nor files.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            config: None,
            models: None,
            allowlist: Vec::new(),
            local: Vec::new(),
            state: None,
            findings: None,
            netflow: Vec::new(),
            listen: None,
            web_file: None,
            filter: None,
            key: [0; 32],
        }
    }

    /// The configuration: flags over the environment over the file over the defaults.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        config = config.with_environment(std::env::vars())?;
        if !self.local.is_empty() {
            config.local.clone_from(&self.local);
        }
        if let Some(directory) = &self.state {
            config.state.directory.clone_from(directory);
        }
        if let Some(file) = &self.findings {
            config.findings.file = std::path::absolute(file)?;
        }
        if !self.netflow.is_empty() {
            config.netflow.listen.clone_from(&self.netflow);
        }
        if let Some(address) = self.listen {
            config.web.listen_address = address;
        }
        if let Some(file) = &self.web_file {
            config.web.config_file.clone_from(file);
        }
        if let Some(filter) = &self.filter {
            config.capture.filter.clone_from(filter);
        }
        config.capture.check()?;
        Ok(config)
    }

    /// The models with the allowlist.
    pub(super) fn load(&self, config: &Config) -> anyhow::Result<Loaded> {
        let mut allowlist = config.allowlist()?;
        for file in &self.allowlist {
            allowlist.add_file(file)?;
        }
        models::load(self.models.as_deref(), allowlist, &config.detect)
    }

    /// All files that a reload reads.
    pub(super) fn files(&self, config: &Config) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.allowlist.clone();
        files.extend(self.config.clone());
        files.extend(self.models.clone());
        files.extend(config.allowlist.files.clone());
        let state = &config.state.directory;
        let key = &config.metrics.host_label_key_file;
        files.extend((!key.as_os_str().is_empty()).then(|| state.join(key)));
        for token in [&config.webhook.bearer_token_file, &config.alertmanager.bearer_token_file] {
            files.extend((!token.as_os_str().is_empty()).then(|| token.clone()));
        }
        let web = &config.web.config_file;
        files.extend((!web.as_os_str().is_empty()).then(|| web.clone()));
        let tls = WebFile::load(web).ok().and_then(|file| file.tls_server_config);
        files.extend(tls.into_iter().flat_map(|tls| [tls.cert_file, tls.key_file, tls.client_ca_file]));
        files
    }

    /// TLS and users.
    pub(super) fn security(&self, config: &Config) -> anyhow::Result<Security> {
        let path = &config.web.config_file;
        let file = if path.as_os_str().is_empty() { WebFile::default() } else { WebFile::load(path)? };
        Ok(Security::new(file, self.key)?)
    }
}

/// How the judge is to work.
pub(super) fn judge_config(config: &Config) -> anyhow::Result<JudgeConfig> {
    let metrics = &config.metrics;
    let host_label = match metrics.host_label {
        HostLabelKind::Ip => HostLabel::Ip,
        HostLabelKind::Hostname => HostLabel::Hostname,
        HostLabelKind::Off => HostLabel::Off,
        HostLabelKind::Hmac => {
            HostLabel::Hmac(key_of(&config.state.directory.join(&metrics.host_label_key_file))?.into())
        }
    };
    Ok(JudgeConfig { book: config.findings.book(), topk: metrics.top_k(), host_label })
}

fn key_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    let key = std::fs::read(path)
        .with_context(|| format!("cannot read metrics.host_label_key_file {}", path.display()))?;
    anyhow::ensure!(!key.trim_ascii().is_empty(), "metrics.host_label_key_file {} is empty", path.display());
    Ok(key)
}

/// Reads the configuration anew and hands it round: all of it, or where anything is wrong, nothing.
pub(super) struct Reloader {
    pub(super) origin: Origin,
    /// That of the start: what takes a restart is as it says.
    pub(super) started: Config,
    /// That of the last reload.
    pub(super) current: Config,
    pub(super) log: LogHandle,
    pub(super) trusted: Trusted,
    pub(super) sinks: Shared<Sinks>,
    pub(super) security: watch::Sender<Security>,
}

impl Reloader {
    /// Reloads. Gives what the packet thread is to go on with; nothing where it failed, and all stays as it was.
    pub(super) fn reload(&mut self, judge: &mut Judge) -> Option<Reloaded> {
        match self.try_reload(judge) {
            Ok(reloaded) => {
                info!("configuration reloaded");
                Some(reloaded)
            }
            Err(error) => {
                error!("the configuration was not reloaded, the one before stays: {error:#}");
                None
            }
        }
    }

    fn try_reload(&mut self, judge: &mut Judge) -> anyhow::Result<Reloaded> {
        let mut config = self.origin.config()?;
        for key in keep_what_needs_restart(&self.started, &mut config) {
            warn!("{key} has changed: it takes effect with the next start");
        }
        let loaded = self.origin.load(&config)?;
        let judge_config = judge_config(&config)?;
        let security = self.origin.security(&config)?;
        let targets = sinks::targets(&config, &self.trusted)?;
        judge.reload(loaded.detector, &loaded.models, judge_config);
        self.log.set_level(config.log.level);
        lock(&self.sinks).turned = targets;
        self.security.send_replace(security);
        let assets = (config.assets != self.current.assets).then(|| Assets::new(&config.assets));
        self.current = config;
        Ok(Reloaded { tunables: Tunables::of(&self.current), assets })
    }
}

/// A section or key that is only looked at when the sensor starts, or that the sandbox holds it to: its name, whether two configurations differ in it, and how
/// one takes it from the other.
type SetAtStart = (&'static str, fn(&Config, &Config) -> bool, fn(&mut Config, &Config));

/// All of them. A sink may turn to what is in reach: not to another port.
const SET_AT_START: [SetAtStart; 14] = [
    ("local", |a, b| a.local != b.local, |to, from| to.local.clone_from(&from.local)),
    ("capture", |a, b| a.capture != b.capture, |to, from| to.capture.clone_from(&from.capture)),
    ("netflow", |a, b| a.netflow != b.netflow, |to, from| to.netflow.clone_from(&from.netflow)),
    ("decode", |a, b| a.decode != b.decode, |to, from| to.decode.clone_from(&from.decode)),
    ("flow", |a, b| a.flow != b.flow, |to, from| to.flow.clone_from(&from.flow)),
    ("features", |a, b| a.features != b.features, |to, from| to.features.clone_from(&from.features)),
    (
        "state.directory",
        |a, b| a.state.directory != b.state.directory,
        |to, from| to.state.directory.clone_from(&from.state.directory),
    ),
    (
        "webhook.url",
        |a, b| port_of(&a.webhook.url) != port_of(&b.webhook.url),
        |to, from| to.webhook.clone_from(&from.webhook),
    ),
    (
        "alertmanager.url",
        |a, b| port_of(&a.alertmanager.url) != port_of(&b.alertmanager.url),
        |to, from| to.alertmanager.clone_from(&from.alertmanager),
    ),
    (
        "syslog.address",
        |a, b| a.syslog.address.is_empty() != b.syslog.address.is_empty(),
        |to, from| to.syslog.clone_from(&from.syslog),
    ),
    (
        "web.listen_address",
        |a, b| a.web.listen_address != b.web.listen_address,
        |to, from| to.web.listen_address = from.web.listen_address,
    ),
    (
        "web.max_connections",
        |a, b| a.web.max_connections != b.web.max_connections,
        |to, from| to.web.max_connections = from.web.max_connections,
    ),
    (
        "web.request_timeout_s",
        |a, b| a.web.request_timeout_s != b.web.request_timeout_s,
        |to, from| to.web.request_timeout_s = from.web.request_timeout_s,
    ),
    ("log.format", |a, b| a.log.format != b.log.format, |to, from| to.log.format = from.log.format),
];

/// Sets what takes a restart back to what it was at the start. Gives the names of what differed.
fn keep_what_needs_restart(started: &Config, config: &mut Config) -> Vec<&'static str> {
    let differ = SET_AT_START.iter().filter(|(_, differs, _)| differs(started, config));
    let differ: Vec<&SetAtStart> = differ.collect();
    for (_, _, take) in &differ {
        take(config, started);
    }
    differ.into_iter().map(|(key, ..)| *key).collect()
}

/// The port that a URL leads to; nothing where it is empty or none.
pub(super) fn port_of(url: &str) -> Option<u16> {
    let uri: axum::http::Uri = url.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    uri.host().map(|_| uri.port_u16().unwrap_or(usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_restart_is_named_and_stays() {
        let old = Config::default();
        let mut new = old.clone();
        new.detect.alerts_a_day = 3.0;
        let changed = new.clone();
        assert!(keep_what_needs_restart(&old, &mut new).is_empty());
        assert_eq!(new, changed);
        new.flow.max_flows = 1;
        new.web.listen_address.set_port(1);
        assert_eq!(keep_what_needs_restart(&old, &mut new), ["flow", "web.listen_address"]);
        assert_eq!(new, changed);
    }

    #[test]
    fn a_sink_turns_to_what_is_in_reach() {
        let mut started = Config::default();
        started.webhook.url = "https://one.example/hook".to_owned();
        for (url, takes) in [
            ("https://two.example:443/other", true),
            ("http://one.example/hook", false),
            ("https://one.example:8443/hook", false),
            ("", false),
        ] {
            let mut config = started.clone();
            config.webhook.url = url.to_owned();
            let needed: &[&str] = if takes { &[] } else { &["webhook.url"] };
            assert_eq!(keep_what_needs_restart(&started, &mut config), needed, "{url}");
            assert_eq!(config.webhook.url == url, takes, "{url}");
        }
    }
}

//! Requests to others, with the certificates that the system trusts.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::config::Config;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The certificates that the system trusts.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Trusted(Arc<Vec<Certificate<'static>>>);

impl Trusted {
    /// Reads them, where a sink is told by HTTP. Later, the sandbox may keep their files out of reach.
    pub(in super::super) fn for_sinks(config: &Config) -> Self {
        if config.webhook.url.is_empty() && config.alertmanager.url.is_empty() {
            return Self::default();
        }
        let trusted = rustls_native_certs::load_native_certs().certs;
        Self(Arc::new(
            trusted.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect(),
        ))
    }
}

/// Somebody who takes JSON.
#[derive(Debug)]
pub(super) struct Post {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Post {
    /// The token is read now.
    pub(super) fn new(url: String, token_file: &std::path::Path, trusted: &Trusted) -> anyhow::Result<Self> {
        ensure!(
            url.starts_with("http://") || url.starts_with("https://"),
            "{url:?} is no URL that begins with http:// or https://"
        );
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::clone(&trusted.0)));
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls.build());
        let authorization = if token_file.as_os_str().is_empty() {
            None
        } else {
            let token = std::fs::read_to_string(token_file)
                .with_context(|| format!("cannot read the token file {}", token_file.display()))?;
            Some(format!("Bearer {}", token.trim()))
        };
        Ok(Self { agent: config.build().into(), url, authorization })
    }

    /// Sends, and wants an answer of success.
    pub(super) fn send(&self, body: &Value) -> anyhow::Result<()> {
        let mut request = self.agent.post(&self.url).content_type("application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let answer = request.send(body.to_string()).with_context(|| format!("cannot reach {}", self.url))?;
        let status = answer.status();
        ensure!(status.is_success(), "{} answers {status}", self.url);
        Ok(())
    }
}

//! Asks a sensor for its state.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::super::args::TopArgs;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer, at most.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// Where the password of `--user` is taken from: not from the command line, which others can see.
const PASSWORD: &str = "UNDERCURRENT_PASSWORD";

/// What a sensor answers.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) status: Value,
    pub(super) findings: Vec<Value>,
    pub(super) hosts: Vec<Value>,
}

/// A sensor that can be asked.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Client {
    pub(super) fn new(args: &TopArgs) -> anyhow::Result<Self> {
        let mut tls =
            TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
        match &args.ca_file {
            Some(file) => {
                let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
                let certificate = Certificate::from_pem(&pem)
                    .with_context(|| format!("{} is no certificate", file.display()))?;
                tls = tls.root_certs(RootCerts::Specific(Arc::new(vec![certificate])));
            }
            None if args.url.starts_with("https:") => {
                bail!("{}: name the authority that signed its certificate with --ca-file", args.url)
            }
            None => {}
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .tls_config(tls.build())
            .build();
        let password =
            || std::env::var(PASSWORD).with_context(|| format!("--user needs the password in {PASSWORD}"));
        let login = args.user.as_ref().map(|user| Ok::<_, anyhow::Error>(format!("{user}:{}", password()?)));
        let authorization = login.transpose()?.map(|login| format!("Basic {}", STANDARD.encode(login)));
        Ok(Self { agent: config.into(), url: args.url.trim_end_matches('/').to_owned(), authorization })
    }

    /// All of the state.
    pub(super) fn fetch(&self) -> anyhow::Result<State> {
        Ok(State {
            status: self.get("/api/v1/status")?,
            findings: self.get("/api/v1/findings")?,
            hosts: self.get("/api/v1/hosts")?,
        })
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.url);
        let mut request = self.agent.get(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut answer =
            request.call().with_context(|| format!("cannot reach the sensor at {}", self.url))?;
        match answer.status().as_u16() {
            200 => {}
            401 => bail!("{}: it asks for a user: --user NAME, with the password in {PASSWORD}", self.url),
            status => bail!("{url}: it answers {status}"),
        }
        let mut body = Vec::new();
        answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut body)?;
        serde_json::from_slice(&body).with_context(|| format!("{url}: no answer of a sensor"))
    }
}

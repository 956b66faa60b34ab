//! The file of `--web.config.file`: TLS and users, in the format of the Prometheus exporter toolkit
//! (<https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A web configuration file. What the toolkit knows and this server cannot do is refused by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebFile {
    /// TLS, where it is to be spoken.
    pub tls_server_config: Option<TlsFile>,
    /// HTTP.
    pub http_server_config: HttpFile,
    /// Users and the bcrypt hashes of their passwords.
    pub basic_auth_users: BTreeMap<String, String>,
}

/// The `tls_server_config` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsFile {
    /// The server's certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// Whether clients have to show certificates.
    pub client_auth_type: ClientAuth,
    /// Who signs these, PEM.
    pub client_ca_file: PathBuf,
    /// Least version.
    pub min_version: TlsVersion,
}

/// How clients are asked for certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ClientAuth {
    /// Not at all.
    #[default]
    NoClientCert,
    /// One that is shown must be signed.
    VerifyClientCertIfGiven,
    /// Each must show one that is signed.
    RequireAndVerifyClientCert,
}

/// Versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "TLS12")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "TLS13")]
    Tls13,
}

/// The `http_server_config` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpFile {
    /// Taken and of no consequence: this server speaks HTTP/1.1, which every client does.
    pub http2: Option<bool>,
    /// Headers added to every answer.
    pub headers: BTreeMap<String, String>,
}

/// A web configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebFileError {
    /// It, or a file that it names, could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not as it should be.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// Headers that the toolkit lets users set.
const HEADERS: [&str; 6] = [
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Referrer-Policy",
];

impl WebFile {
    /// Reads a file. Relative names in it begin at its folder.
    ///
    /// # Errors
    /// Where it cannot be read, has an unknown key, or a password that is no bcrypt hash.
    pub fn load(path: &Path) -> Result<Self, WebFileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| WebFileError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file that lies at `path`.
    ///
    /// # Errors
    /// As [`WebFile::load`], but for reading.
    pub fn parse(path: &Path, text: &str) -> Result<Self, WebFileError> {
        let invalid = |message: String| WebFileError::Invalid { path: path.to_owned(), message };
        let parsed: Option<Self> = serde_saphyr::from_str(text).map_err(|e| invalid(e.to_string()))?;
        let mut file = parsed.unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new(""));
        if let Some(tls) = &mut file.tls_server_config {
            let named = |name: &Path| !name.as_os_str().is_empty();
            if !named(&tls.cert_file) || !named(&tls.key_file) {
                return Err(invalid("tls_server_config needs cert_file and key_file".to_owned()));
            }
            if named(&tls.client_ca_file) == (tls.client_auth_type == ClientAuth::NoClientCert) {
                return Err(invalid("client_auth_type and client_ca_file need each other".to_owned()));
            }
            for name in [&mut tls.cert_file, &mut tls.key_file, &mut tls.client_ca_file] {
                *name = folder.join(&*name);
            }
        }
        for (user, hash) in &file.basic_auth_users {
            if hash.parse::<bcrypt::HashParts>().is_err() {
                return Err(invalid(format!(
                    "the password of {user:?} is no bcrypt hash; `htpasswd -nBC 10 \"\"` makes one"
                )));
            }
        }
        let known = |name: &str| HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name));
        match file.http_server_config.headers.keys().find(|name| !known(name)) {
            Some(name) => Err(invalid(format!("the header {name:?} cannot be set"))),
            None => Ok(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<WebFile, String> {
        WebFile::parse(Path::new("/etc/undercurrent/web.yml"), text).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_the_format_of_the_toolkit() {
        let file = parse(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: /keys/server.key\n  min_version: TLS13\n\
             http_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n\
             basic_auth_users:\n  alice: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze\n",
        )
        .unwrap();
        let tls = file.tls_server_config.unwrap();
        assert_eq!(tls.cert_file, Path::new("/etc/undercurrent/server.crt"));
        assert_eq!(tls.key_file, Path::new("/keys/server.key"));
        assert_eq!(tls.min_version, TlsVersion::Tls13);
        assert!(file.basic_auth_users.contains_key("alice"));
        assert_eq!(parse("").unwrap(), WebFile::default());
        assert_eq!(parse("# nothing\n").unwrap(), WebFile::default());
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (text, expected) in [
            ("basic_auth_users:\n  bob: secret\n", "no bcrypt hash"),
            ("basic_auth_user:\n  bob: x\n", "basic_auth_user"),
            ("tls_server_config:\n  cert_file: a\n", "key_file"),
            ("tls_server_config:\n  cert_file: a\n  key_file: b\n  client_ca_file: c\n", "client_auth_type"),
            ("tls_server_config:\n  cert_file: a\n  key_file: b\n  cipher_suites: [x]\n", "cipher_suites"),
            ("http_server_config:\n  headers:\n    Set-Cookie: x\n", "Set-Cookie"),
            ("tls_server_config: [\n", "web.yml"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}

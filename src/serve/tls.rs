//! TLS as a web configuration file asks for it, by rustls with ring.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, version};

use super::web_file::{ClientAuth, TlsFile, TlsVersion, WebFileError};

/// Reads the certificates and makes an acceptor of them.
pub(super) fn acceptor(tls: &TlsFile) -> Result<TlsAcceptor, WebFileError> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = match tls.min_version {
        TlsVersion::Tls12 => &[&version::TLS13, &version::TLS12],
        TlsVersion::Tls13 => &[&version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|e| invalid(&tls.cert_file, &e))?;
    let builder = match tls.client_auth_type {
        ClientAuth::NoClientCert => builder.with_no_client_auth(),
        asked => {
            let roots = Arc::new(roots(&tls.client_ca_file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = match asked {
                ClientAuth::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            let verifier = verifier.build().map_err(|e| invalid(&tls.client_ca_file, &e))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|e| invalid(&tls.key_file, &e))?;
    let chain = certificates(&tls.cert_file)?;
    let mut config = builder.with_single_cert(chain, key).map_err(|e| invalid(&tls.cert_file, &e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn roots(path: &Path) -> Result<RootCertStore, WebFileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|e| invalid(path, &e))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WebFileError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|e| invalid(path, &e))?;
    if certificates.is_empty() {
        return Err(WebFileError::Invalid {
            path: path.to_owned(),
            message: "it holds no certificate".to_owned(),
        });
    }
    Ok(certificates)
}

fn invalid(path: &Path, why: &dyn std::fmt::Display) -> WebFileError {
    WebFileError::Invalid { path: path.to_owned(), message: why.to_string() }
}

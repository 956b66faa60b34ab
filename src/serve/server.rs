//! The listening end: connections, TLS, and the bounds of both.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::access::Access;
use super::{WebConfig, WebFile, WebFileError};

/// Bytes of a request's head, at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request, at most.
const HEADERS_MAX: usize = 64;
/// Age at which a connection is closed between two requests: nobody keeps a place for ever.
const CONNECTION_AGE: Duration = Duration::from_mins(2);
/// Pause when no connection can be taken, for example because there are no file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The web configuration file.
    #[error(transparent)]
    WebFile(#[from] WebFileError),
}

/// How connections are secured: replaced as a whole when the web configuration is read anew.
#[derive(Clone)]
pub struct Security {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) access: Arc<Access>,
}

impl Security {
    /// Of a web configuration file. `key` is random; it keys what is remembered of passwords.
    ///
    /// # Errors
    /// Where a certificate or key cannot be read.
    pub fn new(file: WebFile, key: [u8; 32]) -> Result<Self, WebFileError> {
        let tls = file.tls_server_config.as_ref().map(super::tls::acceptor).transpose()?;
        let access = Arc::new(Access::new(file.basic_auth_users, file.http_server_config.headers, key));
        Ok(Self { tls, access })
    }
}

/// A socket that is listened at.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    max_connections: usize,
    request_timeout: Duration,
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn bind(config: &WebConfig) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address: config.listen_address, source };
        let listener = TcpListener::bind(config.listen_address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener,
            max_connections: config.max_connections,
            request_timeout: Duration::from_secs(config.request_timeout_s.into()),
        })
    }

    /// The address that is listened at: with its port where any was asked for.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the sender of `security` is gone.
    ///
    /// # Errors
    /// Where the socket cannot be used with tokio.
    pub async fn run(self, app: Router, mut security: watch::Receiver<Security>) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let places = Arc::new(Semaphore::new(self.max_connections));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                changed = security.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Ok(()),
                },
            };
            let Ok((stream, _)) = accepted else {
                sleep(PAUSE).await;
                continue;
            };
            let (app, secured, limit) = (app.clone(), security.borrow().clone(), self.request_timeout);
            tokio::spawn(async move {
                let _place = place;
                connection(stream, app, secured, limit).await;
            });
        }
    }
}

/// Serves a connection until it ends, or is too slow, or too old. What fails on it is the client's to know.
async fn connection(stream: TcpStream, app: Router, security: Security, limit: Duration) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limit));
    let app = security.access.guard(app, limit);
    match security.tls {
        None => serve(Box::pin(stream), app, limit).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(limit, tls.accept(Box::pin(stream))).await {
                serve(stream, app, limit).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, app: Router, limit: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limit)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(CONNECTION_AGE) => connection.as_mut().graceful_shutdown(),
    }
    let _ = timeout(limit, connection).await;
}

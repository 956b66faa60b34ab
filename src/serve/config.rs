//! The web server's section of the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the sensor is looked at, and how much that may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Address and port.
    pub listen_address: SocketAddr,
    /// File of TLS and users, in the format of the Prometheus exporter toolkit; none where empty.
    pub config_file: PathBuf,
    /// Connections at a time; further ones wait.
    pub max_connections: usize,
    /// Seconds until a request or its answer is given up.
    pub request_timeout_s: u32,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            listen_address: SocketAddr::from(([127, 0, 0, 1], 9909)),
            config_file: PathBuf::new(),
            max_connections: 64,
            request_timeout_s: 10,
        }
    }
}

//! Settings of the live sensor's collector.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Where exports are listened for, and whose are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses and UDP ports that `NetFlow` and IPFIX come to; none where empty.
    pub listen: Vec<SocketAddr>,
    /// Who may export; everybody where empty.
    pub exporters: Vec<IpNet>,
    /// Bytes of memory that the kernel is asked for at each socket.
    pub buffer_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: Vec::new(), exporters: Vec::new(), buffer_bytes: 8 << 20 }
    }
}

impl Config {
    /// Whether exports of this address are taken.
    pub fn takes(&self, exporter: IpAddr) -> bool {
        let exporter = exporter.to_canonical();
        self.exporters.is_empty() || self.exporters.iter().any(|network| network.contains(&exporter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exporters_are_networks_of_either_family() {
        let only = Config { exporters: vec!["192.0.2.0/24".parse().unwrap()], ..Config::default() };
        for (address, all, some) in
            [("192.0.2.7", true, true), ("::ffff:192.0.2.7", true, true), ("198.51.100.1", true, false)]
        {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!((Config::default().takes(address), only.takes(address)), (all, some), "{address}");
        }
    }
}

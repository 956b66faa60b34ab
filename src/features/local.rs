//! Which addresses are monitored.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::addr::Addr;

/// The monitored networks (`--local`): hosts in them get rows, scores and findings.
#[derive(Clone, Debug)]
pub struct LocalNetworks {
    nets: Vec<IpNet>,
}

/// Private (RFC 1918), link-local (RFC 3927, RFC 4291) and unique-local (RFC 4193) ranges.
const DEFAULT: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

impl Default for LocalNetworks {
    fn default() -> Self {
        Self { nets: DEFAULT.iter().filter_map(|net| net.parse().ok()).collect() }
    }
}

impl LocalNetworks {
    /// The given networks; the default ranges where there are none.
    pub fn new(nets: &[IpNet]) -> Self {
        if nets.is_empty() { Self::default() } else { Self { nets: nets.to_vec() } }
    }

    /// Whether the address is monitored.
    pub fn contains(&self, addr: Addr) -> bool {
        let ip = addr.to_ip();
        self.nets.iter().any(|net| net.contains(&ip))
    }
}

/// Whether an address can be one host: not multicast, broadcast or unspecified.
pub fn is_unicast(addr: Addr) -> bool {
    let ip = addr.to_ip();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(broadcast || ip.is_multicast() || ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        Addr::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn defaults_are_private_ranges() {
        let local = LocalNetworks::default();
        for (text, inside) in [
            ("10.1.2.3", true),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
            ("192.168.0.1", true),
            ("8.8.8.8", false),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(local.contains(addr(text)), inside, "{text}");
        }
    }

    #[test]
    fn given_networks_replace_the_defaults() {
        let local = LocalNetworks::new(&["147.32.80.37/32".parse().unwrap()]);
        assert!(local.contains(addr("147.32.80.37")));
        assert!(!local.contains(addr("10.1.2.3")));
    }

    #[test]
    fn groups_are_not_hosts() {
        for text in ["224.0.0.251", "255.255.255.255", "0.0.0.0", "ff02::1", "::"] {
            assert!(!is_unicast(addr(text)), "{text}");
        }
        assert!(is_unicast(addr("192.168.1.255")));
    }
}

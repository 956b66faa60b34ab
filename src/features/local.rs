//! Which addresses are monitored.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::addr::Addr;

/// The monitored networks (`--local`): hosts in them get rows, scores and findings.
#[derive(Clone, Debug)]
pub struct LocalNetworks {
    v4: Vec<Prefix<u32>>,
    v6: Vec<Prefix<u128>>,
}

/// A network as a mask over the bits of an address.
#[derive(Clone, Copy, Debug)]
struct Prefix<T> {
    mask: T,
    bits: T,
}

/// Private (RFC 1918), link-local (RFC 3927, RFC 4291) and unique-local (RFC 4193) ranges.
const DEFAULT: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

impl Default for LocalNetworks {
    fn default() -> Self {
        Self::of(DEFAULT.iter().filter_map(|net| net.parse().ok()))
    }
}

impl LocalNetworks {
    /// The given networks; the default ranges where there are none.
    pub fn new(nets: &[IpNet]) -> Self {
        if nets.is_empty() { Self::default() } else { Self::of(nets.iter().copied()) }
    }

    fn of(nets: impl Iterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(net) => {
                    v4.push(Prefix { mask: net.netmask().to_bits(), bits: net.network().to_bits() });
                }
                IpNet::V6(net) => {
                    v6.push(Prefix { mask: net.netmask().to_bits(), bits: net.network().to_bits() });
                }
            }
        }
        Self { v4, v6 }
    }

    /// Whether the address is monitored. IPv4-mapped addresses are those of IPv4, and in no network of IPv6.
    #[inline]
    pub fn contains(&self, addr: Addr) -> bool {
        // All networks are asked: which one it is cannot be foretold, and a wrong guess of the processor costs more.
        match addr.to_ip() {
            IpAddr::V4(ip) => {
                self.v4.iter().fold(false, |is_in, net| is_in | (ip.to_bits() & net.mask == net.bits))
            }
            IpAddr::V6(ip) => {
                self.v6.iter().fold(false, |is_in, net| is_in | (ip.to_bits() & net.mask == net.bits))
            }
        }
    }
}

/// Whether an address can be one host: not multicast, broadcast or unspecified.
#[inline]
pub fn is_unicast(addr: Addr) -> bool {
    let [high, low] = addr.words();
    if addr.is_v4() {
        let v4 = low & 0xffff_ffff;
        v4 >> 28 != 0xe && v4 != 0xffff_ffff && v4 != 0
    } else {
        high >> 56 != 0xff && (high | low) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        /// Against the libraries that know about addresses.
        #[test]
        fn words_say_what_the_libraries_say(
            v4 in any::<[u8; 4]>(),
            v6 in any::<[u8; 16]>(),
            net in (any::<bool>(), any::<[u8; 16]>(), 0_u8..=128),
            near in 0_usize..=16,
        ) {
            let (is_v4, octets, len) = net;
            let ip = if is_v4 {
                IpAddr::from(*octets.first_chunk::<4>().unwrap())
            } else {
                IpAddr::from(octets)
            };
            let net = IpNet::new(ip, if is_v4 { len / 4 } else { len }).unwrap();
            let local = LocalNetworks::new(&[net]);
            let mut in_v6 = v6;
            in_v6[..near].copy_from_slice(&octets[..near]);
            let mut in_v4 = v4;
            in_v4[..near.min(4)].copy_from_slice(&octets[..near.min(4)]);
            for ip in [v4.into(), in_v4.into(), v6.into(), in_v6.into(), IpAddr::from([255, 255, 255, 255])] {
                let addr = Addr::from(ip);
                prop_assert_eq!(local.contains(addr), net.contains(&addr.to_ip()), "{} in {}", ip, net);
                let broadcast = matches!(addr.to_ip(), IpAddr::V4(v4) if v4.is_broadcast());
                let group = broadcast || addr.to_ip().is_multicast() || addr.to_ip().is_unspecified();
                prop_assert_eq!(is_unicast(addr), !group);
            }
        }
    }

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

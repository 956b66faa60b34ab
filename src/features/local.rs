//! Which addresses are monitored.

use ipnet::IpNet;

use crate::addr::Addr;

/// The monitored networks (`--local`): hosts in them get rows, scores and findings.
#[derive(Clone, Debug)]
pub struct LocalNetworks {
    nets: Vec<Prefix>,
}

/// A network as masks over the words of an address.
#[derive(Clone, Copy, Debug)]
struct Prefix {
    v4: bool,
    mask: [u64; 2],
    bits: [u64; 2],
}

/// Private (RFC 1918), link-local (RFC 3927, RFC 4291) and unique-local (RFC 4193) ranges.
const DEFAULT: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

impl Default for LocalNetworks {
    fn default() -> Self {
        Self { nets: DEFAULT.iter().filter_map(|net| net.parse().ok()).map(Prefix::of).collect() }
    }
}

impl LocalNetworks {
    /// The given networks; the default ranges where there are none.
    pub fn new(nets: &[IpNet]) -> Self {
        if nets.is_empty() {
            Self::default()
        } else {
            Self { nets: nets.iter().copied().map(Prefix::of).collect() }
        }
    }

    /// Whether the address is monitored.
    #[inline]
    pub fn contains(&self, addr: Addr) -> bool {
        // All are asked: which one it is cannot be foretold, and a wrong guess of the processor costs more.
        self.nets.iter().fold(false, |is_in, net| is_in | net.contains(addr))
    }
}

impl Prefix {
    fn of(net: IpNet) -> Self {
        let v4 = matches!(net, IpNet::V4(_));
        // IPv4 lies in the last 32 bits of the mapped form.
        let len = u32::from(net.prefix_len()) + if v4 { 96 } else { 0 };
        let mask = u128::MAX.checked_shl(128 - len).unwrap_or(0);
        let [high, low] = Addr::from(net.network()).words();
        let mask = words(mask);
        Self { v4, mask, bits: [high & mask[0], low & mask[1]] }
    }

    #[inline]
    fn contains(&self, addr: Addr) -> bool {
        let [high, low] = addr.words();
        let differs = (high & self.mask[0]) ^ self.bits[0] | (low & self.mask[1]) ^ self.bits[1];
        let is_alike = addr.is_v4() == self.v4;
        (differs == 0) & is_alike
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
const fn words(n: u128) -> [u64; 2] {
    [(n >> 64) as u64, n as u64]
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
    use std::net::IpAddr;

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

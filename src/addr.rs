//! IP addresses as they travel the data path: 16 bytes, IPv4 in its IPv6-mapped form.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An IPv4 or IPv6 address. IPv4 is held IPv4-mapped (RFC 4291, section 2.5.5.2), so that every
/// address is compared and hashed as two machine words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Addr([u64; 2]);

/// Word by word: an array would be hashed as a slice of bytes of some length.
impl Hash for Addr {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self([high, low]) = *self;
        state.write_u64(high);
        state.write_u64(low);
    }
}

const V4_PREFIX: u64 = 0x0000_ffff_0000_0000;

impl Addr {
    /// From four octets in network order.
    pub const fn from_v4(octets: [u8; 4]) -> Self {
        Self([0, V4_PREFIX | u32::from_be_bytes(octets) as u64])
    }

    /// From the low half of a word.
    pub(crate) const fn from_v4_word(word: u64) -> Self {
        Self([0, V4_PREFIX | word & (u32::MAX as u64)])
    }

    /// From sixteen octets in network order.
    pub const fn from_v6(o: [u8; 16]) -> Self {
        Self([
            u64::from_be_bytes([o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7]]),
            u64::from_be_bytes([o[8], o[9], o[10], o[11], o[12], o[13], o[14], o[15]]),
        ])
    }

    /// The two big-endian words: order and equality of addresses are those of the words.
    pub const fn words(self) -> [u64; 2] {
        self.0
    }

    /// Whether this is an IPv4 (or IPv4-mapped) address.
    #[inline]
    pub const fn is_v4(self) -> bool {
        self.0[0] == 0 && Self::v6_bits(self.0[1]) == 0
    }

    /// Of the low word of an address whose high word is zero: zero if and only if the address is an IPv4 (or IPv4-mapped) one, whose bits are then the low half.
    #[inline]
    pub(crate) const fn v6_bits(low_word: u64) -> u64 {
        (low_word ^ V4_PREFIX) >> u32::BITS
    }

    /// As the standard library's type, IPv4 where it is one.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low 32 bits of a mapped address are the IPv4 address"
    )]
    pub const fn to_ip(self) -> IpAddr {
        if self.is_v4() {
            IpAddr::V4(Ipv4Addr::from_bits(self.0[1] as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(((self.0[0] as u128) << 64) | self.0[1] as u128))
        }
    }
}

impl From<IpAddr> for Addr {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::from_v4(v4.octets()),
            IpAddr::V6(v6) => Self::from_v6(v6.octets()),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_both_families() {
        for text in ["0.0.0.0", "192.168.1.7", "255.255.255.255", "2001:db8::1", "fe80::1", "::1", "::"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(Addr::from(ip).to_ip(), ip);
            assert_eq!(Addr::from(ip).is_v4(), ip.is_ipv4());
        }
    }
}

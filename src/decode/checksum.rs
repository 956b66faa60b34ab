//! Transport checksums (RFC 1071).

use super::ip::{Datagram, Family};
use super::packet::proto;

/// Whether the transport checksum of a datagram was verified and is wrong. Only what was captured whole is
/// verified; protocols other than TCP, UDP and ICMP never are.
pub(super) fn is_wrong(datagram: &Datagram<'_>) -> bool {
    if !datagram.verifiable || datagram.broken || datagram.fragment.is_some() {
        return false;
    }
    let segment = datagram.payload.captured();
    match datagram.proto {
        proto::ICMP => fold(sum(segment)) != 0xffff,
        // Zero is no checksum in IPv4 (RFC 768).
        proto::UDP if datagram.family == Family::V4 && segment.get(6..8) == Some(&[0, 0]) => false,
        proto::UDP => {
            let len = datagram.payload.be16(4).map_or(0, usize::from);
            let covered = if len == 0 { segment } else { segment.get(..len).unwrap_or(segment) };
            fold(pseudo_header(datagram, covered.len()) + sum(covered)) != 0xffff
        }
        proto::TCP | proto::ICMPV6 => fold(pseudo_header(datagram, segment.len()) + sum(segment)) != 0xffff,
        _ => false,
    }
}

/// The pseudo-header's share. Words of any size sum to the same checksum (RFC 1071, section 2), and the mapped form
/// of an IPv4 address exceeds the address by 0xffff, which is zero in one's complement.
fn pseudo_header(datagram: &Datagram<'_>, len: usize) -> u64 {
    let addresses = [datagram.src.words(), datagram.dst.words()];
    addresses.as_flattened().iter().map(|word| (word >> 32) + (word & 0xffff_ffff)).sum::<u64>()
        + u64::from(datagram.proto)
        + len as u64
}

fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(4);
    let whole: u64 = words
        .by_ref()
        .map(|word| u64::from(word.iter().fold(0u32, |sum, &byte| sum << 8 | u32::from(byte))))
        .sum();
    let last =
        words.remainder().iter().chain(&[0; 4]).take(4).fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    whole + last
}

fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ip;
    use super::super::view::View;
    use super::*;

    fn is_wrong_in(bytes: &[u8]) -> bool {
        is_wrong(&ip::read(View::whole(bytes)).unwrap())
    }

    #[test]
    fn verifies_what_etherparse_builds() {
        let payload = [1, 2, 3, 4, 5, 6, 7];
        let v4 = || etherparse::PacketBuilder::ipv4([10, 1, 2, 3], [192, 0, 2, 1], 64);
        let v6 = || etherparse::PacketBuilder::ipv6([0x20; 16], [0xfe; 16], 64);
        let mut packets = vec![Vec::new(); 6];
        v4().tcp(1, 2, 3, 4).write(&mut packets[0], &payload).unwrap();
        v4().udp(1, 2).write(&mut packets[1], &payload).unwrap();
        v4().icmpv4_echo_request(1, 2).write(&mut packets[2], &payload).unwrap();
        v6().tcp(1, 2, 3, 4).write(&mut packets[3], &payload).unwrap();
        v6().udp(1, 2).write(&mut packets[4], &payload).unwrap();
        v6().icmpv6_echo_request(1, 2).write(&mut packets[5], &payload).unwrap();
        for packet in &mut packets {
            assert!(!is_wrong_in(packet));
            *packet.last_mut().unwrap() ^= 0x10;
            assert!(is_wrong_in(packet), "{packet:02x?}");
            assert!(!is_wrong(&ip::read(View::whole(&packet[..packet.len() - 1])).unwrap()), "cut");
        }
    }

    proptest! {
        #[test]
        fn sums_as_sixteen_bit_words_do(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let naive: u64 = bytes
                .chunks(2)
                .map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)))
                .sum();
            prop_assert_eq!(fold(sum(&bytes)), fold(naive));
        }
    }
}

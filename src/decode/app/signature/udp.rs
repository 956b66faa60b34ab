//! Services over UDP.

use crate::decode::app::reader::Reader;
use crate::decode::app::signature::Guess::{self, Nothing, Sure};
use crate::decode::app::signature::{is_dns_of_other_opcode, is_openvpn_reset};
use crate::decode::app::{Service, dns, quic};

/// A datagram. Protocols whose bytes say little are believed on their own port only.
pub(in crate::decode::app) fn udp(datagram: &[u8], resp_port: u16) -> Guess {
    let on_port = match resp_port {
        123 if is_ntp(datagram) => Some(Service::Ntp),
        67 | 68 if is_dhcp(datagram) => Some(Service::Dhcp),
        546 | 547 if is_dhcpv6(datagram) => Some(Service::Dhcp),
        500 if is_ike(datagram) => Some(Service::Vpn),
        4500 if is_nat_traversal(datagram) => Some(Service::Vpn),
        5353 | 5355 if dns::is_dns(datagram) => Some(Service::Discovery),
        137 | 138 if is_netbios(datagram) => Some(Service::Discovery),
        3702 if datagram.starts_with(b"<") => Some(Service::Discovery),
        _ => None,
    };
    if let Some(service) = on_port {
        return Sure(service);
    }
    match datagram {
        [_, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..] if is_stun(datagram) => Sure(Service::Stun),
        [0x80..=0xff, ..] if quic::is_long_header(datagram) => Guess::Quic,
        [1..=4, 0, 0, 0, ..] if is_wireguard(datagram) => Sure(Service::Vpn),
        [0x38 | 0x40, ..] if is_openvpn_reset(datagram) => Sure(Service::Vpn),
        [b'M' | b'N' | b'H', ..] if is_ssdp(datagram) => Sure(Service::Discovery),
        _ if quic::is_google_quic(datagram) => Sure(Service::Quic),
        _ if dns::is_dns(datagram) || is_dns_of_other_opcode(datagram, resp_port) => Sure(Service::Dns),
        _ => Nothing,
    }
}

/// Client, server, broadcast modes of versions 1 to 4 (RFC 5905); control and private messages (RFC 9327).
fn is_ntp(datagram: &[u8]) -> bool {
    let Some(&first) = datagram.first() else { return false };
    let version_known = (1..=4).contains(&(first >> 3 & 0x07));
    version_known
        && match first & 0x07 {
            1..=5 => datagram.len() >= 48 && datagram.len().is_multiple_of(4),
            6 => datagram.len() >= 12,
            7 => datagram.len() >= 8,
            _ => false,
        }
}

fn is_dhcp(datagram: &[u8]) -> bool {
    let cookie = datagram.get(236..240);
    matches!(datagram.first(), Some(1 | 2)) && cookie == Some(&[0x63, 0x82, 0x53, 0x63])
}

/// A known message type and a first option that fits (RFC 8415, sections 8 and 21.1); relayed messages are not looked for.
fn is_dhcpv6(datagram: &[u8]) -> bool {
    let mut r = Reader::at(datagram, 4);
    let option = r.u16().zip(r.vec16());
    matches!(datagram.first(), Some(1..=11)) && option.is_some_and(|(code, _)| (1..=255).contains(&code))
}

/// An ISAKMP header that states the length it has (RFC 7296, section 3.1).
fn is_ike(message: &[u8]) -> bool {
    let mut r = Reader::at(message, 17);
    let version = r.u8();
    r.seek(24);
    matches!(version, Some(0x10 | 0x20)) && r.u32().is_some_and(|len| len as usize == message.len())
}

/// IPsec through NAT (RFC 3948): keep-alive, IKE behind four zero bytes, or ESP in its first 2^24 packets.
fn is_nat_traversal(datagram: &[u8]) -> bool {
    match datagram {
        [0xff] => true,
        [0, 0, 0, 0, ike @ ..] => is_ike(ike),
        [_, _, _, _, 0, _, _, _, ..] => datagram.len() >= 32,
        _ => false,
    }
}

/// NetBIOS names (RFC 1002, section 4.2): 32 letters as the first label; or a datagram of a known type (section 4.4).
fn is_netbios(datagram: &[u8]) -> bool {
    datagram.get(12) == Some(&32) || matches!(datagram, [0x10..=0x16, 0..=0x0f, ..])
}

fn is_ssdp(datagram: &[u8]) -> bool {
    let starts = [&b"M-SEARCH * HTTP/1.1\r\n"[..], b"NOTIFY * HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"];
    starts.into_iter().any(|start| datagram.starts_with(start))
}

/// A STUN header whose cookie was seen (RFC 8489, section 5).
fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram, [0..=0x3f, _, _, low, ..] if low % 4 == 0 && datagram.len() >= 20)
}

/// WireGuard's four messages (WireGuard paper, section 5.4); the counter of data is believed below 2^32.
fn is_wireguard(datagram: &[u8]) -> bool {
    match (datagram.first(), datagram.len()) {
        (Some(1), 148) | (Some(2), 92) | (Some(3), 64) => true,
        (Some(4), len @ 32..) => len % 16 == 0 && datagram.get(12..16) == Some(&[0; 4]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tells_udp_services() {
        let check = |datagram: &[u8], port, service: Option<Service>| {
            let guess = service.map_or(Nothing, Sure);
            assert_eq!(udp(datagram, port), guess, "{} on {port}", datagram.escape_ascii());
        };
        let padded = |start: &[u8], len: usize| [start, &vec![0; len - start.len()]].concat();
        let query = b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        let update = b"\xab\xcd\x28\0\0\x01\0\0\0\x01\0\0\x01a\0\0\x06\0\x01";
        check(b"", 53, None);
        check(query, 53, Some(Service::Dns));
        check(query, 9, Some(Service::Dns));
        check(query, 5353, Some(Service::Discovery));
        check(query, 5355, Some(Service::Discovery));
        check(update, 53, Some(Service::Dns));
        check(update, 9, None);
        check(&padded(&[0x23], 48), 123, Some(Service::Ntp));
        check(&padded(&[0x23], 48), 124, None);
        check(&padded(&[0x23], 47), 123, None);
        check(&padded(&[0x17, 0, 3, 42], 8), 123, Some(Service::Ntp));
        let dhcp = [padded(&[1, 1, 6], 236), vec![0x63, 0x82, 0x53, 0x63]].concat();
        check(&dhcp, 67, Some(Service::Dhcp));
        check(&dhcp[..239], 67, None);
        check(&[1, 7, 7, 7, 0, 8, 0, 2, 0, 0], 547, Some(Service::Dhcp));
        check(&[1, 7, 7, 7, 0, 8, 0, 9, 0, 0], 547, None);
        check(b"M-SEARCH * HTTP/1.1\r\nHost: x", 1900, Some(Service::Discovery));
        check(&padded(b"\x80\xf0\0\x10\0\x01\0\0\0\0\0\0\x20CK", 50), 137, Some(Service::Discovery));
        check(&padded(b"\x11\x0a\x12\x34", 90), 138, Some(Service::Discovery));
        check(b"<?xml version", 3702, Some(Service::Discovery));
        check(&padded(b"\0\x01\0\0\x21\x12\xa4\x42", 20), 9, Some(Service::Stun));
        check(&padded(&[1], 148), 9, Some(Service::Vpn));
        check(&padded(&[2], 92), 9, Some(Service::Vpn));
        check(&padded(&[4], 128), 9, Some(Service::Vpn));
        check(&padded(&[1], 147), 9, None);
        check(b"\x38abcdefgh\0\0\0\0\0", 1194, Some(Service::Vpn));
        check(b"\x40abcdefgh\x01\0\0\0\0ABCDEFGH\0\0\0\0", 1194, Some(Service::Vpn));
        check(b"\x38abcdefgh\0\0\0\0\x07", 1194, None);
        check(&[0xff], 4500, Some(Service::Vpn));
        check(&padded(&[1, 2, 3, 4, 0, 0, 0, 1], 80), 4500, Some(Service::Vpn));
        check(&padded(&[1, 2, 3, 4, 0, 0, 0, 1], 80), 4501, None);
        let mut ike = padded(&[9; 16], 28);
        ike[17..].copy_from_slice(&[0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 28]);
        check(&ike, 500, Some(Service::Vpn));
        check(&[&[0; 4], &ike[..]].concat(), 4500, Some(Service::Vpn));
        assert_eq!(udp(&[0xc0, 0, 0, 0, 1, 0, 0], 443), Guess::Quic);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn never_panics(bytes: Vec<u8>, port in prop::sample::select(vec![53_u16, 67, 123, 137, 443, 500, 4500, 5353, 9999])) {
            udp(&bytes, port);
        }
    }
}

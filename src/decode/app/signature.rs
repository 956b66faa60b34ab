//! Tells a protocol from the first bytes of a payload. A look at one or two bytes refuses most of what is not known.

use crate::decode::app::http::HTTP2_PREFACE;
use crate::decode::app::reader::Reader;
use crate::decode::app::{Service, dns, quic, tls};

/// What the first bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// Nothing known.
    Nothing,
    /// The beginning of something that needs more bytes to tell.
    Prefix,
    /// This service, and nothing more to learn.
    Sure(Service),
    /// This service; a later payload may tell more, or better.
    Hint(Service),
    /// A TLS record with the beginning of a `ClientHello`.
    ClientHello,
    /// Perhaps an HTTP request.
    Request,
    /// A QUIC long-header packet.
    Quic,
}

use Guess::{Hint, Nothing, Prefix, Sure};

/// The first bytes that one side of a TCP connection sends; `resp_port` decides only where the bytes fit several.
pub(super) fn tcp(stream: &[u8], resp_port: u16) -> Guess {
    let Some(&first) = stream.first() else { return Nothing };
    match first {
        0x14..=0x17 => tls_record(stream),
        b'A'..=b'Z' | b'a'..=b'z' | b':' | b'2' => text(stream, resp_port),
        // MQTT CONNECT, with its protocol name (MQTT 5.0, section 3.1).
        0x10 if is_mqtt_connect(stream) => Sure(Service::Mqtt),
        0x03 if is_rdp_request(stream, resp_port) => Sure(Service::Rdp),
        0x80.. if is_ssl2_hello(stream) => Sure(Service::Tls),
        _ => tcp_with_length(stream, resp_port),
    }
}

/// A datagram. Protocols whose bytes say little are believed on their own port only.
pub(super) fn udp(datagram: &[u8], resp_port: u16) -> Guess {
    let on_port = match resp_port {
        123 if is_ntp(datagram) => Some(Service::Ntp),
        67 | 68 if is_dhcp(datagram) => Some(Service::Dhcp),
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

/// Whether a `ClientHello` or a request often begins here, so that a first segment that makes no sense may be its
/// second one, overtaken.
pub(super) const fn expects_hello(resp_port: u16) -> bool {
    matches!(resp_port, 443 | 465 | 636 | 853 | 989 | 990 | 993 | 995 | 4443 | 5061 | 8443 | 9443)
}

fn tls_record(stream: &[u8]) -> Guess {
    let mut head = stream.iter().copied().take(6);
    let (kind, major, minor) = (head.next(), head.next(), head.next());
    if major.is_some_and(|byte| byte != 3) || minor.is_some_and(|byte| byte > 4) {
        return Nothing;
    }
    let (Some(high), Some(low)) = (head.next(), head.next()) else {
        return if kind == Some(tls::HANDSHAKE) { Prefix } else { Nothing };
    };
    if !(1..=tls::MAX_RECORD_LEN).contains(&u16::from_be_bytes([high, low])) {
        return Nothing;
    }
    match (kind, head.next()) {
        (Some(tls::HANDSHAKE), None) => Prefix,
        (Some(tls::HANDSHAKE), Some(1)) => Guess::ClientHello,
        _ => Hint(Service::Tls),
    }
}

/// SSL 2.0's hello, which old clients send to offer SSL 3.0 and TLS too (RFC 5246, appendix E.2).
fn is_ssl2_hello(stream: &[u8]) -> bool {
    let mut r = Reader::new(stream);
    let (Some(len), Some(1), Some(version), Some(cipher_len)) = (r.u16(), r.u8(), r.u16(), r.u16()) else {
        return false;
    };
    usize::from(len & 0x7fff) + 2 == stream.len()
        && matches!(version, 2 | 0x0300..=0x0303)
        && cipher_len % 3 == 0
}

fn text(stream: &[u8], resp_port: u16) -> Guess {
    let begins = |keyword: &[u8]| starts_with_ignore_case(stream, keyword);
    let guess = match stream.first().map(u8::to_ascii_uppercase) {
        Some(b'S') if stream.starts_with(b"SSH-") => Sure(Service::Ssh),
        Some(b'H') if stream.starts_with(b"HTTP/1.") => Hint(Service::Http),
        Some(b'P') if stream.starts_with(HTTP2_PREFACE) => Sure(Service::Http),
        Some(b'2') if stream.starts_with(b"220 ") || stream.starts_with(b"220-") => greeting(stream),
        Some(b'E' | b'H' | b'M') if begins(b"EHLO ") || begins(b"HELO ") || begins(b"MAIL FROM:") => {
            Sure(Service::Smtp)
        }
        Some(b'N' | b'C' | b'J' | b'P' | b':') if is_irc(stream) => Sure(Service::Irc),
        Some(b'U') if begins(b"USER ") => user_command(stream, resp_port),
        _ => Nothing,
    };
    let may_be_request = guess == Nothing && stream.first().is_some_and(u8::is_ascii_uppercase);
    if may_be_request { Guess::Request } else { guess }
}

/// FTP (RFC 959) and SMTP (RFC 5321) servers greet alike.
fn greeting(stream: &[u8]) -> Guess {
    let line = first_line(stream);
    let is_mail = line.windows(4).any(|part| part.eq_ignore_ascii_case(b"SMTP"));
    Hint(if is_mail { Service::Smtp } else { Service::Ftp })
}

/// IRC's `USER` has four parameters (RFC 2812, section 3.1.3), those of FTP and POP3 one.
fn user_command(stream: &[u8], resp_port: u16) -> Guess {
    let words = first_line(stream).split(|&byte| byte == b' ').filter(|word| !word.is_empty()).count();
    match (words, resp_port) {
        (5.., _) => Sure(Service::Irc),
        (_, 21) => Sure(Service::Ftp),
        _ => Nothing,
    }
}

fn is_irc(stream: &[u8]) -> bool {
    let begins = |keyword: &[u8]| starts_with_ignore_case(stream, keyword);
    if [&b"NICK "[..], b"CAP LS", b"JOIN #", b"PRIVMSG "].into_iter().any(begins) {
        return true;
    }
    if begins(b"PASS ") {
        let rest = stream.split(|&byte| byte == b'\n').nth(1).unwrap_or_default();
        return starts_with_ignore_case(rest, b"NICK ") || starts_with_ignore_case(rest, b"USER ");
    }
    // A server's line: `:server 001 nick :Welcome`.
    let mut words = first_line(stream).split(|&byte| byte == b' ');
    let is_prefix = words.next().is_some_and(|word| word.len() > 1 && word.starts_with(b":"));
    is_prefix && matches!(words.next(), Some(b"001" | b"NOTICE" | b"PRIVMSG" | b"JOIN" | b"MODE"))
}

fn is_mqtt_connect(stream: &[u8]) -> bool {
    let body = stream.get(1..).unwrap_or_default();
    let length_bytes = 1 + body.iter().take(3).take_while(|&&byte| byte & 0x80 != 0).count();
    let body = body.get(length_bytes..).unwrap_or_default();
    body.starts_with(b"\0\x04MQTT") || body.starts_with(b"\0\x06MQIsdp")
}

/// A connection request of X.224 in TPKT that carries what only remote desktop clients send: a cookie or a security
/// negotiation (MS-RDPBCGR, section 2.2.1.1).
fn is_rdp_request(stream: &[u8], resp_port: u16) -> bool {
    let [3, 0, high, low, _, 0xe0, 0, 0, _, _, 0, rest @ ..] = stream else { return false };
    let whole = usize::from(u16::from_be_bytes([*high, *low])) == stream.len();
    let negotiates = matches!(rest.last_chunk(), Some([1, _, 8, 0, _, 0, 0, 0]));
    whole && (rest.starts_with(b"Cookie: ") || negotiates || (rest.is_empty() && resp_port == 3389))
}

/// Protocols that put their length first.
fn tcp_with_length(stream: &[u8], resp_port: u16) -> Guess {
    match stream {
        // NetBIOS session service (RFC 1002, section 4.3): a message with SMB 1, 2 or 3 in it, or a session request.
        [0, _, _, _, 0xfc..=0xff, b'S', b'M', b'B', ..] => return Sure(Service::Smb),
        [0x81, 0, 0, 68, 32, ..] => return Sure(Service::Smb),
        _ => {}
    }
    let mut r = Reader::new(stream);
    let Some(len) = r.u16().map(usize::from) else {
        return if resp_port == 53 { Prefix } else { Nothing };
    };
    let message = r.rest();
    if is_openvpn_reset(message) && len == message.len() {
        return Sure(Service::Vpn);
    }
    if resp_port == 53 && len >= 12 && message.len() < 12 {
        return Prefix;
    }
    let plausible = len >= message.len() || resp_port == 53;
    let message = message.get(..len).unwrap_or(message);
    if plausible && (dns::is_dns(message) || is_dns_of_other_opcode(message, resp_port)) {
        Sure(Service::Dns)
    } else {
        Nothing
    }
}

/// NOTIFY and UPDATE (RFC 1996, RFC 2136) begin as queries do; on DNS's own port that is enough to name them.
fn is_dns_of_other_opcode(message: &[u8], resp_port: u16) -> bool {
    let [_, _, flags, rcode, 0, 1, 0, _, 0, _, 0, _, ..] = message else { return false };
    resp_port == 53 && matches!(flags >> 3 & 0x0f, 4 | 5) && rcode & 0x0f <= 11
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

/// OpenVPN's hard reset of either side: opcode 7 or 8, session id, perhaps a keyed hash, then packet ids (OpenVPN's
/// `ssl_pkt.h`). Its length depends on the hash: none, SHA-1, SHA-256, SHA-512; `tls-crypt` looks like the third.
fn is_openvpn_reset(message: &[u8]) -> bool {
    // The server's reset also acknowledges the client's: one packet id and a session id.
    let (len, acks) = match message.first() {
        Some(0x38) => (message.len(), 0),
        Some(0x40) => (message.len().saturating_sub(12), 1),
        _ => return false,
    };
    let replay_id = |at: usize| matches!(message.get(at..at + 4), Some([0 | 0x0f, 0, 0, 1]));
    match len {
        14 => message.get(9) == Some(&acks) && message.ends_with(&[0; 4]),
        42 | 54 | 86 => replay_id(9) || replay_id(len - 13),
        _ => false,
    }
}

fn first_line(stream: &[u8]) -> &[u8] {
    let line = stream.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn starts_with_ignore_case(stream: &[u8], keyword: &[u8]) -> bool {
    stream.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword))
}

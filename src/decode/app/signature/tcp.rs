//! Services over TCP.

use crate::decode::app::http::HTTP2_PREFACE;
use crate::decode::app::reader::Reader;
use crate::decode::app::signature::Guess::{self, Hint, Nothing, Prefix, Sure};
use crate::decode::app::signature::{is_dns_of_other_opcode, is_openvpn_reset};
use crate::decode::app::{Service, dns, tls};

/// The first bytes that one side of a TCP connection sends; `resp_port` decides only where the bytes fit several.
pub(in crate::decode::app) fn tcp(stream: &[u8], resp_port: u16) -> Guess {
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

/// Whether a `ClientHello` or a request often begins here, so that a first segment that makes no sense may be its
/// second one, overtaken.
pub(in crate::decode::app) const fn expects_hello(resp_port: u16) -> bool {
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
        [0, _, _, _, 0xfc..=0xff, b'S', b'M', b'B', ..] | [0x81, 0, 0, 68, 32, ..] => {
            return Sure(Service::Smb);
        }
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

fn first_line(stream: &[u8]) -> &[u8] {
    let line = stream.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn starts_with_ignore_case(stream: &[u8], keyword: &[u8]) -> bool {
    stream.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tells_tcp_services() {
        let check =
            |stream: &[u8], port, guess| assert_eq!(tcp(stream, port), guess, "{}", stream.escape_ascii());
        check(b"", 443, Nothing);
        check(b"\x16\x03\x01\x02\0\x01\0\x01\xfc", 9, Guess::ClientHello);
        check(b"\x16\x03\x01", 9, Prefix);
        check(b"\x16\x03\x01\x02\0", 9, Prefix);
        check(b"\x16\x03\x03\0\x5a\x02\0\0", 9, Hint(Service::Tls));
        check(b"\x17\x03\x03\x01\0\xee", 9, Hint(Service::Tls));
        check(b"\x17\x03\x03\xff\xff\xee", 9, Nothing);
        check(b"\x16\x09\x03", 9, Nothing);
        check(b"\x80\x0b\x01\x03\x01\0\x06\0\0\0\0\0\0", 9, Sure(Service::Tls));
        check(b"GET / HTTP/1.1\r\n", 9, Guess::Request);
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 9, Sure(Service::Http));
        check(b"HTTP/1.1 200 OK\r\n", 9, Hint(Service::Http));
        check(b"SSH-2.0-OpenSSH_9.6\r\n", 2222, Sure(Service::Ssh));
        check(b"220 mx.example ESMTP\r\n", 9, Hint(Service::Smtp));
        check(b"220 Welcome\r\n", 9, Hint(Service::Ftp));
        check(b"220x", 9, Nothing);
        check(b"ehlo x\r\n", 9, Sure(Service::Smtp));
        check(b"USER anonymous\r\n", 21, Sure(Service::Ftp));
        check(b"USER anonymous\r\n", 110, Guess::Request);
        check(b"USER bot 8 * :bot\r\n", 9, Sure(Service::Irc));
        check(b"NICK bot\r\n", 9, Sure(Service::Irc));
        check(b"PASS x\r\nNICK bot\r\n", 9, Sure(Service::Irc));
        check(b":irc.example 001 bot :Welcome\r\n", 9, Sure(Service::Irc));
        check(b":nothing", 9, Nothing);
        check(b"\x10\x1a\0\x04MQTT\x04\x02", 9, Sure(Service::Mqtt));
        check(b"\x10\x9a\x01\0\x06MQIsdp\x03", 9, Sure(Service::Mqtt));
        check(b"\0\0\0\x54\xffSMBr", 9, Sure(Service::Smb));
        check(b"\0\0\0\x54\xfeSMB@", 9, Sure(Service::Smb));
        check(b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0", 9, Sure(Service::Rdp));
        check(b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0", 3389, Sure(Service::Rdp));
        check(b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0", 102, Nothing);
        check(b"\0\x12\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01", 5353, Nothing);
        check(b"\0\x13\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01", 5353, Sure(Service::Dns));
        check(b"\0\x13", 53, Prefix);
        check(b"\0", 53, Prefix);
        check(b"\0", 443, Nothing);
        check(b"\0\x0e\x38abcdefgh\0\0\0\0\0", 9, Sure(Service::Vpn));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn never_panics(bytes: Vec<u8>, port in prop::sample::select(vec![21_u16, 53, 443, 3389, 9999])) {
            tcp(&bytes, port);
        }
    }
}

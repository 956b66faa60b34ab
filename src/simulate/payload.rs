//! Payload that a sensor reads: TLS ClientHello, HTTP heads, DNS messages, NTP.

use super::random::Random;

const TLS_HANDSHAKE: u8 = 22;
/// TLS 1.2 on the record layer, as TLS 1.3 has it (RFC 8446, section 5.1).
const TLS_RECORD_VERSION: [u8; 2] = [3, 3];

/// A ClientHello as browsers send it, in a TLS record, with or without a server name.
pub(super) fn client_hello(server_name: Option<&str>, random: &mut Random) -> Vec<u8> {
    tls_record_of(TLS_HANDSHAKE, &hello_message(server_name, b"\x02h2\x08http/1.1", &[], random))
}

/// The handshake message of a ClientHello (RFC 8446, section 4.1.2), with or without a server name (RFC 6066, section 3), with protocol
/// names (RFC 7301) and further extensions.
pub(super) fn hello_message(
    server_name: Option<&str>,
    protocols: &[u8],
    further: &[u8],
    random: &mut Random,
) -> Vec<u8> {
    let mut noise = [0_u8; 96];
    random.fill(&mut noise);
    let (client_random, rest) = noise.split_at(32);
    let (session, key) = rest.split_at(32);
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        let name = prefixed(2, name.as_bytes());
        extensions.extend(extension(0, &prefixed(2, &[&[0], name.as_slice()].concat())));
    }
    extensions.extend(extension(10, &prefixed(2, &[0x00, 0x1d, 0x00, 0x17])));
    extensions.extend(extension(13, &prefixed(2, &[0x04, 0x03, 0x08, 0x04, 0x04, 0x01])));
    extensions.extend(extension(16, &prefixed(2, protocols)));
    extensions.extend(extension(43, &prefixed(1, &[0x03, 0x04, 0x03, 0x03])));
    extensions.extend(extension(51, &prefixed(2, &[&[0x00, 0x1d], prefixed(2, key).as_slice()].concat())));
    extensions.extend_from_slice(further);
    let mut body = vec![3, 3];
    body.extend_from_slice(client_random);
    body.extend(prefixed(1, session));
    body.extend(prefixed(2, &[0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b, 0xc0, 0x2f]));
    body.extend_from_slice(&[1, 0]);
    body.extend(prefixed(2, &extensions));
    [&[1], prefixed(3, &body).as_slice()].concat()
}

/// The head of a TLS record of `length` bytes that nobody can read: handshake of the server, or application data.
pub(super) fn tls_head(handshake: bool, length: u64) -> Vec<u8> {
    const MAX_RECORD: u64 = 16_384;
    let kind = if handshake { TLS_HANDSHAKE } else { 23 };
    let length = u16::try_from(length.min(MAX_RECORD)).unwrap_or_default();
    [&[kind], TLS_RECORD_VERSION.as_slice(), &length.to_be_bytes()].concat()
}

fn tls_record_of(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], TLS_RECORD_VERSION.as_slice(), prefixed(2, content).as_slice()].concat()
}

pub(super) fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes(), prefixed(2, content).as_slice()].concat()
}

/// Content after its length in `width` bytes.
fn prefixed(width: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_be_bytes();
    [length.get(8 - width..).unwrap_or_default(), content].concat()
}

/// An HTTP/1.1 request of about `bytes`: its head, and how many bytes of a body come after it. What is too much for a head is posted.
pub(super) fn http_request(host: &str, bytes: u64) -> (Vec<u8>, u64) {
    const MAX_HEAD: u64 = 2_000;
    let common = format!("HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\n");
    if bytes > MAX_HEAD {
        return (format!("POST /api/v1/items {common}Content-Length: {bytes}\r\n\r\n").into_bytes(), bytes);
    }
    let bare = format!("GET /index {common}Cookie: id=\r\n\r\n").len();
    let cookie = "7".repeat(usize::try_from(bytes).unwrap_or_default().saturating_sub(bare));
    (format!("GET /index {common}Cookie: id={cookie}\r\n\r\n").into_bytes(), 0)
}

/// The head of the answer.
pub(super) fn http_response(length: u64) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n")
        .into_bytes()
}

/// What a client asks for, and a server grants, to hold messages both ways over a connection of HTTP/1.1 (RFC 6455, section 1.3).
pub(super) fn websocket_opening(host: &str) -> [Vec<u8>; 2] {
    [
        format!(
            "GET /socket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            .to_owned(),
    ]
    .map(String::into_bytes)
}

/// The head of a binary WebSocket message of `length` bytes (RFC 6455, section 5.2). Clients mask theirs, here with zeros.
pub(super) fn websocket_head(of_client: bool, length: u64) -> Vec<u8> {
    const FINAL_BINARY: u8 = 0x82;
    const TWO_MORE: u8 = 126;
    const EIGHT_MORE: u8 = 127;
    let masked = if of_client { 0x80 } else { 0 };
    let mut head = vec![FINAL_BINARY];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..TWO_MORE), _) => head.push(masked | short),
        (_, Ok(middle)) => {
            head.push(masked | TWO_MORE);
            head.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            head.push(masked | EIGHT_MORE);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head.extend_from_slice(if of_client { &[0; 4] } else { &[] });
    head
}

/// DNS record types (IANA).
pub(super) mod record {
    pub(in super::super) const A: u16 = 1;
    pub(in super::super) const PTR: u16 = 12;
    pub(in super::super) const TXT: u16 = 16;
    pub(in super::super) const AAAA: u16 = 28;
}

/// A DNS question, or with answers the response to it (RFC 1035): that there is no such name where there are none. Each answer is the data of a record of the type that was asked
/// for. Labels of the name have at most 63 bytes.
pub(super) fn dns_message(id: u16, name: &str, kind: u16, answers: Option<&[Vec<u8>]>) -> Vec<u8> {
    const RECURSION: u16 = 0x0100;
    const RESPONSE: u16 = 0x8180;
    const NAME_ERROR: u16 = 0x8183;
    let count = u16::try_from(answers.map_or(0, <[_]>::len)).unwrap_or_default();
    let flags = match answers {
        None => RECURSION,
        Some([]) => NAME_ERROR,
        Some(_) => RESPONSE,
    };
    let mut message = Vec::with_capacity(64);
    for field in [id, flags, 1, count, 0, 0] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    for label in name.split('.') {
        message.extend(prefixed(1, label.as_bytes()));
    }
    message.push(0);
    for field in [kind, 1] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    for data in answers.unwrap_or_default() {
        // The name of the question, class IN, 300 s.
        for field in [0xc00c, kind, 1, 0, 300] {
            message.extend_from_slice(&field.to_be_bytes());
        }
        message.extend(prefixed(2, data));
    }
    message
}

/// The data of a TXT record: strings of at most 255 bytes.
pub(super) fn txt_data(content: &[u8]) -> Vec<u8> {
    content.chunks(255).flat_map(|chunk| prefixed(1, chunk)).collect()
}

/// An NTP packet of a client or a server (RFC 5905): version 4, no timestamps.
pub(super) fn ntp(client: bool) -> Vec<u8> {
    let mut packet = vec![0; 48];
    if let Some(first) = packet.first_mut() {
        *first = if client { 0x23 } else { 0x24 };
    }
    packet
}

/// Bytes as lower-case base 32 without padding (RFC 4648), as tunnels put them into names.
pub(super) fn base32(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(&mut text, SYMBOLS, held >> bits);
        }
    }
    if bits > 0 {
        push(&mut text, SYMBOLS, held << (5 - bits));
    }
    text
}

fn push(text: &mut String, symbols: &[u8; 32], value: u32) {
    let symbol = symbols.get((value & 31) as usize).copied().unwrap_or(b'a');
    text.push(char::from(symbol));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (plain, encoded) in
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")]
        {
            assert_eq!(base32(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn requests_are_as_long_as_they_should_be() {
        for bytes in [200, 777, 2_000] {
            let (head, body) = http_request("site.example", bytes);
            assert_eq!((head.len() as u64 + body, head.starts_with(b"GET ")), (bytes, true));
        }
        let (head, body) = http_request("site.example", 50_000);
        assert!(head.starts_with(b"POST ") && body == 50_000);
    }

    #[test]
    fn websocket_heads_have_their_lengths() {
        for (length, plain) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let lengths = [false, true].map(|of_client| websocket_head(of_client, length).len());
            assert_eq!(lengths, [plain, plain + 4], "{length}");
        }
        assert_eq!(websocket_head(true, 300), [0x82, 0xfe, 0x01, 0x2c, 0, 0, 0, 0]);
    }

    #[test]
    fn long_txt_data_is_cut_into_strings() {
        let data = txt_data(&[7; 300]);
        assert_eq!((data.len(), data[0], data[256]), (302, 255, 45));
    }
}

//! JA4, the TLS client fingerprint (FoxIO, `technical_details/JA4.md`; the BSD-licensed part of JA4+).

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::decode::app::reader::Reader;
use crate::decode::app::tls::{self, Carrier, ClientHello};

/// The fingerprint of a whole hello: 36 characters such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub(super) fn fingerprint(hello: &ClientHello<'_>, carrier: Carrier) -> Arc<str> {
    let mut ciphers: Vec<u16> = values(hello.ciphers).collect();
    let mut kinds: Vec<u16> =
        tls::extensions(hello.extensions).map(|(kind, _)| kind).filter(|&kind| !is_grease(kind)).collect();

    let mut text = String::with_capacity(36);
    text.push(if carrier == Carrier::Quic { 'q' } else { 't' });
    text.push_str(version(hello));
    text.push(if hello.server_name.is_some() { 'd' } else { 'i' });
    // Writing to a String cannot fail.
    let _ = write!(text, "{:02}{:02}", ciphers.len().min(99), kinds.len().min(99));
    text.extend(alpn_ends(hello.alpn.and_then(tls::first_alpn).unwrap_or_default()));

    ciphers.sort_unstable();
    push_hash(&mut text, &ciphers, None);
    kinds.retain(|kind| !matches!(kind, 0x0000 | 0x0010));
    kinds.sort_unstable();
    push_hash(&mut text, &kinds, hello.signature_algorithms);
    Arc::from(text)
}

/// Values of RFC 8701 that mean nothing and vary from hello to hello.
const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// The 16-bit values of a list, GREASE left out.
fn values(list: &[u8]) -> impl Iterator<Item = u16> {
    let mut r = Reader::new(list);
    std::iter::from_fn(move || r.u16()).filter(|&value| !is_grease(value))
}

fn version(hello: &ClientHello<'_>) -> &'static str {
    let offered = hello.supported_versions.and_then(|content| Reader::new(content).vec8());
    match offered.and_then(|list| values(list).max()).unwrap_or(hello.version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character of the first ALPN value, of its hexadecimal form where they are not alphanumeric.
fn alpn_ends(value: &[u8]) -> [char; 2] {
    let (Some(&first), Some(&last)) = (value.first(), value.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        [first.into(), last.into()]
    } else {
        [hex_digit(first >> 4), hex_digit(last)]
    }
}

/// Appends `_` and the first 12 digits of the SHA-256 of the values in hexadecimal, the signature algorithms in their own order
/// behind them. Twelve zeros stand for an empty list.
fn push_hash(text: &mut String, sorted: &[u16], signature_algorithms: Option<&[u8]>) {
    text.push('_');
    if sorted.is_empty() {
        text.push_str("000000000000");
        return;
    }
    let mut list = Vec::with_capacity(8 * sorted.len());
    push_hex(&mut list, sorted.iter().copied());
    let algorithms = signature_algorithms.and_then(|content| Reader::new(content).vec16());
    let mut algorithms = algorithms.map(values).into_iter().flatten().peekable();
    if algorithms.peek().is_some() {
        list.push(b'_');
        push_hex(&mut list, algorithms);
    }
    for byte in Sha256::digest(&list).iter().take(6) {
        text.extend([hex_digit(byte >> 4), hex_digit(*byte)]);
    }
}

/// Appends four hexadecimal digits a value, separated by commas.
fn push_hex(list: &mut Vec<u8>, values: impl Iterator<Item = u16>) {
    for (i, value) in values.enumerate() {
        if i > 0 {
            list.push(b',');
        }
        let [high, low] = value.to_be_bytes();
        list.extend([high >> 4, high, low >> 4, low].map(|nibble| hex_digit(nibble) as u8));
    }
}

/// The digit of the low four bits.
fn hex_digit(byte: u8) -> char {
    char::from_digit(u32::from(byte & 0x0f), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn be(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&be(&[kind, u16::try_from(content.len()).unwrap()]), content].concat()
    }

    #[test]
    fn example_of_the_specification() {
        let ciphers = be(&[
            0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
            0x009c, 0x009d, 0x002f, 0x0035,
        ]);
        let kinds = [
            0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
            0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xfafa,
        ];
        let block: Vec<u8> = kinds.iter().flat_map(|&kind| extension(kind, &[])).collect();
        let algorithms = be(&[16, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]);
        let hello = ClientHello {
            version: 0x0303,
            ciphers: &ciphers,
            extensions: &block,
            server_name: Some(&[]),
            alpn: Some(b"\0\x0c\x02h2\x08http/1.1"),
            supported_versions: Some(&[6, 0x2a, 0x2a, 3, 4, 3, 3]),
            signature_algorithms: Some(&algorithms),
        };
        assert_eq!(&*fingerprint(&hello, Carrier::Tcp), "t13d1516h2_8daaf6152771_e5627efa2ab1");

        let without_algorithms = ClientHello { signature_algorithms: None, ..hello };
        assert_eq!(&*fingerprint(&without_algorithms, Carrier::Quic), "q13d1516h2_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn nothing_offered_is_all_zeros() {
        let hello = ClientHello { version: 0x0301, ..ClientHello::default() };
        assert_eq!(&*fingerprint(&hello, Carrier::Tcp), "t10i000000_000000000000_000000000000");
        let odd = ClientHello { version: 0x7f1c, ..ClientHello::default() };
        assert_eq!(&*fingerprint(&odd, Carrier::Tcp), "t00i000000_000000000000_000000000000");
    }

    #[test]
    fn counts_stop_at_99() {
        let ciphers = be(&(1..=120).collect::<Vec<u16>>());
        let hello = ClientHello { version: 0x0303, ciphers: &ciphers, ..ClientHello::default() };
        assert!(fingerprint(&hello, Carrier::Tcp).starts_with("t12i990000_"));
    }

    #[test]
    fn alpn_values_of_the_specification() {
        let check = |value: &[u8], ends: &str| assert_eq!(alpn_ends(value).iter().collect::<String>(), ends);
        check(b"", "00");
        check(b"h2", "h2");
        check(b"http/1.1", "h1");
        check(b"x", "xx");
        check(&[0xab], "ab");
        check(&[0x20], "20");
        check(&[0xab, 0xcd], "ad");
        check(&[0x20, 0x61], "21");
        check(&[0x30, 0xab], "3b");
        check(&[0x61, 0x20], "60");
        check(&[0x30, 0x31, 0xab, 0xcd], "3d");
        check(&[0x30, 0xab, 0xcd, 0x31], "01");
    }
}

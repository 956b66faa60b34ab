//! Messages built for the tests of the readers.

use std::ops::Range;

use crate::decode::app::quic_keys::{Keys, Protocol};

/// The CRYPTO frame of RFC 9001, appendix A.2.
pub(super) const HELLO_OF_RFC9001: &str = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868\
    04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a0008\
    0006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559f\
    edba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00\
    020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff080110010480007530090110\
    0f088394c8f03e51570806048000ffff";

pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Bytes behind their length, which takes `N` bytes.
pub(super) fn vec<const N: usize>(content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    [&len[len.len() - N..], content].concat()
}

/// A `ClientHello` with its handshake header. Padding goes before the other extensions.
pub(super) fn hello(sni: Option<&str>, alpn: &[&str], padding: usize) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut add = |kind: u16, content: &[u8]| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(vec::<2>(content));
    };
    add(0x8a8a, &[0]);
    if padding > 0 {
        add(0x0015, &vec![0; padding]);
    }
    if let Some(name) = sni {
        add(0x0000, &vec::<2>(&[&[0], &vec::<2>(name.as_bytes())[..]].concat()));
    }
    if !alpn.is_empty() {
        add(0x0010, &vec::<2>(&alpn.iter().flat_map(|name| vec::<1>(name.as_bytes())).collect::<Vec<_>>()));
    }
    add(0x002b, &[4, 3, 4, 3, 3]);
    add(0x000d, &[0, 4, 4, 3, 8, 4]);
    let ciphers = hex("1a1a 1301 1302 c02b");
    let body =
        [&[3, 3], &[7; 32][..], &vec::<1>(&[5; 32]), &vec::<2>(&ciphers), &[1, 0], &vec::<2>(&extensions)];
    [vec![1], vec::<3>(&body.concat())].concat()
}

/// A handshake message in TLS records of at most `record_len` bytes each.
pub(super) fn records(message: &[u8], record_len: usize) -> Vec<u8> {
    message.chunks(record_len).flat_map(|part| [&[22, 3, 1], &vec::<2>(part)[..]].concat()).collect()
}

/// The CRYPTO frame of a part of a message.
pub(super) fn crypto_frame(message: &[u8], part: Range<usize>) -> Vec<u8> {
    let bytes = &message[part.start..part.end.min(message.len())];
    let varint = |value: usize| (u32::try_from(value).unwrap() | 0x8000_0000).to_be_bytes();
    [&[6], &varint(part.start)[..], &varint(bytes.len()), bytes].concat()
}

/// A client's Initial packet, padded to 1200 bytes, protected as the version wants; a version that is not known as version 1.
pub(super) fn seal(version: u32, dcid: &[u8], number: u32, frames: &[u8]) -> Vec<u8> {
    let protocol = Protocol::of_version(version).unwrap_or(Protocol::V1);
    let first = 0xc3 | protocol.initial_type() << 4;
    let head_len = 1 + 4 + 1 + dcid.len() + 1 + 1 + 2;
    let mut frames = frames.to_vec();
    frames.resize(frames.len().max(1200 - head_len - 4 - 16), 0);
    let len = u16::try_from(4 + frames.len() + 16).unwrap() | 0x4000;
    let header = [
        &[first],
        &version.to_be_bytes()[..],
        &vec::<1>(dcid),
        &[0, 0],
        &len.to_be_bytes(),
        &number.to_be_bytes(),
    ];
    Keys::of_client(protocol, dcid).unwrap().seal(&header.concat(), &frames).unwrap()
}

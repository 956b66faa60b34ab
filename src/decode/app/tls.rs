//! TLS records and the `ClientHello` (RFC 8446, sections 4.1.2 and 5.1), whole or as far as it was captured.

use std::borrow::Cow;

use crate::decode::app::reader::Reader;
use crate::decode::app::{AppInfo, ja4, name};

/// Record content type of handshake messages.
pub(super) const HANDSHAKE: u8 = 22;
/// Longest record that is believed: 2^14 and the expansion of TLS 1.2 (RFC 5246, section 6.2.3).
pub(super) const MAX_RECORD_LEN: u16 = (1 << 14) + 2048;

const CLIENT_HELLO: u8 = 1;

/// What carries the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TLS records over TCP.
    Tcp,
    /// CRYPTO frames of QUIC.
    Quic,
}

/// How much of a `ClientHello` was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// Its beginning; more bytes may come.
    Cut,
    /// The bytes are something else, or contradict themselves.
    Broken,
}

/// The fields of a `ClientHello` that are of use, as they lie in the message.
#[derive(Debug, Default)]
pub(super) struct ClientHello<'a> {
    /// `legacy_version`.
    pub(super) version: u16,
    /// Cipher suites, two bytes each.
    pub(super) ciphers: &'a [u8],
    /// The block of all extensions; [`extensions`] walks it.
    pub(super) extensions: &'a [u8],
    /// Content of the `server_name` extension.
    pub(super) server_name: Option<&'a [u8]>,
    /// Content of the `application_layer_protocol_negotiation` extension.
    pub(super) alpn: Option<&'a [u8]>,
    /// Content of the `supported_versions` extension.
    pub(super) supported_versions: Option<&'a [u8]>,
    /// Content of the `signature_algorithms` extension.
    pub(super) signature_algorithms: Option<&'a [u8]>,
}

/// Reads a stream of TLS records that should begin with a `ClientHello` and notes what it tells. The JA4 fingerprint
/// and a missing SNI are told only of a whole message; a cut one may still give the name.
pub(super) fn read_records(stream: &[u8], info: &mut AppInfo) -> Extent {
    match handshake_of(stream) {
        Some(message) => read_handshake(&message, Carrier::Tcp, info),
        None => Extent::Broken,
    }
}

/// The same from the bytes of the handshake itself.
pub(super) fn read_handshake(message: &[u8], carrier: Carrier, info: &mut AppInfo) -> Extent {
    let mut r = Reader::new(message);
    match r.u8() {
        None => return Extent::Cut,
        Some(CLIENT_HELLO) => {}
        Some(_) => return Extent::Broken,
    }
    let Some(len) = r.u24() else { return Extent::Cut };
    let body = r.take_up_to(usize::try_from(len).unwrap_or(usize::MAX));
    let all_there = body.len() == len as usize;
    let Some((hello, well_formed)) = parse(body) else {
        return if all_there { Extent::Broken } else { Extent::Cut };
    };
    note(&hello, info);
    match (all_there, well_formed) {
        (false, _) => Extent::Cut,
        (true, false) => Extent::Broken,
        (true, true) => {
            info.hello_without_sni = info.name.is_none();
            info.ja4 = Some(ja4::fingerprint(&hello, carrier));
            Extent::Whole
        }
    }
}

/// The extensions of a block, up to the first that is not whole.
pub(super) fn extensions(block: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut r = Reader::new(block);
    std::iter::from_fn(move || Some((r.u16()?, r.vec16()?)))
}

/// The first protocol of an ALPN extension; may be empty.
pub(super) fn first_alpn(content: &[u8]) -> Option<&[u8]> {
    let list = Reader::new(content).vec16_up_to()?;
    Reader::new(list).vec8()
}

/// The first handshake message out of its records. Borrowed where one record holds it, as nearly always; nothing
/// where the stream does not begin with a handshake record.
fn handshake_of(stream: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut r = Reader::new(stream);
    let mut message = Cow::Borrowed(handshake_record(&mut r)?);
    while needs_more(&message) {
        let Some(more) = handshake_record(&mut r) else { break };
        message.to_mut().extend_from_slice(more);
    }
    Some(message)
}

fn needs_more(message: &[u8]) -> bool {
    let mut r = Reader::new(message);
    match (r.u8(), r.u24()) {
        (Some(_), Some(len)) => r.rest().len() < len as usize,
        _ => true,
    }
}

/// The content of the next record, as much as there is, where it is a handshake record.
fn handshake_record<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    if r.is_empty() {
        return None;
    }
    let mut header = r.take_up_to(5).iter().copied();
    let (kind, major, minor) = (header.next(), header.next(), header.next());
    let plausible =
        kind == Some(HANDSHAKE) && major.is_none_or(|byte| byte == 3) && minor.is_none_or(|byte| byte <= 4);
    if !plausible {
        return None;
    }
    let (Some(high), Some(low)) = (header.next(), header.next()) else { return Some(&[]) };
    let len = u16::from_be_bytes([high, low]);
    if len == 0 || len > MAX_RECORD_LEN { None } else { Some(r.take_up_to(usize::from(len))) }
}

/// The fields of a body that may be cut anywhere, and whether all lengths in it add up. Nothing where not even the
/// fixed part is there.
fn parse(body: &[u8]) -> Option<(ClientHello<'_>, bool)> {
    let mut r = Reader::new(body);
    let version = r.u16()?;
    let _random = r.take(32)?;
    let session_id = r.vec8()?;
    if version >> 8 != 3 || session_id.len() > 32 {
        return None;
    }
    let mut hello = ClientHello { version, ciphers: r.vec16()?, ..ClientHello::default() };
    let compression = r.vec8();
    if r.is_empty() {
        // SSL 3.0 and TLS 1.0 know hellos without extensions (RFC 5246, section 7.4.1.2).
        let adds_up = compression.is_some() && hello.ciphers.len().is_multiple_of(2);
        return Some((hello, adds_up));
    }
    let declared = Reader::at(body, r.pos()).u16();
    hello.extensions = r.vec16_up_to().unwrap_or_default();
    let mut walked = 0;
    for (kind, content) in extensions(hello.extensions) {
        walked += 4 + content.len();
        let slot = match kind {
            0x0000 => &mut hello.server_name,
            0x000d => &mut hello.signature_algorithms,
            0x0010 => &mut hello.alpn,
            0x002b => &mut hello.supported_versions,
            _ => continue,
        };
        slot.get_or_insert(content);
    }
    let adds_up = declared.map(usize::from) == Some(walked) && hello.ciphers.len().is_multiple_of(2);
    Some((hello, adds_up))
}

/// Notes name and protocol. An IP address in the SNI is no name (RFC 6066, section 3).
fn note(hello: &ClientHello<'_>, info: &mut AppInfo) {
    info.name = hello.server_name.and_then(sni).and_then(name::host_name);
    info.alpn = hello.alpn.and_then(first_alpn).and_then(name::plain_text).map(Into::into);
}

/// The first entry of type `host_name` (RFC 6066, section 3).
fn sni(content: &[u8]) -> Option<&[u8]> {
    let mut list = Reader::new(Reader::new(content).vec16_up_to()?);
    while let (Some(kind), Some(value)) = (list.u8(), list.vec16()) {
        if kind == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::app::fixtures::{hello, records};
    use proptest::prelude::*;

    fn read(stream: &[u8]) -> (Extent, AppInfo) {
        let mut info = AppInfo::default();
        (read_records(stream, &mut info), info)
    }

    #[test]
    fn reads_name_protocol_and_fingerprint() {
        let (extent, info) = read(&records(&hello(Some("WWW.Example.com"), &["h2", "http/1.1"], 0), 9999));
        assert_eq!(extent, Extent::Whole);
        assert_eq!((info.name.as_deref(), info.alpn.as_deref()), (Some("www.example.com"), Some("h2")));
        assert_eq!(info.ja4.as_deref().unwrap().split_at(10).0, "t13d0304h2");
        assert!(!info.hello_without_sni);
    }

    #[test]
    fn tells_a_missing_name() {
        let check = |sni, without| {
            let (extent, info) = read(&records(&hello(sni, &[], 0), 9999));
            assert_eq!(
                (extent, info.hello_without_sni, info.name.is_none()),
                (Extent::Whole, without, without)
            );
        };
        check(None, true);
        check(Some("192.0.2.1"), true);
        check(Some(""), true);
        check(Some("a b"), true);
        check(Some("a"), false);
    }

    #[test]
    fn records_may_split_a_message_anywhere() {
        let message = hello(Some("split.example"), &["h2"], 40);
        let whole = read(&records(&message, 9999));
        for record_len in 1..message.len() {
            assert_eq!(read(&records(&message, record_len)), whole, "records of {record_len}");
        }
    }

    #[test]
    fn cut_at_every_byte() {
        let stream = records(&hello(Some("cut.example"), &["h2"], 0), 60);
        let whole = read(&stream).1;
        for len in 1..stream.len() {
            let (extent, info) = read(&stream[..len]);
            assert_eq!(extent, Extent::Cut, "{len} bytes");
            assert_eq!((info.ja4, info.hello_without_sni), (None, false));
            assert!(info.name.is_none() || info.name == whole.name);
        }
    }

    #[test]
    fn refuses_what_is_no_hello() {
        let check = |stream: &[u8], extent| assert_eq!(read(stream).0, extent, "{stream:x?}");
        check(&[22, 3, 1, 0, 4, 2, 0, 0, 0], Extent::Broken);
        check(&[23, 3, 1, 0, 4, 1, 0, 0, 0], Extent::Broken);
        check(&[22, 3, 1, 0, 0], Extent::Broken);
        check(&[22, 3, 1, 0xff, 0xff, 1], Extent::Broken);
        check(&[22, 2, 1, 0, 4, 1, 0, 0, 0], Extent::Broken);
        check(&[22, 3, 1, 0, 4, 1, 0, 0, 0], Extent::Broken);
        // An extension block that states another length than its extensions have.
        let mut message = hello(Some("a.example"), &[], 0);
        let last = message.len() - 7;
        message[last] ^= 1;
        check(&records(&message, 9999), Extent::Broken);
    }

    #[test]
    fn old_hellos_have_no_extensions() {
        let body = [&[3, 1], &[7; 32][..], &[0, 0, 2, 0, 5, 1, 0]].concat();
        let message = [&[1, 0, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat();
        let (extent, info) = read(&records(&message, 9999));
        assert_eq!((extent, info.hello_without_sni), (Extent::Whole, true));
        assert!(info.ja4.unwrap().starts_with("t10i010000_"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn never_panics(bytes: Vec<u8>, at in 0_usize..200, flip: u8) {
            read(&bytes);
            let mut info = AppInfo::default();
            read_handshake(&bytes, Carrier::Quic, &mut info);
            let mut stream = records(&hello(Some("a.example"), &["h2"], 0), 70);
            let at = at % stream.len();
            stream[at] = flip;
            read(&stream);
        }
    }
}

//! QUIC Initial packets (RFC 9000, section 17.2.2): what a client says before any secret is agreed.

use crate::decode::app::AppInfo;
use crate::decode::app::pieces::{self, Pieces};
use crate::decode::app::quic_keys::{Keys, Protocol};
use crate::decode::app::reader::Reader;
use crate::decode::app::tls::{self, Carrier, Extent};

/// Coalesced packets looked at in one datagram.
const MAX_PACKETS: usize = 8;
/// Longest connection id (RFC 9000, section 17.2).
const MAX_CID_LEN: usize = 20;
/// Length of the authentication tag behind the payload.
const TAG_LEN: usize = 16;
/// No client sends its first Initial in a smaller datagram (RFC 9000, section 14.1).
const MIN_FIRST_DATAGRAM_LEN: usize = 1200;

/// Puts a `ClientHello` together out of the Initial packets of one client, in whatever order its parts come.
#[derive(Debug, Default)]
pub(super) struct ClientInitial {
    keys: Option<Box<Keys>>,
    crypto: Pieces,
}

impl ClientInitial {
    /// Reads the Initial packets of a datagram and notes what the hello tells so far. `Broken` where none of them is a
    /// client's.
    pub(super) fn read(&mut self, datagram: &[u8], info: &mut AppInfo) -> Extent {
        let mut r = Reader::new(datagram);
        let mut deciphered = false;
        for _ in 0..MAX_PACKETS {
            match next_packet(&mut r) {
                Some(Packet::Initial(initial)) => deciphered |= self.decipher(&initial).is_some(),
                Some(Packet::Other) => {}
                None => break,
            }
        }
        if deciphered {
            tls::read_handshake(&self.crypto.joined(0), Carrier::Quic, info)
        } else {
            Extent::Broken
        }
    }

    /// Whether packets of the client were deciphered before.
    pub(super) const fn has_begun(&self) -> bool {
        self.keys.is_some()
    }

    /// Deciphers a packet with the keys that fitted before or, where they do not, with those of its connection id: they
    /// stay the same when the server chooses another id, and change after a Retry (RFC 9001, section 5.2).
    fn decipher(&mut self, packet: &Initial<'_>) -> Option<()> {
        let open = |keys: &Keys| {
            let frames = keys.open(packet.first, packet.protected, packet.sealed_len)?;
            walk_crypto(&frames, |_, _| {}).map(|()| frames)
        };
        let frames = if let Some(frames) = self.keys.as_deref().and_then(open) {
            frames
        } else {
            let keys = Keys::of_client(packet.protocol, packet.dcid)?;
            let frames = open(&keys)?;
            self.keys = Some(Box::new(keys));
            frames
        };
        walk_crypto(&frames, |at, bytes| {
            self.crypto.add(at, bytes);
        })
    }
}

/// Whether a datagram begins with a QUIC long header (RFC 8999, section 5.1) of a version that is in use.
pub(super) fn is_long_header(datagram: &[u8]) -> bool {
    let mut r = Reader::new(datagram);
    let Some(header) = long_header(&mut r) else { return false };
    if header.version == 0 {
        let versions = r.rest();
        return !versions.is_empty() && versions.len().is_multiple_of(4);
    }
    let in_use = match header.version.to_be_bytes() {
        // RFC 9000, RFC 9369, IETF drafts, Facebook's and Google's own.
        [0, 0, 0, 1] | [0x6b, 0x33, 0x43, 0xcf] | [0xff, 0, 0, _] | [0xfa, 0xce, 0xb0, _] => true,
        [b'Q' | b'T', b'0', tens, ones] => tens.is_ascii_digit() && ones.is_ascii_digit(),
        // Reserved to exercise version negotiation (RFC 9000, section 15).
        _ => header.version & 0x0f0f_0f0f == 0x0a0a_0a0a && datagram.len() >= MIN_FIRST_DATAGRAM_LEN,
    };
    in_use && header.first & 0x40 != 0
}

/// Whether a datagram begins as those of Google's QUIC before version 46 do: flags, connection id, version.
pub(super) fn is_google_quic(datagram: &[u8]) -> bool {
    matches!(
        datagram,
        [0x08 | 0x09 | 0x0c | 0x0d, _, _, _, _, _, _, _, _, b'Q', b'0', b'0'..=b'9', b'0'..=b'9', ..]
    )
}

struct LongHeader<'a> {
    first: u8,
    version: u32,
    dcid: &'a [u8],
}

/// The part of a long header that all versions have, both connection ids included.
fn long_header<'a>(r: &mut Reader<'a>) -> Option<LongHeader<'a>> {
    let first = r.u8().filter(|first| first & 0x80 != 0)?;
    let version = r.u32()?;
    let dcid = r.vec8()?;
    let scid = r.vec8()?;
    let valid = dcid.len() <= MAX_CID_LEN && scid.len() <= MAX_CID_LEN;
    valid.then_some(LongHeader { first, version, dcid })
}

enum Packet<'a> {
    Initial(Initial<'a>),
    Other,
}

struct Initial<'a> {
    protocol: Protocol,
    first: u8,
    dcid: &'a [u8],
    /// From the packet number on, as much as was captured.
    protected: &'a [u8],
    /// Bytes of packet number and ciphertext on the wire, without the tag.
    sealed_len: usize,
}

/// The next of the packets of a datagram. Nothing at its end, or where no packet can follow.
fn next_packet<'a>(r: &mut Reader<'a>) -> Option<Packet<'a>> {
    let header = long_header(r)?;
    let protocol = Protocol::of_version(header.version)?;
    let is_initial = header.first >> 4 & 0b11 == protocol.initial_type();
    if header.first >> 4 & 0b11 == protocol.retry_type() {
        return None;
    }
    if is_initial {
        let token_len = usize::try_from(r.varint()?).ok()?;
        r.take(token_len)?;
    }
    let len = usize::try_from(r.varint()?).ok()?;
    let protected = r.take_up_to(len);
    if !is_initial {
        return Some(Packet::Other);
    }
    let sealed_len = len.checked_sub(TAG_LEN)?;
    let LongHeader { first, dcid, .. } = header;
    Some(Packet::Initial(Initial { protocol, first, dcid, protected, sealed_len }))
}

/// Walks the frames that an Initial packet may have (RFC 9000, section 12.4) and gives offset and bytes of each CRYPTO frame
/// to `visit`. Nothing where there is any other frame: the key was wrong. The last frame may be cut.
fn walk_crypto(frames: &[u8], mut visit: impl FnMut(u32, &[u8])) -> Option<()> {
    let mut r = Reader::new(frames);
    while let Some(kind) = r.u8() {
        match kind {
            // PADDING, PING.
            0x00 | 0x01 => {}
            0x02 | 0x03 => skip_ack(&mut r, kind)?,
            0x06 => {
                let at = u32::try_from(r.varint()?).ok().filter(|&at| (at as usize) < pieces::MAX_BYTES)?;
                let len = usize::try_from(r.varint()?).ok()?;
                visit(at, r.take_up_to(len));
            }
            // CONNECTION_CLOSE: nothing of use can follow.
            0x1c => return Some(()),
            _ => return None,
        }
    }
    Some(())
}

fn skip_ack(r: &mut Reader<'_>, kind: u8) -> Option<()> {
    let (_largest, _delay) = (r.varint()?, r.varint()?);
    let ranges = r.varint()?;
    let _first_range = r.varint()?;
    for _ in 0..ranges {
        let (_gap, _len) = (r.varint()?, r.varint()?);
    }
    if kind == 0x03 {
        let (_ect0, _ect1, _ce) = (r.varint()?, r.varint()?, r.varint()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::app::fixtures::{crypto_frame, hello, seal};
    use proptest::prelude::*;

    const DCID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
    const V2: u32 = 0x6b33_43cf;

    fn read_all(datagrams: &[Vec<u8>]) -> (Extent, AppInfo) {
        let (mut client, mut info) = (ClientInitial::default(), AppInfo::default());
        let extents = datagrams.iter().map(|datagram| client.read(datagram, &mut info));
        (extents.last().unwrap(), info)
    }

    #[test]
    fn reads_initials_of_each_version() {
        let frames = crypto_frame(&hello(Some("quic.example"), &["h3"], 0), 0..usize::MAX);
        for version in [1, V2, 0xff00_001d, 0xff00_001b, 0xface_b002] {
            let (extent, info) = read_all(&[seal(version, &DCID, 2, &frames)]);
            assert_eq!((extent, info.name.as_deref()), (Extent::Whole, Some("quic.example")), "{version:x}");
            assert_eq!(info.alpn.as_deref(), Some("h3"));
            assert!(info.ja4.unwrap().starts_with("q13d"));
        }
        assert_eq!(read_all(&[seal(0xff00_0001, &DCID, 0, &frames)]).0, Extent::Broken);
    }

    #[test]
    fn joins_shuffled_frames_of_several_datagrams() {
        let message = hello(Some("split.example"), &["h3"], 1700);
        let ack = [0x02, 0x05, 0x00, 0x01, 0x01, 0x00, 0x02];
        let ping_and_padding = [0x01, 0, 0, 0];
        let late = [crypto_frame(&message, 1000..usize::MAX), ack.to_vec()].concat();
        let early =
            [crypto_frame(&message, 90..1000), ping_and_padding.to_vec(), crypto_frame(&message, 0..90)];
        let datagrams = [seal(1, &DCID, 1, &late), seal(1, &DCID, 0, &early.concat())];
        let (extent, info) = read_all(&datagrams);
        assert_eq!((extent, info.name.as_deref()), (Extent::Whole, Some("split.example")));

        let (extent, info) = read_all(&datagrams[..1]);
        assert_eq!((extent, info), (Extent::Cut, AppInfo::default()));
    }

    #[test]
    fn keeps_its_keys_until_a_retry() {
        let message = hello(Some("late.example"), &["h3"], 1700);
        let first = seal(1, &DCID, 0, &crypto_frame(&message, 0..1000));
        let second = seal(1, &DCID, 1, &crypto_frame(&message, 1000..usize::MAX));
        // The server has chosen another connection id: the keys stay.
        let mut renamed = second.clone();
        renamed[6..14].copy_from_slice(&[7; 8]);
        assert_eq!(read_all(&[first.clone(), renamed]).0, Extent::Whole);
        let retried = seal(1, &[9; 20], 1, &crypto_frame(&message, 1000..usize::MAX));
        assert_eq!(read_all(&[first, retried]).0, Extent::Whole);
    }

    #[test]
    fn a_cut_datagram_gives_what_is_there() {
        let whole = seal(1, &DCID, 0, &crypto_frame(&hello(Some("cut.example"), &["h3"], 0), 0..usize::MAX));
        let names: Vec<bool> =
            (0..whole.len()).map(|len| read_all(&[whole[..len].to_vec()]).1.name.is_some()).collect();
        let first = names.iter().position(|&known| known).unwrap();
        assert!(first < 200 && names[first..].iter().all(|&known| known));
    }

    #[test]
    fn knows_long_headers() {
        let check = |bytes: &[u8], known| assert_eq!(is_long_header(bytes), known, "{bytes:x?}");
        check(&[0xc0, 0, 0, 0, 1, 0, 0], true);
        check(&[0xc0, b'Q', b'0', b'4', b'6', 0, 0], true);
        check(&[0x80, 0, 0, 0, 1, 0, 0], false);
        check(&[0x40, 0, 0, 0, 1, 0, 0], false);
        check(&[0xc0, 0, 0, 0, 2, 0, 0], false);
        check(&[0xc0, 0, 0, 0, 1, 21, 0], false);
        check(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], true);
        check(&[0x80, 0, 0, 0, 0, 0, 0], false);
        check(&[0xca, 0x1a, 0x2a, 0x3a, 0x4a, 0, 0], false);
        assert!(is_google_quic(b"\x0d12345678Q043rest"));
        assert!(!is_google_quic(b"\x0d12345678Q04"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn never_panics(version in prop::sample::select(vec![0, 1, V2, 0xff00_001d]), rest: Vec<u8>, frames: Vec<u8>) {
            let datagram = [&[0xc3_u8][..], &u32::to_be_bytes(version), &rest].concat();
            is_long_header(&datagram);
            read_all(&[datagram]);
            walk_crypto(&frames, |_, _| {});
            if version != 0 {
                read_all(&[seal(version, &DCID, 0, &frames)]);
            }
        }
    }
}

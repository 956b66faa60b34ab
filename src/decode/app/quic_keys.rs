//! Keys of QUIC Initial packets (RFC 9001, sections 5.2 to 5.4; RFC 9369, section 3.3).
//!
//! They follow from the connection id in the clear, so anybody may read these packets. The authentication tag is not checked:
//! anybody may forge it too, and a capture that was cut has none.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead as _, Payload};
use hkdf::Hkdf;
use sha2::Sha256;

/// A family of QUIC versions with the same Initial protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Drafts 23 to 28, and Facebook's version of them.
    Draft23,
    /// Drafts 29 to 32.
    Draft29,
    /// RFC 9000, and drafts 33 and 34.
    V1,
    /// RFC 9369.
    V2,
}

impl Protocol {
    /// Nothing where the protection of the version is not known.
    pub(super) const fn of_version(version: u32) -> Option<Self> {
        match version {
            0x0000_0001 | 0xff00_0021 | 0xff00_0022 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff00_001d..=0xff00_0020 => Some(Self::Draft29),
            0xff00_0017..=0xff00_001c | 0xface_b002 => Some(Self::Draft23),
            _ => None,
        }
    }

    /// The packet type bits of an Initial packet.
    pub(super) const fn initial_type(self) -> u8 {
        if matches!(self, Self::V2) { 1 } else { 0 }
    }

    /// The packet type bits of a Retry packet.
    pub(super) const fn retry_type(self) -> u8 {
        if matches!(self, Self::V2) { 0 } else { 3 }
    }

    const fn salt(self) -> [u8; 20] {
        match self {
            Self::Draft23 => [
                0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63,
                0x65, 0xbe, 0xf9, 0xf5, 0x02,
            ],
            Self::Draft29 => [
                0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11,
                0xe0, 0x43, 0x90, 0xa8, 0x99,
            ],
            Self::V1 => [
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
                0xad, 0xcc, 0xbb, 0x7f, 0x0a,
            ],
            Self::V2 => [
                0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
                0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
            ],
        }
    }

    /// Labels of key, initialization vector and header protection.
    const fn labels(self) -> [&'static [u8]; 3] {
        match self {
            Self::V2 => [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"],
            _ => [b"quic key", b"quic iv", b"quic hp"],
        }
    }
}

/// Blocks that the processor enciphers side by side.
const BLOCKS_AT_ONCE: usize = 8;

/// What opens the Initial packets of a client.
#[derive(Debug)]
pub(super) struct Keys {
    payload: Aes128,
    header: Aes128,
    iv: [u8; 12],
}

impl Keys {
    /// From the destination connection id of the client's first Initial packet.
    pub(super) fn of_client(protocol: Protocol, dcid: &[u8]) -> Option<Self> {
        let initial = Hkdf::<Sha256>::new(Some(&protocol.salt()), dcid);
        let client = Hkdf::<Sha256>::from_prk(&expand::<32>(&initial, b"client in")?).ok()?;
        let [key, iv, hp] = protocol.labels();
        Some(Self {
            payload: Aes128::new(&expand::<16>(&client, key)?.into()),
            header: Aes128::new(&expand::<16>(&client, hp)?.into()),
            iv: expand(&client, iv)?,
        })
    }

    /// Deciphers a packet. `protected` begins at the packet number and may be cut; `sealed_len` is the length on the wire of
    /// packet number and ciphertext, without the tag. Nothing where the reserved bits show that the key is wrong.
    pub(super) fn open(&self, first: u8, protected: &[u8], sealed_len: usize) -> Option<Vec<u8>> {
        let sample = *protected.get(4..)?.first_chunk::<16>()?;
        let [bits, mask @ ..] = *encrypted(&self.header, sample).first_chunk::<5>()?;
        let first = first ^ (bits & 0x0f);
        if first & 0x0c != 0 {
            return None;
        }
        let number_len = usize::from(first & 0x03) + 1;
        let number = protected.iter().zip(mask).take(number_len).map(|(byte, mask)| byte ^ mask);
        let number = number.fold(0, |number, byte| number << 8 | u32::from(byte));
        let ciphertext = protected.get(number_len..sealed_len.min(protected.len()))?;
        Some(self.decipher(number, ciphertext))
    }

    /// Protects a packet: AES-GCM with tag, then the header, which ends in a packet number of four bytes. Nothing where the header or the
    /// payload is too short.
    pub(super) fn seal(&self, header: &[u8], frames: &[u8]) -> Option<Vec<u8>> {
        let number_at = header.len().checked_sub(4)?;
        let mut nonce = self.iv;
        nonce.iter_mut().skip(8).zip(header.get(number_at..)?).for_each(|(to, byte)| *to ^= byte);
        let payload = Payload { msg: frames, aad: header };
        let sealed = Aes128Gcm::from(self.payload.clone()).encrypt(&nonce.into(), payload).ok()?;
        let [bits, mask @ ..] = *encrypted(&self.header, *sealed.first_chunk::<16>()?).first_chunk::<5>()?;
        let mut packet = [header, &sealed].concat();
        *packet.first_mut()? ^= bits & 0x0f;
        packet.iter_mut().skip(number_at).zip(mask).for_each(|(to, byte)| *to ^= byte);
        Some(packet)
    }

    /// The counter mode inside of AES-GCM (NIST SP 800-38D, section 6.5): the payload begins at block 2.
    fn decipher(&self, number: u32, ciphertext: &[u8]) -> Vec<u8> {
        let [head @ .., a, b, c, d] = self.iv;
        let tail = u32::from_be_bytes([a, b, c, d]) ^ number;
        let mut counters = 2_u32..;
        let mut plain = ciphertext.to_vec();
        for bytes in plain.chunks_mut(BLOCKS_AT_ONCE * 16) {
            let mut stream = [Array::from([0; 16]); BLOCKS_AT_ONCE];
            for (block, counter) in stream.iter_mut().zip(&mut counters) {
                let parts = [&head[..], &tail.to_be_bytes(), &counter.to_be_bytes()];
                block.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, &from)| *to = from);
            }
            self.payload.encrypt_blocks(&mut stream);
            bytes.iter_mut().zip(stream.iter().flatten()).for_each(|(byte, key)| *byte ^= key);
        }
        plain
    }
}

/// Protects an Initial packet of QUIC version 1 as a client sends it, for traffic that is made: `header` ends in a packet number of four bytes,
/// `dcid` is the connection id in it. Nothing where header or payload is too short.
pub fn seal_client_initial(header: &[u8], dcid: &[u8], frames: &[u8]) -> Option<Vec<u8>> {
    Keys::of_client(Protocol::V1, dcid)?.seal(header, frames)
}

fn encrypted(key: &Aes128, block: [u8; 16]) -> [u8; 16] {
    let mut block = Array::from(block);
    key.encrypt_block(&mut block);
    block.into()
}

/// HKDF-Expand-Label of TLS 1.3 without context (RFC 8446, section 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &[u8]) -> Option<[u8; N]> {
    let (len, label_len) = (u16::try_from(N).ok()?, u8::try_from(6 + label.len()).ok()?);
    let info = [&len.to_be_bytes()[..], &[label_len], b"tls13 ", label, &[0]].concat();
    let mut out = [0; N];
    secret.expand(&info, &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use crate::decode::app::AppInfo;
    use crate::decode::app::fixtures::{HELLO_OF_RFC9001, hex, seal};
    use crate::decode::app::quic::ClientInitial;
    use crate::decode::app::tls::Extent;

    /// The tag at the end of a packet depends on each of its bytes.
    fn check(version: u32, begins: &str, ends: &str) {
        let packet = seal(version, &hex("8394c8f03e515708"), 2, &hex(HELLO_OF_RFC9001));
        assert_eq!(packet.len(), 1200);
        assert!(packet.starts_with(&hex(begins)), "{:x?}", &packet[..32]);
        assert!(packet.ends_with(&hex(ends)), "{:x?}", &packet[1184..]);

        let mut info = AppInfo::default();
        assert_eq!(ClientInitial::default().read(&packet, &mut info), Extent::Whole);
        assert_eq!(info.name.as_deref(), Some("example.com"));
        assert_eq!(info.alpn.as_deref(), Some("alpn"));
    }

    #[test]
    fn the_client_initials_of_rfc9001_a2_and_rfc9369_a2() {
        check(
            1,
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11",
            "7e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934",
        );
        check(
            0x6b33_43cf,
            "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485",
            "9a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84cbfc",
        );
    }
}

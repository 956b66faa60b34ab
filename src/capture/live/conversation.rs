//! Which conversation a frame belongs to: the two IP addresses in it, whichever way it goes.
//!
//! The one place where capture looks into a frame. Where the pipeline cannot keep up, what is given up are whole
//! conversations, not packets: of a host and its peer all is seen or nothing, fragments and the channels between them
//! included, so that a verdict on what is left stands.

use std::hash::BuildHasher;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use crate::capture::LinkType;
use crate::seed::Seed;

const ETHERNET: LinkType = LinkType(1);
const RAW_IP: LinkType = LinkType(101);
/// Tags before the IP header that are passed over.
const TAGS_MAX: usize = 4;

/// Hashes conversations. The seed keeps attackers from choosing who is given up.
#[derive(Clone, Debug)]
pub(super) struct ConversationHasher(SeedableRandomState);

impl ConversationHasher {
    pub(super) fn new(seed: Seed) -> Self {
        Self(SeedableRandomState::with_seed(seed.hash_of(&"conversation"), SharedSeed::global_fixed()))
    }

    /// The hash of a frame's conversation. Nothing where the frame is no IP, or cut before its addresses.
    pub(super) fn of(&self, link: LinkType, frame: &[u8]) -> Option<u64> {
        let packet = frame.get(ip_at(link, frame)?..)?;
        let (a, b) = match packet.first()? >> 4 {
            4 => (word(packet.get(12..16)?), word(packet.get(16..20)?)),
            6 => (word(packet.get(8..24)?), word(packet.get(24..40)?)),
            _ => return None,
        };
        Some(self.0.hash_one((a.min(b), a.max(b))))
    }
}

/// Where the IP header begins.
fn ip_at(link: LinkType, frame: &[u8]) -> Option<usize> {
    match link {
        RAW_IP => Some(0),
        ETHERNET => {
            let mut at = 12;
            for _ in 0..TAGS_MAX {
                let kind = frame.get(at..)?.first_chunk()?;
                match u16::from_be_bytes(*kind) {
                    0x0800 | 0x86dd => return Some(at + 2),
                    0x8100 | 0x88a8 | 0x9100 => at += 4,
                    _ => return None,
                }
            }
            None
        }
        _ => None,
    }
}

/// An address as a number.
fn word(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(version: u8, src: u8, dst: u8) -> Vec<u8> {
        let mut bytes = vec![0; 40];
        bytes[0] = version << 4 | 5;
        let [src_at, dst_at] = if version == 4 { [15, 19] } else { [23, 39] };
        (bytes[src_at], bytes[dst_at]) = (src, dst);
        bytes
    }

    fn ethernet(kinds: &[u16], packet: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 12];
        for (n, kind) in kinds.iter().enumerate() {
            if n > 0 {
                bytes.extend([0, 7]);
            }
            bytes.extend(kind.to_be_bytes());
        }
        bytes.extend(packet);
        bytes
    }

    #[test]
    fn both_directions_are_one_conversation() {
        let hasher = ConversationHasher::new(Seed(7));
        for version in [4, 6] {
            let raw = |src, dst| hasher.of(RAW_IP, &packet(version, src, dst)).unwrap();
            assert_eq!(raw(1, 2), raw(2, 1));
            assert_ne!(raw(1, 2), raw(1, 3));
            assert_ne!(Some(raw(1, 2)), ConversationHasher::new(Seed(8)).of(RAW_IP, &packet(version, 1, 2)));
        }
    }

    #[test]
    fn tags_do_not_matter() {
        let hasher = ConversationHasher::new(Seed(7));
        let packet = packet(4, 1, 2);
        let expected = hasher.of(RAW_IP, &packet);
        for kinds in [&[0x0800][..], &[0x8100, 0x0800], &[0x88a8, 0x8100, 0x0800]] {
            assert_eq!(hasher.of(ETHERNET, &ethernet(kinds, &packet)), expected, "{kinds:x?}");
        }
    }

    #[test]
    fn other_frames_have_none() {
        let hasher = ConversationHasher::new(Seed(7));
        for frame in [
            vec![],
            ethernet(&[0x0806], &packet(4, 1, 2)),
            ethernet(&[0x8100; 9], &packet(4, 1, 2)),
            ethernet(&[0x0800], &packet(4, 1, 2)[..19]),
            ethernet(&[0x86dd], &packet(6, 1, 2)[..39]),
            ethernet(&[0x0800], &packet(5, 1, 2)),
        ] {
            assert_eq!(hasher.of(ETHERNET, &frame), None, "{frame:x?}");
        }
        assert_eq!(hasher.of(LinkType(113), &packet(4, 1, 2)), None);
    }
}

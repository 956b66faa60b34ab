//! One hash a packet: the same for both directions of a flow, and unpredictable without the seed.

use crate::addr::Addr;
use crate::decode::Packet;
use crate::flow::FlowKey;
use crate::seed::Seed;

/// Logical shards of the flow stage. Fixed, so that results do not depend on the number of threads.
pub const SHARDS: usize = 8;

/// The shard of a flow with this hash.
#[inline]
pub(super) const fn shard(hash: u64) -> usize {
    // Tables go by the low half.
    (hash >> 40) as usize % SHARDS
}

/// Hashes flows: two multiplications an end, one to join them.
#[derive(Clone, Copy, Debug)]
pub struct FlowHasher {
    secrets: [u64; 5],
}

impl FlowHasher {
    /// The hasher of a seed.
    pub fn new(seed: Seed) -> Self {
        // Odd, so that no secret is zero and multiplication by one loses nothing.
        Self { secrets: [0_u8, 1, 2, 3, 4].map(|n| seed.hash_of(&("flow", n)) | 1) }
    }

    /// The hash of a packet's flow.
    #[inline]
    pub fn packet(&self, packet: &Packet) -> u64 {
        self.ends((packet.src, packet.src_port), (packet.dst, packet.dst_port), packet.proto)
    }

    /// The hash of a flow: that of its packets.
    pub fn key(&self, key: &FlowKey) -> u64 {
        self.ends((key.orig, key.orig_port), (key.resp, key.resp_port), key.proto)
    }

    fn ends(&self, a: (Addr, u16), b: (Addr, u16), proto: u8) -> u64 {
        let [_, k1, _, k3, k4] = self.secrets;
        let (a, b) = (self.end(a), self.end(b));
        fold(a.wrapping_add(b) ^ k3, a ^ b ^ k4 ^ k1.rotate_left(u32::from(proto)))
    }

    fn end(&self, (addr, port): (Addr, u16)) -> u64 {
        let ([k0, k1, k2, ..], [high, low]) = (self.secrets, addr.words());
        fold(fold(high ^ k0, low ^ k1) ^ u64::from(port), k2)
    }
}

/// The halves of the full product, folded (wyhash, foldhash).
#[expect(clippy::cast_possible_truncation, reason = "both halves of the product are taken")]
const fn fold(x: u64, y: u64) -> u64 {
    let full = x as u128 * y as u128;
    full as u64 ^ (full >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::orient::orient;

    fn packet(n: u32) -> Packet {
        let octets = n.to_be_bytes();
        Packet {
            src: Addr::from_v4([10, octets[1], octets[2], octets[3]]),
            dst: Addr::from_v4([192, 168, 0, octets[0]]),
            src_port: 40_000 + u16::from(octets[3]),
            dst_port: 443,
            proto: 6,
            ..Packet::default()
        }
    }

    #[test]
    fn both_directions_and_the_key_hash_alike() {
        let hasher = FlowHasher::new(Seed::REPLAY);
        for n in 0..1000 {
            let there = packet(n);
            let back = Packet {
                src: there.dst,
                dst: there.src,
                src_port: there.dst_port,
                dst_port: there.src_port,
                ..there
            };
            assert_eq!(hasher.packet(&there), hasher.packet(&back));
            assert_eq!(hasher.key(&orient(&there).0), hasher.packet(&there));
            assert_ne!(hasher.packet(&there), FlowHasher::new(Seed(2)).packet(&there));
            assert_ne!(hasher.packet(&there), hasher.packet(&Packet { proto: 17, ..there }));
        }
    }

    #[test]
    fn shards_are_filled_evenly() {
        let hasher = FlowHasher::new(Seed::REPLAY);
        let mut counts = [0_u32; SHARDS];
        (0..80_000).for_each(|n| counts[shard(hasher.packet(&packet(n * 7)))] += 1);
        assert!(counts.iter().all(|&n| (9_500..10_500).contains(&n)), "{counts:?}");
    }
}

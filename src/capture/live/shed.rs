//! Which conversations are given up while the pipeline cannot keep up.

use std::sync::atomic::{AtomicU32, Ordering};

use super::conversation::ConversationHasher;
use crate::capture::Block;
use crate::seed::Seed;

/// Steps between keeping all and nothing.
const STEPS: u32 = 16;

/// Sheds the same conversations in all rings: the more the fuller the queue is.
///
/// Below half of the queue all are kept; from there on one in [`STEPS`] less for each step that the queue is fuller, and
/// none when it is full. Those that are kept at one step are kept at every step before it, so that some
/// survive whole however the load swings.
#[derive(Debug)]
pub(super) struct Shedder {
    hasher: ConversationHasher,
    /// Steps shed at present.
    shed: AtomicU32,
}

/// What was taken out of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shed {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Shedder {
    pub(super) fn new(seed: Seed) -> Self {
        Self { hasher: ConversationHasher::new(seed), shed: AtomicU32::new(0) }
    }

    /// Takes out of a block what is given up with the queue as full as it is (0 to 1).
    pub(super) fn apply(&self, block: &mut Block, fill: f64) -> Shed {
        let steps = self.adapt(fill);
        let mut shed = Shed::default();
        if steps == 0 {
            return shed;
        }
        let Block { data, frames } = block;
        frames.retain(|frame| {
            let start = frame.offset as usize;
            let bytes = data.get(start..start + frame.captured_len as usize).unwrap_or_default();
            // What is no IP is little, and belongs to no conversation: it goes last.
            let place =
                self.hasher.of(frame.link, bytes).map_or(0, |hash| ((hash >> 32) * u64::from(STEPS)) >> 32);
            let keep = place + u64::from(steps) < u64::from(STEPS);
            if !keep {
                shed.packets += 1;
                shed.bytes += u64::from(frame.wire_len);
            }
            keep
        });
        shed
    }

    /// Follows the queue up at once, and down only when it is two steps emptier: at the edge a conversation would
    /// come and go.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to STEPS")]
    fn adapt(&self, fill: f64) -> u32 {
        let wanted = ((2.0 * fill - 1.0) * f64::from(STEPS)).ceil().clamp(0.0, f64::from(STEPS)) as u32;
        let follow = |now: u32| match wanted {
            more if more > now => Some(more),
            less if less + 2 <= now || less == 0 && now > 0 => Some(now - 1),
            _ => None,
        };
        let before = self.shed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, follow);
        before.map_or_else(|now| now, |before| follow(before).unwrap_or(before))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::capture::{FrameRef, LinkType};
    use crate::time::Timestamp;

    /// A packet each way between a host and each of 200 peers, and one that is no IP.
    fn block() -> Block {
        let mut block = Block::default();
        for n in 0..=400_u32 {
            let offset = u32::try_from(block.data.len()).unwrap();
            let peer = (n / 2).to_le_bytes()[0];
            let (src, dst) = if n % 2 == 0 { (1, peer) } else { (peer, 1) };
            let version = if n == 400 { 0 } else { 0x45 };
            block
                .data
                .own()
                .extend([version, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, src, 10, 0, 0, dst]);
            let (ts, link) = (Timestamp::default(), LinkType(101));
            block.frames.push(FrameRef { ts, offset, captured_len: 20, wire_len: 40, link });
        }
        block
    }

    #[test]
    fn a_queue_up_to_half_full_sheds_nothing() {
        let (shedder, mut block) = (Shedder::new(Seed(1)), block());
        for fill in [0.0, 0.3, 0.5] {
            assert_eq!(shedder.apply(&mut block, fill), Shed::default());
        }
        assert_eq!(block.frames.len(), 401);
    }

    #[test]
    fn whole_conversations_go_and_the_same_ones_stay() {
        let shedder = Shedder::new(Seed(1));
        let mut kept_before: BTreeSet<u8> = (0..=199).collect();
        for fill in [0.6, 0.75, 0.9] {
            let mut block = block();
            let shed = shedder.apply(&mut block, fill);
            assert_eq!(shed.packets + block.frames.len() as u64, 401);
            assert_eq!(shed.bytes, shed.packets * 40);
            let peer = |frame: &FrameRef| {
                let bytes = block.bytes(frame);
                if bytes[15] == 1 { bytes[19] } else { bytes[15] }
            };
            let (ip, other): (Vec<_>, Vec<_>) = block.frames.iter().partition(|f| block.bytes(f)[0] != 0);
            assert_eq!(other.len(), 1);
            let packets = ip.len();
            let kept: BTreeSet<u8> = ip.into_iter().map(peer).collect();
            assert_eq!(packets, kept.len() * 2);
            assert!(kept.is_subset(&kept_before) && kept.len() < kept_before.len());
            kept_before = kept;
        }
    }

    #[test]
    fn a_full_queue_sheds_all_and_an_empty_one_comes_back_step_by_step() {
        let shedder = Shedder::new(Seed(1));
        let mut full = block();
        shedder.apply(&mut full, 1.0);
        assert!(full.frames.is_empty());
        assert_eq!(shedder.adapt(0.95), STEPS);
        let back: Vec<u32> = (0..=STEPS).map(|_| shedder.adapt(0.0)).collect();
        assert_eq!((back[0], back[15], back[16]), (STEPS - 1, 0, 0));
    }
}

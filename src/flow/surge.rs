//! How far the originator of a flow runs ahead of the responder: what tells an upload inside a connection that fetches far more.

use std::hint::{cold_path, select_unpredictable};

use crate::decode::Direction;
use crate::flow::Counters;

/// Payload sent beyond twice what came back, since the two were last even: a cumulative sum that does not fall below zero (Page 1954).
/// What a server says while it is sent to, such as that its window is open again, hardly interrupts it, and a call, of which as
/// much comes as goes, never gets far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surge(u32);

impl Surge {
    /// Counts fresh payload, of which there may be none. Gives the bytes of a surge of which an answer takes some away, 0 otherwise.
    #[inline]
    pub(super) fn add(&mut self, from: Direction, payload_len: u32) -> u64 {
        // Both are worked out, and chosen from without branches: neither which side sends nor which packets have payload can be foretold.
        let (sent, answered) =
            (self.0.saturating_add(payload_len), self.0.saturating_sub(payload_len.saturating_mul(2)));
        let reached = self.bytes();
        let (is_sent, has_payload) = (from == Direction::Orig, payload_len > 0);
        self.0 = select_unpredictable(is_sent, sent, answered);
        // That a surge goes on is rare: asked first, it is guessed right.
        if reached > 0 {
            cold_path();
            return select_unpredictable(!is_sent & has_payload, reached, 0);
        }
        0
    }

    /// The bytes of the surge that goes on; 0 where they are too few to be one.
    #[inline]
    pub(super) fn bytes(self) -> u64 {
        let bytes = u64::from(self.0);
        if bytes >= Counters::LEAST_SURGE { bytes } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn most(payloads: &[(Direction, u32)]) -> u64 {
        let mut surge = Surge::default();
        let ended = payloads.iter().map(|(from, len)| surge.add(*from, *len)).max();
        ended.unwrap_or_default().max(surge.bytes())
    }

    proptest! {
        /// Against every stretch of the payloads.
        #[test]
        fn the_most_is_that_of_the_best_stretch(
            payloads in prop::collection::vec((any::<bool>(), 1_u32..20_000), 0..40),
        ) {
            let weigh = |&(back, len): &(bool, u32)| if back { -2 * i64::from(len) } else { i64::from(len) };
            let stretches = (0..payloads.len())
                .flat_map(|from| (from..payloads.len()).map(move |to| (from, to)))
                .map(|(from, to)| payloads[from..=to].iter().map(weigh).sum::<i64>());
            let best = u64::try_from(stretches.max().unwrap_or_default().max(0)).unwrap();
            let naive = if best >= Counters::LEAST_SURGE { best } else { 0 };
            let directed: Vec<(Direction, u32)> = payloads
                .iter()
                .map(|(back, len)| (if *back { Direction::Resp } else { Direction::Orig }, *len))
                .collect();
            prop_assert_eq!(most(&directed), naive);
        }
    }

    #[test]
    fn downloads_before_and_small_answers_between_do_not_hide_an_upload() {
        use Direction::{Orig, Resp};
        let answered: Vec<_> = (0..30).flat_map(|_| [(Orig, 1_400), (Resp, 40)]).collect();
        assert_eq!(most(&[&[(Orig, 500), (Resp, 3_000_000)], answered.as_slice()].concat()), 39_680);
        let call: Vec<_> = (0..1_000).flat_map(|_| [(Orig, 1_200), (Resp, 1_000)]).collect();
        assert_eq!(most(&call), 0);
        assert_eq!(most(&[(Orig, u32::MAX), (Orig, 9), (Resp, u32::MAX)]), u64::from(u32::MAX));
    }
}

//! Counters and history in the small form in which a record in the table holds them.

use crate::decode::{Direction, Packet};
use crate::flow::{Counters, History};

/// What a side sent since the counters were last carried over.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    pkts: u32,
    ip_bytes: u32,
    payload: u32,
    wire_bytes: u32,
}

/// [`Counters`] in half the bytes. Whoever adds must carry what would not fit into counters of full width.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    sides: [Side; 2],
}

impl Tally {
    /// What stays behind when counters are carried over: enough to tell none, the first and more apart.
    const KEPT: u32 = 2;
    /// Counters are carried over from here on. A packet adds at most 2^20.
    const FULL: u32 = 1 << 31;

    /// Counts one packet; whether the counters must be carried over before the next one.
    #[inline]
    pub(super) fn add(&mut self, from: Direction, packet: &Packet) -> bool {
        let side = self.side_mut(from);
        side.pkts += 1;
        side.ip_bytes = side.ip_bytes.saturating_add(packet.ip_len);
        side.payload = side.payload.saturating_add(packet.payload_len);
        side.wire_bytes = side.wire_bytes.saturating_add(packet.wire_len);
        (side.pkts | side.ip_bytes | side.payload | side.wire_bytes) >= Self::FULL
    }

    /// Moves all but the least into `base`.
    pub(super) fn carry(&mut self, base: &mut Counters) {
        let whole = self.on(&Counters::default());
        for side in &mut self.sides {
            for count in [&mut side.pkts, &mut side.ip_bytes, &mut side.payload, &mut side.wire_bytes] {
                *count = (*count).min(Self::KEPT);
            }
        }
        let moved = whole.since(&self.on(&Counters::default()));
        base.each_with(&moved, |base, moved| *base += moved);
    }

    /// The counters in full, on top of what was carried over.
    pub(super) fn on(&self, base: &Counters) -> Counters {
        let [orig, resp] = &self.sides;
        Counters {
            orig_pkts: base.orig_pkts + u64::from(orig.pkts),
            resp_pkts: base.resp_pkts + u64::from(resp.pkts),
            orig_ip_bytes: base.orig_ip_bytes + u64::from(orig.ip_bytes),
            resp_ip_bytes: base.resp_ip_bytes + u64::from(resp.ip_bytes),
            orig_payload: base.orig_payload + u64::from(orig.payload),
            resp_payload: base.resp_payload + u64::from(resp.payload),
            orig_wire_bytes: base.orig_wire_bytes + u64::from(orig.wire_bytes),
            resp_wire_bytes: base.resp_wire_bytes + u64::from(resp.wire_bytes),
            orig_surge: base.orig_surge,
        }
    }

    /// Whether no packet was counted.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.sides.iter().all(|side| side.pkts == 0)
    }

    /// Whether a side sent anything.
    #[inline]
    pub(super) fn heard(&self, from: Direction) -> bool {
        self.side(from).pkts > 0
    }

    /// Whether a side sent payload.
    #[inline]
    pub(super) fn heard_payload(&self, from: Direction) -> bool {
        self.side(from).payload > 0
    }

    /// Whether one packet of a side was counted.
    #[inline]
    pub(super) fn is_first(&self, from: Direction) -> bool {
        self.side(from).pkts == 1
    }

    #[inline]
    fn side(&self, from: Direction) -> &Side {
        let [orig, resp] = &self.sides;
        if from == Direction::Orig { orig } else { resp }
    }

    #[inline]
    fn side_mut(&mut self, from: Direction) -> &mut Side {
        let [orig, resp] = &mut self.sides;
        if from == Direction::Orig { orig } else { resp }
    }
}

/// The letters that a history is made of, by their code less one.
const ALPHABET: [u8; 25] = *b"^SHAFDRCTIQGWshafdrctiqgw";
/// Bits of a letter.
const BITS: u32 = 5;
/// Letters that fit: as many as a [`History`] has.
const LETTERS: u32 = 24;

/// A [`History`] in sixteen bytes: five bits a letter, the newest lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Letters(u128);

impl Letters {
    /// Adds a letter of the alphabet; letters past the bound are dropped.
    pub(super) fn push(&mut self, letter: u8) {
        let is_full = self.0 >> (BITS * (LETTERS - 1)) != 0;
        if let (Some(code), false) = (ALPHABET.iter().position(|known| *known == letter), is_full) {
            self.0 = self.0 << BITS | (code as u128 + 1);
        }
    }

    /// Adds a letter of a side, given in upper case.
    pub(super) fn push_of(&mut self, from: Direction, letter: u8) {
        self.push(match from {
            Direction::Orig => letter,
            Direction::Resp => letter.to_ascii_lowercase(),
        });
    }

    /// The letters in full.
    pub(super) fn history(self) -> History {
        let mut history = History::default();
        let letters = (u128::BITS - self.0.leading_zeros()).div_ceil(BITS);
        for place in (0..letters).rev() {
            let code = (self.0 >> (place * BITS)) as usize % (1 << BITS);
            if let Some(letter) = code.checked_sub(1).and_then(|at| ALPHABET.get(at)) {
                history.push(*letter);
            }
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// Against counters of full width; the largest packets make the small ones overflow within the test.
        #[test]
        fn counts_as_counters_do(sizes in prop::collection::vec((any::<bool>(), 0_u32..1 << 20, any::<bool>()), 1..200)) {
            let (mut tally, mut base, mut expected) = (Tally::default(), Counters::default(), Counters::default());
            for (back, len, huge) in sizes {
                let len = if huge { (1 << 30) + len } else { len };
                let packet = Packet { wire_len: len, ip_len: len, payload_len: len / 2, ..Packet::default() };
                let from = if back { Direction::Resp } else { Direction::Orig };
                expected.add(from, &packet);
                if tally.add(from, &packet) {
                    tally.carry(&mut base);
                }
                prop_assert_eq!(tally.on(&base), expected);
                for from in [Direction::Orig, Direction::Resp] {
                    let (pkts, payload) = match from {
                        Direction::Orig => (expected.orig_pkts, expected.orig_payload),
                        Direction::Resp => (expected.resp_pkts, expected.resp_payload),
                    };
                    let told = (tally.heard(from), tally.is_first(from), tally.heard_payload(from));
                    prop_assert_eq!(told, (pkts > 0, pkts == 1, payload > 0));
                }
                prop_assert!(!tally.is_empty());
            }
        }

        #[test]
        fn letters_are_those_of_a_history(letters in prop::collection::vec(prop::sample::select(ALPHABET.to_vec()), 0..40)) {
            let (mut small, mut history) = (Letters::default(), History::default());
            for letter in letters {
                small.push(letter);
                history.push(letter);
            }
            prop_assert_eq!(small.history(), history);
        }
    }
}

//! Counters and history in the small form in which a record in the table holds them.

use crate::decode::{Direction, Packet};
use crate::flow::{Counters, History};

/// What a side sent since the counters were last carried over. Lengths are kept as what each is more than the one inside it, which is little. Packed,
/// so that it fits its cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(2))]
struct Side {
    payload: u32,
    pkts: u16,
    /// Bytes of IP beyond the payload.
    ip_extra: u16,
    /// Bytes of frames beyond those of IP.
    wire_extra: u16,
}

/// [`Counters`] in a third of the bytes. Whoever adds must carry what does not fit into counters of full width.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    sides: [Side; 2],
}

impl Tally {
    /// What stays behind when counters are carried over: enough to tell none, the first and more apart.
    const KEPT: u32 = 2;

    /// Counts one packet; whether it fits. Where it does not it must be carried over.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what is too large is not stored")]
    pub(super) fn add(&mut self, from: Direction, packet: &Packet) -> bool {
        let side = self.side_mut(from);
        let pkts = u32::from(side.pkts) + 1;
        let ip_extra = u64::from(side.ip_extra) + u64::from(packet.ip_len.wrapping_sub(packet.payload_len));
        let wire_extra = u64::from(side.wire_extra) + u64::from(packet.wire_len.wrapping_sub(packet.ip_len));
        let payload = u64::from(side.payload) + u64::from(packet.payload_len);
        let fits = (u64::from(pkts) | ip_extra | wire_extra | payload >> u16::BITS) >> u16::BITS == 0;
        if fits {
            *side = Side {
                payload: payload as u32,
                pkts: pkts as u16,
                ip_extra: ip_extra as u16,
                wire_extra: wire_extra as u16,
            };
        }
        fits
    }

    /// Moves all but the least into `base`, and counts a packet that did not fit.
    pub(super) fn carry(&mut self, base: &mut Counters, from: Direction, packet: &Packet) {
        let mut whole = self.on(&Counters::default());
        whole.add(from, packet);
        let kept = |pkts: u64, payload: u64| Side {
            payload: u32::try_from(payload).map_or(Self::KEPT, |payload| payload.min(Self::KEPT)),
            pkts: u16::try_from(pkts.min(Self::KEPT.into())).unwrap_or_default(),
            ..Side::default()
        };
        self.sides = [kept(whole.orig_pkts, whole.orig_payload), kept(whole.resp_pkts, whole.resp_payload)];
        let moved = whole.since(&self.on(&Counters::default()));
        base.each_with(&moved, |base, moved| *base += moved);
    }

    /// The counters in full, on top of what was carried over.
    pub(super) fn on(&self, base: &Counters) -> Counters {
        let [orig, resp] = self.sides.map(|side| {
            let payload = u64::from(side.payload);
            let ip_bytes = payload + u64::from(side.ip_extra);
            (u64::from(side.pkts), payload, ip_bytes, ip_bytes + u64::from(side.wire_extra))
        });
        Counters {
            orig_pkts: base.orig_pkts + orig.0,
            resp_pkts: base.resp_pkts + resp.0,
            orig_payload: base.orig_payload + orig.1,
            resp_payload: base.resp_payload + resp.1,
            orig_ip_bytes: base.orig_ip_bytes + orig.2,
            resp_ip_bytes: base.resp_ip_bytes + resp.2,
            orig_wire_bytes: base.orig_wire_bytes + orig.3,
            resp_wire_bytes: base.resp_wire_bytes + resp.3,
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
/// Letters that fit: half of those that a [`History`] has, and more than most flows give.
const LETTERS: u32 = 12;

/// Twelve letters of a [`History`] in eight bytes: five bits a letter, the newest lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Letters(u64);

impl Letters {
    /// Whether no letter fits any more.
    #[inline]
    pub(super) fn are_full(self) -> bool {
        self.0 >> (BITS * (LETTERS - 1)) != 0
    }

    /// Whether there is none.
    pub(super) fn are_none(self) -> bool {
        self.0 == 0
    }

    /// Adds a letter of the alphabet; those that do not fit are dropped.
    pub(super) fn push(&mut self, letter: u8) {
        if let (Some(code), false) = (ALPHABET.iter().position(|known| *known == letter), self.are_full()) {
            self.0 = self.0 << BITS | (code as u64 + 1);
        }
    }

    /// Adds a letter of a side, given in upper case.
    pub(super) fn push_of(&mut self, from: Direction, letter: u8) {
        self.push(match from {
            Direction::Orig => letter,
            Direction::Resp => letter.to_ascii_lowercase(),
        });
    }

    /// The letters in full, behind those before them.
    pub(super) fn history(self, earlier: Self) -> History {
        let mut history = History::default();
        for letters in [earlier.0, self.0] {
            let len = (u64::BITS - letters.leading_zeros()).div_ceil(BITS);
            for place in (0..len).rev() {
                let code = (letters >> (place * BITS)) % (1 << BITS);
                if let Some(letter) =
                    usize::try_from(code).ok().and_then(|code| ALPHABET.get(code.checked_sub(1)?))
                {
                    history.push(*letter);
                }
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
        fn counts_as_counters_do(
            sizes in prop::collection::vec((any::<bool>(), 0_u32..1 << 15, any::<bool>(), 0_u32..3_000, 0_u32..3_000), 1..200),
        ) {
            let (mut tally, mut base, mut expected) = (Tally::default(), Counters::default(), Counters::default());
            for (back, len, huge, ip_extra, wire_extra) in sizes {
                let payload_len = if huge { (1 << 30) + len } else { len };
                let ip_len = payload_len + ip_extra;
                let packet = Packet { wire_len: ip_len + wire_extra, ip_len, payload_len, ..Packet::default() };
                let from = if back { Direction::Resp } else { Direction::Orig };
                expected.add(from, &packet);
                if !tally.add(from, &packet) {
                    tally.carry(&mut base, from, &packet);
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
            let (mut small, mut earlier, mut history) = (Letters::default(), Letters::default(), History::default());
            for letter in letters {
                if small.are_full() && earlier.are_none() {
                    earlier = std::mem::take(&mut small);
                }
                small.push(letter);
                history.push(letter);
            }
            prop_assert_eq!(small.history(earlier), history);
        }
    }
}

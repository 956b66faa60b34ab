//! One side of a TCP connection: its state and its sequence numbers (Zeek's `TCP_Endpoint`).

/// Zeek's `TCP_ENDPOINT_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was seen of this side.
    #[default]
    Inactive,
    /// SYN seen.
    SynSent,
    /// Not begun by a SYN.
    Partial,
    /// SYN-ACK seen, or implied.
    Established,
    /// FIN seen.
    Closed,
    /// RST seen.
    Reset,
}

/// Sequence numbers are 32 bits on the wire. They are kept "full": extended by the number of times that they
/// wrapped, so that the difference of two is a number of bytes past 4 GiB too. 16 bits of wraps are 256 TiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Endpoint {
    /// Sequence number of the SYN, or one before the first byte seen.
    start: u32,
    last: u32,
    ack: u32,
    /// Sequence number of the last RST.
    pub(super) rst: u32,
    last_wraps: u16,
    ack_wraps: u16,
    phase: Phase,
    before: Phase,
    /// History letters that were given: `SEEN_*`.
    seen: u8,
    /// [`Self::FIN`], and below it retransmissions, the most of which are counted elsewhere.
    again: u8,
}

/// A jump of a SYN or RST further than this is not believed.
const TOO_LARGE_DELTA: i64 = 1 << 20;

impl Endpoint {
    pub(super) const SEEN_SYN: u8 = 1;
    pub(super) const SEEN_FIN: u8 = 2;
    pub(super) const SEEN_RST: u8 = 4;
    pub(super) const SEEN_FIN_RST: u8 = 8;
    pub(super) const SEEN_DATA: u8 = 16;
    pub(super) const SEEN_ACK: u8 = 32;
    pub(super) const SEEN_MULTI: u8 = 64;
    /// Not a letter: this side has closed, by FIN or RST.
    const DID_CLOSE: u8 = 128;
    /// FIN was seen, in whatever phase.
    const FIN: u8 = 128;
    /// Retransmissions from which on every [`Self::REPEATS_CARRIED`] of them are counted elsewhere.
    const REPEATS_MAX: u8 = 120;
    /// A divisor of all powers of ten that are above [`Self::REPEATS_MAX`].
    pub(super) const REPEATS_CARRIED: u8 = 20;

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// The phase before the current one.
    pub(super) fn before(&self) -> Phase {
        self.before
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.before = self.phase;
            self.phase = phase;
        }
    }

    /// Notes that a letter was given; whether it is the first time.
    pub(super) fn see(&mut self, mask: u8) -> bool {
        let first = self.seen & mask == 0;
        self.seen |= mask;
        first
    }

    pub(super) fn saw_syn(&self) -> bool {
        self.seen & Self::SEEN_SYN != 0
    }

    pub(super) fn close(&mut self) {
        self.seen |= Self::DID_CLOSE;
    }

    pub(super) fn did_close(&self) -> bool {
        self.seen & Self::DID_CLOSE != 0
    }

    pub(super) fn see_fin(&mut self) {
        self.again |= Self::FIN;
    }

    fn saw_fin(&self) -> bool {
        self.again & Self::FIN != 0
    }

    /// Counts a retransmission. Gives how many there are besides those that were carried, and whether [`Self::REPEATS_CARRIED`] of these
    /// are to be carried to where they are counted in full.
    pub(super) fn repeat(&mut self) -> (u32, bool) {
        self.again += 1;
        let count = self.again & !Self::FIN;
        let is_full = count == Self::REPEATS_MAX;
        if is_full {
            self.again -= Self::REPEATS_CARRIED;
        }
        (count.into(), is_full)
    }

    pub(super) fn is_inactive(&self) -> bool {
        self.phase == Phase::Inactive
    }

    /// Whether this side is in the middle of its stream, whether its start was seen or not.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Partial | Phase::Established)
    }

    /// Whether this side is established, or was until its FIN: only then are gaps believed.
    pub(super) fn is_clean(&self) -> bool {
        self.phase == Phase::Established || self.phase == Phase::Closed && self.before == Phase::Established
    }

    pub(super) fn start(&self) -> u32 {
        self.start
    }

    /// One past the last byte seen, as a full number.
    pub(super) fn last(&self) -> i64 {
        full(self.last, self.last_wraps)
    }

    fn ack(&self) -> i64 {
        full(self.ack, self.ack_wraps)
    }

    fn set_last(&mut self, number: i64) {
        (self.last, self.last_wraps) = split(number);
    }

    fn set_ack(&mut self, number: i64) {
        (self.ack, self.ack_wraps) = split(number);
    }

    /// Where the bytes that are known to exist end: seen, or acknowledged by the peer.
    pub(super) fn known(&self) -> i64 {
        self.last().max(self.ack())
    }

    /// The full form of a sequence number near the last one seen.
    pub(super) fn full_seq(&self, seq: u32) -> i64 {
        extend(self.last(), seq)
    }

    /// Begins to count at a SYN.
    pub(super) fn start_at_syn(&mut self, seq: u32, end: u32) {
        self.start = seq;
        self.set_ack(i64::from(seq));
        self.set_last(extend(i64::from(seq), end));
    }

    /// Begins to count in the middle of a stream, as if there had been a SYN before its first byte.
    pub(super) fn start_midstream(&mut self, first: u32) {
        self.start = first.wrapping_sub(1);
        self.set_ack(i64::from(self.start));
        self.set_last(i64::from(self.start) + 1);
    }

    /// Begins to count at what the peer acknowledges of a side not yet seen.
    pub(super) fn start_at_ack(&mut self, ack: u32) {
        self.start = ack.wrapping_sub(1);
        self.set_ack(i64::from(self.start));
        self.set_last(i64::from(self.start));
    }

    /// Takes an acknowledgement by the peer: its full form, nothing where it lies before the start.
    pub(super) fn acknowledge(&mut self, ack: u32, believed: bool) -> Option<i64> {
        let number = extend(self.ack(), ack);
        if number < i64::from(self.start) {
            return None;
        }
        let delta = number - self.ack();
        // A jump to exactly 0 is more likely a broken field than a large connection.
        if believed && delta > 0 && !(ack == 0 && delta > TOO_LARGE_DELTA) {
            self.set_ack(number);
        }
        Some(number)
    }

    /// Takes the end of a segment; whether it carried nothing new.
    pub(super) fn advance(&mut self, end: u32, control: Control) -> bool {
        let number = self.full_seq(end);
        let delta = number - self.last();
        if control == Control::SynOrRst && delta.abs() > TOO_LARGE_DELTA {
            false
        } else if control == Control::Fin && self.last() == i64::from(self.start) + 1 {
            // Only the SYN and the FIN were seen: up to 4 GiB may lie between them.
            self.set_last(i64::from(self.start) + i64::from(end.wrapping_sub(self.start)));
            false
        } else if self.phase == Phase::Reset {
            false
        } else if delta > 0 {
            self.set_last(number);
            false
        } else {
            true
        }
    }

    /// Takes a segment of `end` without control flags that begins where the last one ended, and acknowledges no more of `peer` than
    /// was seen; whether it is one, and whether it is the first of `end` with data, or without, which `may_be_first`. No number may wrap.
    #[expect(clippy::inline_always, reason = "what most packets do")]
    #[inline(always)]
    pub(super) fn go_on(
        end: &mut Self,
        peer: &mut Self,
        (seq, len, ack): (u32, u32, u32),
        may_be_first: bool,
    ) -> Option<bool> {
        let mask = if len > 0 { Self::SEEN_DATA } else { Self::SEEN_ACK };
        let acknowledges_seen = peer.ack <= ack && ack <= peer.last && peer.ack_wraps == peer.last_wraps;
        let last = end.last.checked_add(len)?;
        let goes_on = seq == end.last && acknowledges_seen && (may_be_first || end.seen & mask != 0);
        goes_on.then(|| {
            end.last = last;
            peer.ack = ack;
            end.see(mask)
        })
    }

    /// Zeek's `size`: payload bytes by sequence numbers, those acknowledged but not seen included.
    pub(super) fn size(&self, peer: &Self) -> u64 {
        let start = i64::from(self.start);
        let nothing_acked = self.ack() <= start + 1;
        if self.before == Phase::SynSent && self.phase == Phase::Reset && peer.is_inactive() && !nothing_acked
        {
            // An old half-open connection was found and aborted: its numbers mean nothing.
            return 0;
        }
        // SYN and FIN take one number each.
        let controls = 1 + i64::from(self.saw_fin());
        u64::try_from(self.known() - start - controls).unwrap_or(0)
    }
}

/// The control flag of a segment, as far as it matters to its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    None,
    SynOrRst,
    Fin,
}

fn full(number: u32, wraps: u16) -> i64 {
    i64::from(wraps) << 32 | i64::from(number)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low half of a number")]
fn split(number: i64) -> (u32, u16) {
    (number as u32, u16::try_from(number >> 32).unwrap_or_default())
}

/// The number nearest to `near` with these low 32 bits (RFC 1982 serial arithmetic).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "serial number arithmetic"
)]
fn extend(near: i64, number: u32) -> i64 {
    near + i64::from(number.wrapping_sub(near as u32) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn streams_beyond_4_gib_keep_their_size() {
        let mut end = Endpoint::default();
        let mut seq = u32::MAX - 5;
        end.start_at_syn(seq, seq.wrapping_add(1));
        seq = seq.wrapping_add(1);
        for n in 1..=10_000_u64 {
            seq = seq.wrapping_add(1_000_000);
            assert!(!end.advance(seq, Control::None));
            assert_eq!(end.size(&Endpoint::default()), n * 1_000_000);
        }
        assert!(end.advance(seq, Control::None), "the same segment again");
    }

    #[test]
    fn midstream_may_begin_at_zero() {
        let mut end = Endpoint::default();
        end.start_midstream(0);
        assert_eq!(end.size(&Endpoint::default()), 0);
        end.advance(100, Control::None);
        assert_eq!(end.size(&Endpoint::default()), 100);
    }

    #[test]
    fn only_syn_and_fin_still_give_the_size() {
        let mut end = Endpoint::default();
        end.start_at_syn(10, 11);
        end.see_fin();
        end.advance(10 + 3_000_000_000 + 2, Control::Fin);
        assert_eq!(end.size(&Endpoint::default()), 3_000_000_000);
    }

    proptest! {
        #[test]
        fn extension_finds_every_number_within_2_gib(near in 0_i64..1 << 47, delta in -(1_i64 << 31)..1 << 31) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "takes the low half")]
            let low = (near + delta) as u32;
            prop_assert_eq!(extend(near, low), near + delta);
        }
    }
}

//! Facts of ICMP echo: a ping repeats its payload and is answered with the same, a tunnel does neither.

use crate::decode::{Direction, Packet, proto};

/// What is remembered of the echo messages of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Echo {
    /// Identifier and sequence number of the last request, its payload's hash; nothing before the first.
    last_request: Option<(u32, u32)>,
    pub(super) payload_changes: u32,
    pub(super) reply_mismatches: u32,
    /// Largest payload of the originator, bytes.
    pub(super) payload_max: u32,
}

impl Echo {
    pub(super) fn update(&mut self, from: Direction, packet: &Packet) {
        if from == Direction::Orig {
            self.payload_max = self.payload_max.max(packet.payload_len);
        }
        let (seq, hash) = (packet.seq, packet.icmp_payload_hash);
        match (packet.proto, packet.src_port) {
            (proto::ICMP, 8) | (proto::ICMPV6, 128) => {
                let changed = self.last_request.is_some_and(|(_, before)| before != hash);
                self.payload_changes = self.payload_changes.saturating_add(u32::from(changed));
                self.last_request = Some((seq, hash));
            }
            (proto::ICMP, 0) | (proto::ICMPV6, 129) => {
                let differs = self.last_request.is_some_and(|(asked, before)| asked == seq && before != hash);
                self.reply_mismatches = self.reply_mismatches.saturating_add(u32::from(differs));
            }
            _ => {}
        }
    }

    /// Goes on after a report, which has told what was counted until then.
    pub(super) fn count_anew(&mut self) {
        (self.payload_changes, self.reply_mismatches) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_mismatches_are_counted() {
        let check = |messages: &[(u16, u32, u32)], changes: u32, mismatches: u32| {
            let mut echo = Echo::default();
            for &(src_port, seq, icmp_payload_hash) in messages {
                let packet = Packet { proto: 1, src_port, seq, icmp_payload_hash, ..Packet::default() };
                echo.update(Direction::Orig, &packet);
            }
            assert_eq!((echo.payload_changes, echo.reply_mismatches), (changes, mismatches), "{messages:?}");
        };
        check(&[(8, 1, 7), (0, 1, 7), (8, 2, 7), (0, 2, 7)], 0, 0);
        check(&[(8, 1, 7), (0, 1, 9), (8, 2, 8), (0, 2, 8)], 1, 1);
        check(&[(0, 1, 9), (8, 1, 7), (0, 9, 9), (3, 1, 9)], 0, 0);
    }

    #[test]
    fn the_largest_payload_is_that_of_the_originator() {
        let mut echo = Echo::default();
        for (from, payload_len) in [(Direction::Orig, 30), (Direction::Resp, 99), (Direction::Orig, 20)] {
            echo.update(from, &Packet { proto: 1, payload_len, ..Packet::default() });
        }
        assert_eq!(echo.payload_max, 30);
    }
}

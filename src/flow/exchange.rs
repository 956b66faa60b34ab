//! Bursts of activity inside a flow.

use crate::decode::{Direction, Packet};
use crate::flow::Exchange;
use crate::time::Timestamp;

/// The burst that is going on in a flow; without packets where none is. Who began it and whether it opens the flow is kept
/// in the flags of the flow. Packed, so that it fits its cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
pub(super) struct Burst {
    start: Timestamp,
    end: Timestamp,
    /// Of the originator, then of the responder.
    payload: [u32; 2],
    packets: u32,
}

impl Burst {
    /// A burst before its first packet.
    pub(super) fn new(start: Timestamp) -> Self {
        Self { start, end: start, ..Self::default() }
    }

    /// Whether a packet at `now` can no longer belong to this burst. Says the same of every later time, so that
    /// it does not matter whether a sweep or the next packet asks.
    #[inline]
    pub(super) fn is_over(&self, flow_first: Timestamp, now: Timestamp) -> bool {
        now - self.end >= Exchange::IDLE_GAP && now - flow_first >= Exchange::MIN_AGE
    }

    /// Counts a packet.
    #[inline]
    pub(super) fn add(&mut self, from: Direction, packet: &Packet) {
        let [orig, resp] = &mut self.payload;
        let payload = if from == Direction::Orig { orig } else { resp };
        *payload = payload.saturating_add(packet.payload_len);
        self.packets = self.packets.saturating_add(1);
        self.end = { self.end }.max(packet.ts);
    }

    /// Takes the burst, if it has packets, as the exchange that it makes with what `rest` says of its flow. A burst without
    /// packets stays over.
    pub(super) fn take(&mut self, rest: impl FnOnce() -> Exchange) -> Option<Exchange> {
        let taken = *self;
        let [orig_payload, resp_payload] = taken.payload;
        self.packets = 0;
        (taken.packets > 0).then(|| Exchange {
            start: taken.start,
            end: taken.end,
            orig_payload,
            resp_payload,
            packets: taken.packets,
            ..rest()
        })
    }
}

//! Bursts of activity inside a flow.

use crate::decode::{Direction, Packet};
use crate::flow::{Exchange, FlowKey};
use crate::time::Timestamp;

/// The burst that is going on in a flow; without packets where none is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    start: Timestamp,
    end: Timestamp,
    orig_payload: u32,
    resp_payload: u32,
    packets: u32,
    initiator: Direction,
    opens_flow: bool,
}

impl Burst {
    /// The first burst of a flow, before its first packet.
    pub(super) fn first(start: Timestamp, initiator: Direction) -> Self {
        Self { start, end: start, orig_payload: 0, resp_payload: 0, packets: 0, initiator, opens_flow: true }
    }

    /// Whether a packet at `now` can no longer belong to this burst. Says the same of every later time, so that
    /// it does not matter whether a sweep or the next packet asks.
    pub(super) fn is_over(&self, flow_first: Timestamp, now: Timestamp) -> bool {
        now - flow_first >= Exchange::MIN_AGE && now - self.end >= Exchange::IDLE_GAP
    }

    /// Counts a packet.
    pub(super) fn add(&mut self, from: Direction, packet: &Packet) {
        let payload = if from == Direction::Orig { &mut self.orig_payload } else { &mut self.resp_payload };
        *payload = payload.saturating_add(packet.payload_len);
        self.packets = self.packets.saturating_add(1);
        self.end = self.end.max(packet.ts);
    }

    /// Begins the next burst.
    pub(super) fn restart(&mut self, start: Timestamp, initiator: Direction) {
        *self = Self { opens_flow: false, ..Self::first(start, initiator) };
    }

    /// Takes the burst, if it has packets. A burst without packets stays over.
    pub(super) fn take(&mut self, key: FlowKey, flow_first: Timestamp, answered: bool) -> Option<Exchange> {
        let taken = (self.packets > 0).then_some(Exchange {
            key,
            flow_first,
            start: self.start,
            end: self.end,
            opens_flow: self.opens_flow,
            initiator: self.initiator,
            orig_payload: self.orig_payload,
            resp_payload: self.resp_payload,
            packets: self.packets,
            answered,
        });
        self.packets = 0;
        taken
    }
}

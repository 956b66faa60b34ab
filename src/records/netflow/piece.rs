//! What one record of an export tells: one direction of a flow, or both (RFC 5103), over some of its life.

use crate::decode::TcpFlags;
use crate::flow::FlowKey;
use crate::time::Timestamp;

/// A record of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The sender as originator: who began the flow is found out later.
    pub(super) key: FlowKey,
    /// First packet.
    pub(super) first: Timestamp,
    /// Last packet.
    pub(super) last: Timestamp,
    /// What the sender sent.
    pub(super) sent: Sent,
    /// What came back, where one record tells both.
    pub(super) back: Option<Sent>,
    /// Whether the sender is known to be who began the flow.
    pub(super) from_initiator: bool,
    /// Which of the exporters told it, by number.
    pub(super) exporter: u32,
    /// The observation point: packets that come in (0) or go out (1), where the exporter says.
    pub(super) direction: Option<u8>,
    /// Whether only some of the packets were counted.
    pub(super) sampled: bool,
}

/// What one end sent, as far as it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) packets: Option<u64>,
    pub(super) ip_bytes: Option<u64>,
    pub(super) flags: Option<TcpFlags>,
}

impl Sent {
    /// Adds what a later piece tells. A count that one of them lacks is not known.
    pub(super) fn add(&mut self, other: &Self) {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        self.packets = sum(self.packets, other.packets);
        self.ip_bytes = sum(self.ip_bytes, other.ip_bytes);
        self.flags = match (self.flags, other.flags) {
            (Some(one), Some(other)) => Some(TcpFlags(one.0 | other.0)),
            (one, other) => one.or(other),
        };
    }

    /// Whether one of these flags was sent.
    pub(super) fn has_any(&self, mask: u8) -> bool {
        self.flags.is_some_and(|flags| flags.0 & mask != 0)
    }

    /// Whether it is known that nothing was sent.
    pub(super) fn is_nothing(&self) -> bool {
        self.packets == Some(0) || self.packets.is_none() && self.ip_bytes == Some(0)
    }
}

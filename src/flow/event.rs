//! What the flow stage tells the feature stage: a few events a flow, never one a packet.

use crate::addr::Addr;
use crate::decode::Direction;
use crate::decode::app::DnsMessage;
use crate::flow::{Counters, FlowKey, FlowRecord};
use crate::time::{Span, Timestamp};

/// One event.
#[derive(Clone, Copy, Debug)]
pub enum FlowEvent<'a> {
    /// A flow began to matter, went on, or ended.
    Report(&'a FlowReport),
    /// A burst of activity inside a flow ended.
    Exchange(&'a Exchange),
    /// A DNS message was read.
    Dns(&'a DnsEvent),
}

/// Why a flow is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportPhase {
    /// Still open (at most one a minute of packet time, none in a flow's first minute).
    Interim,
    /// Ended: closed, reset, idle, evicted, or the input ended. The last report of the flow.
    Final(EndReason),
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndReason {
    /// TCP closed or reset.
    Closed,
    /// Nothing was seen for the idle time of its protocol and state.
    Idle,
    /// The table was full.
    Evicted,
    /// The input ended.
    EndOfInput,
}

impl EndReason {
    /// The label of `undercurrent_flows_expired_total`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Idle => "idle",
            Self::Evicted => "evicted",
            Self::EndOfInput => "end_of_input",
        }
    }
}

/// A flow as it is now and what is new since it was reported last.
#[derive(Clone, Debug)]
pub struct FlowReport {
    /// Why.
    pub phase: ReportPhase,
    /// Whether this is the first report of the flow.
    pub first: bool,
    /// The flow, cumulative.
    pub record: FlowRecord,
    /// Whether no report before had what the payload told.
    pub app_is_new: bool,
    /// What was counted since the last report.
    pub new: Counters,
}

/// A burst of activity in a flow. The first exchange of a flow begins with its first packet and lasts at least as long as the flow is
/// younger than [`Exchange::MIN_AGE`]; then a packet that comes [`Exchange::IDLE_GAP`] or more after the one before begins the next
/// one. A beacon inside a held-open connection is so seen as the beacon of many short connections is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange {
    /// The flow.
    pub key: FlowKey,
    /// First packet of the flow: with the key, what tells flows apart.
    pub flow_first: Timestamp,
    /// First packet of the burst.
    pub start: Timestamp,
    /// Last packet of the burst.
    pub end: Timestamp,
    /// Whether this is the first exchange of its flow.
    pub opens_flow: bool,
    /// Who sent the first packet of the burst.
    pub initiator: Direction,
    /// Payload bytes by the originator in the burst.
    pub orig_payload: u32,
    /// Payload bytes by the responder in the burst.
    pub resp_payload: u32,
    /// Packets of the burst.
    pub packets: u32,
    /// TCP: whether the flow had been answered (SYN-ACK, or payload of the responder) by the end of the burst.
    pub answered: bool,
}

impl Exchange {
    /// A gap of this length ends a burst.
    pub const IDLE_GAP: Span = Span::from_secs(1);
    /// While a flow is younger than this, it is one burst.
    pub const MIN_AGE: Span = Span::from_secs(10);
}

/// A DNS message with who asked whom.
#[derive(Clone, Debug)]
pub struct DnsEvent {
    /// When.
    pub ts: Timestamp,
    /// Who asks.
    pub client: Addr,
    /// Who answers.
    pub server: Addr,
    /// The server's port.
    pub server_port: u16,
    /// IP protocol number.
    pub proto: u8,
    /// Bytes of the DNS message on the wire.
    pub message_len: u32,
    /// The message.
    pub message: DnsMessage,
}

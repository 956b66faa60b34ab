//! Packets to connections: bidirectional flows with Zeek's meaning of originator, state, history, UID and Community
//! ID. Does not know which hosts are monitored.

mod event;
mod record;

pub use event::{DnsEvent, EndReason, Exchange, FlowEvent, FlowEventKind, FlowReport, ReportPhase};
pub use record::{ConnState, Counters, FlowKey, FlowRecord, History};

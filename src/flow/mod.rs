//! Packets to connections: bidirectional flows with Zeek's meaning of originator, state, history, UID and Community
//! ID. Does not know which hosts are monitored.
//!
//! A packet is hashed once ([`FlowHasher`]); the hash says which of [`SHARDS`] tables ([`FlowTables`]) it belongs to.
//! The shards are logical: their number is fixed, so that what a table does depends only on its packets, on the times
//! of its sweeps, on its configuration and on the seed, never on how many threads drive the tables.

mod app;
mod cold;
mod compact;
mod config;
mod endpoint;
mod ends;
mod event;
mod events;
mod exchange;
mod gaps;
mod hash;
mod history;
mod icmp;
mod ids;
mod life;
mod lines;
mod orient;
mod record;
mod report;
mod slots;
mod state;
mod stats;
mod surge;
mod table;
mod tables;
mod tcp;
#[cfg(test)]
mod tests;
mod update;

pub use config::Config;
pub use event::{DnsEvent, EndReason, Exchange, FlowEvent, FlowReport, ReportPhase};
pub use events::Events;
pub use hash::{FlowHasher, SHARDS};
pub use ids::{community_id, uid_from_text, uid_of, uid_text};
pub(crate) use orient::server_is_first;
pub use record::{ConnState, Counters, FlowKey, FlowRecord, History, Unseen};
pub use stats::Stats;
pub use tables::{FlowTables, Segment};

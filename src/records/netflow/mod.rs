//! `NetFlow` v5, v9 (RFC 3954) and IPFIX (RFC 7011) to the conversations that they tell of.
//!
//! | file | what is there |
//! |---|---|
//! | `collector` | [`Collector`]: datagrams of any number of exporters |
//! | `session`, `sequence` | an exporter: its templates, its clock, what was lost on the way |
//! | `element`, `fields`, `piece` | a record: one direction of a flow over some of its life, or both (RFC 5103) |
//! | `conversation`, `conversations` | pieces put together: both directions, and what the exporter's timeouts have cut |
//! | `listener` | UDP sockets, for the live sensor |
//! | `timeline`, `message_file` | exports that were kept: files of IPFIX (RFC 5655), captures of datagrams |
//!
//! Datagrams and templates are parsed by the crate `netflow_parser` (`docs/adr/0026-netflow-parser.md`). Time is that of the flows.

mod collector;
mod config;
mod conversation;
mod conversations;
mod element;
mod fields;
mod listener;
mod message_file;
mod piece;
mod sequence;
mod session;
#[cfg(test)]
mod tests;
mod timeline;

pub use collector::{Collector, CollectorStats, Notice};
pub use config::Config;
pub use listener::{Datagram, Datagrams, ListenError, Listener};
pub(super) use message_file::is_messages;
pub use timeline::ExportTimeline;

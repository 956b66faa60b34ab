//! Frame to packet: link layer, tunnels, IP, transport; and the few application fields that carry identity.
//! Keeps no state of a flow; payload is looked at and never stored.
//!
//! ```text
//! FrameRef ─ fast ──────────────────────────────────────────────────────────→ Packet
//!    └────── link → framing → ip → fragments, transport → tunnel ─┬────────→ Packet
//!                     ↑___________________________________________│ (at most 8 times)
//! ```
//!
//! Datagrams are not reassembled. The first piece is reported with the transport header and the payload that it carries;
//! later pieces are reported with the ports of the first and their own lengths, so that bytes add up.

pub mod app;
mod checksum;
mod decoder;
mod fast;
mod fragments;
mod framing;
mod gre;
mod icmp;
mod ip;
mod link;
mod packet;
mod stats;
mod transport;
mod tunnel;
mod view;
mod wifi;

pub use decoder::{Config, Decoder};
pub use icmp::counterpart as icmp_counterpart;
pub use packet::{Direction, Packet, TcpFlags, proto};
pub use stats::{DecodeStats, Label, Layer, Skip, Tally, Tunnel};

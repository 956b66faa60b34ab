//! Frame to packet: link layer, tunnels, IP, transport; and the few application fields that carry identity.
//! Keeps no state of a flow; payload is looked at and never stored.

pub mod app;
mod packet;

pub use packet::{Direction, Packet, TcpFlags, proto};

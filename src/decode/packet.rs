//! The one small fixed record that the rest of the data path sees of a frame.

use crate::addr::Addr;
use crate::time::Timestamp;

/// IP protocol numbers (IANA) that are told apart.
pub mod proto {
    /// IPv6 hop-by-hop options.
    pub const IPV6_HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// IPv4 inside IP.
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 inside IP.
    pub const IPV6: u8 = 41;
    /// IPv6 routing header.
    pub const IPV6_ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const IPV6_FRAGMENT: u8 = 44;
    /// Generic routing encapsulation.
    pub const GRE: u8 = 47;
    /// `IPsec` authentication header.
    pub const AH: u8 = 51;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// IPv6: nothing follows.
    pub const IPV6_NO_NEXT: u8 = 59;
    /// IPv6 destination options.
    pub const IPV6_DESTINATION: u8 = 60;
    /// Ethernet inside IP.
    pub const ETHERNET: u8 = 97;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// MPLS inside IP.
    pub const MPLS: u8 = 137;
    /// Ethernet behind an IPv6 extension header (segment routing, RFC 8986).
    pub const SRV6_ETHERNET: u8 = 143;

    /// The name in rows and findings: Zeek's `transport_proto`.
    pub const fn name(number: u8) -> &'static str {
        match number {
            TCP => "tcp",
            UDP => "udp",
            ICMP | ICMPV6 => "icmp",
            _ => "unknown_transport",
        }
    }
}

/// TCP flags (RFC 9293, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement field is valid.
    pub const ACK: u8 = 0x10;

    /// Whether all of `mask` is set.
    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask == mask
    }
}

/// Who sent something in a flow: Zeek's originator or responder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the originator.
    #[default]
    Orig,
    /// From the responder.
    Resp,
}

/// What is known of one IP packet, tunnels peeled. Plain data, copied freely; the payload stays in the block.
///
/// Lengths are those on the wire as the headers state them (bounded by the frame's wire length), not the captured ones.
/// A field that the packet does not have is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// When the frame was captured.
    pub ts: Timestamp,
    /// Source address.
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// Source port. For ICMP echo-like messages Zeek's convention: the type; see [`crate::decode::icmp_counterpart`].
    pub src_port: u16,
    /// Destination port. For ICMP: the type that would answer, or the code for one-way messages.
    pub dst_port: u16,
    /// IP protocol number of the innermost header that was decoded.
    pub proto: u8,
    /// TCP flags.
    pub flags: TcpFlags,
    /// Set where the checksum of the transport header was verified and is wrong (only when the whole packet was captured).
    pub bad_checksum: bool,
    /// Set where no transport header could be read: a fragment other than the first, or a header that was cut or broken.
    /// Flags, sequence numbers and window are then zero and say nothing; ports are those of the first fragment, or the
    /// four bytes that were captured, or zero.
    pub headless: bool,
    /// How many tunnel headers were peeled (GRE, VXLAN, Geneve, IP-in-IP, GTP-U, `PPPoE` is none).
    pub tunnel_depth: u8,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgement number.
    pub ack: u32,
    /// TCP receive window, unscaled; ICMP echo: identifier << 16 | sequence number is in `seq`.
    pub window: u16,
    /// Captured bytes of payload from `payload_offset` on.
    pub payload_captured: u16,
    /// Where the transport payload begins, as an offset in [`crate::capture::Block::data`].
    pub payload_offset: u32,
    /// Bytes of transport payload on the wire.
    pub payload_len: u32,
    /// Bytes of the IP packet on the wire, header included (Zeek's `ip_bytes`, IPFIX octetDeltaCount).
    pub ip_len: u32,
    /// Bytes of the whole frame on the wire, as tcpdump and tshark count them.
    pub wire_len: u32,
    /// ICMP echo: a hash of the captured payload past its first 16 bytes (where ping keeps its time stamp).
    pub icmp_payload_hash: u32,
}

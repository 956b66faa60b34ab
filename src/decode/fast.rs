//! The fast path: Ethernet with at most one VLAN tag, IPv4 without options or IPv6 without extension headers, whole TCP or
//! UDP header, sound lengths, no fragment, no tunnel. A pure function of the bytes of one frame.
//!
//! Whatever is not exactly that gives `None` and takes the general path, which gives the same for what this path takes
//! (a property test holds them together).

use super::framing::ether_type;
use super::packet::{Packet, TcpFlags, proto};
use super::tunnel;
use crate::addr::Addr;
use crate::capture::FrameRef;

/// The frame's packet, if the fast path takes it.
#[expect(clippy::inline_always, reason = "as its caller: the packet is made where it is to lie")]
#[inline(always)]
pub(super) fn ethernet(bytes: &[u8], frame: &FrameRef) -> Option<Packet> {
    let header: &[u8; 14] = bytes.first_chunk()?;
    let (at, kind) = match u16::from_be_bytes([header[12], header[13]]) {
        ether_type::VLAN => {
            let header: &[u8; 18] = bytes.first_chunk()?;
            (18, u16::from_be_bytes([header[16], header[17]]))
        }
        kind => (14, kind),
    };
    let datagram = bytes.get(at..)?;
    let (ip, segment) = match kind {
        ether_type::IPV4 => v4(datagram)?,
        ether_type::IPV6 => v6(datagram)?,
        _ => return None,
    };
    let transport = match ip.proto {
        proto::TCP => tcp(segment)?,
        proto::UDP => udp(segment, ip.payload_len)?,
        _ => return None,
    };
    let ip_len = ip.header_len + ip.payload_len;
    let payload_len = ip.payload_len.checked_sub(transport.header_len)?;
    if at + ip_len > frame.wire_len as usize {
        return None;
    }
    let payload_at = segment.len().min(transport.header_len);
    let payload_captured = payload_len.min(segment.len() - payload_at);
    Some(Packet {
        ts: frame.ts,
        src: ip.src,
        dst: ip.dst,
        src_port: transport.src_port,
        dst_port: transport.dst_port,
        proto: ip.proto,
        flags: transport.flags,
        seq: transport.seq,
        ack: transport.ack,
        window: transport.window,
        payload_captured: u16::try_from(payload_captured).ok()?,
        payload_offset: frame.offset.checked_add(narrow(at + ip.header_len + payload_at))?,
        payload_len: narrow(payload_len),
        ip_len: narrow(ip_len),
        wire_len: frame.wire_len,
        ..Packet::default()
    })
}

struct Ip {
    src: Addr,
    dst: Addr,
    proto: u8,
    /// Bytes of the IP header.
    header_len: usize,
    /// Bytes after it, on the wire.
    payload_len: usize,
}

#[inline]
fn v4(datagram: &[u8]) -> Option<(Ip, &[u8])> {
    let (h, segment) = datagram.split_first_chunk::<20>()?;
    let fragment = u16::from_be_bytes([h[6], h[7]]) & 0x3fff;
    if h[0] != 0x45 || fragment != 0 {
        return None;
    }
    let ip = Ip {
        src: Addr::from_v4([h[12], h[13], h[14], h[15]]),
        dst: Addr::from_v4([h[16], h[17], h[18], h[19]]),
        proto: h[9],
        header_len: 20,
        payload_len: usize::from(u16::from_be_bytes([h[2], h[3]])).checked_sub(20)?,
    };
    Some((ip, segment))
}

#[inline]
fn v6(datagram: &[u8]) -> Option<(Ip, &[u8])> {
    let (fixed, rest) = datagram.split_first_chunk::<8>()?;
    let (src, rest) = rest.split_first_chunk()?;
    let (dst, segment) = rest.split_first_chunk()?;
    if fixed[0] >> 4 != 6 {
        return None;
    }
    let ip = Ip {
        src: Addr::from_v6(*src),
        dst: Addr::from_v6(*dst),
        proto: fixed[6],
        header_len: 40,
        payload_len: usize::from(u16::from_be_bytes([fixed[4], fixed[5]])),
    };
    Some((ip, segment))
}

#[derive(Default)]
struct Transport {
    src_port: u16,
    dst_port: u16,
    flags: TcpFlags,
    seq: u32,
    ack: u32,
    window: u16,
    header_len: usize,
}

#[inline]
fn tcp(segment: &[u8]) -> Option<Transport> {
    let t: &[u8; 20] = segment.first_chunk()?;
    let header_len = usize::from(t[12] >> 4) * 4;
    (header_len >= 20).then(|| Transport {
        src_port: u16::from_be_bytes([t[0], t[1]]),
        dst_port: u16::from_be_bytes([t[2], t[3]]),
        flags: TcpFlags(t[13]),
        seq: u32::from_be_bytes([t[4], t[5], t[6], t[7]]),
        ack: u32::from_be_bytes([t[8], t[9], t[10], t[11]]),
        window: u16::from_be_bytes([t[14], t[15]]),
        header_len,
    })
}

#[inline]
fn udp(segment: &[u8], stated_len: usize) -> Option<Transport> {
    let u: &[u8; 8] = segment.first_chunk()?;
    let src_port = u16::from_be_bytes([u[0], u[1]]);
    let dst_port = u16::from_be_bytes([u[2], u[3]]);
    let agrees = usize::from(u16::from_be_bytes([u[4], u[5]])) == stated_len;
    (agrees && !tunnel::is_tunnel(src_port, dst_port)).then(|| Transport {
        src_port,
        dst_port,
        header_len: 8,
        ..Transport::default()
    })
}

/// Lengths of one IP packet and offsets inside its headers: at most 65,575.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "as said above")]
fn narrow(n: usize) -> u32 {
    n as u32
}

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
#[inline]
pub(super) fn ethernet(bytes: &[u8], frame: &FrameRef) -> Option<Packet> {
    let header: &[u8; 14] = bytes.first_chunk()?;
    let kind = u16::from_be_bytes([header[12], header[13]]);
    if kind == ether_type::VLAN {
        let header: &[u8; 18] = bytes.first_chunk()?;
        return ip(bytes, frame, 18, u16::from_be_bytes([header[16], header[17]]));
    }
    ip(bytes, frame, 14, kind)
}

#[inline]
fn ip(bytes: &[u8], frame: &FrameRef, at: usize, kind: u16) -> Option<Packet> {
    let datagram = bytes.get(at..)?;
    let wire = (frame.wire_len as usize).checked_sub(at)?;
    let (header, segment) = match kind {
        ether_type::IPV4 => v4(datagram)?,
        ether_type::IPV6 => v6(datagram)?,
        _ => return None,
    };
    if header.ip_len > wire {
        return None;
    }
    let header = Header { at: at + header.len, ..header };
    let packet = match header.proto {
        proto::TCP => tcp(&header, segment)?,
        proto::UDP => udp(&header, segment)?,
        _ => return None,
    };
    Some(Packet {
        ts: frame.ts,
        wire_len: frame.wire_len,
        payload_offset: frame.offset.checked_add(packet.payload_offset)?,
        ..packet
    })
}

struct Header {
    src: Addr,
    dst: Addr,
    proto: u8,
    /// Bytes of the IP header.
    len: usize,
    /// Bytes of the IP packet.
    ip_len: usize,
    /// Where the transport header begins in the frame.
    at: usize,
}

#[inline]
fn v4(datagram: &[u8]) -> Option<(Header, &[u8])> {
    let (h, segment) = datagram.split_first_chunk::<20>()?;
    let ip_len = usize::from(u16::from_be_bytes([h[2], h[3]]));
    let fragment = u16::from_be_bytes([h[6], h[7]]) & 0x3fff;
    if h[0] != 0x45 || fragment != 0 || ip_len < 20 {
        return None;
    }
    let header = Header {
        src: Addr::from_v4([h[12], h[13], h[14], h[15]]),
        dst: Addr::from_v4([h[16], h[17], h[18], h[19]]),
        proto: h[9],
        len: 20,
        ip_len,
        at: 0,
    };
    Some((header, segment))
}

#[inline]
fn v6(datagram: &[u8]) -> Option<(Header, &[u8])> {
    let (fixed, rest) = datagram.split_first_chunk::<8>()?;
    let (src, rest) = rest.split_first_chunk()?;
    let (dst, segment) = rest.split_first_chunk()?;
    let payload_len = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    if fixed[0] >> 4 != 6 || payload_len == 0 {
        return None;
    }
    let (src, dst) = (Addr::from_v6(*src), Addr::from_v6(*dst));
    Some((Header { src, dst, proto: fixed[6], len: 40, ip_len: 40 + payload_len, at: 0 }, segment))
}

#[inline]
fn tcp(header: &Header, segment: &[u8]) -> Option<Packet> {
    let t: &[u8; 20] = segment.first_chunk()?;
    let packet = Packet {
        flags: TcpFlags(t[13]),
        seq: u32::from_be_bytes([t[4], t[5], t[6], t[7]]),
        ack: u32::from_be_bytes([t[8], t[9], t[10], t[11]]),
        window: u16::from_be_bytes([t[14], t[15]]),
        ..Packet::default()
    };
    let ports = [u16::from_be_bytes([t[0], t[1]]), u16::from_be_bytes([t[2], t[3]])];
    finish(header, segment, ports, usize::from(t[12] >> 4) * 4, 20, packet)
}

#[inline]
fn udp(header: &Header, segment: &[u8]) -> Option<Packet> {
    let u: &[u8; 8] = segment.first_chunk()?;
    let ports = [u16::from_be_bytes([u[0], u[1]]), u16::from_be_bytes([u[2], u[3]])];
    let len = usize::from(u16::from_be_bytes([u[4], u[5]]));
    if len + header.len != header.ip_len || tunnel::is_tunnel(ports[0], ports[1]) {
        return None;
    }
    finish(header, segment, ports, 8, 8, Packet::default())
}

/// Fills in what TCP and UDP share. `payload_offset` is still relative to the frame.
#[inline]
fn finish(
    header: &Header,
    segment: &[u8],
    [src_port, dst_port]: [u16; 2],
    transport_len: usize,
    least_len: usize,
    packet: Packet,
) -> Option<Packet> {
    let payload_len = header.ip_len.checked_sub(header.len + transport_len)?;
    if transport_len < least_len {
        return None;
    }
    let payload_at = transport_len.min(segment.len());
    let captured = payload_len.min(segment.len() - payload_at);
    Some(Packet {
        src: header.src,
        dst: header.dst,
        proto: header.proto,
        src_port,
        dst_port,
        payload_offset: narrow(header.at + payload_at),
        payload_len: narrow(payload_len),
        payload_captured: u16::try_from(captured).unwrap_or(u16::MAX),
        ip_len: narrow(header.ip_len),
        ..packet
    })
}

/// Lengths of one IP packet and offsets inside one header stay far below 2^32.
#[inline]
fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

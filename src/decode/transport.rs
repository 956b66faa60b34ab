//! TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792, RFC 4443) and SCTP (RFC 9260) headers into a [`Packet`].

use std::hash::{BuildHasher, Hasher};

use super::icmp;
use super::packet::{Packet, TcpFlags, proto};
use super::stats::Layer;
use super::view::View;

/// Reads the transport header at the start of `view` by `packet.proto` and sets what it says in `packet`. Gives the payload
/// behind the header, and what is wrong with the header. Protocols without ports have all of `view` as their payload.
pub(super) fn read<'a>(
    packet: &mut Packet,
    view: View<'a>,
    hasher: &impl BuildHasher,
) -> (View<'a>, Option<Layer>) {
    match packet.proto {
        proto::TCP => tcp(packet, view),
        proto::UDP => udp(packet, view),
        proto::ICMP | proto::ICMPV6 => icmp(packet, view, hasher),
        proto::SCTP => sctp(packet, view),
        _ => (view, None),
    }
}

/// What could be read of a header that is cut or broken: the ports, and the payload behind `header_len` bytes.
fn headless<'a>(packet: &mut Packet, view: View<'a>, header_len: usize) -> (View<'a>, Option<Layer>) {
    packet.headless = true;
    let payload = view.after(header_len);
    // Bytes before a broken header's true end would be taken for the payload's first.
    (payload.uncaptured(), Some(Layer::Transport))
}

fn ports(packet: &mut Packet, view: View<'_>) {
    if let Some([a, b, c, d]) = view.array(0) {
        packet.src_port = u16::from_be_bytes([*a, *b]);
        packet.dst_port = u16::from_be_bytes([*c, *d]);
    }
}

fn tcp<'a>(packet: &mut Packet, view: View<'a>) -> (View<'a>, Option<Layer>) {
    ports(packet, view);
    let stated_len = view.byte(12).map_or(20, |byte| usize::from(byte >> 4) * 4);
    let Some(header) = view.array::<20>(0).filter(|_| (20..=view.wire()).contains(&stated_len)) else {
        return headless(packet, view, stated_len.max(20));
    };
    packet.seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    packet.ack = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    packet.flags = TcpFlags(header[13]);
    packet.window = u16::from_be_bytes([header[14], header[15]]);
    (view.after(stated_len), None)
}

fn udp<'a>(packet: &mut Packet, view: View<'a>) -> (View<'a>, Option<Layer>) {
    ports(packet, view);
    let Some(len) = view.be16(4).filter(|_| view.array::<8>(0).is_some()) else {
        return headless(packet, view, 8);
    };
    match usize::from(len) {
        // A jumbogram (RFC 2675) or segmentation offload.
        0 => (view.after(8), None),
        // The length lies; the IP header's is the better witness.
        1..8 => (view.after(8), Some(Layer::Transport)),
        len => (view.limit(len).after(8), None),
    }
}

fn icmp<'a>(packet: &mut Packet, view: View<'a>, hasher: &impl BuildHasher) -> (View<'a>, Option<Layer>) {
    let Some(&[kind, code]) = view.array(0) else {
        return headless(packet, view, 8);
    };
    packet.src_port = u16::from(kind);
    packet.dst_port = u16::from(icmp::counterpart(packet.proto, kind).unwrap_or(code));
    let Some(header) = view.array::<8>(0) else {
        return headless(packet, view, 8);
    };
    let payload = view.after(8);
    if icmp::is_echo(packet.proto, kind) {
        packet.seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        packet.icmp_payload_hash = echo_hash(payload.captured(), hasher);
    }
    (payload, None)
}

/// A hash of what follows the first 16 bytes, where ping keeps its time stamp; 0 where nothing does.
#[expect(clippy::cast_possible_truncation, reason = "any 32 bits of the hash will do")]
fn echo_hash(payload: &[u8], hasher: &impl BuildHasher) -> u32 {
    let Some(rest) = payload.get(16..).filter(|rest| !rest.is_empty()) else { return 0 };
    let mut state = hasher.build_hasher();
    state.write(rest);
    state.finish() as u32
}

fn sctp<'a>(packet: &mut Packet, view: View<'a>) -> (View<'a>, Option<Layer>) {
    ports(packet, view);
    if view.array::<12>(0).is_none() {
        return headless(packet, view, 12);
    }
    (view.after(12), None)
}

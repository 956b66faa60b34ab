//! Tunnels over IP and UDP: where the inner packet begins.

use super::framing::{Next, ether_type};
use super::gre;
use super::packet::{Packet, proto};
use super::stats::Tunnel;
use super::view::View;

const TEREDO: u16 = 3544;
const GTP_U: u16 = 2152;
const VXLAN: u16 = 4789;
const VXLAN_GPE: u16 = 4790;
/// What Linux used for VXLAN before the port was assigned, and still does by default.
const VXLAN_LINUX: u16 = 8472;
const GENEVE: u16 = 6081;

/// Whether UDP between these ports may be a tunnel.
pub(super) fn is_tunnel(src_port: u16, dst_port: u16) -> bool {
    // Without branches: between which of them a port lies cannot be foretold.
    let is_to = [TEREDO, GTP_U, VXLAN, VXLAN_GPE, VXLAN_LINUX, GENEVE].map(|port| dst_port == port);
    let is_from = [TEREDO, GTP_U].map(|port| src_port == port);
    is_to.into_iter().chain(is_from).fold(false, |is_any, is_this| is_any | is_this)
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inner<'a> {
    /// No tunnel.
    None,
    /// A tunnel whose own header is broken.
    Broken,
    /// A tunnel, and what is in it.
    Begins(Tunnel, Next<'a>),
}

/// What `packet` with this `payload` carries.
///
/// A tunnel over UDP is believed only if its header is sound: anybody may send anything to a port.
pub(super) fn enter<'a>(packet: &Packet, payload: View<'a>) -> Inner<'a> {
    let ip_in_ip = |next| Inner::Begins(Tunnel::IpInIp, next);
    match packet.proto {
        // Unlike a link header's, a wrong announcement of a version here is more likely an attack than a flipped bit.
        proto::IPV4 | proto::IPV6 if payload.byte(0).map(|byte| byte >> 4) != version(packet.proto) => {
            Inner::Broken
        }
        proto::IPV4 | proto::IPV6 => ip_in_ip(Next::Ip(payload)),
        proto::MPLS => ip_in_ip(Next::Mpls(payload)),
        // RFC 3378: version 3 and twelve reserved bits.
        proto::ETHERNET if payload.be16(0) == Some(0x3000) => ip_in_ip(Next::Ethernet(payload.after(2))),
        proto::SRV6_ETHERNET => ip_in_ip(Next::Ethernet(payload)),
        proto::GRE => match gre::enter(payload) {
            Some((kind, next)) => Inner::Begins(kind, next),
            None => Inner::Broken,
        },
        proto::UDP if is_tunnel(packet.src_port, packet.dst_port) => match over_udp(packet, payload) {
            Some((kind, next)) => Inner::Begins(kind, next),
            None => Inner::None,
        },
        _ => Inner::None,
    }
}

/// The IP version that a protocol number announces.
fn version(ip_proto: u8) -> Option<u8> {
    match ip_proto {
        proto::IPV4 => Some(4),
        proto::IPV6 => Some(6),
        _ => None,
    }
}

fn over_udp<'a>(packet: &Packet, payload: View<'a>) -> Option<(Tunnel, Next<'a>)> {
    match packet.dst_port {
        VXLAN | VXLAN_LINUX => Some((Tunnel::Vxlan, vxlan(payload)?)),
        VXLAN_GPE => Some((Tunnel::Vxlan, vxlan_gpe(payload)?)),
        GENEVE => Some((Tunnel::Geneve, geneve(payload)?)),
        _ if packet.src_port == GTP_U || packet.dst_port == GTP_U => Some((Tunnel::GtpU, gtp_u(payload)?)),
        _ => Some((Tunnel::Teredo, teredo(payload)?)),
    }
}

const VALID_ID: u8 = 0x08;

/// RFC 7348. All flags but one are reserved, and ignored by who receives them.
fn vxlan(view: View<'_>) -> Option<Next<'_>> {
    let [flags, ..] = *view.array::<8>(0)?;
    (flags & VALID_ID != 0).then(|| Next::Ethernet(view.after(8)))
}

/// The generic extension (draft-ietf-nvo3-vxlan-gpe): a next-protocol field where its flag is set.
fn vxlan_gpe(view: View<'_>) -> Option<Next<'_>> {
    const NEXT_PROTOCOL: u8 = 0x04;
    let [flags, _, _, next, ..] = *view.array::<8>(0)?;
    let inner = view.after(8);
    match (flags & VALID_ID, flags & NEXT_PROTOCOL, next) {
        (0, _, _) => None,
        (_, 0, _) | (_, _, 3) => Some(Next::Ethernet(inner)),
        (_, _, 1 | 2) => Some(Next::Ip(inner)),
        (_, _, 4) => Some(Next::EtherType(ether_type::NSH, inner)),
        _ => None,
    }
}

/// RFC 8926: version 0, options, then what an `EtherType` says.
fn geneve(view: View<'_>) -> Option<Next<'_>> {
    let [version_and_len, _, high, low, ..] = *view.array::<8>(0)?;
    if version_and_len >> 6 != 0 {
        return None;
    }
    let inner = view.skip(8 + 4 * usize::from(version_and_len & 0x3f))?;
    Some(Next::EtherType(u16::from_be_bytes([high, low]), inner))
}

/// 3GPP TS 29.281, section 5: version 1, a user-data message, optional fields and extension headers.
fn gtp_u(view: View<'_>) -> Option<Next<'_>> {
    const MAX_EXTENSIONS: usize = 8;
    const G_PDU: u8 = 255;
    const OPTIONAL_FIELDS: u8 = 0x07;
    const EXTENSION: u8 = 0x04;
    let [flags, message, high, low, ..] = *view.array::<8>(0)?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    if flags & 0xf0 != 0x30 || message != G_PDU || len > view.wire().saturating_sub(8) {
        return None;
    }
    let mut inner = view.after(8).limit(len);
    if flags & OPTIONAL_FIELDS != 0 {
        let mut next = inner.byte(3)?;
        inner = inner.skip(4)?;
        for _ in 0..MAX_EXTENSIONS {
            if flags & EXTENSION == 0 || next == 0 {
                break;
            }
            let len = 4 * usize::from(inner.byte(0)?);
            next = inner.byte(len.checked_sub(1)?)?;
            inner = inner.skip(len)?;
        }
    }
    Some(Next::Ip(inner))
}

/// RFC 4380, section 5.1.1: optional authentication and origin, then an IPv6 packet that fills the datagram but for trailers, and
/// has a Teredo or link-local address at one end.
fn teredo(view: View<'_>) -> Option<Next<'_>> {
    const ADDRESS_PREFIX: u32 = 0x2001_0000;
    const LINK_LOCAL: u32 = 0xfe80_0000;
    let mut inner = view;
    if inner.be16(0) == Some(0x0001) {
        let [id_len, auth_len] = *inner.array(2)?;
        inner = inner.skip(4 + usize::from(id_len) + usize::from(auth_len) + 9)?;
    }
    if inner.be16(0) == Some(0x0000) {
        inner = inner.skip(8)?;
    }
    let stated = 40 + usize::from(inner.be16(4)?);
    let fills = stated == inner.wire() || inner.skip(stated).is_some_and(teredo_trailers);
    let ends = [inner.be32(8)?, inner.be32(24)?];
    let plausible = ends.iter().any(|&end| end == ADDRESS_PREFIX || end == LINK_LOCAL);
    (inner.byte(0)? >> 4 == 6 && fills && plausible).then_some(Next::Ip(inner.limit(stated)))
}

/// Whether all of `view` is trailers (RFC 6081, section 4): type, length, value.
fn teredo_trailers(mut view: View<'_>) -> bool {
    const MAX_TRAILERS: usize = 8;
    for _ in 0..MAX_TRAILERS {
        match view.byte(1).and_then(|len| view.skip(2 + usize::from(len))) {
            Some(rest) if rest.wire() == 0 => return true,
            Some(rest) => view = rest,
            None => break,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind of tunnel and offset of what is inside.
    fn check(ports: (u16, u16), payload: &[u8], expected: Option<(Tunnel, u32)>) {
        let packet = Packet { proto: proto::UDP, src_port: ports.0, dst_port: ports.1, ..Packet::default() };
        let found = over_udp(&packet, View::whole(payload)).map(|(kind, next)| match next {
            Next::Ethernet(v) | Next::EtherType(_, v) | Next::Ip(v) => (kind, v.offset()),
            other => panic!("{other:?}"),
        });
        assert_eq!(found, expected, "{ports:?} {payload:02x?}");
        for len in 0..payload.len() {
            let _ = enter(&packet, View::whole(&payload[..len]));
        }
    }

    #[test]
    fn vxlan_and_geneve() {
        check((1, VXLAN), &[8, 0, 0, 0, 0, 0, 1, 0], Some((Tunnel::Vxlan, 8)));
        check((1, VXLAN_LINUX), &[8, 0, 0, 0, 0, 0, 1, 0], Some((Tunnel::Vxlan, 8)));
        check((1, VXLAN_GPE), &[0x0c, 0, 0, 1, 0, 0, 1, 0], Some((Tunnel::Vxlan, 8)));
        check((1, VXLAN_GPE), &[0x0c, 0, 0, 4, 0, 0, 1, 0], Some((Tunnel::Vxlan, 8)));
        check((1, VXLAN_GPE), &[0x0c, 0, 0, 9, 0, 0, 1, 0], None);
        check((1, VXLAN), &[0xff, 1, 0, 9, 0, 0, 1, 0], Some((Tunnel::Vxlan, 8)));
        check((1, VXLAN), &[0, 0, 0, 0, 0, 0, 1, 0], None);
        check((VXLAN, 1), &[8, 0, 0, 0, 0, 0, 1, 0], None);
        check((1, GENEVE), &[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9], Some((Tunnel::Geneve, 12)));
        check((1, GENEVE), &[0x40, 0, 0x65, 0x58, 0, 0, 1, 0], None);
        check((1, GENEVE), &[2, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9], None);
    }

    #[test]
    fn gtp_user_data() {
        check((9, GTP_U), &[0x30, 255, 0, 1, 0, 0, 0, 1, 0x45], Some((Tunnel::GtpU, 8)));
        check((GTP_U, 9), &[0x32, 255, 0, 5, 0, 0, 0, 1, 0, 1, 0, 0, 0x45], Some((Tunnel::GtpU, 12)));
        check(
            (GTP_U, 9),
            &[0x34, 255, 0, 9, 0, 0, 0, 1, 0, 1, 0, 0x85, 1, 0, 0, 0, 0x45],
            Some((Tunnel::GtpU, 16)),
        );
        check((GTP_U, 9), &[0x34, 255, 0, 9, 0, 0, 0, 1, 0, 1, 0, 0x85, 0, 0, 0, 0, 0x45], None);
        check((9, GTP_U), &[0x30, 1, 0, 1, 0, 0, 0, 1, 0x45], None);
        check((9, GTP_U), &[0x30, 255, 0, 2, 0, 0, 0, 1, 0x45], None);
    }

    #[test]
    fn teredo_needs_an_address_of_its_own() {
        let inner = |first: u8| [&[0x60, 0, 0, 0, 0, 0, 59, 64, first, 1, 0, 0][..], &[0; 28]].concat();
        check((9, TEREDO), &inner(0x20), Some((Tunnel::Teredo, 0)));
        check((9, TEREDO), &inner(0x30), None);
        check((9, TEREDO), &[&inner(0x20)[..], &[0]].concat(), None);
        let nonce_and_address =
            [&inner(0x20)[..], &[1, 4, 9, 9, 9, 9, 3, 8, 0, 0, 1, 2, 3, 4, 5, 6]].concat();
        check((9, TEREDO), &nonce_and_address, Some((Tunnel::Teredo, 0)));
        check((9, TEREDO), &[&nonce_and_address[..], &[1]].concat(), None);
        check((9, TEREDO), &nonce_and_address[..nonce_and_address.len() - 1], None);
        let with_origin = [&[0; 8][..], &inner(0x20)].concat();
        check((TEREDO, 9), &with_origin, Some((Tunnel::Teredo, 8)));
        let with_both = [&[0, 1, 0, 0][..], &[7; 9], &with_origin].concat();
        check((TEREDO, 9), &with_both, Some((Tunnel::Teredo, 21)));
    }
}

//! Generic routing encapsulation and what rides in it.

use super::framing::{Next, ether_type};
use super::stats::Tunnel;
use super::view::View;

const ERSPAN_I_II: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const WCCP: u16 = 0x883e;

/// Reads a GRE header of version 0 (RFC 2784, RFC 2890) or 1 (RFC 2637). `None` where it is cut or contradicts itself.
pub(super) fn enter(view: View<'_>) -> Option<(Tunnel, Next<'_>)> {
    let flags = view.be16(0)?;
    let kind = view.be16(2)?;
    match flags & 0x0007 {
        0 => version_0(flags, kind, view),
        1 => version_1(flags, kind, view),
        _ => None,
    }
}

fn version_0(flags: u16, kind: u16, view: View<'_>) -> Option<(Tunnel, Next<'_>)> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    if flags & ROUTING != 0 {
        return None;
    }
    let fields = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    let inner = view.skip(4 + 4 * fields)?;
    Some(match kind {
        // Type I has no header of its own, and no sequence number in GRE's.
        ERSPAN_I_II if flags & SEQUENCE == 0 => (Tunnel::Erspan, Next::Ethernet(inner)),
        ERSPAN_I_II => (Tunnel::Erspan, Next::Ethernet(inner.skip(8)?)),
        ERSPAN_III => {
            let has_subheader = inner.byte(11)? & 1 == 1;
            (Tunnel::Erspan, Next::Ethernet(inner.skip(if has_subheader { 20 } else { 12 })?))
        }
        // Version 2 of Cisco's web cache protocol puts four bytes before the packet; version 1 none.
        WCCP if inner.byte(0)? >> 4 != 4 => (Tunnel::Gre, Next::Ip(inner.skip(4)?)),
        WCCP => (Tunnel::Gre, Next::Ip(inner)),
        _ => (Tunnel::Gre, Next::EtherType(kind, inner)),
    })
}

/// PPTP: the key holds the payload's length; without a sequence number there is no payload.
fn version_1(flags: u16, kind: u16, view: View<'_>) -> Option<(Tunnel, Next<'_>)> {
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGEMENT: u16 = 0x0080;
    if kind != ether_type::PPP {
        return None;
    }
    let len = usize::from(view.be16(4)?);
    let fields = (flags & (SEQUENCE | ACKNOWLEDGEMENT)).count_ones() as usize;
    let inner = view.skip(8 + 4 * fields)?.limit(len);
    // An acknowledgement alone is sound and carries nothing: type 0 is no protocol.
    let next = if flags & SEQUENCE == 0 { Next::EtherType(0, inner) } else { Next::Ppp(inner) };
    Some((Tunnel::Gre, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind of tunnel and offset of what is inside.
    fn check(header: &[u8], expected: Option<(Tunnel, u32)>) {
        let bytes = [header, &[0x45; 24]].concat();
        let found = enter(View::whole(&bytes)).map(|(kind, next)| match next {
            Next::Ethernet(v) | Next::EtherType(_, v) | Next::Ip(v) | Next::Ppp(v) => (kind, v.offset()),
            other => panic!("{other:?}"),
        });
        assert_eq!(found, expected, "{header:02x?}");
        for len in 0..bytes.len() {
            let _ = enter(View::whole(&bytes[..len]));
        }
    }

    #[test]
    fn measures_headers() {
        check(&[0, 0, 8, 0], Some((Tunnel::Gre, 4)));
        check(&[0x80, 0, 8, 0, 0, 0, 0, 0], Some((Tunnel::Gre, 8)));
        check(&[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Some((Tunnel::Gre, 16)));
        check(&[0x20, 0, 0x65, 0x58, 0, 0, 1, 0], Some((Tunnel::Gre, 8)));
        check(&[0x40, 0, 8, 0], None);
        check(&[0, 2, 8, 0], None);
        check(&[0, 0, 0x88, 0xbe], Some((Tunnel::Erspan, 4)));
        check(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], Some((Tunnel::Erspan, 16)));
        check(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], Some((Tunnel::Erspan, 28)));
        check(&[0, 0, 0x88, 0x3e], Some((Tunnel::Gre, 4)));
        check(&[0x30, 0x01, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1], Some((Tunnel::Gre, 12)));
        check(&[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1], Some((Tunnel::Gre, 16)));
        check(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 1], Some((Tunnel::Gre, 12)));
        check(&[0x30, 0x01, 0x08, 0x00, 0, 9, 0, 1, 0, 0, 0, 1], None);
    }
}

//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, extension headers included.

use super::framing::Refusal;
use super::packet::proto;
use super::stats::Layer;
use super::view::View;
use crate::addr::Addr;

const BROKEN_IP: Refusal = Refusal::Broken(Layer::Ip);

/// Extension headers that are walked; a packet may claim any number.
const MAX_EXTENSIONS: usize = 8;

/// What every IPv6 link carries in one piece (RFC 8200, section 5). A stated payload length of zero in a longer packet means a
/// jumbogram (RFC 2675) or segmentation offload, and the frame says how long it is; in a shorter one it means what
/// it says, and the rest of the frame is padding.
const V6_LEAST_MTU: usize = 1280;

/// Whose rules the transport checksum follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// A piece of a larger datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// The identification that all pieces share.
    pub(super) id: u32,
    /// The protocol that the pieces share: for IPv6 that of the first header after the fragment header.
    pub(super) proto: u8,
    /// Where the piece begins in the datagram, in bytes.
    pub(super) offset: usize,
}

/// An IP header and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) family: Family,
    pub(super) src: Addr,
    pub(super) dst: Addr,
    /// Protocol of the payload; where the extension headers break off, that of the header that is missing.
    pub(super) proto: u8,
    /// Bytes on the wire, header included.
    pub(super) len: usize,
    pub(super) fragment: Option<Fragment>,
    pub(super) payload: View<'a>,
    /// Whether `payload` is the whole payload and `dst` its last destination, so that a checksum can be verified.
    pub(super) verifiable: bool,
    /// Set where the chain of extension headers (or the options) broke off: no transport header can be read.
    pub(super) broken: bool,
}

/// Reads the header at the start of `view`, by the version that it states.
#[inline]
pub(super) fn read(view: View<'_>) -> Result<Datagram<'_>, Refusal> {
    match view.byte(0).ok_or(BROKEN_IP)? >> 4 {
        4 => v4(view),
        6 => v6(view),
        _ => Err(BROKEN_IP),
    }
}

#[inline]
fn v4(view: View<'_>) -> Result<Datagram<'_>, Refusal> {
    let header: &[u8; 20] = view.array(0).ok_or(BROKEN_IP)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let stated_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // Zero is what segmentation offload leaves in packets captured before they reach the card.
    let len = if stated_len == 0 { view.wire() } else { stated_len.min(view.wire()) };
    if header_len < 20 || len < header_len {
        return Err(BROKEN_IP);
    }
    let offset_field = u16::from_be_bytes([header[6], header[7]]);
    let offset = usize::from(offset_field & 0x1fff) * 8;
    let is_piece = offset_field & 0x3fff != 0;
    let datagram = view.limit(len);
    let found = Datagram {
        family: Family::V4,
        src: Addr::from_v4([header[12], header[13], header[14], header[15]]),
        dst: Addr::from_v4([header[16], header[17], header[18], header[19]]),
        proto: header[9],
        len,
        fragment: is_piece.then(|| Fragment {
            id: u32::from(u16::from_be_bytes([header[4], header[5]])),
            proto: header[9],
            offset,
        }),
        payload: datagram.after(header_len),
        verifiable: datagram.is_whole() && len >= stated_len,
        broken: datagram.captured().len() < header_len,
    };
    // IPsec's authentication header leaves the payload in the clear (RFC 4302).
    Ok(if found.proto == proto::AH && offset == 0 { extensions(found) } else { found })
}

#[inline]
fn v6(view: View<'_>) -> Result<Datagram<'_>, Refusal> {
    let header: &[u8; 40] = view.array(0).ok_or(BROKEN_IP)?;
    let (src, dst) = (v6_address(view, 8)?, v6_address(view, 24)?);
    let stated_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let next = header[6];
    let len = match stated_len {
        0 if view.wire() > V6_LEAST_MTU && next != proto::IPV6_NO_NEXT => view.wire(),
        stated => (40 + stated).min(view.wire()),
    };
    let datagram = view.limit(len);
    Ok(extensions(Datagram {
        family: Family::V6,
        src,
        dst,
        proto: next,
        len,
        fragment: None,
        payload: datagram.after(40),
        verifiable: datagram.is_whole() && len >= 40 + stated_len,
        broken: false,
    }))
}

fn v6_address(view: View<'_>, at: usize) -> Result<Addr, Refusal> {
    view.array(at).map(|octets| Addr::from_v6(*octets)).ok_or(BROKEN_IP)
}

/// Walks the extension headers (RFC 8200, section 4) up to the payload or to the header of a later fragment.
#[inline]
fn extensions(mut at: Datagram<'_>) -> Datagram<'_> {
    for walked in 0..=MAX_EXTENSIONS {
        let len = match at.proto {
            proto::IPV6_HOP_BY_HOP | proto::IPV6_DESTINATION | proto::IPV6_ROUTING => {
                at.payload.byte(1).map(|n| 8 * (usize::from(n) + 1))
            }
            proto::AH => at.payload.byte(1).map(|n| 4 * (usize::from(n) + 2)),
            proto::IPV6_FRAGMENT => Some(8),
            _ => return at,
        };
        let step = len
            .filter(|_| walked < MAX_EXTENSIONS)
            .and_then(|len| Some((at.payload.array::<8>(0)?, at.payload.skip(len)?)));
        let Some((header, rest)) = step else { break };
        match at.proto {
            proto::IPV6_ROUTING if header[3] != 0 => at.verifiable = false,
            proto::IPV6_FRAGMENT => at.fragment = fragment(*header),
            _ => {}
        }
        at.proto = header[0];
        at.payload = rest;
        if at.fragment.is_some_and(|piece| piece.offset > 0) {
            return at;
        }
    }
    at.broken = true;
    at
}

/// A fragment header; none where the datagram is whole in spite of it (RFC 6946).
fn fragment(header: [u8; 8]) -> Option<Fragment> {
    let field = u16::from_be_bytes([header[2], header[3]]);
    (field & 0xfff9 != 0).then(|| Fragment {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        proto: header[0],
        offset: usize::from(field & 0xfff8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4_header(patch: &[(usize, u8)], payload: &[u8]) -> Vec<u8> {
        let mut bytes =
            [&[0x45, 0, 0, 0, 0, 7, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..], payload].concat();
        let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        bytes[2..4].copy_from_slice(&len);
        for &(at, value) in patch {
            bytes[at] = value;
        }
        bytes
    }

    fn v6_header(next: u8, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[0x60, 0, 0, 0, len[0], len[1], next, 64][..], &[0x20; 16], &[0x21; 16], payload].concat()
    }

    #[test]
    fn v4_lengths_are_bounded_by_the_wire() {
        let check = |patch: &[(usize, u8)], expected: Option<(usize, usize)>| {
            let bytes = v4_header(patch, &[0; 10]);
            let found = read(View::whole(&bytes)).ok().map(|ip| (ip.len, ip.payload.wire()));
            assert_eq!(found, expected, "{patch:?}");
        };
        check(&[], Some((30, 10)));
        check(&[(3, 25)], Some((25, 5)));
        check(&[(3, 200)], Some((30, 10)));
        check(&[(3, 0)], Some((30, 10)));
        check(&[(3, 19)], None);
        check(&[(0, 0x44)], None);
        check(&[(0, 0x46)], Some((30, 6)));
        check(&[(0, 0x4f)], None);
        check(&[(0, 0x55)], None);
    }

    #[test]
    fn v4_fragments_are_told() {
        let check = |high: u8, low: u8, expected: Option<usize>| {
            let bytes = v4_header(&[(6, high), (7, low)], &[0; 8]);
            let found = read(View::whole(&bytes)).unwrap().fragment.map(|piece| piece.offset);
            assert_eq!(found, expected);
        };
        check(0x40, 0, None);
        check(0x20, 0, Some(0));
        check(0x20, 185, Some(1480));
        check(0x00, 185, Some(1480));
    }

    #[test]
    fn v6_length_of_zero_means_none_or_much() {
        let check = |next: u8, behind: usize, expected: usize| {
            let bytes = [v6_header(next, &[]), vec![0; behind]].concat();
            let ip = read(View::whole(&bytes)).unwrap();
            assert_eq!((ip.len, ip.payload.wire()), (40 + expected, expected), "{next} {behind}");
        };
        check(6, 0, 0);
        // An Ethernet frame of 60 bytes.
        check(6, 6, 0);
        check(17, V6_LEAST_MTU - 40, 0);
        check(6, V6_LEAST_MTU - 39, V6_LEAST_MTU - 39);
        check(6, 80_000, 80_000);
        check(59, 80_000, 0);
    }

    #[test]
    fn v6_extension_headers_are_walked() {
        let check = |next: u8, payload: &[u8], expected: (u8, usize, bool)| {
            let bytes = v6_header(next, payload);
            let ip = read(View::whole(&bytes)).unwrap();
            assert_eq!((ip.proto, ip.payload.wire(), ip.broken), expected, "{next} {payload:02x?}");
        };
        let hop_then = |next: u8| [next, 0, 0, 0, 0, 0, 0, 0];
        check(17, &[0; 8], (17, 8, false));
        check(0, &[&hop_then(17)[..], &[0; 8]].concat(), (17, 8, false));
        check(0, &[&hop_then(60)[..], &hop_then(43), &hop_then(6), &[0; 20]].concat(), (6, 20, false));
        check(51, &[&[6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0; 20]].concat(), (6, 20, false));
        check(0, &[17, 9, 0, 0, 0, 0, 0, 0], (0, 8, true));
        check(0, &[17], (0, 1, true));
        check(0, &hop_then(0).repeat(40), (0, 40 * 8 - 8 * MAX_EXTENSIONS, true));
        check(59, &[], (59, 0, false));
        // The end of a chain may be just as long as the bound.
        let longest = [hop_then(0).repeat(MAX_EXTENSIONS - 1), hop_then(17).to_vec()].concat();
        check(0, &longest, (17, 0, false));
    }

    #[test]
    fn v6_fragments_are_told() {
        let check = |field: u16, expected: Option<(u32, usize)>| {
            let field = field.to_be_bytes();
            let bytes = v6_header(44, &[17, 0, field[0], field[1], 0, 0, 0, 9, 1, 2, 3, 4]);
            let ip = read(View::whole(&bytes)).unwrap();
            assert_eq!(ip.fragment.map(|piece| (piece.id, piece.offset)), expected);
            assert_eq!(ip.payload.wire(), 4);
        };
        check(0x0000, None);
        check(0x0001, Some((9, 0)));
        check(0x05a9, Some((9, 0x05a8)));
    }
}

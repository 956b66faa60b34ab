//! The first header of a frame, by link type (LINKTYPE_*, <https://www.tcpdump.org/linktypes.html>).

use super::framing::{BROKEN_LINK, NOT_IP, Next, Refusal, ether_type, tagged};
use super::stats::Skip;
use super::view::View;
use super::wifi;
use crate::capture::LinkType;

/// Ethernet.
pub(super) const ETHERNET: LinkType = LinkType(1);

/// Reads the first header of a frame. Where the tcpdump group and older systems number a type differently
/// (`DLT_*`), both numbers are known.
#[inline]
pub(super) fn enter(link: LinkType, view: View<'_>) -> Result<Next<'_>, Refusal> {
    if view.captured().is_empty() {
        return Err(BROKEN_LINK);
    }
    match link.0 {
        0 | 108 => loopback(view),
        1 => Ok(Next::Ethernet(view)),
        9 | 50 => ppp_hdlc(view),
        // FDDI: frame control and two addresses before the LLC header.
        10 => view.skip(13).map(Next::Llc).ok_or(BROKEN_LINK),
        // ATM with RFC 2684 LLC encapsulation.
        11 | 100 => Ok(Next::Llc(view)),
        12 | 14 | 101 | 228 | 229 => Ok(Next::Ip(view)),
        51 => Ok(Next::PppOe(view)),
        104 => tagged(view, 2),
        105 => wifi::data_frame(view, wifi::Padding::None),
        107 => frame_relay(view),
        113 => sll(view, 14, 16),
        127 => wifi::radiotap(view),
        // Solaris ipnet: 24 bytes of zones and interfaces.
        226 => view.skip(24).map(Next::Ip).ok_or(BROKEN_LINK),
        239 => nflog(view),
        // IP over InfiniBand: a global routing header of 40 bytes, then type and padding.
        242 => view.be16(40).map(|kind| Next::EtherType(kind, view.after(44))).ok_or(BROKEN_LINK),
        258 => pktap(view),
        276 => sll(view, 0, 20),
        // Ethernet with the tag of a switch chip (Broadcom, Marvell DSA, Marvell EDSA) after the addresses.
        281 | 284 => tagged(view, 16),
        285 => tagged(view, 20),
        _ => Err(Refusal::Skipped(Skip::LinkType)),
    }
}

/// Apple's packet tap: the length of its own header, the kind of record and the link type of the frame behind it, all
/// little-endian.
fn pktap(view: View<'_>) -> Result<Next<'_>, Refusal> {
    const PKTAP: u16 = 258;
    const PACKET: u32 = 1;
    let len = view.le32(0).and_then(|len| usize::try_from(len).ok()).ok_or(BROKEN_LINK)?;
    let (kind, link) = (view.le32(4).ok_or(BROKEN_LINK)?, view.le32(8).ok_or(BROKEN_LINK)?);
    match u16::try_from(link) {
        Ok(link) if kind == PACKET && link != PKTAP => {
            enter(LinkType(link), view.skip(len).ok_or(BROKEN_LINK)?)
        }
        _ => Err(NOT_IP),
    }
}

/// An address family in either byte order, as the capturing host numbers it: `AF_INET` is 2 everywhere, `AF_INET6`
/// is 10 on Linux, 23 on Windows and 24, 28 or 30 on the BSDs.
fn loopback(view: View<'_>) -> Result<Next<'_>, Refusal> {
    let family = view.be32(0).ok_or(BROKEN_LINK)?;
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 | 10 | 23 | 24 | 28 | 30 => Ok(Next::Ip(view.after(4))),
        _ => Err(NOT_IP),
    }
}

/// PPP in HDLC-like framing, or Cisco HDLC where the address says so.
fn ppp_hdlc(view: View<'_>) -> Result<Next<'_>, Refusal> {
    match view.byte(0) {
        Some(0x0f | 0x8f) => tagged(view, 2),
        _ => Ok(Next::Ppp(view)),
    }
}

/// Linux cooked capture, version 1 and 2: the protocol is at `protocol_at`, the header `len` bytes long.
fn sll(view: View<'_>, protocol_at: usize, len: usize) -> Result<Next<'_>, Refusal> {
    const LLC: u16 = 0x0004;
    let kind = view.be16(protocol_at).ok_or(BROKEN_LINK)?;
    let rest = view.skip(len).ok_or(BROKEN_LINK)?;
    match kind {
        LLC => Ok(Next::Llc(rest)),
        ..ether_type::FIRST => Err(NOT_IP),
        _ => Ok(Next::EtherType(kind, rest)),
    }
}

/// Frame relay with RFC 2427 encapsulation, or Cisco's with an `EtherType` after the address.
fn frame_relay(view: View<'_>) -> Result<Next<'_>, Refusal> {
    let address_len = view
        .captured()
        .iter()
        .take(4)
        .position(|byte| byte & 1 == 1)
        .map(|last| last + 1)
        .ok_or(BROKEN_LINK)?;
    let rest = view.after(address_len);
    if rest.byte(0) != Some(0x03) {
        let kind = rest.be16(0).ok_or(BROKEN_LINK)?;
        return Ok(Next::EtherType(kind, rest.after(2)));
    }
    // A zero after the control byte pads the header to an even length.
    let rest = rest.after(if rest.byte(1) == Some(0) { 2 } else { 1 });
    match rest.byte(0).ok_or(BROKEN_LINK)? {
        0xcc | 0x8e => Ok(Next::Ip(rest.after(1))),
        0x80 => match rest.array(1).ok_or(BROKEN_LINK)? {
            [0, 0, 0, high, low] => Ok(Next::EtherType(u16::from_be_bytes([*high, *low]), rest.after(6))),
            _ => Err(NOT_IP),
        },
        _ => Err(NOT_IP),
    }
}

/// Linux netfilter log: a list of attributes in the byte order of the capturing host, one of them the packet.
fn nflog(view: View<'_>) -> Result<Next<'_>, Refusal> {
    const MAX_ATTRIBUTES: usize = 32;
    const PAYLOAD: u16 = 9;
    const LITTLE: [u8; 2] = PAYLOAD.to_le_bytes();
    const BIG: [u8; 2] = PAYLOAD.to_be_bytes();
    let mut rest = view.skip(4).ok_or(BROKEN_LINK)?;
    for _ in 0..MAX_ATTRIBUTES {
        let [a, b, kind @ ..] = *rest.array::<4>(0).ok_or(BROKEN_LINK)?;
        // Kinds are below 256: the byte that is zero tells the byte order.
        let len = if kind[0] == 0 { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) };
        let len = usize::from(len);
        if len < 4 {
            return Err(BROKEN_LINK);
        }
        if kind == LITTLE || kind == BIG {
            return Ok(Next::Ip(rest.limit(len).after(4)));
        }
        rest = rest.skip(len.next_multiple_of(4)).ok_or(BROKEN_LINK)?;
    }
    Err(BROKEN_LINK)
}

#[cfg(test)]
mod tests {
    use super::super::framing::to_ip;
    use super::*;

    /// Offset of the IP header behind a link header.
    fn check(link: u16, bytes: &[u8], expected: Result<u32, Refusal>) {
        let found = enter(LinkType(link), View::whole(bytes)).and_then(to_ip).map(|view| view.offset());
        assert_eq!(found, expected, "link type {link}: {bytes:02x?}");
    }

    #[test]
    fn finds_ip_behind_every_link_header() {
        check(0, &[2, 0, 0, 0], Ok(4));
        check(0, &[0, 0, 0, 30], Ok(4));
        check(108, &[0, 0, 0, 24], Ok(4));
        check(108, &[0, 0, 0, 7], Err(NOT_IP));
        check(9, &[0xff, 3, 0, 0x21], Ok(4));
        check(50, &[0x0f, 0, 8, 0], Ok(4));
        check(51, &[0x11, 0, 0, 1, 0, 9, 0, 0x21], Ok(8));
        check(101, &[0x45], Ok(0));
        check(104, &[0x0f, 0, 0x86, 0xdd], Ok(4));
        check(104, &[0x8f, 0, 0x80, 0x35], Err(Refusal::Skipped(Skip::Arp)));
        check(107, &[0x18, 0x41, 0x03, 0xcc, 0x45], Ok(4));
        check(107, &[0x18, 0x41, 0x08, 0x00, 0x45], Ok(4));
        check(107, &[0x18, 0x41, 0x03, 0, 0x80, 0, 0, 0, 8, 0], Ok(10));
        check(107, &[0x18, 0x40, 0x02, 0x02, 0x02], Err(BROKEN_LINK));
        check(113, &[&[0; 14][..], &[8, 0]].concat(), Ok(16));
        check(113, &[&[0; 14][..], &[0, 4, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]].concat(), Ok(24));
        check(113, &[0; 15], Err(BROKEN_LINK));
        check(226, &[&[0; 24][..], &[0x45]].concat(), Ok(24));
        let pktap = |link: u8| [&[16, 0, 0, 0, 1, 0, 0, 0, link, 0, 0, 0][..], &[0; 16], &[8, 0]].concat();
        check(258, &pktap(1), Ok(30));
        check(258, &[16, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0], Err(NOT_IP));
        check(258, &[200, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], Err(BROKEN_LINK));
        check(276, &[&[0x86, 0xdd][..], &[0; 18]].concat(), Ok(20));
        check(228, &[0x45], Ok(0));
        check(229, &[0x60], Ok(0));
        check(239, &[2, 0, 0, 0, 5, 0, 10, 0, b'x', 0, 0, 0, 8, 0, 9, 0, 0x45, 0, 0, 0], Ok(16));
        check(239, &[2, 0, 0, 0, 0, 8, 0, 9, 0x45, 0, 0, 0], Ok(8));
        check(239, &[2, 0, 0, 0, 3, 0, 9, 0], Err(BROKEN_LINK));
        check(281, &[&[0; 16][..], &[8, 0]].concat(), Ok(18));
        check(65_000, &[0x45], Err(Refusal::Skipped(Skip::LinkType)));
        check(1, &[], Err(BROKEN_LINK));
    }
}

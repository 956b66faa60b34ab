//! Everything between the first link header and the IP header: VLAN tags, LLC, MPLS labels, `PPPoE`, PPP.

use super::stats::{Layer, Skip};
use super::view::View;

/// Why a piece of a frame gives no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is broken at this layer.
    Broken(Layer),
    /// It is sound but carries no IP packet.
    Skipped(Skip),
}

/// A cut or contradictory link-layer header.
pub(super) const BROKEN_LINK: Refusal = Refusal::Broken(Layer::Link);
/// A protocol that is not IP.
pub(super) const NOT_IP: Refusal = Refusal::Skipped(Skip::NotIp);

/// What comes next in a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next<'a> {
    /// An Ethernet header.
    Ethernet(View<'a>),
    /// What an `EtherType` announces.
    EtherType(u16, View<'a>),
    /// IEEE 802.2 logical link control.
    Llc(View<'a>),
    /// A PPP frame, with or without its address and control bytes (RFC 1661, RFC 1662).
    Ppp(View<'a>),
    /// A `PPPoE` header (RFC 2516).
    PppOe(View<'a>),
    /// An MPLS label (RFC 3032).
    Mpls(View<'a>),
    /// An IP packet; its first nibble says of which version, whatever announced it (as Zeek and Wireshark do).
    Ip(View<'a>),
}

/// Link-layer headers, tags and labels that are walked before an IP header: a frame may claim any number.
const MAX_HEADERS: usize = 16;

/// `EtherType` values (IEEE registry).
pub(super) mod ether_type {
    /// Smaller values of the field are IEEE 802.3 lengths.
    pub(in crate::decode) const FIRST: u16 = 0x0600;
    pub(in crate::decode) const IPV4: u16 = 0x0800;
    pub(in crate::decode) const ARP: u16 = 0x0806;
    pub(in crate::decode) const RARP: u16 = 0x8035;
    pub(in crate::decode) const TRANSPARENT_ETHERNET: u16 = 0x6558;
    pub(in crate::decode) const VLAN: u16 = 0x8100;
    pub(in crate::decode) const IPV6: u16 = 0x86dd;
    pub(in crate::decode) const PPP: u16 = 0x880b;
    pub(in crate::decode) const MPLS: u16 = 0x8847;
    pub(in crate::decode) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(in crate::decode) const PPPOE_SESSION: u16 = 0x8864;
    pub(in crate::decode) const QINQ: u16 = 0x88a8;
    pub(in crate::decode) const MACSEC: u16 = 0x88e5;
    pub(in crate::decode) const BACKBONE_TAG: u16 = 0x88e7;
    pub(in crate::decode) const FABRIC_PATH: u16 = 0x8903;
    pub(in crate::decode) const VN_TAG: u16 = 0x8926;
    pub(in crate::decode) const E_TAG: u16 = 0x893f;
    pub(in crate::decode) const NSH: u16 = 0x894f;
    pub(in crate::decode) const QINQ_OLD: u16 = 0x9100;
}

/// Walks to the IP header.
#[inline]
pub(super) fn to_ip(mut next: Next<'_>) -> Result<View<'_>, Refusal> {
    for _ in 0..MAX_HEADERS {
        next = match next {
            Next::Ip(view) => return Ok(view),
            Next::Ethernet(view) => ethernet(view)?,
            Next::EtherType(kind, view) => by_ether_type(kind, view)?,
            Next::Llc(view) => llc(view)?,
            Next::Ppp(view) => ppp(view)?,
            Next::PppOe(view) => pppoe(view)?,
            Next::Mpls(view) => mpls(view)?,
        };
    }
    Err(BROKEN_LINK)
}

#[inline]
fn ethernet(view: View<'_>) -> Result<Next<'_>, Refusal> {
    tagged(view, 12)
}

/// The type or length field at `at`, and what follows it.
#[inline]
pub(super) fn tagged(view: View<'_>, at: usize) -> Result<Next<'_>, Refusal> {
    let kind = view.be16(at).ok_or(BROKEN_LINK)?;
    let rest = view.after(at + 2);
    if kind < ether_type::FIRST {
        return Ok(Next::Llc(rest.limit(usize::from(kind))));
    }
    Ok(Next::EtherType(kind, rest))
}

#[inline]
fn by_ether_type(kind: u16, view: View<'_>) -> Result<Next<'_>, Refusal> {
    match kind {
        ether_type::IPV4 | ether_type::IPV6 => Ok(Next::Ip(view)),
        ether_type::VLAN | ether_type::QINQ | ether_type::QINQ_OLD => tagged(view, 2),
        ether_type::VN_TAG => tagged(view, 4),
        // IEEE 802.1BR.
        ether_type::E_TAG => tagged(view, 6),
        ether_type::NSH => nsh(view),
        // Cisco's fabric header: a tree and a time to live, then the frame as it was.
        ether_type::FABRIC_PATH => view.skip(2).map(Next::Ethernet).ok_or(BROKEN_LINK),
        ether_type::MACSEC => macsec(view),
        ether_type::BACKBONE_TAG => view.skip(4).map(Next::Ethernet).ok_or(BROKEN_LINK),
        ether_type::MPLS | ether_type::MPLS_UPSTREAM => Ok(Next::Mpls(view)),
        ether_type::PPPOE_SESSION => Ok(Next::PppOe(view)),
        ether_type::PPP => Ok(Next::Ppp(view)),
        ether_type::TRANSPARENT_ETHERNET => Ok(Next::Ethernet(view)),
        ether_type::ARP | ether_type::RARP => Err(Refusal::Skipped(Skip::Arp)),
        _ => Err(NOT_IP),
    }
}

/// IEEE 802.1AE: a security tag, and behind it the frame in the clear where neither its encryption nor its changed-text bit is
/// set. The integrity check value at the end is left to the IP length.
fn macsec(view: View<'_>) -> Result<Next<'_>, Refusal> {
    const CHANNEL_ID: u8 = 0x20;
    const ENCRYPTED_OR_CHANGED: u8 = 0x0c;
    let control = view.byte(0).ok_or(BROKEN_LINK)?;
    if control & ENCRYPTED_OR_CHANGED != 0 {
        return Err(NOT_IP);
    }
    tagged(view, if control & CHANNEL_ID == 0 { 6 } else { 14 })
}

/// A network service header (RFC 8300, section 2.2): version 0, its length in words, and what follows it.
fn nsh(view: View<'_>) -> Result<Next<'_>, Refusal> {
    let [version_ttl, ttl_len, _, next] = *view.array(0).ok_or(BROKEN_LINK)?;
    let len = 4 * usize::from(ttl_len & 0x3f);
    if version_ttl >> 6 != 0 || len < 8 {
        return Err(BROKEN_LINK);
    }
    let rest = view.skip(len).ok_or(BROKEN_LINK)?;
    match next {
        1 | 2 => Ok(Next::Ip(rest)),
        3 => Ok(Next::Ethernet(rest)),
        4 => Ok(Next::EtherType(ether_type::NSH, rest)),
        5 => Ok(Next::Mpls(rest)),
        _ => Err(NOT_IP),
    }
}

/// IEEE 802.2: SNAP (RFC 1042, 802.1H) or IP's own service access point.
fn llc(view: View<'_>) -> Result<Next<'_>, Refusal> {
    match view.array(0).ok_or(BROKEN_LINK)? {
        [0xaa, 0xaa, 0x03] => match view.array(3).ok_or(BROKEN_LINK)? {
            [0, 0, 0 | 0xf8] => {
                let kind = view.be16(6).ok_or(BROKEN_LINK)?;
                Ok(Next::EtherType(kind, view.after(8)))
            }
            _ => Err(NOT_IP),
        },
        [0x06, 0x06, 0x03] => Ok(Next::Ip(view.after(3))),
        _ => Err(NOT_IP),
    }
}

fn pppoe(view: View<'_>) -> Result<Next<'_>, Refusal> {
    let [version_type, code, _, _, len_high, len_low] = *view.array(0).ok_or(BROKEN_LINK)?;
    match (version_type, code) {
        (0x11, 0) => Ok(Next::Ppp(view.after(6).limit(usize::from(u16::from_be_bytes([len_high, len_low]))))),
        (0x11, _) => Err(NOT_IP),
        _ => Err(BROKEN_LINK),
    }
}

fn ppp(view: View<'_>) -> Result<Next<'_>, Refusal> {
    let view = if view.be16(0) == Some(0xff03) { view.after(2) } else { view };
    let first = view.byte(0).ok_or(BROKEN_LINK)?;
    // An odd first byte is a protocol field compressed to one byte (RFC 1661, section 6.5).
    let (protocol, rest) = if first & 1 == 1 {
        (u16::from(first), view.after(1))
    } else {
        (view.be16(0).ok_or(BROKEN_LINK)?, view.after(2))
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Next::Ip(rest)),
        0x0281 | 0x0283 => Ok(Next::Mpls(rest)),
        _ => Err(NOT_IP),
    }
}

/// One label. What follows the last is told by its first nibble, as routers do (RFC 4928): IP, or an Ethernet
/// pseudowire with a control word (RFC 4448) or without.
fn mpls(view: View<'_>) -> Result<Next<'_>, Refusal> {
    let [_, _, bottom, _] = *view.array(0).ok_or(BROKEN_LINK)?;
    let rest = view.after(4);
    if bottom & 1 == 0 {
        return Ok(Next::Mpls(rest));
    }
    match rest.byte(0).ok_or(BROKEN_LINK)? >> 4 {
        4 | 6 => Ok(Next::Ip(rest)),
        0 => Ok(Next::Ethernet(rest.after(4))),
        1 => Err(NOT_IP),
        _ => Ok(Next::Ethernet(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offset of the IP header.
    fn check<'a>(next: fn(View<'a>) -> Next<'a>, bytes: &'a [u8], expected: Result<u32, Refusal>) {
        let found = to_ip(next(View::whole(bytes))).map(|view| view.offset());
        assert_eq!(found, expected, "{bytes:02x?}");
    }

    fn after_addresses(rest: &[u8]) -> Vec<u8> {
        [&[0; 12], rest].concat()
    }

    #[test]
    fn walks_ethernet_tags_and_labels() {
        let eth = |rest: &[u8], expected| check(Next::Ethernet, &after_addresses(rest), expected);
        eth(&[0x08, 0x00, 0x45], Ok(14));
        eth(&[0x86, 0xdd, 0x60], Ok(14));
        eth(&[0x81, 0x00, 0, 1, 0x08, 0x00], Ok(18));
        eth(&[0x88, 0xa8, 0, 1, 0x81, 0x00, 0, 2, 0x86, 0xdd], Ok(22));
        eth(&[0x88, 0x47, 0, 0, 0, 1, 0, 0, 1, 1, 0x45], Ok(22));
        eth(&[0x88, 0x47, 0, 0, 1, 1, 0x10, 0], Err(NOT_IP));
        eth(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0x00, 0x21, 0x45], Ok(22));
        eth(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0xc0, 0x21], Err(NOT_IP));
        eth(&[0x88, 0x64, 0x21, 0, 0, 1, 0, 9, 0x00, 0x21], Err(BROKEN_LINK));
        eth(&[0x00, 0x20, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00], Ok(22));
        eth(&[0x00, 0x20, 0x42, 0x42, 3], Err(NOT_IP));
        eth(&[0x00, 0x02, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00], Err(BROKEN_LINK));
        let macsec = |control: u8| [&[0x88, 0xe5, control, 0][..], &[0; 12], &[0x08, 0x00]].concat();
        eth(&macsec(0x20), Ok(30));
        eth(&macsec(0x2c), Err(NOT_IP));
        eth(&[0x89, 0x3f, 0, 1, 0, 0, 0, 0, 0x08, 0x00], Ok(22));
        let fabric_path = [&[0x89, 0x03, 0, 1][..], &after_addresses(&[0x08, 0x00])].concat();
        eth(&fabric_path, Ok(30));
        let nsh = |next: u8| [&[0x89, 0x4f, 0x0f, 0xc2, 0x01, next, 0, 0, 1, 255][..], &[0x45; 40]].concat();
        eth(&nsh(1), Ok(22));
        eth(&nsh(7), Err(NOT_IP));
        eth(&[&nsh(4)[..10], &nsh(3)[2..10], &after_addresses(&[0x08, 0x00])].concat(), Ok(44));
        eth(&[0x89, 0x4f, 0x00, 0x01, 0x01, 1, 0, 0, 1, 255], Err(BROKEN_LINK));
        eth(&[0x08, 0x06], Err(Refusal::Skipped(Skip::Arp)));
        eth(&[0x88, 0xcc], Err(NOT_IP));
        eth(&[0x81, 0x00, 0], Err(BROKEN_LINK));
    }

    #[test]
    fn walks_pseudowires() {
        let inner = after_addresses(&[0x08, 0x00]);
        let with_word = [&[0x88, 0x47, 0, 0, 1, 1, 0, 0, 0, 0][..], &inner].concat();
        check(Next::Ethernet, &after_addresses(&with_word), Ok(12 + 10 + 14));
    }

    #[test]
    fn endless_tags_are_refused() {
        check(Next::Ethernet, &after_addresses(&[0x81, 0x00, 0, 1].repeat(40)), Err(BROKEN_LINK));
        check(Next::Mpls, &[0; 400], Err(BROKEN_LINK));
    }

    #[test]
    fn reads_ppp_in_all_its_forms() {
        check(Next::Ppp, &[0xff, 0x03, 0x00, 0x21], Ok(4));
        check(Next::Ppp, &[0xff, 0x03, 0x21], Ok(3));
        check(Next::Ppp, &[0x00, 0x57], Ok(2));
        check(Next::Ppp, &[0x57], Ok(1));
        check(Next::Ppp, &[0xff, 0x03], Err(BROKEN_LINK));
        check(Next::Ppp, &[0x80, 0x21], Err(NOT_IP));
    }
}

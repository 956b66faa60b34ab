//! Who is the originator: the sender of the first packet, unless Zeek's heuristics say that the start was missed.

use crate::addr::Addr;
use crate::decode::{Direction, Packet, TcpFlags, icmp_counterpart, proto};
use crate::flow::FlowKey;

/// The key of the flow that a packet begins, and the packet's direction in it: [`Direction::Resp`] where the roles
/// are flipped because the packet looks like an answer (Zeek's `WantConnection`, history `^`).
pub(super) fn orient(packet: &Packet) -> (FlowKey, Direction) {
    let key = FlowKey {
        orig: packet.src,
        resp: packet.dst,
        orig_port: packet.src_port,
        resp_port: packet.dst_port,
        proto: packet.proto,
    };
    if is_answer(packet) && packet.dst != Addr::from_v4([255; 4]) {
        let flipped = FlowKey {
            orig: key.resp,
            resp: key.orig,
            orig_port: key.resp_port,
            resp_port: key.orig_port,
            proto: key.proto,
        };
        (flipped, Direction::Resp)
    } else {
        (key, Direction::Orig)
    }
}

/// The direction of a packet in a flow, nothing where it belongs to another flow: the plain form of what the records of flows are asked.
#[cfg(test)]
pub(super) fn direction(key: &FlowKey, packet: &Packet) -> Option<Direction> {
    let (orig, resp) = ((key.orig, key.orig_port), (key.resp, key.resp_port));
    let (src, dst) = ((packet.src, packet.src_port), (packet.dst, packet.dst_port));
    if key.proto != packet.proto {
        None
    } else if (orig, resp) == (src, dst) {
        Some(Direction::Orig)
    } else if (orig, resp) == (dst, src) && !is_one_way(packet) {
        Some(Direction::Resp)
    } else {
        None
    }
}

fn is_answer(packet: &Packet) -> bool {
    let likely = |port| is_likely_server_port(packet.proto, port);
    let (from_server, to_server) = (likely(packet.src_port), likely(packet.dst_port));
    match packet.proto {
        // A scan by SYN-ACKs comes from an odd port to a server port; any other SYN-ACK comes from the responder.
        // (Zeek flips it only when it comes from a likely server port, and so takes the servers of odd ports for
        // originators.)
        proto::TCP if packet.flags.has(TcpFlags::SYN | TcpFlags::ACK) => from_server || !to_server,
        proto::TCP if packet.flags.has(TcpFlags::SYN) => false,
        proto::TCP => from_server && (!to_server || packet.src_port < packet.dst_port),
        proto::UDP => from_server && !to_server,
        _ => false,
    }
}

/// ICMP messages that have no answer: their two directions are two flows, as in Zeek.
pub(super) fn is_one_way(packet: &Packet) -> bool {
    matches!(packet.proto, proto::ICMP | proto::ICMPV6)
        && u8::try_from(packet.src_port).ok().and_then(|kind| icmp_counterpart(packet.proto, kind)).is_none()
}

/// Whether the first of two ports is rather the server's: one of those that servers have, and else the lower one.
pub(crate) const fn server_is_first(protocol: u8, [one, other]: [u16; 2]) -> bool {
    match (is_likely_server_port(protocol, one), is_likely_server_port(protocol, other)) {
        (true, false) => true,
        (false, true) => false,
        _ => one < other,
    }
}

/// Zeek's `likely_server_ports`, as its default scripts fill it, with telnet, POP3 and `WireGuard`.
const fn is_likely_server_port(protocol: u8, port: u16) -> bool {
    match protocol {
        proto::TCP => matches!(
            port,
            21..=23 | 25 | 53 | 79..=81 | 88 | 102 | 110 | 113 | 135 | 139 | 143 | 389 | 443 | 445 | 502 | 563
                | 585 | 587 | 614 | 631 | 636 | 989 | 990 | 992 | 993 | 995 | 1080 | 1434 | 1883 | 2811 | 3128
                | 3268 | 3306 | 3389 | 5222 | 5223 | 5269 | 5432 | 6379 | 6666..=6669 | 8000 | 8080 | 8888
                | 20000
        ),
        proto::UDP => matches!(
            port,
            53 | 67
                | 88
                | 123
                | 137
                | 161
                | 162
                | 389
                | 443
                | 514
                | 1812
                | 2123
                | 2152
                | 3389
                | 3544
                | 4789
                | 5060
                | 5072
                | 5353
                | 5355
                | 6081
                | 20000
                | 51820
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYN: u8 = TcpFlags::SYN;
    const ACK: u8 = TcpFlags::ACK;

    fn packet(protocol: u8, flags: u8, src_port: u16, dst_port: u16) -> Packet {
        let (src, dst) = (Addr::from_v4([10, 0, 0, 1]), Addr::from_v4([10, 0, 0, 2]));
        Packet { src, dst, src_port, dst_port, proto: protocol, flags: TcpFlags(flags), ..Packet::default() }
    }

    #[test]
    fn answers_flip_the_roles() {
        let check = |protocol, flags, src_port, dst_port, flipped: bool| {
            let packet = packet(protocol, flags, src_port, dst_port);
            let (key, from) = orient(&packet);
            assert_eq!(from == Direction::Resp, flipped, "{protocol} {flags} {src_port} {dst_port}");
            assert_eq!(key.orig_port, if flipped { dst_port } else { src_port });
            assert_eq!(direction(&key, &packet), Some(from));
        };
        check(proto::TCP, SYN, 443, 50_000, false);
        check(proto::TCP, SYN | ACK, 443, 50_000, true);
        check(proto::TCP, SYN | ACK, 4444, 50_000, true);
        check(proto::TCP, SYN | ACK, 50_000, 443, false);
        check(proto::TCP, SYN | ACK, 80, 6669, true);
        check(proto::TCP, ACK, 443, 50_000, true);
        check(proto::TCP, ACK, 50_000, 443, false);
        check(proto::TCP, ACK, 22, 443, true);
        check(proto::TCP, ACK, 443, 22, false);
        check(proto::TCP, ACK, 4444, 50_000, false);
        check(proto::UDP, 0, 53, 50_000, true);
        check(proto::UDP, 0, 53, 53, false);
        check(proto::UDP, 0, 50_000, 53, false);
        check(proto::ICMP, 0, 0, 8, false);
    }

    #[test]
    fn broadcasts_are_never_answers() {
        let packet = Packet { dst: Addr::from_v4([255; 4]), ..packet(proto::UDP, 0, 67, 68) };
        assert_eq!(orient(&packet).1, Direction::Orig);
    }

    #[test]
    fn one_way_icmp_has_no_reverse() {
        let back =
            |p: &Packet| Packet { src: p.dst, dst: p.src, src_port: p.dst_port, dst_port: p.src_port, ..*p };
        let unreachable = packet(proto::ICMP, 0, 3, 3);
        assert_eq!(direction(&orient(&unreachable).0, &back(&unreachable)), None);
        let echo = packet(proto::ICMP, 0, 8, 0);
        assert_eq!(direction(&orient(&echo).0, &back(&echo)), Some(Direction::Resp));
    }
}

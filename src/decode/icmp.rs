//! ICMP message types as ports: how Zeek makes flows of a protocol that has none.

use super::packet::proto;

/// The type that answers a message of type `kind`, or that it answers; `None` for messages that go one way.
///
/// The pairs are Zeek's (`ICMP4_counterpart`, `ICMP6_counterpart`) and those of the Community ID specification: a
/// message's source port is its type, and its destination port is the counterpart, or its code where there is none.
/// A request (8, 0) and its reply (0, 8) then have swapped ports, as those of TCP and UDP are.
pub fn counterpart(ip_proto: u8, kind: u8) -> Option<u8> {
    match (ip_proto, kind) {
        // Echo, router discovery, timestamp, information, address mask.
        (proto::ICMP, 0) => Some(8),
        (proto::ICMP, 8) => Some(0),
        (proto::ICMP, 9) => Some(10),
        (proto::ICMP, 10) => Some(9),
        (proto::ICMP, 13) => Some(14),
        (proto::ICMP, 14) => Some(13),
        (proto::ICMP, 15) => Some(16),
        (proto::ICMP, 16) => Some(15),
        (proto::ICMP, 17) => Some(18),
        (proto::ICMP, 18) => Some(17),
        // Echo, multicast listener, router and neighbour discovery, node information, home agent discovery.
        (proto::ICMPV6, 128) => Some(129),
        (proto::ICMPV6, 129) => Some(128),
        (proto::ICMPV6, 130) => Some(131),
        (proto::ICMPV6, 131) => Some(130),
        (proto::ICMPV6, 133) => Some(134),
        (proto::ICMPV6, 134) => Some(133),
        (proto::ICMPV6, 135) => Some(136),
        (proto::ICMPV6, 136) => Some(135),
        (proto::ICMPV6, 139) => Some(140),
        (proto::ICMPV6, 140) => Some(139),
        (proto::ICMPV6, 144) => Some(145),
        (proto::ICMPV6, 145) => Some(144),
        _ => None,
    }
}

/// Whether this is an echo request or reply.
pub(super) fn is_echo(ip_proto: u8, kind: u8) -> bool {
    matches!((ip_proto, kind), (proto::ICMP, 0 | 8) | (proto::ICMPV6, 128 | 129))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counterparts_come_in_pairs() {
        let mut pairs = 0;
        for (ip_proto, kind) in
            [proto::ICMP, proto::ICMPV6].into_iter().flat_map(|p| (0..=255).map(move |k| (p, k)))
        {
            if let Some(other) = counterpart(ip_proto, kind) {
                assert_eq!(counterpart(ip_proto, other), Some(kind));
                pairs += 1;
            }
        }
        assert_eq!(pairs, 22);
        assert_eq!(counterpart(proto::ICMP, 3), None);
        // Zeek logs version 2 listener reports as one-way: 143 to 0.
        assert_eq!(counterpart(proto::ICMPV6, 143), None);
        assert_eq!(counterpart(proto::TCP, 8), None);
    }
}

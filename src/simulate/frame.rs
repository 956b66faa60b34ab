//! Frames of Ethernet, IPv4 or IPv6, and TCP, UDP or ICMP echo with correct lengths and checksums. Payload that nobody reads is zeros,
//! which checksums do not feel: it need not be written.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;
use etherparse::{EtherType, Ethernet2Header, IpNumber, Ipv4Header, Ipv6Header, TcpHeader, UdpHeader};

/// One end of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Hardware address of the host, or of the gateway to it.
    pub(super) mac: [u8; 6],
    /// Address.
    pub(super) ip: IpAddr,
    /// Port; 0 for ICMP.
    pub(super) port: u16,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// A TCP segment.
    Tcp {
        /// Sequence number.
        seq: u32,
        /// Acknowledgement number; 0 where the flag is not set.
        ack: u32,
        /// Flags as they stand in the header.
        flags: u8,
    },
    /// A datagram.
    Udp,
    /// An echo request or reply.
    Echo {
        /// Whether it is a request.
        request: bool,
        /// Identifier.
        id: u16,
        /// Sequence number.
        seq: u16,
    },
}

/// TCP flags.
pub(super) mod flag {
    pub(in super::super) const FIN: u8 = 0x01;
    pub(in super::super) const SYN: u8 = 0x02;
    pub(in super::super) const RST: u8 = 0x04;
    pub(in super::super) const PSH: u8 = 0x08;
    pub(in super::super) const ACK: u8 = 0x10;
}

/// Most payload bytes of a frame: what an IPv4 packet holds beside its headers. Frames beyond the medium's size are what a host
/// captures of itself with segmentation offload.
pub(super) const MAX_PAYLOAD: u32 = 65_000;

const MSS: u16 = 1460;

/// One frame to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) from: &'a Endpoint,
    pub(super) to: &'a Endpoint,
    pub(super) transport: Transport,
    /// First bytes of the payload.
    pub(super) head: &'a [u8],
    /// Zero bytes after them.
    pub(super) zeros: u32,
    /// IPv4 identification.
    pub(super) id: u16,
    /// Time to live.
    pub(super) ttl: u8,
}

impl Frame<'_> {
    /// Writes the frame's headers and the first bytes of its payload into `buffer`. Gives its length on the wire.
    pub(super) fn write(&self, buffer: &mut Vec<u8>) -> Option<u32> {
        buffer.clear();
        let head = u32::try_from(self.head.len()).ok()?;
        let payload = u16::try_from(head.checked_add(self.zeros)?).ok()?;
        let (proto, transport) = self.transport_header(payload)?;
        let ip_payload = payload.checked_add(u16::try_from(transport.len()).ok()?)?;
        let (ether_type, ip) = self.ip_header(ip_payload, proto)?;
        let link = Ethernet2Header { source: self.from.mac, destination: self.to.mac, ether_type };
        buffer.extend_from_slice(&link.to_bytes());
        buffer.extend_from_slice(&ip);
        buffer.extend_from_slice(&transport);
        buffer.extend_from_slice(self.head);
        u32::try_from(buffer.len()).ok().map(|kept| kept + self.zeros)
    }

    /// Nothing where the ends are of different families.
    fn ip_header(&self, payload_length: u16, proto: IpNumber) -> Option<(EtherType, Vec<u8>)> {
        match (self.from.ip, self.to.ip) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut ip =
                    Ipv4Header::new(payload_length, self.ttl, proto, from.octets(), to.octets()).ok()?;
                ip.identification = self.id;
                ip.dont_fragment = true;
                ip.header_checksum = ip.calc_header_checksum();
                Some((EtherType::IPV4, ip.to_bytes().to_vec()))
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let ip = Ipv6Header {
                    payload_length,
                    next_header: proto,
                    hop_limit: self.ttl,
                    source: from.octets(),
                    destination: to.octets(),
                    ..Ipv6Header::default()
                };
                Some((EtherType::IPV6, ip.to_bytes().to_vec()))
            }
            _ => None,
        }
    }

    fn transport_header(&self, payload: u16) -> Option<(IpNumber, Vec<u8>)> {
        let (source, destination) = (self.from.port, self.to.port);
        match self.transport {
            Transport::Tcp { seq, ack, flags } => {
                let mut tcp = TcpHeader::new(source, destination, seq, 64_240);
                tcp.acknowledgment_number = ack;
                (tcp.fin, tcp.syn) = (flags & flag::FIN != 0, flags & flag::SYN != 0);
                (tcp.rst, tcp.psh) = (flags & flag::RST != 0, flags & flag::PSH != 0);
                tcp.ack = flags & flag::ACK != 0;
                if tcp.syn {
                    tcp.set_options(&[etherparse::TcpOptionElement::MaximumSegmentSize(MSS)]).ok()?;
                }
                let mut bytes = tcp.to_bytes().to_vec();
                let length = payload.checked_add(u16::try_from(bytes.len()).ok()?)?;
                let sum = self.pseudo_header(IpNumber::TCP, length).add_slice(&bytes).add_slice(self.head);
                put(&mut bytes, 16, sum.ones_complement());
                Some((IpNumber::TCP, bytes))
            }
            Transport::Udp => {
                let length = payload.checked_add(8)?;
                let udp =
                    UdpHeader { source_port: source, destination_port: destination, length, checksum: 0 };
                let mut bytes = udp.to_bytes().to_vec();
                let sum = self.pseudo_header(IpNumber::UDP, length).add_slice(&bytes).add_slice(self.head);
                put(&mut bytes, 6, sum.to_ones_complement_with_no_zero());
                Some((IpNumber::UDP, bytes))
            }
            Transport::Echo { request, id, seq } => {
                // RFC 792; RFC 4443, whose checksum has the pseudo header.
                let (proto, kinds, sum) = if self.from.ip.is_ipv6() {
                    let length = payload.checked_add(8)?;
                    (IpNumber::IPV6_ICMP, [128, 129], self.pseudo_header(IpNumber::IPV6_ICMP, length))
                } else {
                    (IpNumber::ICMP, [8, 0], Sum16BitWords::new())
                };
                let [asks, answers] = kinds;
                let mut bytes = vec![if request { asks } else { answers }, 0, 0, 0];
                bytes.extend_from_slice(&id.to_be_bytes());
                bytes.extend_from_slice(&seq.to_be_bytes());
                let sum = sum.add_slice(&bytes).add_slice(self.head);
                put(&mut bytes, 2, sum.ones_complement());
                Some((proto, bytes))
            }
        }
    }

    /// The sum over the pseudo header (RFC 9293, section 3.1; RFC 768; RFC 8200, section 8.1).
    fn pseudo_header(&self, proto: IpNumber, length: u16) -> Sum16BitWords {
        let add = |mut sum: Sum16BitWords, ip: IpAddr| match ip {
            IpAddr::V4(ip) => sum.add_4bytes(ip.octets()),
            IpAddr::V6(ip) => sum.add_16bytes(ip.octets()),
        };
        add(add(Sum16BitWords::new(), self.from.ip), self.to.ip)
            .add_2bytes([0, proto.0])
            .add_2bytes(length.to_be_bytes())
    }
}

/// Puts a checksum where it belongs. The sum is in the machine's byte order, of words that were read in it.
fn put(bytes: &mut [u8], at: usize, sum: u16) {
    if let Some(slot) = bytes.get_mut(at..at + 2) {
        slot.copy_from_slice(&sum.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    use std::net::{Ipv4Addr, Ipv6Addr};

    const A: Endpoint =
        Endpoint { mac: [2, 0, 0, 0, 0, 1], ip: IpAddr::V4(Ipv4Addr::new(10, 20, 0, 7)), port: 50_000 };
    const B: Endpoint =
        Endpoint { mac: [2, 0, 0, 0, 0, 2], ip: IpAddr::V4(Ipv4Addr::new(198, 18, 3, 4)), port: 443 };
    const A6: Endpoint = Endpoint { ip: IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 1, 2, 3, 4, 5)), ..A };
    const B6: Endpoint = Endpoint { ip: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 7)), ..B };

    /// The frame's bytes and wire length, against what etherparse builds of the same with all of its payload.
    fn check(from: &Endpoint, to: &Endpoint, transport: Transport, head: &[u8], zeros: u32) {
        let mut kept = Vec::new();
        let frame = Frame { from, to, transport, head, zeros, id: 0, ttl: 64 };
        let wire_len = frame.write(&mut kept).unwrap();
        let payload = [head, &vec![0; zeros as usize]].concat();
        let link = PacketBuilder::ethernet2(from.mac, to.mac);
        let lower = match (from.ip, to.ip) {
            (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), 64),
            (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), 64),
            _ => unreachable!("one family"),
        };
        let mut whole = Vec::new();
        match transport {
            Transport::Tcp { seq, ack, .. } => {
                lower.tcp(from.port, to.port, seq, 64_240).ack(ack).psh().write(&mut whole, &payload)
            }
            Transport::Udp => lower.udp(from.port, to.port).write(&mut whole, &payload),
            Transport::Echo { id, seq, .. } if from.ip.is_ipv6() => {
                lower.icmpv6_echo_request(id, seq).write(&mut whole, &payload)
            }
            Transport::Echo { id, seq, .. } => lower.icmpv4_echo_request(id, seq).write(&mut whole, &payload),
        }
        .unwrap();
        assert_eq!(wire_len as usize, whole.len());
        assert_eq!(kept, whole[..whole.len() - zeros as usize], "{transport:?} {zeros}");
    }

    #[test]
    fn frames_are_those_of_another_builder() {
        let tcp = Transport::Tcp { seq: 0xffff_fff0, ack: 77, flags: flag::ACK | flag::PSH };
        for (head, zeros) in [(&b""[..], 0), (b"odd", 0), (b"odd", 5), (b"even", 1_200), (b"", 60_000)] {
            for (from, to) in [(&A, &B), (&A6, &B6)] {
                check(from, to, tcp, head, zeros);
                check(from, to, Transport::Udp, head, zeros);
                check(from, to, Transport::Echo { request: true, id: 9, seq: 3 }, head, zeros);
            }
        }
    }

    #[test]
    fn what_no_packet_holds_is_refused() {
        let frame =
            Frame { from: &A, to: &B, transport: Transport::Udp, head: b"", zeros: 65_530, id: 0, ttl: 64 };
        assert_eq!(frame.write(&mut Vec::new()), None);
        let frame = Frame { zeros: MAX_PAYLOAD, ..frame };
        assert!(frame.write(&mut Vec::new()).is_some());
        assert_eq!(Frame { to: &B6, ..frame }.write(&mut Vec::new()), None);
    }
}

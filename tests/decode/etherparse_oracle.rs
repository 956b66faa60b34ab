//! etherparse decodes Ethernet, IP, TCP and UDP independently: what both decode must agree.

use std::net::IpAddr;

use etherparse::{IpNumber, LaxNetSlice, LaxSlicedPacket, PacketBuilder, TransportSlice, VlanId};
use proptest::prelude::*;
use undercurrent::addr::Addr;
use undercurrent::decode::Packet;

use crate::frames::{ETHERNET, block, decode_cut, decoder, payload};

/// What etherparse says of a packet, in the words of ours.
#[derive(Debug, PartialEq)]
pub(crate) struct Oracle<'a> {
    src: Addr,
    dst: Addr,
    proto: u8,
    /// Ports, flags, sequence, acknowledgement, window and payload, where it is TCP or UDP and no fragment.
    transport: Option<Transport<'a>>,
}

type Transport<'a> = (u16, u16, u8, u32, u32, u16, &'a [u8]);

/// Nothing where etherparse finds no IP packet, or finds something wrong; nor where it is known to read less strictly
/// or further than we do: an IPv4 length below that of the header, an authentication header in a later fragment,
/// endless IPv6 extension headers, an IPv6 header that states no payload, behind which it takes a frame's padding for some.
pub(crate) fn oracle(frame: &[u8]) -> Option<Oracle<'_>> {
    let sliced = LaxSlicedPacket::from_ethernet(frame).ok().filter(|sliced| sliced.stop_err.is_none())?;
    let (src, dst, proto): (IpAddr, IpAddr, IpNumber) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let (stated, least) = (usize::from(header.total_len()), header.slice().len());
            if (1..least).contains(&stated) || ip.extensions().auth.is_some() && ip.is_payload_fragmented() {
                return None;
            }
            (ip.header().source_addr().into(), ip.header().destination_addr().into(), ip.payload_ip_number())
        }
        Some(LaxNetSlice::Ipv6(ip)) if ip.extensions().clone().into_iter().count() > 8 => return None,
        Some(LaxNetSlice::Ipv6(ip)) if ip.header().payload_length() == 0 => return None,
        Some(LaxNetSlice::Ipv6(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into(), ip.payload().ip_number)
        }
        _ => return None,
    };
    let transport = match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => Some((
            tcp.source_port(),
            tcp.destination_port(),
            tcp.header_slice()[13],
            tcp.sequence_number(),
            tcp.acknowledgment_number(),
            tcp.window_size(),
            at_most_64_kib(tcp.payload()),
        )),
        Some(TransportSlice::Udp(udp)) => {
            Some((udp.source_port(), udp.destination_port(), 0, 0, 0, 0, at_most_64_kib(udp.payload())))
        }
        _ => None,
    };
    Some(Oracle { src: src.into(), dst: dst.into(), proto: proto.0, transport })
}

/// As much of a jumbogram's payload as a packet counts as captured.
fn at_most_64_kib(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(usize::from(u16::MAX))]
}

/// Our packet in the oracle's words; transport only where the oracle has one.
pub(crate) fn ours<'a>(packet: &Packet, payload: &'a [u8], theirs: &Oracle<'_>) -> Oracle<'a> {
    let transport = theirs.transport.map(|_| {
        let p = packet;
        (p.src_port, p.dst_port, p.flags.0, p.seq, p.ack, p.window, payload)
    });
    Oracle { src: packet.src, dst: packet.dst, proto: packet.proto, transport }
}

/// How a test packet is built.
#[derive(Clone, Debug)]
struct Recipe {
    vlans: usize,
    src: [u8; 16],
    dst: [u8; 16],
    v6: bool,
    kind: u8,
    ports: (u16, u16),
    numbers: (u32, u32, u16),
    options: usize,
    payload: Vec<u8>,
    padding: usize,
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let ends = (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<bool>(), any::<(u16, u16)>());
    let rest = (any::<(u32, u32, u16)>(), 0usize..10, prop::collection::vec(any::<u8>(), 0..60), 0usize..20);
    (0usize..3, 0u8..4, ends, rest).prop_map(
        |(vlans, kind, (src, dst, v6, ports), (numbers, options, payload, padding))| Recipe {
            vlans,
            src,
            dst,
            v6,
            kind,
            ports,
            numbers,
            options,
            payload,
            padding,
        },
    )
}

impl Recipe {
    fn build(&self) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let id = |id| VlanId::try_new(id).unwrap();
        let v4 = |octets: [u8; 16]| [octets[0], octets[1], octets[2], octets[3]];
        let ip = match (self.vlans, self.v6) {
            (0, false) => ethernet.ipv4(v4(self.src), v4(self.dst), 9),
            (0, true) => ethernet.ipv6(self.src, self.dst, 9),
            (1, false) => ethernet.single_vlan(id(7)).ipv4(v4(self.src), v4(self.dst), 9),
            (1, true) => ethernet.single_vlan(id(7)).ipv6(self.src, self.dst, 9),
            (_, false) => ethernet.double_vlan(id(7), id(8)).ipv4(v4(self.src), v4(self.dst), 9),
            (_, true) => ethernet.double_vlan(id(7), id(8)).ipv6(self.src, self.dst, 9),
        };
        let (seq, ack, window) = self.numbers;
        let mut frame = Vec::new();
        match self.kind {
            0 => {
                let options = vec![etherparse::TcpOptionElement::Noop; self.options * 4];
                let tcp = ip.tcp(self.ports.0, self.ports.1, seq, window).ack(ack).psh();
                tcp.options(&options).unwrap().write(&mut frame, &self.payload).unwrap();
            }
            1 => ip.udp(self.ports.0, self.ports.1).write(&mut frame, &self.payload).unwrap(),
            2 => ip.icmpv4_echo_request(1, 2).write(&mut frame, &self.payload).unwrap(),
            _ => ip.write(&mut frame, IpNumber(200), &self.payload).unwrap(),
        }
        frame.resize(frame.len() + self.padding, 0);
        frame
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_on_what_etherparse_builds(recipe in recipes(), keep in 0.0..1.5f64) {
        let frame = recipe.build();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
        let captured = ((frame.len() as f64 * keep) as usize).min(frame.len());
        let packet = decode_cut(ETHERNET, &frame, captured);
        let Some(theirs) = oracle(&frame[..captured]) else { return Ok(()) };
        let (block, at) = block(ETHERNET, &frame, captured);
        prop_assert_eq!(packet, decoder().decode(&block, &at));
        let packet = packet.expect("etherparse finds an IP header");
        prop_assert_eq!(packet.tunnel_depth, 0);
        prop_assert_eq!(&ours(&packet, payload(&block, &packet), &theirs), &theirs);
        if theirs.transport.is_some() {
            prop_assert_eq!(packet.payload_len as usize, recipe.payload.len());
            prop_assert!(!packet.headless);
        }
    }
}

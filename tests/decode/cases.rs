//! Frames by hand: every link type, tag and tunnel, and what must come out.

use etherparse::{IpNumber, PacketBuilder};
use undercurrent::addr::Addr;
use undercurrent::capture::{Block, FrameRef, LinkType};
use undercurrent::decode::{Layer, Packet, Skip, Tunnel, proto};
use undercurrent::time::Timestamp;

use crate::frames::{ETHERNET, RAW, block, decode, decoder, payload};

/// A frame that ends in [`inner_v4`] or [`inner_v6`], and how many tunnels are around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) link: u16,
    header: fn(inner: Vec<u8>) -> Vec<u8>,
    inner: fn() -> Vec<u8>,
    depth: u8,
}

impl Case {
    pub(crate) fn frame(&self) -> Vec<u8> {
        (self.header)((self.inner)())
    }
}

const fn case(name: &'static str, link: u16, depth: u8, header: fn(Vec<u8>) -> Vec<u8>) -> Case {
    Case { name, link, header, inner: inner_v4, depth }
}

const fn case_v6(name: &'static str, link: u16, depth: u8, header: fn(Vec<u8>) -> Vec<u8>) -> Case {
    Case { name, link, header, inner: inner_v6, depth }
}

fn inner_v4() -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ipv4([10, 9, 8, 7], [192, 0, 2, 1], 64);
    ip.tcp(50_000, 443, 1234, 4321).psh().ack(99).write(&mut packet, b"the innermost payload").unwrap();
    packet
}

fn inner_v6() -> Vec<u8> {
    let mut packet = Vec::new();
    let mut src = [0; 16];
    src[..4].copy_from_slice(&[0x20, 0x01, 0, 0]);
    let ip = PacketBuilder::ipv6(src, [0x20; 16], 64);
    ip.tcp(50_000, 443, 1234, 4321).psh().ack(99).write(&mut packet, b"the innermost payload").unwrap();
    packet
}

fn join(header: &[u8], rest: &[u8]) -> Vec<u8> {
    [header, rest].concat()
}

fn ethernet(kind: u16, rest: &[u8]) -> Vec<u8> {
    [&[2; 6][..], &[4; 6], &kind.to_be_bytes(), rest].concat()
}

fn ip(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64);
    ip.write(&mut packet, IpNumber(number), payload).unwrap();
    packet
}

fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64);
    ip.udp(src_port, dst_port).write(&mut packet, payload).unwrap();
    packet
}

fn len16(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_be_bytes()
}

fn pppoe(inner: &[u8]) -> Vec<u8> {
    let len = u16::try_from(inner.len() + 2).unwrap().to_be_bytes();
    [&[0x11, 0, 0, 1, len[0], len[1], 0, 0x21][..], inner, &[0; 9]].concat()
}

fn gtp(inner: &[u8]) -> Vec<u8> {
    let len = len16(inner);
    [&[0x30, 255, len[0], len[1], 0, 0, 0, 5][..], inner].concat()
}

fn wrap(times: usize, inner: Vec<u8>) -> Vec<u8> {
    (0..times).fold(inner, |packet, _| ip(proto::IPV4, &packet))
}

pub(crate) const CASES: &[Case] = &[
    case("ethernet", ETHERNET, 0, |p| ethernet(0x0800, &p)),
    case("ethernet with padding", ETHERNET, 0, |p| join(&ethernet(0x0800, &p), &[0; 17])),
    case("vlan", ETHERNET, 0, |p| ethernet(0x8100, &join(&[0, 5, 8, 0], &p))),
    case("qinq", ETHERNET, 0, |p| ethernet(0x88a8, &join(&[0, 5, 0x81, 0, 0, 6, 8, 0], &p))),
    case("old qinq", ETHERNET, 0, |p| ethernet(0x9100, &join(&[0, 5, 0x81, 0, 0, 6, 8, 0], &p))),
    case("mpls", ETHERNET, 0, |p| ethernet(0x8847, &join(&[0, 1, 0, 9, 0, 2, 1, 9], &p))),
    case("pseudowire", ETHERNET, 0, |p| {
        ethernet(0x8847, &join(&[0, 1, 1, 9, 0, 0, 0, 0], &ethernet(0x0800, &p)))
    }),
    case("pppoe", ETHERNET, 0, |p| ethernet(0x8864, &pppoe(&p))),
    case("provider backbone", ETHERNET, 0, |p| ethernet(0x88e7, &join(&[0, 0, 0, 1], &ethernet(0x0800, &p)))),
    case("802.3 with SNAP", ETHERNET, 0, |p| {
        let llc = join(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &p);
        join(&ethernet(u16::from_be_bytes(len16(&llc)), &llc), &[0; 5])
    }),
    case("raw", RAW, 0, |p| p),
    case_v6("raw v6", RAW, 0, |p| p),
    case("null", 0, 0, |p| join(&[2, 0, 0, 0], &p)),
    case_v6("loop v6", 108, 0, |p| join(&[0, 0, 0, 24], &p)),
    case("cooked", 113, 0, |p| [&[0; 14][..], &[8, 0], &p].concat()),
    case("cooked 2", 276, 0, |p| [&[8, 0][..], &[0; 18], &p].concat()),
    case("ppp", 9, 0, |p| join(&[0xff, 3, 0, 0x21], &p)),
    case("cisco hdlc", 104, 0, |p| join(&[0x0f, 0, 8, 0], &p)),
    case("frame relay", 107, 0, |p| join(&[0x18, 0x41, 3, 0xcc], &p)),
    case("802.11 QoS data", 105, 0, |p| {
        [&[0x88, 0x01][..], &[0; 24], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &p].concat()
    }),
    case("radiotap, padded", 127, 0, |p| {
        let radiotap = [0, 0, 9, 0, 2, 0, 0, 0, 0x20];
        [&radiotap[..], &[0x88, 0x01], &[0; 26], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &p].concat()
    }),
    case("ip in ip", ETHERNET, 1, |p| ethernet(0x0800, &ip(proto::IPV4, &p))),
    case_v6("6in4", ETHERNET, 1, |p| ethernet(0x0800, &ip(proto::IPV6, &p))),
    case("8 times ip in ip", RAW, 8, |p| wrap(8, p)),
    case("gre", RAW, 1, |p| ip(proto::GRE, &join(&[0, 0, 8, 0], &p))),
    case("gre with key", RAW, 1, |p| ip(proto::GRE, &join(&[0x20, 0, 8, 0, 0, 0, 0, 7], &p))),
    case("nvgre", RAW, 1, |p| {
        ip(proto::GRE, &join(&[0x20, 0, 0x65, 0x58, 0, 0, 7, 0], &ethernet(0x0800, &p)))
    }),
    case("erspan 2", RAW, 1, |p| {
        let header = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0];
        ip(proto::GRE, &join(&header, &ethernet(0x0800, &p)))
    }),
    case("pptp", RAW, 1, |p| {
        let len = u16::try_from(p.len() + 4).unwrap().to_be_bytes();
        let header = [0x30, 1, 0x88, 0x0b, len[0], len[1], 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
        ip(proto::GRE, &join(&header, &p))
    }),
    case("vxlan", RAW, 1, |p| udp(999, 4789, &join(&[8, 0, 0, 0, 0, 0, 7, 0], &ethernet(0x0800, &p)))),
    case("geneve", RAW, 1, |p| {
        udp(999, 6081, &join(&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0], &ethernet(0x0800, &p)))
    }),
    case("gtp-u", RAW, 1, |p| udp(2152, 2152, &gtp(&p))),
    case_v6("teredo", RAW, 1, |p| udp(999, 3544, &p)),
    case("mpls in ip", RAW, 1, |p| ip(proto::MPLS, &join(&[0, 1, 1, 9], &p))),
    case("ethernet in ip", RAW, 1, |p| ip(proto::ETHERNET, &join(&[0x30, 0], &ethernet(0x0800, &p)))),
    case("segment routing with ethernet", RAW, 1, |p| {
        let len = len16(&ethernet(0x0800, &p));
        let outer = [&[0x60, 0, 0, 0, len[0], len[1], proto::SRV6_ETHERNET, 64][..], &[0x20; 32]].concat();
        join(&outer, &ethernet(0x0800, &p))
    }),
    case("vxlan in gre in mpls", ETHERNET, 2, |p| {
        let vxlan = udp(9, 8472, &join(&[8, 0, 0, 0, 0, 0, 7, 0], &ethernet(0x0800, &p)));
        ethernet(0x8847, &join(&[0, 1, 1, 9], &ip(proto::GRE, &join(&[0, 0, 8, 0], &vxlan))))
    }),
];

#[test]
fn every_case_gives_its_innermost_packet() {
    for case in CASES {
        let frame = case.frame();
        let packet = decode(case.link, &frame).unwrap_or_else(|| panic!("{}: nothing", case.name));
        assert_eq!((packet.src_port, packet.dst_port), (50_000, 443), "{}", case.name);
        assert_eq!((packet.seq, packet.ack, packet.window), (1234, 99, 4321), "{}", case.name);
        assert_eq!(packet.flags.0, 0x18, "{}", case.name);
        assert_eq!(packet.tunnel_depth, case.depth, "{}", case.name);
        assert_eq!(packet.ip_len as usize, (case.inner)().len(), "{}", case.name);
        let (block, _) = block(case.link, &frame, frame.len());
        assert_eq!(payload(&block, &packet), b"the innermost payload", "{}", case.name);
    }
}

#[test]
fn tunnels_are_counted_by_kind() {
    let mut decoder = decoder();
    for case in CASES {
        let frame = case.frame();
        let (block, at) = block(case.link, &frame, frame.len());
        decoder.decode(&block, &at);
    }
    let tunnels = decoder.stats().tunnels;
    let depths: u64 = CASES.iter().map(|case| u64::from(case.depth)).sum();
    assert_eq!(tunnels.total(), depths);
    assert_eq!(
        (tunnels.get(Tunnel::Gre), tunnels.get(Tunnel::Erspan), tunnels.get(Tunnel::Vxlan)),
        (5, 1, 2)
    );
    assert_eq!(decoder.stats().errors.total(), 0);
}

#[test]
fn a_ninth_tunnel_is_not_entered() {
    let frame = wrap(9, inner_v4());
    let (block, at) = block(RAW, &frame, frame.len());
    let mut decoder = decoder();
    let packet = decoder.decode(&block, &at).unwrap();
    assert_eq!((packet.tunnel_depth, packet.proto), (8, proto::IPV4));
    assert_eq!(decoder.stats().errors.get(Layer::Tunnel), 1);
}

#[test]
fn what_carries_no_ip_is_skipped_by_reason() {
    let check = |link: u16, frame: &[u8], reason: Skip| {
        let (block, at) = block(link, frame, frame.len());
        let mut decoder = decoder();
        assert_eq!(decoder.decode(&block, &at), None);
        assert_eq!(decoder.stats().skipped.get(reason), 1, "{reason:?}");
        assert_eq!(decoder.stats().unknown_links.get(&147), (link == 147).then_some(&1));
    };
    check(ETHERNET, &ethernet(0x0806, &[0; 28]), Skip::Arp);
    check(ETHERNET, &ethernet(0x88cc, &[0; 28]), Skip::NotIp);
    check(ETHERNET, &ethernet(38, &[0x42, 0x42, 3, 0, 0]), Skip::NotIp);
    check(105, &[0x80; 40], Skip::WifiControl);
    check(105, &[0x08, 0x41, 0, 0], Skip::WifiEncrypted);
    check(147, &[1], Skip::LinkType);
}

#[test]
fn broken_frames_are_counted_by_layer() {
    let check = |frame: &[u8], layer: Layer, reported: bool| {
        let (block, at) = block(ETHERNET, frame, frame.len());
        let mut decoder = decoder();
        assert_eq!(decoder.decode(&block, &at).is_some(), reported, "{frame:02x?}");
        assert_eq!(decoder.stats().errors.get(layer), 1, "{layer:?}: {:?}", decoder.stats());
        assert_eq!(decoder.stats().errors.total(), 1);
    };
    let on_ethernet = |packet: Vec<u8>| ethernet(0x0800, &packet);
    check(&[1, 2, 3], Layer::Link, false);
    check(&ethernet(0x8100, &[0, 1, 0x81, 0].repeat(40)), Layer::Link, false);
    check(&ethernet(0x0800, &[0x45, 0, 0]), Layer::Ip, false);
    check(&ethernet(0x0800, &[0x50; 60]), Layer::Ip, false);
    check(&on_ethernet(ip(proto::TCP, &[1, 2, 3, 4, 5])), Layer::Transport, true);
    check(&on_ethernet(ip(proto::TCP, &[0; 20])), Layer::Transport, true);
    check(&on_ethernet(ip(proto::UDP, &[0, 1, 0, 2, 0, 7, 0, 0])), Layer::Transport, true);
    check(&on_ethernet(ip(proto::ICMP, &[8])), Layer::Transport, true);
    check(&on_ethernet(ip(proto::GRE, &[0x40, 0, 8, 0])), Layer::Tunnel, true);
    check(&on_ethernet(ip(proto::IPV4, &[0x45, 0])), Layer::Tunnel, true);
}

#[test]
fn udp_lengths_are_not_believed_blindly() {
    let check = |stated: u16, expected: u32| {
        let mut packet = udp(1, 2, &[7; 40]);
        packet[24..26].copy_from_slice(&stated.to_be_bytes());
        assert_eq!(decode(RAW, &packet).unwrap().payload_len, expected, "{stated}");
    };
    check(48, 40);
    check(28, 20);
    check(8, 0);
    check(0, 40);
    check(5, 40);
    check(60_000, 40);
}

#[test]
fn segmentation_offload_leaves_the_length_zero() {
    let mut packet = inner_v4();
    packet[2..4].fill(0);
    assert_eq!(decode(RAW, &packet).unwrap().payload_len, 21);
    let mut packet = inner_v6();
    packet.resize(40 + 20 + 1400, 7);
    packet[4..6].fill(0);
    assert_eq!(decode(RAW, &packet).unwrap().payload_len, 1400);
}

/// A smallest Ethernet frame: what stands behind an IPv6 header that states no payload is padding.
#[test]
fn padding_is_not_counted() {
    let check = |kind: u16, mut packet: Vec<u8>, expected: (u32, u32)| {
        packet.resize(46, 0);
        let found = decode(ETHERNET, &ethernet(kind, &packet)).unwrap();
        assert_eq!((found.ip_len, found.payload_len), expected, "{packet:02x?}");
    };
    check(0x0800, ip(proto::UDP, &[0, 1, 0, 2, 0, 8, 0, 0]), (28, 0));
    let v6 = |next: u8, payload: &[u8]| {
        let len = u8::try_from(payload.len()).unwrap();
        [&[0x60, 0, 0, 0, 0, len, next, 64][..], &[0x20; 32], payload].concat()
    };
    check(0x86dd, v6(253, b"abc"), (43, 3));
    check(0x86dd, v6(253, b""), (40, 0));
    check(0x86dd, v6(proto::TCP, b""), (40, 0));
}

#[test]
fn icmp_has_types_for_ports() {
    let check = |number: u8, message: &[u8], expected: (u16, u16, u32, bool)| {
        let found = decode(RAW, &ip(number, message)).unwrap();
        let hashed = found.icmp_payload_hash != 0;
        assert_eq!((found.src_port, found.dst_port, found.seq, hashed), expected, "{message:02x?}");
    };
    let echo = |kind: u8, filler: &[u8]| [&[kind, 0, 0, 0, 0x12, 0x34, 0, 9][..], &[0; 16], filler].concat();
    check(proto::ICMP, &echo(8, b"tunnel"), (8, 0, 0x1234_0009, true));
    check(proto::ICMP, &echo(0, b""), (0, 8, 0x1234_0009, false));
    check(proto::ICMP, &[3, 1, 0, 0, 0, 0, 0, 0, 0x45], (3, 1, 0, false));
    check(proto::ICMP, &[13, 0, 0, 0, 0, 0, 0, 0], (13, 14, 0, false));
    check(proto::ICMPV6, &echo(128, b"x"), (128, 129, 0x1234_0009, true));
    check(proto::ICMPV6, &[143, 0, 0, 0, 0, 0, 0, 1], (143, 0, 0, false));
    let hash = |filler: &[u8]| decode(RAW, &ip(proto::ICMP, &echo(8, filler))).unwrap().icmp_payload_hash;
    assert_eq!(hash(b"same"), hash(b"same"));
    assert_ne!(hash(b"one"), hash(b"two"));
}

/// A fragment of an IPv4 datagram: its offset in bytes, whether more follow.
fn fragment(id: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = ip(proto::UDP, payload);
    let field = (offset / 8) | if more { 0x2000 } else { 0 };
    packet[5] = id;
    packet[6..8].copy_from_slice(&field.to_be_bytes());
    packet
}

#[test]
fn later_fragments_get_the_ports_of_the_first() {
    let mut first = vec![0x10, 0, 0, 53, 0x0f, 0xa8, 0, 0];
    first.extend([7; 1472]);
    let frames = [
        fragment(1, 1480, true, &[7; 1480]),
        fragment(1, 0, true, &first),
        fragment(1, 1480, true, &[7; 1480]),
        fragment(1, 2960, false, &[7; 1048]),
        fragment(2, 2960, false, &[7; 1048]),
        fragment(1, 65_528, false, &[7; 100]),
    ];
    let mut block = Block::default();
    for frame in &frames {
        let len = u32::try_from(frame.len()).unwrap();
        let offset = u32::try_from(block.data.len()).unwrap();
        let (ts, link) = (Timestamp::default(), LinkType(RAW));
        block.frames.push(FrameRef { ts, offset, captured_len: len, wire_len: len, link });
        block.data.own().extend(frame);
    }
    let (mut decoder, mut packets) = (decoder(), Vec::new());
    decoder.decode_block(&block, &mut packets);
    let found: Vec<(u16, u32, u16, bool)> = packets
        .iter()
        .map(|p: &Packet| (p.dst_port, p.payload_len, p.payload_captured, p.headless))
        .collect();
    let expected = [
        (0, 1480, 0, true),
        (53, 1472, 1472, false),
        (53, 1480, 0, true),
        (53, 1048, 0, true),
        (0, 1048, 0, true),
        (53, 100, 0, true),
    ];
    assert_eq!(found, expected);
    assert_eq!(decoder.stats().errors.get(Layer::Fragment), 3);
    assert!(packets.iter().all(|packet| packet.src == Addr::from_v4([172, 16, 0, 1])));
}

#[test]
fn wrong_checksums_are_marked_where_asked_for() {
    let mut frame = ethernet(0x0800, &inner_v4());
    let check = |frame: &[u8], expected: bool| {
        let (block, at) = block(ETHERNET, frame, frame.len());
        let packet = crate::frames::general_decoder().decode(&block, &at).unwrap();
        assert_eq!(packet.bad_checksum, expected);
        assert!(!decoder().decode(&block, &at).unwrap().bad_checksum);
    };
    check(&frame, false);
    *frame.last_mut().unwrap() ^= 1;
    check(&frame, true);
}

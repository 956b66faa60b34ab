//! What the payload of packets tells: services, and DNS messages.

use super::*;
use Direction::{Orig, Resp};

/// A query or an answer without records for `example.com`, type TXT.
fn dns(is_response: bool) -> Vec<u8> {
    let flags = if is_response { 0x81 } else { 0x01 };
    let mut message = vec![0x12, 0x34, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(b"\x07example\x03com\0\0\x10\0\x01");
    message
}

/// Puts a block of one packet with this payload through a table: the DNS events and the service.
fn run(packets: &[(Packet, Vec<u8>)]) -> (Vec<DnsEvent>, &'static str) {
    let mut net = Net::new(&Config::default());
    for (packet, payload) in packets {
        let packet =
            Packet { payload_offset: 3, payload_captured: u16::try_from(payload.len()).unwrap(), ..*packet };
        net.send_with(packet, &[b"..." as &[u8], payload, b"."].concat());
    }
    net.finish();
    let service = net.reports()[0].record.app.as_ref().map_or("", |info| info.service.name());
    let events = net.told.into_iter().filter_map(|told| match told {
        Told::Dns(dns) => Some(*dns),
        _ => None,
    });
    (events.collect(), service)
}

#[test]
fn dns_over_udp_tells_who_asks_whom() {
    let send = |from, port, payload: Vec<u8>| {
        let len = u32::try_from(payload.len()).unwrap();
        (packet(from, proto::UDP, 50_000, port, 0.0, len), payload)
    };
    for (port, events) in [(53, 2), (5300, 2), (5353, 0), (5355, 0)] {
        let (found, _) = run(&[send(Orig, port, dns(false)), send(Resp, port, dns(true))]);
        assert_eq!(found.len(), events, "port {port}");
        for (event, is_response) in found.iter().zip([false, true]) {
            assert_eq!(event.client, Addr::from_v4([10, 0, 0, 1]));
            assert_eq!(event.server, Addr::from_v4([198, 51, 100, 7]));
            assert_eq!((event.server_port, event.message_len), (port, 29));
            assert_eq!((event.message.is_response, &*event.message.name), (is_response, "example.com"));
        }
    }
}

#[test]
fn dns_over_tcp_is_read_where_a_segment_holds_it_whole() {
    let framed = [&[0, 29][..], &dns(false)].concat();
    let check = |payload: Vec<u8>, on_wire: usize, lengths: &[u32]| {
        let flags = TcpFlags(TcpFlags::ACK);
        let len = u32::try_from(on_wire).unwrap();
        let segment = Packet { flags, seq: 1, ..packet(Orig, proto::TCP, 50_000, 53, 0.0, len) };
        let (found, _) = run(&[(segment, payload)]);
        assert_eq!(found.iter().map(|event| event.message_len).collect::<Vec<_>>(), lengths);
    };
    check(framed.clone(), 31, &[29]);
    check([framed.clone(), framed.clone()].concat(), 62, &[29, 29]);
    check([&framed[..], &framed[..20]].concat(), 51, &[29]);
    // Whole on the wire, cut in the capture.
    check([framed.clone(), framed.clone()].concat()[..50].to_vec(), 62, &[29, 29]);
    check(b"\0\x1e".to_vec(), 2, &[]);
    check(b"\0".to_vec(), 1, &[]);
}

#[test]
fn services_are_told_from_payload() {
    let send = |seconds, seq, payload: &[u8]| {
        let len = u32::try_from(payload.len()).unwrap();
        (tcp(Orig, seconds, TcpFlags::ACK, seq, 1, len), payload.to_vec())
    };
    let request = b"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n";
    assert_eq!(run(&[send(0.0, 1, request)]).1, "http");
    assert_eq!(run(&[send(0.0, 1, &request[..20]), send(0.1, 21, &request[20..])]).1, "http");
    assert_eq!(run(&[send(0.0, 1, b"")]).1, "");
}

#[test]
fn what_payload_tells_is_new_in_one_report() {
    let mut net = Net::new(&Config::default());
    let request = b"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n";
    let len = u32::try_from(request.len()).unwrap();
    let segment = |from, seconds, seq, ack, len| tcp(from, seconds, TcpFlags::ACK, seq, ack, len);
    let first = Packet { payload_captured: u16::try_from(len).unwrap(), ..segment(Orig, 0.0, 1, 1, len) };
    net.send_with(first, request).send(segment(Resp, 0.1, 1, 1 + len, 200)).sweep(70.0);
    net.send(segment(Orig, 80.0, 1 + len, 201, 0)).sweep(140.0);
    net.finish();
    let told: Vec<_> = net.reports().iter().map(|r| (r.record.app.is_some(), r.app_is_new)).collect();
    assert_eq!(told, [(true, true), (true, false), (true, false)]);
}

#[test]
fn too_many_waiting_flows_are_turned_away_and_counted() {
    let mut net = Net::new(&Config::default());
    let hello = |port| Packet {
        flags: TcpFlags(TcpFlags::ACK),
        payload_captured: 11,
        ..packet(Orig, proto::TCP, port, 443, 0.0, 11)
    };
    let shard = |port| hash::shard(FlowHasher::new(Seed::REPLAY).packet(&hello(port)));
    for port in (1..=60_000).filter(|port| shard(*port) == 3).take(5000) {
        net.send_with(hello(port), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    }
    assert_eq!(net.tables.stats().inspections_cut, 5000 - 4096);
    net.finish();
    assert_eq!(net.tables.stats().inspections_cut, 5000 - 4096);
}

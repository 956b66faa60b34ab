//! Tests of the whole stage, and the small network that they share.

mod lifecycle;
mod oracle;
mod payload;
mod zeek;

use super::*;
use crate::addr::Addr;
use crate::decode::{Direction, Packet, TcpFlags, proto};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// The start of the tests' time.
const EPOCH: Timestamp = Timestamp::from_secs_nanos(1_700_000_000, 0);

fn at(seconds: f64) -> Timestamp {
    EPOCH + Span::from_secs_f64(seconds)
}

/// A packet between a client and a server, by default an empty TCP one.
fn packet(
    from: Direction,
    protocol: u8,
    client_port: u16,
    server_port: u16,
    seconds: f64,
    len: u32,
) -> Packet {
    let client = (Addr::from_v4([10, 0, 0, 1]), client_port);
    let server = (Addr::from_v4([198, 51, 100, 7]), server_port);
    let ((src, src_port), (dst, dst_port)) =
        if from == Direction::Orig { (client, server) } else { (server, client) };
    Packet {
        ts: at(seconds),
        src,
        dst,
        src_port,
        dst_port,
        proto: protocol,
        window: 1000,
        payload_len: len,
        ip_len: len + 40,
        wire_len: len + 54,
        ..Packet::default()
    }
}

fn tcp(from: Direction, seconds: f64, flags: u8, seq: u32, ack: u32, len: u32) -> Packet {
    Packet { flags: TcpFlags(flags), seq, ack, ..packet(from, proto::TCP, 50_000, 4444, seconds, len) }
}

fn udp(from: Direction, seconds: f64, len: u32) -> Packet {
    packet(from, proto::UDP, 50_000, 4444, seconds, len)
}

/// The tables of all shards, fed packet by packet.
struct Net {
    tables: FlowTables,
    hasher: FlowHasher,
    ordinal: u64,
    events: Events,
}

impl Net {
    fn new(config: &Config) -> Self {
        Self {
            tables: FlowTables::new(config, Seed::REPLAY, 0, 1),
            hasher: FlowHasher::new(Seed::REPLAY),
            ordinal: 0,
            events: Events::default(),
        }
    }

    fn send(&mut self, packet: Packet) -> &mut Self {
        self.send_with(packet, &[])
    }

    fn send_with(&mut self, packet: Packet, data: &[u8]) -> &mut Self {
        let segment = Segment {
            packets: &[packet],
            hashes: &[self.hasher.packet(&packet)],
            first_ordinal: self.ordinal,
            data,
        };
        self.ordinal += 1;
        self.tables.process(&segment, &mut self.events);
        self
    }

    fn sweep(&mut self, seconds: f64) -> &mut Self {
        self.tables.sweep(Some(at(seconds)));
        self.tables.drain(u64::MAX, &mut self.events);
        self
    }

    fn finish(&mut self) -> &mut Self {
        self.tables.sweep(None);
        self.tables.drain(u64::MAX, &mut self.events);
        assert!(self.tables.is_empty());
        self
    }

    fn reports(&mut self) -> Vec<FlowReport> {
        Events::in_order(std::slice::from_mut(&mut self.events))
            .filter_map(|event| match event {
                FlowEvent::Report(report) => Some(report.clone()),
                _ => None,
            })
            .collect()
    }

    fn exchanges(&mut self) -> Vec<Exchange> {
        Events::in_order(std::slice::from_mut(&mut self.events))
            .filter_map(|event| match event {
                FlowEvent::Exchange(exchange) => Some(*exchange),
                _ => None,
            })
            .collect()
    }

    fn ends(&mut self) -> Vec<EndReason> {
        self.reports()
            .iter()
            .filter_map(|report| match report.phase {
                ReportPhase::Final(reason) => Some(reason),
                ReportPhase::Interim => None,
            })
            .collect()
    }
}

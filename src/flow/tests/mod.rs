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

/// An event, owned.
#[derive(Clone, Debug)]
enum Told {
    Report(Box<FlowReport>),
    Exchange(Exchange),
    Dns(Box<DnsEvent>),
}

/// The events of some parts in their order.
fn told(parts: &mut [Events]) -> impl Iterator<Item = Told> {
    Events::in_order(parts).map(|event| match event {
        FlowEvent::Report(report) => Told::Report(Box::new(report.clone())),
        FlowEvent::Exchange(exchange) => Told::Exchange(*exchange),
        FlowEvent::Dns(dns) => Told::Dns(Box::new(dns.clone())),
    })
}

/// The tables of all shards, fed packet by packet.
struct Net {
    tables: FlowTables,
    hasher: FlowHasher,
    ordinal: u64,
    told: Vec<Told>,
}

impl Net {
    fn new(config: &Config) -> Self {
        Self {
            tables: FlowTables::new(config, Seed::REPLAY, |_| true),
            hasher: FlowHasher::new(Seed::REPLAY),
            ordinal: 0,
            told: Vec::new(),
        }
    }

    fn send(&mut self, packet: Packet) -> &mut Self {
        self.send_with(packet, &[])
    }

    fn send_with(&mut self, packet: Packet, data: &[u8]) -> &mut Self {
        let hashes = [self.hasher.packet(&packet)];
        let segment = Segment { packets: &[packet], hashes: &hashes, first_ordinal: self.ordinal, data };
        self.ordinal += 1;
        self.tell(|tables, events| tables.process(&segment, events))
    }

    fn sweep(&mut self, seconds: f64) -> &mut Self {
        self.tables.sweep(Some(at(seconds)));
        self.tell(|tables, events| tables.drain(u64::MAX, events))
    }

    fn finish(&mut self) -> &mut Self {
        self.tables.sweep(None);
        self.tell(|tables, events| tables.drain(u64::MAX, events));
        assert!(self.tables.is_empty());
        self
    }

    fn tell(&mut self, ask: impl FnOnce(&mut FlowTables, &mut Events)) -> &mut Self {
        let mut events = Events::default();
        ask(&mut self.tables, &mut events);
        self.told.extend(told(&mut [events]));
        self
    }

    fn reports(&self) -> Vec<&FlowReport> {
        self.told
            .iter()
            .filter_map(|told| if let Told::Report(report) = told { Some(&**report) } else { None })
            .collect()
    }

    fn exchanges(&self) -> Vec<Exchange> {
        let exchange = |told: &Told| if let Told::Exchange(exchange) = told { Some(*exchange) } else { None };
        self.told.iter().filter_map(exchange).collect()
    }

    fn ends(&self) -> Vec<EndReason> {
        self.reports()
            .iter()
            .filter_map(|report| match report.phase {
                ReportPhase::Final(reason) => Some(reason),
                ReportPhase::Interim => None,
            })
            .collect()
    }
}

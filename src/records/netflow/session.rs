//! One exporter's observation domain: its templates, its clock, its sampling, its sequence numbers.

use netflow_parser::static_versions::v5::{FlowSet as V5Flow, V5};
use netflow_parser::variable_versions::field_value::FieldValue;
use netflow_parser::variable_versions::ipfix::{self, IPFix};
use netflow_parser::variable_versions::v9::{self, V9};
use netflow_parser::{NetflowPacket, NetflowParser};

use super::element::{self, Element};
use super::fields::{Clock, Fields};
use super::piece::{Piece, Sent};
use super::sequence::Sequence;
use crate::addr::Addr;
use crate::decode::TcpFlags;
use crate::flow::FlowKey;
use crate::time::{Span, Timestamp};

/// Templates of a domain.
const TEMPLATES_MAX: usize = 128;
/// Fields of a template.
const FIELDS_MAX: usize = 128;
/// The low bits of v5's sampling interval; the others hold the mode.
const V5_SAMPLING: u16 = 0x3fff;

/// By how much a time in whole seconds may be too early, and as much again for the time that a datagram is made in.
const ROUNDED: Span = Span::from_secs(2);

/// What is known of a domain.
#[derive(Debug)]
pub(super) struct Session {
    parser: NetflowParser,
    /// Its number, in the order in which they came.
    pub(super) number: u32,
    /// When it was heard last, in datagrams of all.
    pub(super) heard: u64,
    flows: Sequence,
    datagrams: Sequence,
    /// When the exporter was started, as its options say.
    boot: Option<Timestamp>,
    /// The same, as the headers of v5 and v9 say.
    started: Option<Timestamp>,
    sampling: Option<u64>,
}

/// What a datagram came to.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) pieces: Vec<Piece>,
    /// Records that tell of no flow: an address or a time is missing, or not to be read.
    pub(super) untold: u64,
    /// Sets of which the template has not come.
    pub(super) no_template: u64,
    /// Whether all of it could be read.
    pub(super) malformed: bool,
    /// One of so many packets is looked at; told when it is learnt.
    pub(super) sampling: Option<u64>,
    /// By the exporter's clock.
    pub(super) exported: Option<Timestamp>,
}

impl Session {
    pub(super) fn new(number: u32) -> Self {
        let limits = NetflowParser::builder()
            .with_cache_size(TEMPLATES_MAX)
            .with_max_field_count(FIELDS_MAX)
            .with_allowed_versions(&[5, 9, 10]);
        Self {
            // Only limits of zero are refused.
            parser: limits.build().unwrap_or_default(),
            number,
            heard: 0,
            flows: Sequence::default(),
            datagrams: Sequence::default(),
            boot: None,
            started: None,
            sampling: None,
        }
    }

    /// Flows and datagrams that never came.
    pub(super) fn lost(&self) -> (u64, u64) {
        (self.flows.lost(), self.datagrams.lost())
    }

    /// Templates that are known.
    pub(super) fn templates(&self) -> u64 {
        (self.parser.v9_template_ids().len() + self.parser.ipfix_template_ids().len()) as u64
    }

    /// Reads a datagram.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Taken {
        let parsed = self.parser.parse_bytes(datagram);
        let mut taken = Taken { malformed: parsed.error.is_some(), ..Taken::default() };
        for packet in parsed.packets {
            match packet {
                NetflowPacket::V5(v5) => self.take_v5(&v5, &mut taken),
                NetflowPacket::V9(v9) => self.take_v9(&v9, &mut taken),
                NetflowPacket::IPFix(ipfix) => self.take_ipfix(&ipfix, &mut taken),
                _ => taken.malformed = true,
            }
        }
        taken
    }

    fn take_v5(&mut self, v5: &V5, taken: &mut Taken) {
        let header = &v5.header;
        self.flows.take(header.flow_sequence, Some(header.count.into()));
        let at = Timestamp::from_secs_nanos(header.unix_secs.into(), header.unix_nsecs.into());
        taken.exported = Some(at);
        let clock = self.clock(at, header.sys_up_time);
        let interval = u64::from(header.sampling_interval & V5_SAMPLING);
        self.learn_sampling((interval > 1).then_some(interval), taken);
        for flow in &v5.flowsets {
            let piece = self.of_v5(flow, clock);
            taken.add(piece);
        }
    }

    fn of_v5(&self, flow: &V5Flow, clock: Clock) -> Option<Piece> {
        let key = FlowKey {
            orig: Addr::from_v4(flow.src_addr.octets()),
            resp: Addr::from_v4(flow.dst_addr.octets()),
            orig_port: flow.src_port,
            resp_port: flow.dst_port,
            proto: flow.protocol_number,
        };
        let (first, last) = (clock.of_uptime(flow.first)?, clock.of_uptime(flow.last)?);
        Some(Piece {
            // The type and code of ICMP are where other protocols have the port of the destination.
            key: super::fields::with_icmp(key, Some(flow.dst_port)),
            first,
            last: last.max(first),
            sent: Sent {
                packets: Some(flow.d_pkts.into()),
                ip_bytes: Some(flow.d_octets.into()),
                flags: Some(TcpFlags(flow.tcp_flags)),
            },
            back: None,
            from_initiator: false,
            exporter: self.number,
            direction: None,
            sampled: self.sampling.is_some(),
        })
    }

    /// The clock of an exporter that says how long it has been up. Headers of v9 tell the time in whole seconds, rounded down: the latest
    /// start that any of them says is the nearest, and the times of flows do not jump from datagram to datagram.
    fn clock(&mut self, sent: Timestamp, uptime_ms: u32) -> Clock {
        let uptime = Span::from_millis(uptime_ms.into());
        let said = sent - uptime;
        let known = self.started.filter(|known| *known >= said && *known - said < ROUNDED);
        let started = known.unwrap_or(said);
        self.started = Some(started);
        Clock { exported: started + uptime, uptime_ms: Some(uptime_ms), boot: self.boot }
    }

    fn take_v9(&mut self, v9: &V9, taken: &mut Taken) {
        use v9::FlowSetBody as Body;
        let header = &v9.header;
        self.datagrams.take(header.sequence_number, Some(1));
        let at = Timestamp::from_secs_nanos(header.unix_secs.into(), 0);
        taken.exported = Some(at);
        let clock = self.clock(at, header.sys_up_time);
        for set in &v9.flowsets {
            match &set.body {
                Body::Data(data) => {
                    for record in &data.fields {
                        self.add(record.iter().filter_map(of_v9), clock, taken);
                    }
                }
                Body::OptionsData(data) => {
                    for record in &data.fields {
                        self.learn(record.options_fields.iter().filter_map(of_v9), taken);
                    }
                }
                Body::NoTemplate(_) => taken.no_template += 1,
                Body::Template(_) | Body::OptionsTemplate(_) | Body::Empty => {}
            }
        }
    }

    fn take_ipfix(&mut self, message: &IPFix, taken: &mut Taken) {
        use ipfix::FlowSetBody as Body;
        let at = Timestamp::from_secs_nanos(message.header.export_time.into(), 0);
        taken.exported = Some(at);
        let mut records = Some(0);
        for set in &message.flowsets {
            // Options may tell when the exporter was started, which the records behind them count from.
            let clock = Clock { exported: at, uptime_ms: None, boot: self.boot };
            let more = match &set.body {
                Body::Data(data) => {
                    for record in &data.fields {
                        self.add(record.iter().filter_map(of_ipfix), clock, taken);
                    }
                    Some(data.fields.len())
                }
                Body::OptionsData(data) => {
                    for record in &data.fields {
                        self.learn(record.iter().filter_map(of_ipfix), taken);
                    }
                    Some(data.fields.len())
                }
                Body::NoTemplate(_) => {
                    taken.no_template += 1;
                    None
                }
                // Sets of v9 are none of IPFIX's (RFC 7011, section 3.3.2), and templates are no records.
                _ => Some(0),
            };
            let more = more.and_then(|more| u32::try_from(more).ok());
            records = records.zip(more).map(|(records, more): (u32, u32)| records.saturating_add(more));
        }
        self.flows.take(message.header.sequence_number, records);
    }

    /// Takes a record of a flow.
    fn add<'a>(&mut self, fields: impl Iterator<Item = Told<'a>>, clock: Clock, taken: &mut Taken) {
        let mut all = Fields::default();
        fields.for_each(|(element, reverse, value)| all.take(element, reverse, value));
        self.learn_sampling(all.sampling(), taken);
        let piece = all.piece(clock, self.number, self.sampling.is_some());
        taken.add(piece);
    }

    /// Takes a record of options.
    fn learn<'a>(&mut self, fields: impl Iterator<Item = Told<'a>>, taken: &mut Taken) {
        let mut all = Fields::default();
        fields.for_each(|(element, reverse, value)| all.take(element, reverse, value));
        self.boot = all.boot().or(self.boot);
        self.learn_sampling(all.sampling(), taken);
    }

    fn learn_sampling(&mut self, interval: Option<u64>, taken: &mut Taken) {
        if let Some(interval) = interval.filter(|interval| self.sampling != Some(*interval)) {
            self.sampling = Some(interval);
            taken.sampling = Some(interval);
        }
    }
}

impl Taken {
    fn add(&mut self, piece: Option<Piece>) {
        match piece {
            Some(piece) => self.pieces.push(piece),
            None => self.untold += 1,
        }
    }
}

/// What a field means, whether of the way back, and its value.
type Told<'a> = (Element, bool, &'a FieldValue);

fn of_v9((field, value): &v9::V9FieldPair) -> Option<Told<'_>> {
    Some((element::of_v9(*field)?, false, value))
}

fn of_ipfix((field, value): &ipfix::IPFixFieldPair) -> Option<Told<'_>> {
    let (element, reverse) = element::of_ipfix(*field)?;
    Some((element, reverse, value))
}

/// The longest that a flow is believed to have lasted: what is longer is a clock that jumped.
pub(super) const LONGEST: Span = Span::from_secs(30 * 86_400);

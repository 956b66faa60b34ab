//! The fields of one record, and the piece of a flow that they make.

use netflow_parser::variable_versions::field_value::FieldValue;

use super::element::{self, Element};
use super::piece::{Piece, Sent};
use super::session::LONGEST;
use crate::addr::Addr;
use crate::decode::{TcpFlags, icmp_counterpart, proto};
use crate::flow::FlowKey;
use crate::time::{Span, Timestamp};

/// What an exporter says of its clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// When the datagram was sent.
    pub(super) exported: Timestamp,
    /// Milliseconds that the exporter had been up then.
    pub(super) uptime_ms: Option<u32>,
    /// When it was started.
    pub(super) boot: Option<Timestamp>,
}

impl Clock {
    /// The time at which the exporter had been up for so long. The counter of milliseconds begins anew every 49 days, also between a
    /// flow and its export.
    pub(super) fn of_uptime(self, uptime_ms: u32) -> Option<Timestamp> {
        match (self.uptime_ms, self.boot) {
            (Some(now_ms), _) => {
                let before = i64::from(now_ms.wrapping_sub(uptime_ms).cast_signed());
                Some(self.exported - Span::from_millis(before))
            }
            (None, Some(boot)) => Some(boot + Span::from_millis(uptime_ms.into())),
            (None, None) => None,
        }
    }
}

/// The fields of a record.
#[derive(Debug, Default)]
pub(super) struct Fields {
    source: Option<Addr>,
    destination: Option<Addr>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    protocol: Option<u8>,
    icmp: Option<u16>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    sent: Sent,
    back: Sent,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    start_uptime_ms: Option<u32>,
    end_uptime_ms: Option<u32>,
    start_before: Option<Span>,
    end_before: Option<Span>,
    duration: Option<Span>,
    boot: Option<Timestamp>,
    direction: Option<u8>,
    biflow: Option<u64>,
    /// Whether a field is by its name that of who began the flow.
    by_initiator: bool,
    sampling_interval: Option<u64>,
    sampling_packets: Option<u64>,
    sampling_space: Option<u64>,
}

impl Fields {
    /// Takes a field.
    pub(super) fn take(&mut self, element: Element, reverse: bool, value: &FieldValue) {
        let number = || element::number(value);
        let micros = || number().map(|micros| span_of(micros, 1000));
        let side = if reverse { &mut self.back } else { &mut self.sent };
        match element {
            Element::Octets => side.ip_bytes = number().or(side.ip_bytes),
            Element::Packets => side.packets = number().or(side.packets),
            Element::ResponderOctets => {
                self.by_initiator = true;
                self.back.ip_bytes = number();
            }
            Element::ResponderPackets => {
                self.by_initiator = true;
                self.back.packets = number();
            }
            // The flags of RFC 793 are in the lower byte.
            Element::TcpFlags => {
                side.flags = number().and_then(|flags| u8::try_from(flags & 0xff).ok()).map(TcpFlags);
            }
            _ if reverse => {}
            Element::Protocol => self.protocol = narrow(number()),
            Element::SourcePort => self.source_port = narrow(number()),
            Element::DestinationPort => self.destination_port = narrow(number()),
            // Some exporters fill the fields of the other family with zeros.
            Element::Source => self.source = self.source.filter(is_some_address).or(element::addr(value)),
            Element::Destination => {
                self.destination = self.destination.filter(is_some_address).or(element::addr(value));
            }
            Element::IcmpTypeCode => self.icmp = narrow(number()),
            Element::IcmpType => self.icmp_type = narrow(number()),
            Element::IcmpCode => self.icmp_code = narrow(number()),
            Element::StartUptime => self.start_uptime_ms = narrow(number()),
            Element::EndUptime => self.end_uptime_ms = narrow(number()),
            Element::Start => self.start = element::time(value).or(self.start),
            Element::End => self.end = element::time(value).or(self.end),
            Element::StartBefore => self.start_before = micros(),
            Element::EndBefore => self.end_before = micros(),
            Element::Boot => self.boot = element::time(value),
            Element::DurationMillis => self.duration = number().map(|millis| span_of(millis, 1_000_000)),
            Element::DurationMicros => self.duration = micros(),
            Element::Direction => self.direction = narrow(number()),
            Element::Biflow => self.biflow = number(),
            Element::SamplingInterval => self.sampling_interval = number().or(self.sampling_interval),
            Element::SamplingPackets => self.sampling_packets = number(),
            Element::SamplingSpace => self.sampling_space = number(),
        }
    }

    /// When the exporter was started.
    pub(super) fn boot(&self) -> Option<Timestamp> {
        self.boot
    }

    /// One of so many packets is looked at; nothing where all are, or nobody says.
    pub(super) fn sampling(&self) -> Option<u64> {
        let spaced = || {
            let looked_at = self.sampling_packets.filter(|packets| *packets > 0)?;
            Some(looked_at.saturating_add(self.sampling_space?) / looked_at)
        };
        self.sampling_interval.or_else(spaced).filter(|interval| *interval > 1)
    }

    /// The piece; nothing where an end, the protocol or a time is not told.
    pub(super) fn piece(&self, clock: Clock, exporter: u32, sampled: bool) -> Option<Piece> {
        let key = FlowKey {
            orig: self.source?,
            resp: self.destination?,
            orig_port: self.source_port.unwrap_or_default(),
            resp_port: self.destination_port.unwrap_or_default(),
            proto: self.protocol?,
        };
        let (first, last) = self.times(Clock { boot: self.boot.or(clock.boot), ..clock })?;
        let (key, sent, back) = (with_icmp(key, self.icmp()), self.sent, self.back());
        let piece = Piece {
            key,
            first,
            last,
            sent,
            back,
            // Without a word of it, the first end of a record of both directions may be any (RFC 5103, section 6.3).
            from_initiator: self.by_initiator || self.biflow == Some(1),
            exporter,
            direction: self.direction,
            sampled,
        };
        Some(match (back, self.biflow) {
            (Some(back), Some(2)) => {
                Piece { key: reversed(&key), sent: back, back: Some(sent), from_initiator: true, ..piece }
            }
            _ => piece,
        })
    }

    /// What came back. An exporter of both directions tells zeros where nothing did.
    fn back(&self) -> Option<Sent> {
        (self.back.packets.is_some() || self.back.ip_bytes.is_some()).then_some(self.back)
    }

    fn icmp(&self) -> Option<u16> {
        let of_two = || Some(u16::from(self.icmp_type?) << 8 | u16::from(self.icmp_code.unwrap_or_default()));
        self.icmp.or_else(of_two).or(self.destination_port)
    }

    fn times(&self, clock: Clock) -> Option<(Timestamp, Timestamp)> {
        let told = |at: Option<Timestamp>, uptime_ms: Option<u32>, before: Option<Span>| {
            let by_uptime = || clock.of_uptime(uptime_ms?);
            at.or_else(by_uptime).or_else(|| Some(clock.exported - before?))
        };
        let first = told(self.start, self.start_uptime_ms, self.start_before);
        let last = told(self.end, self.end_uptime_ms, self.end_before);
        let duration = self.duration;
        let (first, last) = match (first, last, duration) {
            (Some(first), Some(last), _) => (first, last),
            (Some(first), None, Some(duration)) => (first, first + duration),
            (None, Some(last), Some(duration)) => (last - duration, last),
            (Some(at), None, None) | (None, Some(at), None) => (at, at),
            (None, None, _) => return None,
        };
        (last - first <= LONGEST).then_some((first, last.max(first)))
    }
}

/// A key seen from the other end.
pub(super) const fn reversed(key: &FlowKey) -> FlowKey {
    FlowKey {
        orig: key.resp,
        resp: key.orig,
        orig_port: key.resp_port,
        resp_port: key.orig_port,
        proto: key.proto,
    }
}

/// The key of an ICMP message, with its type and the type that answers it, or its code, as ports; other keys as they are.
pub(super) fn with_icmp(key: FlowKey, type_code: Option<u16>) -> FlowKey {
    if !matches!(key.proto, proto::ICMP | proto::ICMPV6) {
        return key;
    }
    let [kind, code] = type_code.unwrap_or_default().to_be_bytes();
    let resp_port = icmp_counterpart(key.proto, kind).unwrap_or(code);
    FlowKey { orig_port: kind.into(), resp_port: resp_port.into(), ..key }
}

fn is_some_address(addr: &Addr) -> bool {
    addr.words() != Addr::from_v4([0; 4]).words() && addr.words() != [0; 2]
}

fn narrow<T: TryFrom<u64>>(number: Option<u64>) -> Option<T> {
    T::try_from(number?).ok()
}

fn span_of(count: u64, nanos_each: i64) -> Span {
    Span::from_nanos(i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(nanos_each))
}

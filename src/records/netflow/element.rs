//! The information elements that mean something here, by IANA's numbers (RFC 7012). `NetFlow` v9 (RFC 3954) has the same numbers.

use netflow_parser::variable_versions::field_value::{DurationValue, FieldValue};
use netflow_parser::variable_versions::ipfix::lookup::{
    IANAIPFixField, IPFixField, ReverseInformationElement,
};
use netflow_parser::variable_versions::v9::lookup::V9Field;

use crate::addr::Addr;
use crate::time::{Span, Timestamp};

/// Seconds from 1900, where NTP begins to count (RFC 5905), to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;

/// What an element says, of the direction that the record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Octets,
    Packets,
    /// Octets of the responder, in a record of both directions (Cisco's `responderOctets`).
    ResponderOctets,
    ResponderPackets,
    Protocol,
    TcpFlags,
    SourcePort,
    DestinationPort,
    Source,
    Destination,
    /// Type and code of ICMP, the type in the upper byte.
    IcmpTypeCode,
    IcmpType,
    IcmpCode,
    /// Milliseconds since the exporter was started.
    StartUptime,
    EndUptime,
    /// A time of its own.
    Start,
    End,
    /// Microseconds before the export.
    StartBefore,
    EndBefore,
    /// When the exporter was started.
    Boot,
    DurationMillis,
    DurationMicros,
    Direction,
    /// 1: the sender began the flow, 2: the other end did (RFC 5103).
    Biflow,
    /// One of so many packets is looked at.
    SamplingInterval,
    /// Packets that are looked at together, and how many are then passed over.
    SamplingPackets,
    SamplingSpace,
}

/// The element of a field of IPFIX, and whether it is of the way back; nothing for one that means nothing here.
pub(super) fn of_ipfix(field: IPFixField) -> Option<(Element, bool)> {
    match field {
        IPFixField::IANA(field) => Some((of_iana(field)?, false)),
        IPFixField::ReverseInformationElement(field) => Some((of_reverse(field)?, true)),
        _ => None,
    }
}

/// The element of a field of `NetFlow` v9.
pub(super) fn of_v9(field: V9Field) -> Option<Element> {
    of_iana(IANAIPFixField::from(u16::from(field)))
}

fn of_iana(field: IANAIPFixField) -> Option<Element> {
    use IANAIPFixField as F;
    Some(match field {
        F::OctetDeltaCount | F::OctetTotalCount | F::InitiatorOctets => Element::Octets,
        F::PacketDeltaCount | F::PacketTotalCount | F::InitiatorPackets => Element::Packets,
        F::ResponderOctets => Element::ResponderOctets,
        F::ResponderPackets => Element::ResponderPackets,
        F::ProtocolIdentifier => Element::Protocol,
        F::TcpControlBits => Element::TcpFlags,
        F::SourceTransportPort => Element::SourcePort,
        F::DestinationTransportPort => Element::DestinationPort,
        F::SourceIpv4address | F::SourceIpv6address => Element::Source,
        F::DestinationIpv4address | F::DestinationIpv6address => Element::Destination,
        F::IcmpTypeCodeIpv4 | F::IcmpTypeCodeIpv6 => Element::IcmpTypeCode,
        F::IcmpTypeIpv4 | F::IcmpTypeIpv6 => Element::IcmpType,
        F::IcmpCodeIpv4 | F::IcmpCodeIpv6 => Element::IcmpCode,
        F::FlowStartSysUpTime => Element::StartUptime,
        F::FlowEndSysUpTime => Element::EndUptime,
        F::FlowStartSeconds
        | F::FlowStartMilliseconds
        | F::FlowStartMicroseconds
        | F::FlowStartNanoseconds => Element::Start,
        F::FlowEndSeconds | F::FlowEndMilliseconds | F::FlowEndMicroseconds | F::FlowEndNanoseconds => {
            Element::End
        }
        F::FlowStartDeltaMicroseconds => Element::StartBefore,
        F::FlowEndDeltaMicroseconds => Element::EndBefore,
        F::SystemInitTimeMilliseconds => Element::Boot,
        F::FlowDurationMilliseconds => Element::DurationMillis,
        F::FlowDurationMicroseconds => Element::DurationMicros,
        F::FlowDirection => Element::Direction,
        F::BiflowDirection => Element::Biflow,
        F::SamplingInterval | F::SamplerRandomInterval => Element::SamplingInterval,
        F::SamplingPacketInterval => Element::SamplingPackets,
        F::SamplingPacketSpace => Element::SamplingSpace,
        _ => return None,
    })
}

fn of_reverse(field: ReverseInformationElement) -> Option<Element> {
    use ReverseInformationElement as F;
    Some(match field {
        F::ReverseOctetDeltaCount | F::ReverseOctetTotalCount => Element::Octets,
        F::ReversePacketDeltaCount | F::ReversePacketTotalCount => Element::Packets,
        F::ReverseTcpControlBits => Element::TcpFlags,
        _ => return None,
    })
}

/// The number in a field, whatever the exporter made of its length.
pub(super) fn number(value: &FieldValue) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let mut bytes = Vec::new();
    value.write_be_bytes(&mut bytes).ok()?;
    let fits = !bytes.is_empty() && bytes.len() <= size_of::<u64>();
    fits.then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The address in a field.
pub(super) fn addr(value: &FieldValue) -> Option<Addr> {
    match value {
        FieldValue::Ip4Addr(v4) => Some(Addr::from_v4(v4.octets())),
        FieldValue::Ip6Addr(v6) => Some(Addr::from_v6(v6.octets())),
        _ => None,
    }
}

/// The time in a field.
pub(super) fn time(value: &FieldValue) -> Option<Timestamp> {
    let FieldValue::Duration(duration) = value else { return None };
    let nanos = i64::try_from(duration.as_duration().as_nanos()).ok()?;
    let is_ntp = matches!(duration, DurationValue::MicrosNtp { .. } | DurationValue::NanosNtp { .. });
    let since_1970 = if is_ntp { nanos.checked_sub(NTP_TO_UNIX_S * 1_000_000_000)? } else { nanos };
    Some(Timestamp::from_nanos(0) + Span::from_nanos(since_1970))
}

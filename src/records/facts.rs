//! What a source tells of a connection, and the flow that this makes: what is not told is unseen, not zero.

use std::num::NonZeroU128;

use crate::decode::proto;
use crate::flow::{ConnState, Counters, FlowKey, FlowRecord, History, Unseen};
use crate::time::Timestamp;

/// Bytes of an Ethernet header.
const ETHERNET_BYTES: u64 = 14;

/// A connection as a log or an export tells of it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) key: FlowKey,
    /// Where the source names one.
    pub(super) uid: Option<u128>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Of the originator and of the responder.
    pub(super) sides: [Side; 2],
    /// Packets of both ends, where nobody tells them apart.
    pub(super) total_packets: Option<u64>,
    pub(super) missed_bytes: Option<u64>,
    pub(super) state: Option<ConnState>,
    pub(super) history: History,
    /// Whether bytes of payload should be there: sources may give none for connections of no length.
    pub(super) payload_expected: bool,
}

/// What one end sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    pub(super) packets: Option<u64>,
    pub(super) ip_bytes: Option<u64>,
    pub(super) payload: Option<u64>,
    /// Bytes with the headers of the link.
    pub(super) frame_bytes: Option<u64>,
    /// Whether it is known that it sent no payload.
    pub(super) silent: bool,
}

impl Facts {
    /// The flow.
    pub(super) fn flow(mut self) -> FlowRecord {
        let untold = self.sides.iter().any(|side| side.packets.is_none());
        if let Some(total) = self.total_packets {
            share_packets(&mut self.sides, total);
        }
        let [orig, resp] = &self.sides;
        let unseen = [
            (untold, Unseen::PACKETS),
            (orig.frame_bytes.is_none() || resp.frame_bytes.is_none(), Unseen::FRAMES),
            (orig.ip_bytes.is_none() || resp.ip_bytes.is_none(), Unseen::IP_BYTES),
            (self.payload_expected && (orig.payload.is_none() || resp.payload.is_none()), Unseen::PAYLOAD),
            (self.missed_bytes.is_none(), Unseen::MISSED),
            (self.state.is_none(), Unseen::STATE),
        ];
        let unseen = unseen.into_iter().filter(|(unseen, _)| *unseen);
        let header = header_bytes(&self.key);
        let counters = Counters {
            orig_pkts: orig.packets.unwrap_or_default(),
            resp_pkts: resp.packets.unwrap_or_default(),
            orig_ip_bytes: orig.least_ip_bytes(),
            resp_ip_bytes: resp.least_ip_bytes(),
            orig_payload: orig.payload(header),
            resp_payload: resp.payload(header),
            orig_wire_bytes: orig.frame_bytes.unwrap_or_default(),
            resp_wire_bytes: resp.frame_bytes.unwrap_or_default(),
            orig_surge: surge_of(orig.payload(header), resp.payload(header)),
        };
        FlowRecord {
            key: self.key,
            told_uid: self.uid.and_then(NonZeroU128::new),
            first: self.first,
            last: self.last,
            counters,
            orig_bytes: orig.payload.unwrap_or_default(),
            resp_bytes: resp.payload.unwrap_or_default(),
            missed_bytes: self.missed_bytes.unwrap_or_default(),
            state: self.state.unwrap_or_else(|| likely_state(&counters)),
            history: self.history,
            first_speaker: self.history.as_str().chars().find_map(speaker).unwrap_or_default(),
            icmp_payload_max: mean_payload(&counters),
            unseen: unseen.fold(Unseen::PACING, |all, (_, one)| all.or(one)),
            ..FlowRecord::default()
        }
    }
}

impl Side {
    /// Bytes of IP: as told, or those of the frames without the headers of Ethernet.
    fn known_ip_bytes(&self) -> Option<u64> {
        let ethernet = self.packets.unwrap_or_default().saturating_mul(ETHERNET_BYTES);
        self.ip_bytes.or_else(|| Some(self.frame_bytes?.saturating_sub(ethernet)))
    }

    /// Bytes of IP; those of payload, which they are at least, where nothing tells them.
    fn least_ip_bytes(&self) -> u64 {
        self.known_ip_bytes().or(self.payload).unwrap_or_default()
    }

    /// Bytes of payload on the wire: what the packets hold behind their headers, or less where the log says less. Zeek counts those of
    /// TCP by sequence numbers, which a stray packet can make gigabytes of.
    fn payload(&self, header: u64) -> u64 {
        let held = self
            .known_ip_bytes()
            .map(|bytes| bytes.saturating_sub(self.packets.unwrap_or_default().saturating_mul(header)));
        match (self.payload, held) {
            (Some(told), Some(held)) => told.min(held),
            (Some(told), None) => told,
            (None, _) if self.silent => 0,
            (None, held) => held.unwrap_or_default(),
        }
    }
}

/// Shares packets out of which nobody tells who sent them: evenly among the ends that sent bytes.
fn share_packets([orig, resp]: &mut [Side; 2], total: u64) {
    let sent =
        |side: &Side| side.frame_bytes.or(side.ip_bytes).or(side.payload).is_some_and(|bytes| bytes > 0);
    let (of_orig, of_resp) = match (sent(orig), sent(resp)) {
        (true, true) => (total - total / 2, total / 2),
        (false, true) => (0, total),
        _ => (total, 0),
    };
    orig.packets = orig.packets.or(Some(of_orig));
    resp.packets = resp.packets.or(Some(of_resp));
}

/// What the counters say where nobody names a state.
fn likely_state(counters: &Counters) -> ConnState {
    let answered = counters.resp_pkts > 0 || counters.resp_ip_bytes > 0;
    if answered { ConnState::SF } else { ConnState::S0 }
}

/// The first who sent payload, by the letters of a history.
const fn speaker(letter: char) -> Option<u8> {
    match letter {
        'D' => Some(1),
        'd' => Some(2),
        _ => None,
    }
}

/// By how much the originator ran ahead at least: over the whole connection.
fn surge_of(orig_payload: u64, resp_payload: u64) -> u64 {
    let ahead = orig_payload.saturating_sub(resp_payload.saturating_mul(2));
    if ahead >= Counters::LEAST_SURGE { ahead } else { 0 }
}

/// Bytes of the headers of a packet at least.
fn header_bytes(key: &FlowKey) -> u64 {
    let ip = if key.orig.is_v4() { 20 } else { 40 };
    let transport = match key.proto {
        proto::TCP => 20,
        proto::UDP | proto::ICMP | proto::ICMPV6 => 8,
        _ => 0,
    };
    ip + transport
}

/// Whether a record looks like nothing but the time being asked for: datagrams of the size that NTP has without extensions (RFC 5905,
/// section 7.3), to its port. Zeek knows the protocol from version 3 on, exporters and Argus do not.
pub(super) fn is_ntp(record: &FlowRecord) -> bool {
    const PORT: u16 = 123;
    const BYTES: u64 = 48;
    let counters = &record.counters;
    let of_its_size = |packets: u64, payload: u64| packets.saturating_mul(BYTES) == payload;
    record.key.proto == proto::UDP
        && record.key.resp_port == PORT
        && counters.orig_pkts > 0
        && of_its_size(counters.orig_pkts, counters.orig_payload)
        && of_its_size(counters.resp_pkts, counters.resp_payload)
}

/// Bytes that the largest payload of the originator has at least: the mean.
fn mean_payload(counters: &Counters) -> u32 {
    let mean = counters.orig_payload.checked_div(counters.orig_pkts);
    u32::try_from(mean.unwrap_or_default()).unwrap_or(u32::MAX)
}

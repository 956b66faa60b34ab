//! The payload of a flow: read until its protocol and names are known; DNS messages always.

use std::hint::select_unpredictable;
use std::sync::Arc;

use crate::decode::app::{AppInfo, DnsMessage, Inspector, Progress, Service, parse_dns};
use crate::decode::{Direction, Packet, TcpFlags, proto};
use crate::flow::cold::Beside;
use crate::flow::{DnsEvent, FlowKey};

/// What the payload of a flow told, or who is reading it.
#[derive(Debug, Default)]
pub(super) enum App {
    /// No payload yet, or it told nothing.
    #[default]
    Nothing,
    /// More payload is needed.
    Inspecting(Box<Inspector>),
    /// All that can be known.
    Known(Arc<AppInfo>),
}

/// How many flows may still begin to wait for more payload with something in hand. Each may hold some KiB, so their number is
/// bounded.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    pub(super) places: u32,
    /// Flows that found no place: only their first payload was looked at.
    pub(super) turned_away: u64,
}

impl WaitingRoom {
    fn enter(&mut self) -> bool {
        let entered = self.places > 0;
        self.places -= u32::from(entered);
        self.turned_away += u64::from(!entered);
        entered
    }

    fn leave(&mut self) {
        self.places += 1;
    }
}

/// What the record of a flow remembers of its payload, in one byte: who spoke first, and how many payloads told nothing. Most
/// payloads are looked at with no more than this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard(u8);

impl Heard {
    const SPEAKER_BITS: u32 = 2;
    /// In place of a number of payloads: [`App::Inspecting`] knows.
    const HELD: u8 = u8::MAX >> Self::SPEAKER_BITS;

    /// `FlowRecord::first_speaker`.
    pub(super) fn first_speaker(self) -> u8 {
        self.0 & ((1 << Self::SPEAKER_BITS) - 1)
    }

    /// Notes whether a side sent payload.
    #[inline]
    pub(super) fn speaks(&mut self, from: Direction, has_payload: bool) {
        let speaker = if from == Direction::Orig { 1 } else { 2 };
        let is_first = self.first_speaker() == 0;
        self.0 |= select_unpredictable(has_payload & is_first, speaker, 0);
    }

    /// Whether the inspector of the flow holds something.
    pub(super) fn is_held(self) -> bool {
        self.payloads() == Self::HELD
    }

    fn payloads(self) -> u8 {
        self.0 >> Self::SPEAKER_BITS
    }

    fn set_payloads(&mut self, payloads: u8) {
        self.0 = payloads.min(Self::HELD) << Self::SPEAKER_BITS | self.first_speaker();
    }
}

/// How the inspection of a flow stands after a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inspection {
    /// More payload is wanted.
    GoesOn,
    /// Nothing more will be learnt; [`App::info`] has what was, if anything.
    Concluded,
    /// Nothing was learnt, and nothing will be.
    Fruitless,
}

/// Payload that a packet brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) packet: &'a Packet,
    /// What was captured of it.
    pub(super) payload: &'a [u8],
    /// Whether it is known to be the first of its side.
    pub(super) begins_stream: bool,
}

impl App {
    /// Ends the inspection with what is known so far.
    pub(super) fn conclude(&mut self, room: &mut WaitingRoom) {
        if let Self::Inspecting(inspector) = self {
            room.leave();
            let info = std::mem::take(inspector.as_mut()).into_info();
            *self = if info == AppInfo::default() { Self::Nothing } else { Self::Known(Arc::new(info)) };
        }
    }

    /// What is known.
    pub(super) fn info(&self) -> Option<&Arc<AppInfo>> {
        match self {
            Self::Known(info) => Some(info),
            Self::Nothing | Self::Inspecting(_) => None,
        }
    }
}

/// Feeds the payload of a packet. What is known is not read where `heard` says enough.
pub(super) fn feed(
    mut beside: Beside<'_>,
    heard: &mut Heard,
    room: &mut WaitingRoom,
    key: &FlowKey,
    from: Direction,
    said: &Said<'_>,
) -> Inspection {
    let Said { packet, payload, begins_stream } = *said;
    let seq = match packet.proto {
        proto::TCP => packet.seq.wrapping_add(u32::from(packet.flags.has(TcpFlags::SYN))),
        _ => 0,
    };
    if heard.is_held() {
        let app = beside.app_mut();
        if let App::Inspecting(inspector) = app
            && inspector.feed(packet.proto, key.resp_port, from, seq, payload) == Progress::NeedMore
        {
            return Inspection::GoesOn;
        }
        app.conclude(room);
        return Inspection::Concluded;
    }
    if let Some(progress) =
        Inspector::pass_over(heard.payloads(), begins_stream, packet.proto, key.resp_port, payload)
    {
        heard.set_payloads(heard.payloads() + 1);
        return if progress == Progress::Done { Inspection::Fruitless } else { Inspection::GoesOn };
    }
    let mut inspector = Inspector::after(heard.payloads());
    if inspector.feed(packet.proto, key.resp_port, from, seq, payload) == Progress::NeedMore {
        if let Some(payloads) = inspector.blank() {
            heard.set_payloads(payloads);
            return Inspection::GoesOn;
        }
        // What follows a segment that was not captured whole lies behind a gap.
        let is_cut = u32::from(packet.payload_captured) < packet.payload_len;
        if !(is_cut && inspector.waits_for_the_next_byte()) && room.enter() {
            heard.set_payloads(Heard::HELD);
            *beside.app_mut() = App::Inspecting(Box::new(inspector));
            return Inspection::GoesOn;
        }
    }
    let info = inspector.into_info();
    if info != AppInfo::default() {
        *beside.app_mut() = App::Known(Arc::new(info));
    }
    Inspection::Concluded
}

/// Whether a flow carries DNS by its ports: no payload is needed to tell.
pub(super) fn is_dns_by_port(key: &FlowKey) -> bool {
    matches!(key.proto, proto::UDP | proto::TCP) && (key.resp_port == 53 || key.orig_port == 53)
}

/// Whether a flow was found to carry DNS that somebody asks a server: local discovery (multicast DNS, LLMNR, `NetBIOS`
/// names) is not.
pub(super) fn is_dns(key: &FlowKey, info: &AppInfo) -> bool {
    info.service == Service::Dns && !matches!(key.resp_port, 137 | 5353 | 5355)
}

/// Reads the DNS messages of a packet's payload. Over TCP only those that lie whole in one segment are read.
pub(super) fn read_dns(packet: &Packet, payload: &[u8], mut emit: impl FnMut(DnsEvent)) {
    if packet.proto == proto::UDP {
        if let Some(message) = parse_dns(payload) {
            emit(event(packet, packet.payload_len, message));
        }
        return;
    }
    let (mut rest, mut on_wire) = (payload, packet.payload_len);
    while let [high, low, tail @ ..] = rest {
        let len = u32::from(u16::from_be_bytes([*high, *low]));
        // RFC 1035, section 4.2.2: two bytes of length before each message. A header has twelve.
        if len < 12 || len + 2 > on_wire {
            break;
        }
        let (message, after) = tail.split_at(tail.len().min(len as usize));
        match parse_dns(message) {
            Some(message) => emit(event(packet, len, message)),
            None => break,
        }
        rest = after;
        on_wire -= len + 2;
    }
}

fn event(packet: &Packet, message_len: u32, message: DnsMessage) -> DnsEvent {
    let (client, server, server_port) = if message.is_response {
        (packet.dst, packet.src, packet.src_port)
    } else {
        (packet.src, packet.dst, packet.dst_port)
    };
    DnsEvent { ts: packet.ts, client, server, server_port, proto: packet.proto, message_len, message }
}

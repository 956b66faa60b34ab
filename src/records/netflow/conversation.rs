//! One conversation as exports tell it: pieces of either direction, cut by the exporter's timeouts, as one flow again.

use std::sync::Arc;

use super::fields::reversed;
use super::piece::{Piece, Sent};
use crate::decode::app::{AppInfo, Service};
use crate::decode::{TcpFlags, proto};
use crate::flow::{Config, ConnState, Counters, FlowKey, FlowRecord, History, Unseen, server_is_first};
use crate::records::facts::{Facts, Side, is_ntp};
use crate::records::flags;
use crate::time::{Span, Timestamp};

/// Beyond the length of a piece, how long the next one may take to be told.
const SLACK: Span = Span::from_secs(60);

/// What is known of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    /// The ends in an order of their own.
    key: FlowKey,
    /// What the first end of the key sent, and what the second.
    sides: [Option<Half>; 2],
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Whether the second end of the key began it; nothing before that is decided.
    from_second: Option<bool>,
    longest_piece: Span,
    sampled: bool,
    /// When it was reported last, and what was.
    pub(super) reported: Option<(Timestamp, Counters)>,
    /// Whether something came since.
    pub(super) changed: bool,
    /// The sweep before which something of it came last.
    pub(super) generation: u64,
    /// When it is to be looked at.
    pub(super) due: Timestamp,
}

/// One direction.
#[derive(Clone, Copy, Debug)]
struct Half {
    sent: Sent,
    first: Timestamp,
    last: Timestamp,
    exporter: u32,
    direction: Option<u8>,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It belongs to the conversation.
    Belongs,
    /// It tells what another exporter, or another observation point, has told already.
    Duplicate,
    /// It is of a later conversation between the same ends.
    Later,
    /// It is of an earlier one.
    Earlier,
}

impl Conversation {
    /// A conversation of which nothing is known yet but its ends.
    pub(super) fn new(piece: &Piece) -> Self {
        Self {
            key: canonical(&piece.key),
            sides: [None; 2],
            first: piece.first,
            last: piece.last,
            from_second: None,
            longest_piece: Span::ZERO,
            sampled: false,
            reported: None,
            changed: false,
            generation: 0,
            due: Timestamp::MIN,
        }
    }

    /// Whether a piece belongs to the conversation.
    pub(super) fn fit(&self, piece: &Piece, config: &Config) -> Fit {
        let half = self.half(usize::from(piece.key != self.key));
        let begins_anew = piece.sent.has_any(TcpFlags::SYN)
            && self.is_closed()
            && half.is_some_and(|half| piece.first > half.last);
        if begins_anew || piece.first - self.last > self.patience(config) {
            return Fit::Later;
        }
        if self.first - piece.last > self.patience(config) {
            return Fit::Earlier;
        }
        let told_before = half.is_some_and(|half| {
            let elsewhere = half.exporter != piece.exporter || half.direction != piece.direction;
            let until = half.last.max(half.first + Span::from_millis(1));
            elsewhere && piece.first < until && piece.last >= half.first
        });
        if told_before { Fit::Duplicate } else { Fit::Belongs }
    }

    /// Adds a piece that belongs to it.
    pub(super) fn add(&mut self, piece: &Piece) {
        let side = usize::from(piece.key != self.key);
        self.add_half(side, &piece.sent, piece);
        if let Some(back) = piece.back.filter(|back| !back.is_nothing()) {
            self.add_half(1 - side, &back, piece);
        }
        if piece.from_initiator {
            self.from_second.get_or_insert(side == 1);
        }
        self.first = self.first.min(piece.first);
        self.last = self.last.max(piece.last);
        self.longest_piece = self.longest_piece.max(piece.last - piece.first);
        self.sampled |= piece.sampled;
        self.changed = true;
    }

    fn add_half(&mut self, side: usize, sent: &Sent, piece: &Piece) {
        let Some(half) = self.sides.get_mut(side) else { return };
        match half {
            Some(half) => {
                half.sent.add(sent);
                half.first = half.first.min(piece.first);
                if piece.last >= half.last {
                    half.last = piece.last;
                    half.exporter = piece.exporter;
                    half.direction = piece.direction;
                }
            }
            None => {
                *half = Some(Half {
                    sent: *sent,
                    first: piece.first,
                    last: piece.last,
                    exporter: piece.exporter,
                    direction: piece.direction,
                });
            }
        }
    }

    /// How long nothing may come of it until it has ended: as long as packets may be away, or as long as the exporter seems to wait before
    /// it tells of what goes on.
    pub(super) fn patience(&self, config: &Config) -> Span {
        let told_in = Span::from_nanos(self.longest_piece.as_nanos().saturating_add(SLACK.as_nanos()));
        match self.key.proto {
            proto::TCP if self.is_closed() => config.tcp_closed,
            proto::TCP if self.sides.iter().any(Option::is_none) => config.tcp_attempt.max(told_in),
            proto::TCP if self.any_sent(TcpFlags::FIN) => config.tcp_half_closed.max(told_in),
            proto::TCP => config.tcp_open.max(told_in),
            proto::ICMP | proto::ICMPV6 => config.icmp.max(told_in),
            _ => config.udp.max(told_in),
        }
    }

    /// Whether TCP was reset, or closed by both ends.
    fn is_closed(&self) -> bool {
        let [one, other] = &self.sides;
        let closed = |half: &Option<Half>| half.is_some_and(|half| half.sent.has_any(TcpFlags::FIN));
        closed(one) && closed(other) || self.any_sent(TcpFlags::RST)
    }

    fn any_sent(&self, mask: u8) -> bool {
        self.sides.iter().flatten().any(|half| half.sent.has_any(mask))
    }

    fn half(&self, side: usize) -> Option<Half> {
        self.sides.get(side).copied().flatten()
    }

    /// The flow so far. Who began it is decided with the first report.
    pub(super) fn record(&mut self) -> FlowRecord {
        let from_second = *self.from_second.get_or_insert(second_began(&self.key, &self.sides));
        let [mut orig, mut resp] = self.sides;
        if from_second {
            std::mem::swap(&mut orig, &mut resp);
        }
        let key = if from_second { reversed(&self.key) } else { self.key };
        let side = |half: Option<Half>| match half {
            Some(Half { sent, .. }) => {
                Side { packets: sent.packets, ip_bytes: sent.ip_bytes, ..Side::default() }
            }
            None => Side { packets: Some(0), ip_bytes: Some(0), ..Side::default() },
        };
        let facts = Facts {
            key,
            uid: None,
            first: self.first,
            last: self.last,
            sides: [side(orig), side(resp)],
            total_packets: None,
            missed_bytes: None,
            state: state(&key, orig, resp),
            history: History::default(),
            payload_expected: true,
        };
        let mut record = facts.flow();
        record.unseen = record.unseen.or(Unseen::SERVICE).or(Unseen::NAMES);
        record.app =
            is_ntp(&record).then(|| Arc::new(AppInfo { service: Service::Ntp, ..AppInfo::default() }));
        if self.sampled {
            record.unseen = record.unseen.or(Unseen::PACKETS).or(Unseen::IP_BYTES);
        }
        record
    }
}

/// The ends of a flow in one order, whoever sent. ICMP messages that nothing answers have no other direction.
pub(super) fn canonical(key: &FlowKey) -> FlowKey {
    (*key).min(reversed(key))
}

/// Whether the second end of a key began: who sent first, and where the exporter's clock cannot tell, whose port is not a server's.
fn second_began(key: &FlowKey, [one, other]: &[Option<Half>; 2]) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() };
    if one.first != other.first {
        return other.first < one.first;
    }
    server_is_first(key.proto, [key.orig_port, key.resp_port])
}

/// The state, where it is known.
fn state(key: &FlowKey, orig: Option<Half>, resp: Option<Half>) -> Option<ConnState> {
    if key.proto != proto::TCP {
        return Some(if resp.is_some() { ConnState::SF } else { ConnState::S0 });
    }
    let told = |half: Option<Half>| half.map(|half| half.sent.flags.ok_or(()));
    match (told(orig), told(resp)) {
        (Some(Ok(orig)), None) => Some(flags::state_of(orig, None)),
        (Some(Ok(orig)), Some(Ok(resp))) => Some(flags::state_of(orig, Some(resp))),
        _ => None,
    }
}

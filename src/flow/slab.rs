//! The records of one table: what every packet needs in three cache lines a slot, the rest beside.
//!
//! Invariant: a slot is live, or it is in the list of free slots and its [`Hot::life`] is [`Life::Free`].

use crate::addr::Addr;
use crate::decode::{Direction, Packet, proto};
use crate::flow::app::{App, Heard};
use crate::flow::compact::{Letters, Tally};
use crate::flow::exchange::Burst;
use crate::flow::history::Rare;
use crate::flow::icmp::Echo;
use crate::flow::orient::orient;
use crate::flow::surge::Surge;
use crate::flow::tcp::Tcp;
use crate::flow::{Config, Counters, FlowKey};
use crate::memory::{LINE, prefetch, prefetch_at};
use crate::time::{Span, Timestamp};

/// Where a flow is in its life: what says how long it may be idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Life {
    /// No flow is here.
    #[default]
    Free,
    TcpAttempt,
    TcpOpen,
    TcpHalfClosed,
    TcpClosed,
    Udp,
    Icmp,
}

impl Life {
    /// Of a TCP flow.
    pub(super) fn of_tcp(tcp: &Tcp) -> Self {
        if tcp.is_closed() {
            Self::TcpClosed
        } else if tcp.is_closing() {
            Self::TcpHalfClosed
        } else if tcp.orig().is_inactive() || tcp.resp().is_inactive() {
            Self::TcpAttempt
        } else {
            Self::TcpOpen
        }
    }
}

/// How long a flow may be idle, by [`Life`]: looked up for every packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts([Span; 7]);

impl Timeouts {
    pub(super) fn new(config: &Config) -> Self {
        let mut timeouts = [Span::ZERO; 7];
        let lives = [
            (Life::TcpAttempt, config.tcp_attempt),
            (Life::TcpOpen, config.tcp_open),
            (Life::TcpHalfClosed, config.tcp_half_closed),
            (Life::TcpClosed, config.tcp_closed),
            (Life::Udp, config.udp),
            (Life::Icmp, config.icmp),
        ];
        for (life, timeout) in lives {
            if let Some(slot) = timeouts.get_mut(life as usize) {
                *slot = timeout;
            }
        }
        Self(timeouts)
    }

    /// Whether the time of a flow is up at `now`.
    #[inline]
    pub(super) fn is_over(&self, hot: &Hot, now: Timestamp) -> bool {
        self.0.get(hot.life as usize).is_none_or(|timeout| now - hot.last >= *timeout)
    }
}

/// What every packet and every sweep reads: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Hot {
    orig: Addr,
    resp: Addr,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Ordinal of the first packet.
    pub(super) ordinal: u64,
    orig_port: u16,
    resp_port: u16,
    proto: u8,
    pub(super) life: Life,
    pub(super) heard: Heard,
    flags: u8,
}

impl Hot {
    /// Had packets since the last report.
    pub(super) const UNREPORTED: u8 = 1;
    /// A burst is going on.
    pub(super) const BURST: u8 = 2;
    /// The burst that is going on is the first of the flow.
    pub(super) const BURST_OPENS: u8 = 4;
    /// The responder sent its first packet.
    pub(super) const BURST_BY_RESP: u8 = 8;
    /// Nothing more will be learnt from the payload.
    pub(super) const INSPECTED: u8 = 16;
    /// Carries DNS messages.
    pub(super) const DNS: u8 = 32;
    /// Seen since the hand of the clock passed.
    pub(super) const REFERENCED: u8 = 64;
    /// [`Cold::rare`] has holes.
    pub(super) const HOLES: u8 = 128;

    fn new(key: &FlowKey, at: Timestamp, life: Life, ordinal: u64) -> Self {
        Self {
            orig: key.orig,
            resp: key.resp,
            orig_port: key.orig_port,
            resp_port: key.resp_port,
            proto: key.proto,
            first: at,
            last: at,
            ordinal,
            life,
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn key(&self) -> FlowKey {
        FlowKey {
            orig: self.orig,
            resp: self.resp,
            orig_port: self.orig_port,
            resp_port: self.resp_port,
            proto: self.proto,
        }
    }

    /// Whether payload may tell something that is not known yet.
    #[inline]
    pub(super) fn wants_payload(&self) -> bool {
        !self.has(Self::INSPECTED) || self.has(Self::DNS)
    }

    #[inline]
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    #[inline]
    pub(super) fn set(&mut self, flag: u8, to: bool) {
        self.flags = if to { self.flags | flag } else { self.flags & !flag };
    }
}

/// What is kept for the protocol of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Transport {
    Tcp(Tcp),
    Icmp(Echo),
    #[default]
    Other,
}

/// What every packet of the flow changes: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Warm {
    pub(super) tally: Tally,
    pub(super) burst: Burst,
    pub(super) surge: Surge,
}

/// What every packet of TCP changes, and the first two of other flows: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Stream {
    pub(super) transport: Transport,
    pub(super) history: Letters,
}

/// The three lines of a flow, beside each other: one translation of addresses serves them all.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Lines {
    hot: Hot,
    warm: Warm,
    stream: Stream,
}

/// What few packets read.
#[derive(Debug, Default)]
pub(super) struct Cold {
    pub(super) app: App,
    pub(super) rare: Option<Box<Rare>>,
}

/// One flow.
pub(super) struct FlowMut<'a> {
    pub(super) hot: &'a mut Hot,
    pub(super) warm: &'a mut Warm,
    pub(super) stream: &'a mut Stream,
    pub(super) cold: &'a mut Cold,
}

impl FlowMut<'_> {
    /// Whether anyone answered: SYN-ACK or payload for TCP, any packet otherwise.
    pub(super) fn is_answered(&self) -> bool {
        // Of other protocols, the line of the stream is not asked for.
        if self.hot.proto == proto::TCP
            && let Transport::Tcp(tcp) = &self.stream.transport
        {
            return self.warm.tally.heard_payload(Direction::Resp) || tcp.resp().saw_syn();
        }
        self.warm.tally.heard(Direction::Resp)
    }

    /// The counters in full.
    pub(super) fn counters(&self) -> Counters {
        let counters =
            self.warm.tally.on(&self.cold.rare.as_ref().map_or(Counters::default(), |rare| rare.carried));
        Counters { orig_surge: counters.orig_surge.max(self.warm.surge.bytes()), ..counters }
    }

    /// What most flows never need, made where it is not there yet.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.cold.rare.get_or_insert_default()
    }
}

/// The slots.
#[derive(Debug)]
pub(super) struct Slab {
    lines: Vec<Lines>,
    cold: Vec<Cold>,
    free: Vec<u32>,
    capacity: usize,
}

impl Slab {
    /// Slots for `capacity` flows. Memory is reserved for the default number of them and becomes resident as it is
    /// used, so that growth copies nothing.
    pub(super) fn new(capacity: usize) -> Self {
        const RESERVED: usize = 1 << 17;
        let reserved = capacity.min(RESERVED);
        Self {
            lines: Vec::with_capacity(reserved),
            cold: Vec::with_capacity(reserved),
            free: Vec::new(),
            capacity,
        }
    }

    /// Gives all memory back. No flow is live.
    pub(super) fn release(&mut self) {
        *self = Self::new(self.capacity);
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len() - self.free.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Number of free slots.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Puts the slots that were freed after the first `before` into the order of their numbers.
    pub(super) fn sort_free(&mut self, before: usize) {
        if let Some(freed) = self.free.get_mut(before..) {
            freed.sort_unstable();
        }
    }

    /// Every slot, live or free.
    pub(super) fn slots(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// Asks for the lines that a packet of a protocol will need.
    #[inline]
    pub(super) fn prefetch(&self, slot: u32, protocol: u8) {
        if let Some(lines) = self.lines.get(slot as usize) {
            // Without branches, for which protocol comes next cannot be foretold: others ask for their second line twice.
            let third = usize::from(protocol == proto::TCP);
            prefetch(lines, size_of::<Hot>() + size_of::<Warm>());
            prefetch_at(lines, LINE * (1 + third));
        }
    }

    /// Asks for all that is kept of a flow.
    pub(super) fn prefetch_whole(&self, slot: u32) {
        if let (Some(lines), Some(cold)) = (self.lines.get(slot as usize), self.cold.get(slot as usize)) {
            prefetch(lines, size_of::<Lines>());
            prefetch(cold, size_of::<Cold>());
        }
    }

    /// Asks for what is known of a flow's payload, where an inspector holds some; whether one does.
    #[inline]
    pub(super) fn prefetch_app(&self, slot: u32) -> bool {
        let held = self.held(slot);
        if let Some(cold) = held {
            prefetch(cold, size_of::<Cold>());
        }
        held.is_some()
    }

    /// Asks for the inspector that holds a flow's payload.
    pub(super) fn prefetch_inspector(&self, slot: u32) {
        if let Some(Cold { app: App::Inspecting(inspector), .. }) = self.held(slot) {
            prefetch(&**inspector, size_of_val(&**inspector));
        }
    }

    #[inline]
    fn held(&self, slot: u32) -> Option<&Cold> {
        self.hot(slot).filter(|hot| hot.heard.is_held())?;
        self.cold.get(slot as usize)
    }

    #[inline]
    pub(super) fn hot(&self, slot: u32) -> Option<&Hot> {
        self.lines.get(slot as usize).map(|lines| &lines.hot)
    }

    /// Whether the responder has not answered: such flows are given up first. Also whether it was seen since this was asked last.
    pub(super) fn worth(&mut self, slot: u32) -> Option<(bool, bool)> {
        let Lines { hot, warm, .. } = self.lines.get_mut(slot as usize)?;
        let is_attempt =
            matches!(hot.life, Life::TcpAttempt | Life::TcpClosed) || !warm.tally.heard(Direction::Resp);
        let referenced = hot.has(Hot::REFERENCED);
        hot.set(Hot::REFERENCED, false);
        Some((!is_attempt, referenced))
    }

    /// Whether the burst of a flow is over at `now`.
    pub(super) fn is_burst_over(&self, slot: u32, now: Timestamp) -> bool {
        self.lines.get(slot as usize).is_some_and(|lines| lines.warm.burst.is_over(lines.hot.first, now))
    }

    /// When a flow was reported last.
    pub(super) fn reported(&self, slot: u32) -> Option<Timestamp> {
        let rare = self.cold.get(slot as usize)?.rare.as_ref()?;
        rare.reported.map(|(at, _)| at)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<FlowMut<'_>> {
        let Lines { hot, warm, stream } = self.lines.get_mut(slot as usize)?;
        Some(FlowMut { hot, warm, stream, cold: self.cold.get_mut(slot as usize)? })
    }

    /// Puts the flow that a packet begins into a slot; gives the packet's direction too. The packet itself is not counted yet.
    pub(super) fn insert(&mut self, ordinal: u64, packet: &Packet) -> (u32, Direction) {
        let (key, from) = orient(packet);
        let (life, transport) = match packet.proto {
            proto::TCP => (Life::TcpAttempt, Transport::Tcp(Tcp::default())),
            proto::ICMP | proto::ICMPV6 => (Life::Icmp, Transport::Icmp(Echo::default())),
            _ => (Life::Udp, Transport::Other),
        };
        let mut hot = Hot::new(&key, packet.ts, life, ordinal);
        hot.set(Hot::BURST_OPENS, true);
        hot.set(Hot::BURST_BY_RESP, from == Direction::Resp);
        let mut history = Letters::default();
        if from == Direction::Resp {
            history.push(b'^');
        }
        let warm = Warm { burst: Burst::new(packet.ts), ..Warm::default() };
        let lines = Lines { hot, warm, stream: Stream { transport, history } };
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.lines.get_mut(slot as usize)
        {
            *place = lines;
            return (slot, from);
        }
        self.lines.push(lines);
        self.cold.push(Cold::default());
        (self.slots().end - 1, from)
    }

    /// Frees a slot.
    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(flow) = self.get_mut(slot) {
            flow.hot.life = Life::Free;
            *flow.cold = Cold::default();
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_takes_three_cache_lines_and_24_bytes() {
        let sizes = (size_of::<Hot>(), size_of::<Warm>(), size_of::<Stream>(), size_of::<Cold>());
        assert_eq!(sizes, (64, 64, 64, 24));
        assert_eq!(size_of::<Lines>(), 192);
    }

    #[test]
    fn slots_are_reused() {
        let mut slab = Slab::new(2);
        let packet = Packet { proto: 17, ..Packet::default() };
        assert_eq!((slab.insert(0, &packet).0, slab.insert(1, &packet).0), (0, 1));
        assert!(slab.is_full());
        slab.remove(0);
        assert_eq!((slab.len(), slab.is_full()), (1, false));
        assert_eq!(slab.insert(2, &packet), (0, Direction::Orig));
        assert_eq!(slab.hot(0).map(|hot| hot.life), Some(Life::Udp));
    }
}

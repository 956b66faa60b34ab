//! The records of one table: parallel arrays over slots, so that a sweep reads little and an update few cache lines.
//!
//! Invariant: a slot is live, or it is in the list of free slots and its [`Hot::life`] is [`Life::Free`].

use crate::decode::{Packet, proto};
use crate::flow::app::App;
use crate::flow::exchange::Burst;
use crate::flow::history::Rare;
use crate::flow::icmp::Echo;
use crate::flow::orient::orient;
use crate::flow::tcp::Tcp;
use crate::flow::{Config, Counters, FlowKey, History};
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

    /// How long a flow may be idle.
    pub(super) fn timeout(self, config: &Config) -> Span {
        match self {
            Self::Free => Span::ZERO,
            Self::TcpAttempt => config.tcp_attempt,
            Self::TcpOpen => config.tcp_open,
            Self::TcpHalfClosed => config.tcp_half_closed,
            Self::TcpClosed => config.tcp_closed,
            Self::Udp => config.udp,
            Self::Icmp => config.icmp,
        }
    }
}

/// What every packet and every sweep reads: two cache lines.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Hot {
    pub(super) key: FlowKey,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) counters: Counters,
    pub(super) orig_payload_max: u32,
    pub(super) life: Life,
    /// `FlowRecord::first_speaker`.
    pub(super) first_speaker: u8,
    /// Seen since the hand of the clock passed.
    pub(super) referenced: bool,
    flags: u8,
}

impl Hot {
    /// Had packets since the last report.
    pub(super) const UNREPORTED: u8 = 1;
    /// A burst is going on.
    pub(super) const BURST: u8 = 2;
    /// Nothing more will be learnt from the payload.
    pub(super) const INSPECTED: u8 = 4;
    /// Carries DNS messages.
    pub(super) const DNS: u8 = 8;

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn set(&mut self, flag: u8) {
        self.flags |= flag;
    }

    pub(super) fn clear(&mut self, flag: u8) {
        self.flags &= !flag;
    }

    /// Whether the responder has not answered: such flows are given up first.
    pub(super) fn is_attempt(&self) -> bool {
        self.counters.resp_pkts == 0 || matches!(self.life, Life::TcpAttempt | Life::TcpClosed)
    }
}

/// What is kept for the protocol of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transport {
    Tcp(Tcp),
    Icmp(Echo),
    Other,
}

/// What every packet of the flow reads and no sweep does, but where a burst is going on.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Warm {
    pub(super) transport: Transport,
    pub(super) burst: Burst,
    pub(super) history: History,
    /// Ordinal of the first packet.
    pub(super) ordinal: u64,
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
    pub(super) cold: &'a mut Cold,
}

impl FlowMut<'_> {
    /// Whether anyone answered: SYN-ACK or payload for TCP, any packet otherwise.
    pub(super) fn is_answered(&self) -> bool {
        match &self.warm.transport {
            Transport::Tcp(tcp) => self.hot.counters.resp_payload > 0 || tcp.resp().saw_syn(),
            Transport::Icmp(_) | Transport::Other => self.hot.counters.resp_pkts > 0,
        }
    }
}

/// The slots.
#[derive(Debug)]
pub(super) struct Slab {
    hot: Vec<Hot>,
    warm: Vec<Warm>,
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
            hot: Vec::with_capacity(reserved),
            warm: Vec::with_capacity(reserved),
            cold: Vec::with_capacity(reserved),
            free: Vec::new(),
            capacity,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.hot.len() - self.free.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Every slot, live or free.
    pub(super) fn slots(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.hot.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn hot(&self, slot: u32) -> Option<&Hot> {
        self.hot.get(slot as usize)
    }

    pub(super) fn hot_mut(&mut self, slot: u32) -> Option<&mut Hot> {
        self.hot.get_mut(slot as usize)
    }

    /// The ordinal of the first packet of the flow in a slot.
    pub(super) fn ordinal(&self, slot: u32) -> u64 {
        self.warm.get(slot as usize).map_or(0, |warm| warm.ordinal)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<FlowMut<'_>> {
        let slot = slot as usize;
        Some(FlowMut {
            hot: self.hot.get_mut(slot)?,
            warm: self.warm.get_mut(slot)?,
            cold: self.cold.get_mut(slot)?,
        })
    }

    /// Puts the flow that a packet begins into a slot. The packet itself is not counted yet.
    pub(super) fn insert(&mut self, ordinal: u64, packet: &Packet) -> u32 {
        let (key, from) = orient(packet);
        let (life, transport) = match packet.proto {
            proto::TCP => (Life::TcpAttempt, Transport::Tcp(Tcp::default())),
            proto::ICMP | proto::ICMPV6 => (Life::Icmp, Transport::Icmp(Echo::default())),
            _ => (Life::Udp, Transport::Other),
        };
        let hot = Hot { key, first: packet.ts, last: packet.ts, life, ..Hot::default() };
        let mut history = History::default();
        if from == crate::decode::Direction::Resp {
            history.push(b'^');
        }
        let warm = Warm { transport, burst: Burst::first(packet.ts, from), history, ordinal };
        if let Some(slot) = self.free.pop()
            && let Some(flow) = self.get_mut(slot)
        {
            *flow.hot = hot;
            *flow.warm = warm;
            return slot;
        }
        self.hot.push(hot);
        self.warm.push(warm);
        self.cold.push(Cold::default());
        self.slots().end - 1
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
    fn a_flow_takes_at_most_280_bytes() {
        let sizes = (size_of::<Hot>(), size_of::<Warm>(), size_of::<Cold>());
        assert_eq!(sizes, (128, 128, 24));
    }

    #[test]
    fn slots_are_reused() {
        let mut slab = Slab::new(2);
        let packet = Packet { proto: 17, ..Packet::default() };
        assert_eq!((slab.insert(0, &packet), slab.insert(1, &packet)), (0, 1));
        assert!(slab.is_full());
        slab.remove(0);
        assert_eq!((slab.len(), slab.is_full()), (1, false));
        assert_eq!(slab.insert(2, &packet), 0);
        assert_eq!(slab.hot(0).map(|hot| hot.life), Some(Life::Udp));
    }
}

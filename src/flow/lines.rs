//! What is kept of one flow: two cache lines, and the way to what few flows need beside them.

use crate::decode::{Direction, Packet, proto};
use crate::flow::app::{Heard, WaitingRoom, is_dns_by_port};
use crate::flow::cold::{Beside, Cold, ColdId, Colds};
use crate::flow::compact::{Letters, Tally};
use crate::flow::ends::{Ends, WideEnds};
use crate::flow::history::{Notes, Rare};
use crate::flow::icmp::Echo;
use crate::flow::life::Life;
use crate::flow::orient::is_one_way;
use crate::flow::surge::Surge;
use crate::flow::tcp::Tcp;
use crate::flow::{Counters, Exchange, FlowKey};
use crate::time::{Span, Timestamp};

/// What every packet and every sweep reads, and all that packets of UDP change: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Hot {
    pub(super) ends: Ends,
    /// The originator's, then the responder's.
    ports: u32,
    proto: u8,
    pub(super) life: Life,
    pub(super) heard: Heard,
    flags: u8,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) tally: Tally,
    pub(super) surge: Surge,
    /// How long after `last` the burst that is going on ends, in nanoseconds: what trails the close of both sides belongs to the burst, but makes
    /// the connection no longer.
    trail: u32,
    pub(super) cold: ColdId,
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
    /// [`Rare`] has holes.
    pub(super) const HOLES: u8 = 128;

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

    /// When the burst that is going on ends, as far as is known.
    #[inline]
    pub(super) fn burst_end(&self) -> Timestamp {
        self.last + Span::from_nanos(self.trail.into())
    }

    /// Whether a packet at `now` can no longer belong to a burst that is going on. Says the same of every later time, so that
    /// it does not matter whether a sweep or the next packet asks.
    #[inline]
    pub(super) fn is_burst_over(&self, now: Timestamp) -> bool {
        let is_silent = now - self.burst_end() >= Exchange::IDLE_GAP;
        let is_aged = now - self.first >= Exchange::MIN_AGE;
        // Without branches: flows of less than ten seconds often are silent for one.
        let is_over = is_silent & is_aged;
        !self.has(Self::BURST) | is_over
    }

    /// Whether a packet at `now` may end a burst that is going on, or begin one: what is asked ahead of time, and takes less than [`Hot::is_burst_over`].
    #[inline]
    pub(super) fn may_end_burst(&self, now: Timestamp) -> bool {
        now.as_nanos().wrapping_sub(self.last.as_nanos()) >= Exchange::IDLE_GAP.as_nanos()
    }

    /// A packet came that trails the close of both sides.
    pub(super) fn trail(&mut self, at: Timestamp) {
        let trail = (at - self.last).as_nanos().clamp(0, u32::MAX.into());
        self.trail = self.trail.max(u32::try_from(trail).unwrap_or(u32::MAX));
    }

    /// The ends of the flow in a slot.
    pub(super) fn key(&self, wide: &WideEnds, slot: u32) -> FlowKey {
        let [orig, resp] = wide.addresses(self.ends, slot);
        let [orig_port, resp_port] = [self.ports >> u16::BITS, self.ports & u32::from(u16::MAX)]
            .map(|port| u16::try_from(port).unwrap_or_default());
        FlowKey { orig, resp, orig_port, resp_port, proto: self.proto }
    }

    /// The direction of a packet in the flow in a slot, where it belongs to that.
    #[expect(clippy::inline_always, reason = "a call for every packet costs as much as what it does")]
    #[inline(always)]
    pub(super) fn direction(&self, wide: &WideEnds, slot: u32, packet: &Packet) -> Option<Direction> {
        let (ends, ports) = (Ends::of(packet.src, packet.dst), ports_of(packet.src_port, packet.dst_port));
        // Without branches: which side sends cannot be foretold, and a wrong guess of the processor costs more.
        let mut forth = self.ends.differ(ends) | u64::from(self.ports ^ ports);
        let mut back = self.ends.differ(ends.turned()) | u64::from(self.ports ^ ports.rotate_left(u16::BITS));
        if ends == Ends::WIDE {
            let [orig, resp] = wide.addresses(self.ends, slot);
            forth |= u64::from((orig, resp) != (packet.src, packet.dst));
            back |= u64::from((orig, resp) != (packet.dst, packet.src));
        }
        let (is_alike, is_live) = (self.proto == packet.proto, self.life != Life::Free);
        let (is_forth, is_back) = (forth == 0, back | u64::from(is_one_way(packet)) == 0);
        let is_either = is_forth | is_back;
        let belongs = is_alike & is_live & is_either;
        let from = if is_forth { Direction::Orig } else { Direction::Resp };
        belongs.then_some(from)
    }
}

#[inline]
fn ports_of(orig: u16, resp: u16) -> u32 {
    u32::from(orig) << u16::BITS | u32::from(resp)
}

/// What is kept for the protocol of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Transport {
    Tcp(Tcp),
    Icmp(Echo),
    #[default]
    Other,
}

/// What every packet of TCP changes, and the first two of other flows: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Stream {
    pub(super) transport: Transport,
    pub(super) history: Letters,
    /// Ordinal of the first packet.
    pub(super) ordinal: u64,
}

/// The two lines of a flow, beside each other: one translation of addresses serves both.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(128))]
pub(super) struct Lines {
    pub(super) hot: Hot,
    pub(super) stream: Stream,
}

impl Lines {
    /// Of a flow before its first packet, which comes from a side at a time and has an ordinal, is counted.
    pub(super) fn new(key: &FlowKey, from: Direction, at: Timestamp, ordinal: u64) -> Self {
        let (life, transport) = match key.proto {
            proto::TCP => (Life::TcpAttempt, Transport::Tcp(Tcp::default())),
            proto::ICMP | proto::ICMPV6 => (Life::Icmp, Transport::Icmp(Echo::default())),
            _ => (Life::Udp, Transport::Other),
        };
        let mut hot = Hot {
            ends: Ends::of(key.orig, key.resp),
            ports: ports_of(key.orig_port, key.resp_port),
            proto: key.proto,
            life,
            first: at,
            last: at,
            ..Hot::default()
        };
        hot.set(Hot::BURST | Hot::BURST_OPENS, true);
        hot.set(Hot::BURST_BY_RESP, from == Direction::Resp);
        hot.set(Hot::DNS, is_dns_by_port(key));
        let mut history = Letters::default();
        if from == Direction::Resp {
            history.push(b'^');
        }
        Self { hot, stream: Stream { transport, history, ordinal } }
    }
}

/// One flow.
pub(super) struct FlowMut<'a> {
    pub(super) hot: &'a mut Hot,
    pub(super) stream: &'a mut Stream,
    pub(super) colds: &'a mut Colds,
    pub(super) wide: &'a WideEnds,
    pub(super) slot: u32,
}

impl FlowMut<'_> {
    /// The ends.
    pub(super) fn key(&self) -> FlowKey {
        self.hot.key(self.wide, self.slot)
    }

    /// The direction of a packet, where it belongs to this flow.
    #[inline]
    pub(super) fn direction(&self, packet: &Packet) -> Option<Direction> {
        self.hot.direction(self.wide, self.slot, packet)
    }

    /// Whether anyone answered: SYN-ACK or payload for TCP, any packet otherwise.
    pub(super) fn is_answered(&self) -> bool {
        // Of other protocols, the line of the stream is not asked for.
        if self.hot.proto == proto::TCP
            && let Transport::Tcp(tcp) = &self.stream.transport
        {
            return self.hot.tally.heard_payload(Direction::Resp) || tcp.resp().saw_syn();
        }
        self.hot.tally.heard(Direction::Resp)
    }

    /// The counters in full.
    pub(super) fn counters(&self) -> Counters {
        let carried = self.rare().map_or_else(Counters::default, |rare| rare.carried);
        let counters = self.hot.tally.on(&carried);
        Counters { orig_surge: counters.orig_surge.max(self.hot.surge.bytes()), ..counters }
    }

    /// What lies beside the record, where there is anything.
    pub(super) fn cold(&self) -> Option<&Cold> {
        self.colds.get(self.hot.cold)
    }

    /// What most flows never need, where there is any.
    pub(super) fn rare(&self) -> Option<&Rare> {
        self.cold()?.rare.as_deref()
    }

    /// Ends the inspection of the payload with what is known so far, if one is going on.
    pub(super) fn conclude(&mut self, room: &mut WaitingRoom) {
        if !self.hot.cold.is_none() {
            self.beside().app_mut().conclude(room);
        }
    }

    /// What lies beside the record.
    pub(super) fn beside(&mut self) -> Beside<'_> {
        Beside::new(&mut self.hot.cold, self.colds)
    }

    /// What is kept for the protocol, the life of the flow that goes by it, and where the history is written.
    pub(super) fn protocol(&mut self) -> (&mut Transport, &mut Life, Notes<'_>) {
        let has_holes = self.hot.has(Hot::HOLES);
        let beside = Beside::new(&mut self.hot.cold, self.colds);
        let notes = Notes::new(&mut self.stream.history, has_holes, beside);
        (&mut self.stream.transport, &mut self.hot.life, notes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::addr::Addr;
    use crate::flow::orient::{direction, orient};

    fn packet() -> impl Strategy<Value = Packet> {
        let addr = prop::sample::select(vec![
            Addr::from_v4([10, 0, 0, 1]),
            Addr::from_v4([10, 0, 0, 2]),
            Addr::from_v4([255; 4]),
            Addr::from_v4([0; 4]),
            Addr::from_v6([1; 16]),
            Addr::from_v6([255; 16]),
        ]);
        let proto = prop::sample::select(vec![proto::TCP, proto::UDP, proto::ICMP]);
        (addr.clone(), addr, 0_u16..4, 0_u16..4, proto).prop_map(|(src, dst, src_port, dst_port, proto)| {
            Packet { src, dst, src_port, dst_port, proto, ..Packet::default() }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Against the plain form.
        #[test]
        fn the_direction_of_a_packet_is_that_by_the_key(first in packet(), next in packet(), turn: bool) {
            let next = if turn {
                Packet { src: first.dst, dst: first.src, src_port: first.dst_port, dst_port: first.src_port, ..first }
            } else {
                next
            };
            let (key, from) = orient(&first);
            let lines = Lines::new(&key, from, first.ts, 0);
            let mut wide = WideEnds::default();
            wide.keep(lines.hot.ends, [key.orig, key.resp], 3, 9);
            prop_assert_eq!(lines.hot.key(&wide, 3), key);
            prop_assert_eq!(lines.hot.direction(&wide, 3, &first), direction(&key, &first));
            prop_assert_eq!(lines.hot.direction(&wide, 3, &next), direction(&key, &next));
            prop_assert_eq!(Lines::default().hot.direction(&wide, 3, &next), None);
        }
    }

    #[test]
    fn a_flow_takes_two_cache_lines() {
        assert_eq!((size_of::<Hot>(), size_of::<Stream>(), size_of::<Lines>()), (64, 64, 128));
    }
}

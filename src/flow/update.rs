//! What one packet does to its flow.

use crate::decode::{Direction, Packet, TcpFlags, proto};
use crate::flow::app::{Inspection, WaitingRoom};
use crate::flow::events::Emitter;
use crate::flow::history::Repeated;
use crate::flow::life::Life;
use crate::flow::lines::{FlowMut, Hot, Transport};
use crate::flow::tcp::Payload;
use crate::flow::{app, exchange};

/// Counts a packet that came from one side to its flow. Its payload lies in `data`.
#[expect(clippy::inline_always, reason = "a call for every packet costs a tenth of what most of them do")]
#[inline(always)]
pub(super) fn count(
    flow: &mut FlowMut<'_>,
    from: Direction,
    packet: &Packet,
    data: &[u8],
    room: &mut WaitingRoom,
    out: &mut Emitter<'_>,
) {
    let payload =
        if count_usual(flow, from, packet) { Payload::Fresh } else { count_any(flow, from, packet, out) };
    count_payload(flow, from, packet, payload, data, room, out);
}

/// Counts the payload of a packet, and looks at it where something may still be learnt.
#[inline]
fn count_payload(
    flow: &mut FlowMut<'_>,
    from: Direction,
    packet: &Packet,
    payload: Payload,
    data: &[u8],
    room: &mut WaitingRoom,
    out: &mut Emitter<'_>,
) {
    // Which packets have payload cannot be foretold: what a packet without any changes of these is nothing.
    let len = if payload == Payload::Fresh { packet.payload_len } else { 0 };
    flow.hot.heard.speaks(from, len > 0);
    let ended = flow.hot.surge.add(from, len);
    if ended > 0 {
        let mut beside = flow.beside();
        let most = &mut beside.rare().carried.orig_surge;
        *most = ended.max(*most);
    }
    if (len > 0) & flow.hot.wants_payload() && matches!(packet.proto, proto::TCP | proto::UDP) {
        read_payload(flow, from, packet, data, room, out);
    }
}

/// Counts a packet of the usual kind, which goes on with what its flow is about and changes nothing but numbers; whether it is one. Does
/// what [`count_any`] would do with it.
#[expect(clippy::inline_always, reason = "what most packets do")]
#[inline(always)]
fn count_usual(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet) -> bool {
    let is_odd = flow.hot.has(Hot::HOLES) | packet.headless | packet.bad_checksum;
    if is_odd || flow.hot.is_burst_over(packet.ts) {
        return false;
    }
    let goes_on = match flow.hot.life {
        Life::TcpOpen => match &mut flow.stream.transport {
            Transport::Tcp(tcp) => tcp.go_on(from, packet, &mut flow.stream.history),
            Transport::Icmp(_) | Transport::Other => false,
        },
        Life::Udp => flow.hot.tally.heard(from),
        Life::Free | Life::TcpAttempt | Life::TcpHalfClosed | Life::TcpClosed | Life::Icmp => false,
    };
    if goes_on {
        flow.hot.set(Hot::REFERENCED | Hot::UNREPORTED, true);
        flow.hot.last = flow.hot.last.max(packet.ts);
        count_bytes(flow, from, packet);
    }
    goes_on
}

/// Counts any packet, but for its payload; says what that is worth.
#[inline(never)]
fn count_any(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet, out: &mut Emitter<'_>) -> Payload {
    // Of UDP, the line of the stream is not asked for.
    let was_closed = packet.proto == proto::TCP
        && matches!(&flow.stream.transport, Transport::Tcp(tcp) if tcp.both_closed());
    count_burst(flow, from, packet, out);
    flow.hot.set(Hot::REFERENCED, !flow.hot.tally.is_empty());
    flow.hot.set(Hot::UNREPORTED, true);
    count_bytes(flow, from, packet);
    // As in Zeek, what trails the close of both sides does not make a connection longer.
    if was_closed {
        flow.hot.trail(packet.ts);
    } else {
        flow.hot.last = flow.hot.last.max(packet.ts);
    }
    count_transport(flow, from, packet)
}

#[inline]
fn count_bytes(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet) {
    if !flow.hot.tally.add(from, packet) {
        carry_bytes(flow, from, packet);
    }
}

/// Counts the bytes of a packet for which the counters of the record have no room.
#[cold]
fn carry_bytes(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet) {
    let mut tally = flow.hot.tally;
    tally.carry(&mut flow.beside().rare().carried, from, packet);
    flow.hot.tally = tally;
}

/// Shows a packet to the state machine of its protocol.
fn count_transport(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet) -> Payload {
    let is_first = flow.hot.tally.is_first(from);
    let (transport, life, mut notes) = flow.protocol();
    if packet.bad_checksum {
        notes.repeated(from, Repeated::BadChecksum);
    }
    let payload = match (packet.proto, transport) {
        // A later fragment: bytes of the flow, but no header that would say which.
        _ if packet.headless => Payload::Stale,
        (proto::UDP, _) => {
            if is_first {
                notes.letter(from, b'D');
            }
            Payload::Fresh
        }
        (_, Transport::Tcp(tcp)) => {
            let payload = tcp.update(from, packet, &mut notes);
            *life = Life::of_tcp(tcp);
            payload
        }
        (_, Transport::Icmp(echo)) => {
            echo.update(from, packet);
            Payload::Fresh
        }
        (_, Transport::Other) => Payload::Fresh,
    };
    let has_holes = notes.has_holes();
    flow.hot.set(Hot::HOLES, has_holes);
    payload
}

/// Counts a packet to the burst of its flow, or ends that and begins the next one.
fn count_burst(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet, out: &mut Emitter<'_>) {
    if flow.hot.is_burst_over(packet.ts) {
        end_burst(flow, out);
        let closes = packet.flags.has(TcpFlags::FIN) || packet.flags.has(TcpFlags::RST);
        let trails = packet.payload_len == 0
            && matches!(&flow.stream.transport, Transport::Tcp(tcp) if tcp.is_closing());
        if packet.proto != proto::TCP || !(closes || trails) {
            exchange::begin(flow, from, packet.ts);
        }
    }
}

/// Ends the burst that is going on, if one is.
pub(super) fn end_burst(flow: &mut FlowMut<'_>, out: &mut Emitter<'_>) {
    if let Some(exchange) = exchange::end(flow) {
        out.exchange(exchange);
    }
}

/// Looks at payload of TCP or UDP.
#[inline(never)]
fn read_payload(
    flow: &mut FlowMut<'_>,
    from: Direction,
    packet: &Packet,
    data: &[u8],
    room: &mut WaitingRoom,
    out: &mut Emitter<'_>,
) {
    let start = packet.payload_offset as usize;
    let payload = data.get(start..start + usize::from(packet.payload_captured)).unwrap_or_default();
    if payload.is_empty() {
        return;
    }
    let key = flow.key();
    if !flow.hot.has(Hot::INSPECTED) {
        let begins_stream = packet.proto == proto::TCP
            && matches!(&flow.stream.transport, Transport::Tcp(tcp) if tcp.is_begun_by(from, packet));
        let said = app::Said { packet, payload, begins_stream };
        let mut heard = flow.hot.heard;
        let inspection = app::feed(flow.beside(), &mut heard, room, &key, from, &said);
        flow.hot.heard = heard;
        flow.hot.set(Hot::INSPECTED, inspection != Inspection::GoesOn);
        let is_dns = inspection == Inspection::Concluded
            && flow.cold().and_then(|cold| cold.app.info()).is_some_and(|info| app::is_dns(&key, info));
        if is_dns {
            flow.hot.set(Hot::DNS, true);
        }
    }
    if flow.hot.has(Hot::DNS) {
        app::read_dns(packet, payload, |event| out.dns(event));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::addr::Addr;
    use crate::flow::Events;
    use crate::flow::hash::FlowHasher;
    use crate::flow::slots::Slots;
    use crate::seed::Seed;
    use crate::time::{Span, Timestamp};

    /// A packet of one flow by its distance from what is expected next: most are usual ones.
    fn packet() -> impl Strategy<Value = (bool, u8, i32, u32, i32, u32, u16)> {
        let near = |often, value: i32| prop_oneof![often => Just(0), 1 => Just(value), 1 => Just(-value)];
        let flags = prop_oneof![12 => Just(TcpFlags::ACK), 2 => Just(TcpFlags::ACK | TcpFlags::PSH), 1 => any::<u8>()];
        let len = prop_oneof![1 => Just(0_u32), 1 => 1..1_500_u32];
        let gap = prop_oneof![20 => 0..300_u32, 2 => 0..12_000_u32];
        let oddity = prop_oneof![20 => Just(0_u16), 1 => 1..4_u16];
        (any::<bool>(), flags, near(20, 700), len, near(10, 300), gap, oddity)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// The short way for usual packets against the way for all: the same record after each, and the same events. Streams begin with a
        /// SYN or in their middle, near the wrap of their numbers too.
        #[test]
        fn usual_packets_do_what_all_do(
            protocol in prop_oneof![4 => Just(proto::TCP), 1 => Just(proto::UDP), 1 => Just(proto::ICMP)],
            has_syn: bool,
            starts in any::<[u32; 2]>().prop_map(|starts| starts.map(|n| if n % 3 == 0 { n } else { n | 0xffff_f000 })),
            packets in prop::collection::vec(packet(), 1..80),
        ) {
            let opening = [(true, TcpFlags::SYN), (false, TcpFlags::SYN | TcpFlags::ACK)]
                .map(|(orig, flags)| (orig, flags, 0, 0, 0, 1, 0));
            let (mut next, mut ts) = (starts, Timestamp::from_secs_nanos(1_000, 0));
            let hasher = FlowHasher::new(Seed::REPLAY);
            let (mut ours, mut theirs) = (Slots::new(1, hasher), Slots::new(1, hasher));
            let (mut our_events, mut their_events) = (Events::default(), Events::default());
            let mut room = WaitingRoom { places: 1, turned_away: 0 };
            for (nth, (by_orig, flags, seq, len, ack, gap, oddity)) in
                (0..).zip(opening.into_iter().filter(|_| has_syn).chain(packets))
            {
                let ends = [(Addr::from_v4([10, 0, 0, 1]), 8), (Addr::from_v4([10, 0, 0, 2]), 0)];
                let ([mine, other], [(src, src_port), (dst, dst_port)]) =
                    if by_orig { ([0, 1], ends) } else { ([1, 0], [ends[1], ends[0]]) };
                ts = ts + Span::from_millis(gap.into());
                let packet = Packet {
                    ts, src, dst, src_port, dst_port,
                    proto: protocol,
                    flags: if protocol == proto::TCP { TcpFlags(flags) } else { TcpFlags::default() },
                    seq: next[mine].wrapping_add_signed(seq),
                    ack: next[other].wrapping_add_signed(ack),
                    payload_len: len,
                    ip_len: len + 40,
                    wire_len: if oddity == 3 { 1 << 30 } else { len + 54 },
                    window: 512,
                    bad_checksum: oddity == 1,
                    headless: oddity == 2,
                    ..Packet::default()
                };
                let controls = [TcpFlags::SYN, TcpFlags::FIN].map(|flag| u32::from(packet.flags.has(flag)));
                next[mine] = packet.seq.wrapping_add(len + controls.iter().sum::<u32>());
                if nth == 0 {
                    ours.insert(0, &packet, 0);
                    theirs.insert(0, &packet, 0);
                }
                let mut flow = ours.get_mut(0).unwrap();
                let we = flow.direction(&packet).unwrap();
                count(&mut flow, we, &packet, &[], &mut room, &mut Emitter::new(&mut our_events, nth));
                let mut flow = theirs.get_mut(0).unwrap();
                let they = flow.direction(&packet).unwrap();
                let payload = count_any(&mut flow, they, &packet, &mut Emitter::new(&mut their_events, nth));
                count_payload(&mut flow, they, &packet, payload, &[], &mut room, &mut Emitter::new(&mut their_events, nth));
                prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
                prop_assert_eq!(format!("{our_events:?}"), format!("{their_events:?}"));
            }
        }
    }
}

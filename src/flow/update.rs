//! What one packet does to its flow.

use crate::decode::app::Progress;
use crate::decode::{Direction, Packet, TcpFlags, proto};
use crate::flow::app::WaitingRoom;
use crate::flow::events::Emitter;
use crate::flow::exchange::Burst;
use crate::flow::history::{Notes, Repeated};
use crate::flow::slab::{FlowMut, Hot, Life, Transport};
use crate::flow::tcp::Payload;
use crate::flow::{Exchange, app};

/// Counts a packet that came from one side to its flow. Its payload lies in `data`.
pub(super) fn count(
    mut flow: FlowMut<'_>,
    from: Direction,
    packet: &Packet,
    data: &[u8],
    room: &mut WaitingRoom,
    out: &mut Emitter<'_>,
) {
    let was_closed = matches!(&flow.stream.transport, Transport::Tcp(tcp) if tcp.both_closed());
    count_burst(&mut flow, from, packet, out);
    flow.hot.set(Hot::REFERENCED, !flow.warm.tally.is_empty());
    flow.hot.set(Hot::UNREPORTED, true);
    if flow.warm.tally.add(from, packet) {
        flow.warm.tally.carry(&mut flow.cold.rare.get_or_insert_default().carried);
    }
    // As in Zeek, what trails the close of both sides does not make a connection longer.
    if !was_closed {
        flow.hot.last = flow.hot.last.max(packet.ts);
    }
    let payload = count_transport(&mut flow, from, packet);
    if packet.payload_len > 0 && payload == Payload::Fresh {
        flow.hot.heard.speaks(from);
        let ended = flow.warm.surge.add(from, packet.payload_len);
        if ended > 0 {
            let most = &mut flow.rare().carried.orig_surge;
            *most = ended.max(*most);
        }
        read_payload(&mut flow, from, packet, data, room, out);
    }
}

/// Shows a packet to the state machine of its protocol.
fn count_transport(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet) -> Payload {
    let (hot, tally) = (&mut *flow.hot, &flow.warm.tally);
    let mut notes = Notes::new(&mut flow.stream.history, hot.has(Hot::HOLES), &mut flow.cold.rare);
    if packet.bad_checksum {
        notes.repeated(from, Repeated::BadChecksum);
    }
    let payload = match &mut flow.stream.transport {
        // A later fragment: bytes of the flow, but no header that would say which.
        _ if packet.headless => Payload::Stale,
        Transport::Tcp(tcp) => {
            // Most packets: neither letters nor phases change.
            if !notes.has_holes() && tcp.go_on(from, packet) {
                return Payload::Fresh;
            }
            let payload = tcp.update(from, packet, &mut notes);
            hot.life = Life::of_tcp(tcp);
            payload
        }
        Transport::Icmp(echo) => {
            echo.update(from, packet);
            Payload::Fresh
        }
        Transport::Other => {
            if packet.proto == proto::UDP && tally.is_first(from) {
                notes.letter(from, b'D');
            }
            Payload::Fresh
        }
    };
    hot.set(Hot::HOLES, notes.has_holes());
    payload
}

/// Counts a packet to the burst of its flow, or ends that and begins the next one.
fn count_burst(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet, out: &mut Emitter<'_>) {
    if flow.warm.burst.is_over(flow.hot.first, packet.ts) {
        end_burst(flow, out);
        let closes = packet.flags.has(TcpFlags::FIN) || packet.flags.has(TcpFlags::RST);
        let trails = packet.payload_len == 0
            && matches!(&flow.stream.transport, Transport::Tcp(tcp) if tcp.is_closing());
        if packet.proto == proto::TCP && (closes || trails) {
            return;
        }
        flow.warm.burst = Burst::new(packet.ts);
        flow.hot.set(Hot::BURST_OPENS, false);
        flow.hot.set(Hot::BURST_BY_RESP, from == Direction::Resp);
    }
    flow.warm.burst.add(from, packet);
    flow.hot.set(Hot::BURST, true);
}

/// Ends the burst that is going on, if one is.
pub(super) fn end_burst(flow: &mut FlowMut<'_>, out: &mut Emitter<'_>) {
    let mut burst = flow.warm.burst;
    let exchange = burst.take(|| Exchange {
        key: flow.hot.key(),
        flow_first: flow.hot.first,
        opens_flow: flow.hot.has(Hot::BURST_OPENS),
        initiator: if flow.hot.has(Hot::BURST_BY_RESP) { Direction::Resp } else { Direction::Orig },
        answered: flow.is_answered(),
        ..Exchange::default()
    });
    if let Some(exchange) = exchange {
        out.exchange(exchange);
    }
    flow.warm.burst = burst;
    flow.hot.set(Hot::BURST, false);
}

/// Looks at payload: nothing is left to do for most packets of most flows.
fn read_payload(
    flow: &mut FlowMut<'_>,
    from: Direction,
    packet: &Packet,
    data: &[u8],
    room: &mut WaitingRoom,
    out: &mut Emitter<'_>,
) {
    if !matches!(packet.proto, proto::TCP | proto::UDP)
        || flow.hot.has(Hot::INSPECTED) && !flow.hot.has(Hot::DNS)
    {
        return;
    }
    let start = packet.payload_offset as usize;
    let payload = data.get(start..start + usize::from(packet.payload_captured)).unwrap_or_default();
    if payload.is_empty() {
        return;
    }
    let key = flow.hot.key();
    if !flow.hot.has(Hot::INSPECTED) {
        let is_done =
            flow.cold.app.feed(&mut flow.hot.heard, room, &key, from, packet, payload) == Progress::Done;
        flow.hot.set(Hot::INSPECTED, is_done);
        let is_dns = is_done && flow.cold.app.info().is_some_and(|info| app::is_dns(&key, info));
        if is_dns || app::is_dns_by_port(&key) {
            flow.hot.set(Hot::DNS, true);
        }
    }
    if flow.hot.has(Hot::DNS) {
        app::read_dns(packet, payload, |event| out.dns(event));
    }
}

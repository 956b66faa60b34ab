//! What one packet does to its flow.

use crate::decode::app::Progress;
use crate::decode::{Direction, Packet, TcpFlags, proto};
use crate::flow::app::WaitingRoom;
use crate::flow::event::Emitter;
use crate::flow::history::{Notes, Repeated};
use crate::flow::orient::direction;
use crate::flow::slab::{FlowMut, Hot, Life, Transport};
use crate::flow::tcp::Payload;
use crate::flow::{FlowEventKind, app};

/// Counts a packet to its flow. Its payload lies in `data`.
pub(super) fn count(
    mut flow: FlowMut<'_>,
    packet: &Packet,
    data: &[u8],
    room: &mut WaitingRoom,
    out: &mut Emitter<'_>,
) {
    let Some(from) = direction(&flow.hot.key, packet) else { return };
    let was_closed = matches!(&flow.warm.transport, Transport::Tcp(tcp) if tcp.both_closed());
    let is_new = flow.hot.counters.orig_pkts + flow.hot.counters.resp_pkts == 0;
    count_burst(&mut flow, from, packet, out);
    let hot = &mut *flow.hot;
    hot.referenced = !is_new;
    hot.set(Hot::UNREPORTED);
    hot.counters.add(from, packet);
    if from == Direction::Orig {
        hot.orig_payload_max = hot.orig_payload_max.max(packet.payload_len);
    }
    // As in Zeek, what trails the close of both sides does not make a connection longer.
    if !was_closed {
        hot.last = hot.last.max(packet.ts);
    }
    let mut notes = Notes { history: &mut flow.warm.history, rare: &mut flow.cold.rare };
    if packet.bad_checksum {
        notes.repeated(from, Repeated::BadChecksum);
    }
    let payload = match &mut flow.warm.transport {
        // A later fragment: bytes of the flow, but no header that would say which.
        _ if packet.headless => Payload::Stale,
        Transport::Tcp(tcp) => {
            let payload = tcp.update(from, packet, &mut notes);
            hot.life = Life::of_tcp(tcp);
            payload
        }
        Transport::Icmp(echo) => {
            echo.update(packet);
            Payload::Fresh
        }
        Transport::Other => {
            if packet.proto == proto::UDP && hot.counters.is_first(from) {
                notes.letter(from, b'D');
            }
            Payload::Fresh
        }
    };
    if packet.payload_len > 0 && payload == Payload::Fresh {
        if hot.first_speaker == 0 {
            hot.first_speaker = if from == Direction::Orig { 1 } else { 2 };
        }
        read_payload(&mut flow, from, packet, data, room, out);
    }
}

/// Counts a packet to the burst of its flow, or ends that and begins the next one.
fn count_burst(flow: &mut FlowMut<'_>, from: Direction, packet: &Packet, out: &mut Emitter<'_>) {
    if flow.warm.burst.is_over(flow.hot.first, packet.ts) {
        end_burst(flow, out);
        let closes = packet.flags.has(TcpFlags::FIN) || packet.flags.has(TcpFlags::RST);
        let trails = packet.payload_len == 0
            && matches!(&flow.warm.transport, Transport::Tcp(tcp) if tcp.is_closing());
        if packet.proto == proto::TCP && (closes || trails) {
            return;
        }
        flow.warm.burst.restart(packet.ts, from);
    }
    flow.warm.burst.add(from, packet);
    flow.hot.set(Hot::BURST);
}

/// Ends the burst that is going on, if one is.
pub(super) fn end_burst(flow: &mut FlowMut<'_>, out: &mut Emitter<'_>) {
    let answered = flow.is_answered();
    if let Some(exchange) = flow.warm.burst.take(flow.hot.key, flow.hot.first, answered) {
        out.emit(FlowEventKind::Exchange(exchange));
    }
    flow.hot.clear(Hot::BURST);
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
    let key = flow.hot.key;
    if !flow.hot.has(Hot::INSPECTED) {
        if flow.cold.app.feed(room, &key, from, packet, payload) == Progress::Done {
            flow.hot.set(Hot::INSPECTED);
        }
        if app::is_dns_by_port(&key) || flow.cold.app.info().is_some_and(|info| app::is_dns(&key, info)) {
            flow.hot.set(Hot::DNS);
        }
    }
    if flow.hot.has(Hot::DNS) {
        app::read_dns(packet, payload, |event| out.emit(FlowEventKind::Dns(Box::new(event))));
    }
}

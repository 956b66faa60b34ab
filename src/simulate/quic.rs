//! A QUIC connection as an observer sees it: an Initial packet that anybody can read (RFC 9001, section 5), then packets that nobody can.

use super::conversation::{BULK, Ending, Plan, Protocol, STEP, Turn};
use super::datagrams::{Carrier, Datagram, Datagrams};
use super::payload::{extension, hello_message};
use super::random::Random;
use crate::decode::app::seal_client_initial;
use crate::time::Span;

const VERSION: [u8; 4] = [0, 0, 0, 1];
/// Bytes of a datagram with an Initial packet (RFC 9000, section 14.1), and of ordinary ones.
const DATAGRAM: u32 = 1_200;
/// Bytes of a datagram that the network card is to cut.
const OFFLOADED: u32 = 60_000;
type Cid = [u8; 8];

/// A connection over UDP. Without an answer, the client says its hello three times.
pub(super) fn connection(plan: Plan, mut random: Random) -> Datagrams {
    let Plan { client, server, protocol, rtt, turns, rate, ending } = plan;
    let name = match &protocol {
        Protocol::Tls(name) => name.as_deref(),
        _ => None,
    };
    let mut ids = [[0; 8]; 2];
    for id in &mut ids {
        random.fill(id);
    }
    let [client_id, server_id] = ids;
    let hello = Datagram { head: client_initial(name, ids, &mut random), ..Datagram::default() };
    let all: Box<dyn Iterator<Item = Datagram>> = match ending {
        Ending::Unanswered | Ending::Refused => {
            let again = [Span::ZERO, Span::from_secs(1), Span::from_secs(2)];
            Box::new(again.map(|after| Datagram { after, ..hello.clone() }).into_iter())
        }
        Ending::Close => {
            let mut pair = Pair { client_id, server_id, rtt, rate, random };
            let opening = [hello, pair.server_hello(), pair.short(Span::from_millis(1), false, 80)];
            let closing = pair.short(STEP, false, 40);
            let said = turns.flat_map(move |turn| pair.say(turn));
            Box::new(opening.into_iter().chain(said).chain(std::iter::once(closing)))
        }
    };
    Datagrams::new(client, server, Carrier::Udp, all)
}

/// The two ends once they know each other.
struct Pair {
    client_id: Cid,
    server_id: Cid,
    rtt: Span,
    rate: f64,
    random: Random,
}

impl Pair {
    /// The answer to the hello: an Initial packet that is as long as it may be.
    fn server_hello(&mut self) -> Datagram {
        const SERVER_INITIAL: u8 = 0xc1;
        let mut head =
            [&[SERVER_INITIAL], &VERSION[..], &[8], &self.client_id, &[8], &self.server_id].concat();
        head.resize(64, 0);
        self.random.fill(head.get_mut(22..).unwrap_or_default());
        Datagram { after: self.rtt, from_peer: true, head, zeros: DATAGRAM - 64, seq: 0 }
    }

    /// A packet that tells nothing but the connection id of its receiver (RFC 9000, section 17.3).
    fn short(&mut self, after: Span, from_peer: bool, bytes: u32) -> Datagram {
        let first = 0x40 | u8::try_from(self.random.below(0x20)).unwrap_or_default();
        let id = if from_peer { self.client_id } else { self.server_id };
        let head = [&[first], &id[..]].concat();
        Datagram { after, from_peer, head, zeros: bytes.saturating_sub(9), seq: 0 }
    }

    /// What both say in a turn.
    fn say(&mut self, turn: Turn) -> Vec<Datagram> {
        let mut both = [(false, turn.up), (true, turn.down)];
        if turn.server_first {
            both.reverse();
        }
        let mut all = Vec::new();
        for (from_peer, bytes) in both {
            self.send(from_peer, bytes, &mut all);
        }
        if let Some(first) = all.first_mut() {
            first.after = sum(first.after, turn.after);
        }
        all
    }

    /// A message in datagrams, and an acknowledgement of every second one where there are several.
    fn send(&mut self, from_peer: bool, bytes: u64, all: &mut Vec<Datagram>) {
        const ACKNOWLEDGEMENT: u32 = 35;
        let room = if bytes >= BULK { OFFLOADED } else { DATAGRAM };
        let mut left = bytes;
        let mut pause = if from_peer { self.rtt } else { STEP };
        for nth in 1_u64.. {
            if left == 0 {
                break;
            }
            let now = u32::try_from(left).unwrap_or(room).min(room);
            left -= u64::from(now);
            let took = Span::from_secs_f64(f64::from(now) / self.rate.max(1.0));
            all.push(self.short(sum(pause, took), from_peer, now));
            pause = Span::ZERO;
            if nth % 2 == 0 {
                all.push(self.short(STEP, !from_peer, ACKNOWLEDGEMENT));
            }
        }
    }
}

/// The client's first datagram: a ClientHello in a CRYPTO frame, padded, protected with keys that follow from the connection id.
fn client_initial(name: Option<&str>, [client_id, server_id]: [Cid; 2], random: &mut Random) -> Vec<u8> {
    const TAG: usize = 16;
    // The transport parameter that every client gives: its connection id (RFC 9000, section 18.2).
    let parameters = extension(57, &[&[0x0f, 8], &client_id[..]].concat());
    let hello = hello_message(name, b"\x02h3", &parameters, random);
    let mut frames = [&[0x06, 0], &varint(hello.len()), hello.as_slice()].concat();
    let mut header = [&[0xc3], &VERSION[..], &[8], &server_id, &[8], &client_id, &[0]].concat();
    let number = [0; 4];
    let padded = (DATAGRAM as usize).saturating_sub(header.len() + 2 + number.len() + TAG);
    frames.resize(padded.max(frames.len()), 0);
    header.extend_from_slice(&varint(number.len() + frames.len() + TAG));
    header.extend_from_slice(&number);
    seal_client_initial(&header, &server_id, &frames).unwrap_or_default()
}

fn sum(one: Span, other: Span) -> Span {
    Span::from_nanos(one.as_nanos().saturating_add(other.as_nanos()))
}

/// A number below 16,384 in two bytes (RFC 9000, section 16).
fn varint(value: usize) -> [u8; 2] {
    (0x4000 | u16::try_from(value).unwrap_or_default() & 0x3fff).to_be_bytes()
}

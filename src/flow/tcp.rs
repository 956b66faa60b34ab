//! The TCP state machine of a flow, as Zeek runs it (`TCPSessionAdapter`): history, sequence numbers, gaps, close.

use crate::decode::{Direction, Packet, TcpFlags};
use crate::flow::compact::Letters;
use crate::flow::endpoint::{Control, Endpoint, Phase};
use crate::flow::history::{Notes, Repeated};

/// Both sides of a TCP connection, originator first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tcp {
    ends: [Endpoint; 2],
}

/// What the payload of a segment is worth to readers of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Not seen before.
    Fresh,
    /// A retransmission, or not part of the stream.
    Stale,
}

impl Tcp {
    pub(super) fn orig(&self) -> &Endpoint {
        let [orig, _] = &self.ends;
        orig
    }

    pub(super) fn resp(&self) -> &Endpoint {
        let [_, resp] = &self.ends;
        resp
    }

    /// The side that sent, and the other.
    fn sides(&mut self, from: Direction) -> (&mut Endpoint, &mut Endpoint) {
        let [orig, resp] = &mut self.ends;
        if from == Direction::Orig { (orig, resp) } else { (resp, orig) }
    }

    /// Whether a packet of these ends begins another connection: a SYN with another number, or any after a FIN
    /// or RST (Zeek's `IsReuse`).
    pub(super) fn is_reused_by(&self, packet: &Packet) -> bool {
        if !packet.flags.has(TcpFlags::SYN) {
            return false;
        }
        let started = if packet.flags.has(TcpFlags::ACK) {
            if !self.orig().is_inactive() {
                return false;
            }
            self.resp()
        } else {
            self.orig()
        };
        self.is_closing() || packet.seq != started.start()
    }

    /// Whether the data of a packet is the first of its side, whose SYN was seen.
    pub(super) fn is_begun_by(&self, from: Direction, packet: &Packet) -> bool {
        let end = if from == Direction::Orig { self.orig() } else { self.resp() };
        end.saw_syn() && (packet.flags.has(TcpFlags::SYN) || packet.seq == end.start().wrapping_add(1))
    }

    pub(super) fn both_closed(&self) -> bool {
        self.orig().did_close() && self.resp().did_close()
    }

    /// Whether a side has sent a FIN or RST.
    pub(super) fn is_closing(&self) -> bool {
        self.orig().did_close() || self.resp().did_close()
    }

    /// Whether nothing but trailing packets can come: closed by both sides, reset, or closed towards a silent peer.
    pub(super) fn is_closed(&self) -> bool {
        let (orig, resp) = (self.orig(), self.resp());
        self.both_closed()
            || orig.phase() == Phase::Reset
            || resp.phase() == Phase::Reset
            || self.is_closing() && (orig.is_inactive() || resp.is_inactive())
    }

    /// Takes the next segment if it is the usual one, without flags but ACK and in order, from a side that is open to one that was heard: whether
    /// it did. Does what [`Tcp::update`] would do with it in a flow without holes, which is to move two numbers, and at the first of its kind
    /// to give a letter.
    #[inline(always)]
    pub(super) fn go_on(&mut self, from: Direction, packet: &Packet, history: &mut Letters) -> bool {
        const CONTROLS: u8 = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST | TcpFlags::ACK;
        let (end, peer) = self.sides(from);
        let may_go_on = packet.flags.0 & CONTROLS == TcpFlags::ACK
            && packet.window > 0
            && end.is_open()
            && !peer.is_inactive();
        if !may_go_on {
            return false;
        }
        let segment = (packet.seq, packet.payload_len, packet.ack);
        let Some(is_first) = Endpoint::go_on(end, peer, segment, !history.are_full()) else {
            return false;
        };
        if is_first {
            history.push_of(from, if packet.payload_len > 0 { b'D' } else { b'A' });
        }
        true
    }

    /// Takes the next segment.
    pub(super) fn update(&mut self, from: Direction, packet: &Packet, notes: &mut Notes<'_>) -> Payload {
        let (flags, len) = (packet.flags, packet.payload_len);
        let (end, peer) = self.sides(from);
        let syn = flags.has(TcpFlags::SYN);
        let fin = flags.has(TcpFlags::FIN);
        let rst = flags.has(TcpFlags::RST);
        // The data of a RST is not part of the stream; SYN and FIN take one number each.
        let data = if rst { 0 } else { len };
        let end_seq = packet.seq.wrapping_add(data).wrapping_add(u32::from(syn)).wrapping_add(u32::from(fin));

        start(end, packet, end_seq);
        let seq = end.full_seq(packet.seq);
        note_flags(end, from, packet, seq, notes);
        if packet.window == 0 && !rst && peer.phase() != Phase::Closed && end.phase() != Phase::Reset {
            notes.repeated(from, Repeated::ZeroWindow);
        }
        if fin {
            end.see_fin();
        }

        let acked = if !flags.has(TcpFlags::ACK) {
            None
        } else if peer.is_inactive() {
            peer.start_at_ack(packet.ack);
            None
        } else {
            let known = peer.known();
            // What a RST acknowledges is not believed.
            peer.acknowledge(packet.ack, !rst).map(|number| (known, number))
        };

        let known = end.known();
        let control = match (syn || rst, fin) {
            (true, _) => Control::SynOrRst,
            (false, true) => Control::Fin,
            (false, false) => Control::None,
        };
        let stale = end.advance(end_seq, control) && len > 0;
        if stale {
            notes.retransmitted(from, end);
        }
        transition(end, peer, from, flags, len);
        if let Some((known, number)) = acked {
            note_gaps(end, peer, from, known, number, notes);
        }
        if !rst && (len > 0 || fin) {
            let first = seq + i64::from(syn);
            note_data(from, known, first, first + i64::from(len), notes);
        }
        if stale || rst { Payload::Stale } else { Payload::Fresh }
    }
}

/// Sets the numbers of a side by its first packet, or by a SYN that contradicts them.
fn start(end: &mut Endpoint, packet: &Packet, end_seq: u32) {
    let syn = packet.flags.has(TcpFlags::SYN);
    match end.phase() {
        Phase::Inactive if syn => end.start_at_syn(packet.seq, end_seq),
        Phase::Inactive => end.start_midstream(packet.seq),
        Phase::Closed => {}
        // A RST that came before the SYN may have been forged.
        Phase::Reset if end.before() != Phase::Inactive => {}
        _ if syn && packet.seq != end.start() => end.start_at_syn(packet.seq, end_seq),
        _ => {}
    }
}

/// Gives the letters of the flags. Letters of SYN, FIN and RST come again when their sequence number differs.
fn note_flags(end: &mut Endpoint, from: Direction, packet: &Packet, seq: i64, notes: &mut Notes<'_>) {
    let (flags, len) = (packet.flags, packet.payload_len);
    let syn = flags.has(TcpFlags::SYN);
    let fin = flags.has(TcpFlags::FIN);
    let rst = flags.has(TcpFlags::RST);
    let (mask, letter, changed) = match (syn, fin, rst) {
        (_, true, true) => (Endpoint::SEEN_FIN_RST, b'I', false),
        (true, true, _) | (true, _, true) => (Endpoint::SEEN_MULTI, b'Q', false),
        (true, false, false) => {
            let letter = if flags.has(TcpFlags::ACK) { b'H' } else { b'S' };
            (Endpoint::SEEN_SYN, letter, packet.seq != end.start())
        }
        // The number of a FIN comes after its data. Data past a FIN is so rare that the last number is the FIN's.
        (false, true, false) => (Endpoint::SEEN_FIN, b'F', seq + i64::from(len) + 1 != end.last()),
        (false, false, true) => {
            let changed = packet.seq != end.rst;
            end.rst = packet.seq;
            (Endpoint::SEEN_RST, b'R', changed)
        }
        (false, false, false) if len > 0 => (Endpoint::SEEN_DATA, b'D', false),
        (false, false, false) if flags.has(TcpFlags::ACK) => (Endpoint::SEEN_ACK, b'A', false),
        (false, false, false) => return,
    };
    if end.see(mask) || changed {
        notes.letter(from, letter);
    }
}

/// Changes the phase of the side that sent (Zeek's `UpdateStateMachine`).
fn transition(end: &mut Endpoint, peer: &mut Endpoint, from: Direction, flags: TcpFlags, len: u32) {
    let fin = flags.has(TcpFlags::FIN);
    let rst = flags.has(TcpFlags::RST);
    match end.phase() {
        Phase::Inactive => begin(end, peer, from, flags, len),
        Phase::SynSent => {
            if fin {
                end.enter(Phase::Closed);
            }
            if rst {
                end.enter(Phase::Reset);
            }
        }
        Phase::Established | Phase::Partial => {
            let syn = flags.has(TcpFlags::SYN) && !flags.has(TcpFlags::ACK);
            if syn && end.phase() == Phase::Partial && peer.is_inactive() {
                end.enter(Phase::SynSent);
            }
            if fin && !rst {
                end.enter(Phase::Closed);
                if peer.phase() == Phase::Reset && peer.before() == Phase::Closed {
                    // The peer sent a FIN, then a RST: this was a normal end after all.
                    peer.enter(Phase::Closed);
                }
            }
            if rst {
                end.enter(Phase::Reset);
            }
        }
        // A RST after the FINs of both sides changes nothing.
        Phase::Closed if rst && peer.phase() != Phase::Closed => end.enter(Phase::Reset),
        Phase::Closed | Phase::Reset => {}
    }
    if fin || rst {
        end.close();
    }
}

/// The first packet of a side (Zeek's `UpdateInactiveState`).
fn begin(end: &mut Endpoint, peer: &mut Endpoint, from: Direction, flags: TcpFlags, len: u32) {
    let syn = flags.has(TcpFlags::SYN);
    if syn && from == Direction::Resp {
        if peer.phase() == Phase::SynSent {
            peer.enter(Phase::Established);
        }
        end.enter(Phase::Established);
    } else if syn && peer.saw_syn() {
        // The SYN-ACK was captured before the SYN.
        end.enter(Phase::Established);
    } else if syn {
        end.enter(Phase::SynSent);
    }
    if flags.has(TcpFlags::FIN) {
        end.enter(Phase::Closed);
    }
    if flags.has(TcpFlags::RST) {
        end.enter(Phase::Reset);
    }
    if end.is_inactive() {
        // Some systems acknowledge a SYN before they answer it.
        let early_ack = from == Direction::Resp && len == 0 && peer.phase() == Phase::SynSent;
        if flags.has(TcpFlags::ACK) && peer.phase() == Phase::Established {
            end.enter(Phase::Established);
        } else if !early_ack {
            end.enter(Phase::Partial);
        }
    }
}

/// Counts the bytes of `peer` before `number` that were acknowledged and not seen. `known` is where its bytes ended.
fn note_gaps(
    end: &Endpoint,
    peer: &Endpoint,
    from: Direction,
    known: i64,
    number: i64,
    notes: &mut Notes<'_>,
) {
    let unseen = number > known;
    if !unseen && !notes.has_holes() {
        return;
    }
    // In other states gaps arise falsely, from numbers of RSTs and streams whose start was not seen.
    let believed = end.is_clean() && peer.is_clean();
    let sender = if from == Direction::Orig { Direction::Resp } else { Direction::Orig };
    let (mut gaps, mut bytes) = (0_u32, 0);
    let mut missed = |length| {
        gaps += 1;
        bytes += length;
    };
    if notes.has_holes() {
        notes.holes(|holes| holes.acknowledge(sender, number, &mut missed));
    }
    if unseen {
        missed((number - known).unsigned_abs());
    }
    if believed {
        (0..gaps).for_each(|_| notes.repeated(sender, Repeated::Gap));
        notes.rare().missed_bytes += bytes;
    }
}

/// Keeps the holes: data beyond `known` opens one, data before it may fill some.
fn note_data(from: Direction, known: i64, first: i64, past: i64, notes: &mut Notes<'_>) {
    if first > known {
        notes.holes(|holes| holes.open(from, known, first));
    } else if first < known && notes.has_holes() {
        notes.holes(|holes| holes.fill(from, first, past));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::cold::{Beside, ColdId, Colds};
    use crate::flow::compact::Letters;
    use crate::flow::life::Life;

    #[test]
    fn what_begins_a_stream_comes_right_behind_its_syn() {
        let packet = |flags, seq| Packet { flags: TcpFlags(flags), seq, payload_len: 9, ..Packet::default() };
        let (mut history, mut id, mut colds) = (Letters::default(), ColdId::default(), Colds::default());
        let mut tcp = Tcp::default();
        let mut notes = Notes::new(&mut history, false, Beside::new(&mut id, &mut colds));
        tcp.update(Direction::Orig, &packet(TcpFlags::SYN, u32::MAX), &mut notes);
        tcp.update(Direction::Resp, &packet(TcpFlags::ACK, 70), &mut notes);
        let begins = |from, seq| tcp.is_begun_by(from, &packet(TcpFlags::ACK, seq));
        assert!(begins(Direction::Orig, 0));
        assert!(!begins(Direction::Orig, 9));
        assert!(!begins(Direction::Resp, 70), "nobody knows what came before");
    }

    /// A segment by its distance from what is expected next: most are usual ones.
    fn segment() -> impl Strategy<Value = (bool, u8, i32, u32, i32, u16)> {
        let usual = |often, value: i32| prop_oneof![often => Just(0), 1 => Just(value), 1 => Just(-value)];
        let flags = prop_oneof![
            12 => Just(TcpFlags::ACK),
            4 => Just(TcpFlags::ACK | TcpFlags::PSH),
            1 => any::<u8>(),
        ];
        let len = prop_oneof![1 => Just(0_u32), 1 => 1..1_500_u32];
        (
            any::<bool>(),
            flags,
            usual(20, 700),
            len,
            usual(10, 300),
            prop_oneof![20 => Just(512_u16), 1 => Just(0)],
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// The short way for usual segments against the long way for all: the same numbers, letters and phases after each.
        #[test]
        fn usual_segments_do_what_all_do(
            starts in any::<[u32; 2]>().prop_map(|starts| starts.map(|n| if n % 3 == 0 { n } else { n | 0xffff_f000 })),
            segments in prop::collection::vec(segment(), 0..80),
        ) {
            let [syn, ack] = [TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK].map(|flags| (flags, 0, 0, 0, 512));
            let opening = [(true, syn), (false, ack)].map(|(orig, (flags, seq, len, ack, window))| (orig, flags, seq, len, ack, window));
            let (mut short, mut long) = (Tcp::default(), Tcp::default());
            let (mut letters, mut beside) = ([Letters::default(); 2], [(); 2].map(|()| (ColdId::default(), Colds::default())));
            let mut next = starts;
            for (by_orig, flags, seq, len, ack, window) in opening.into_iter().chain(segments) {
                let [mine, other] = if by_orig { [0, 1] } else { [1, 0] };
                let packet = Packet {
                    flags: TcpFlags(flags),
                    seq: next[mine].wrapping_add_signed(seq),
                    ack: next[other].wrapping_add_signed(ack),
                    payload_len: len,
                    window,
                    ..Packet::default()
                };
                let controls = [TcpFlags::SYN, TcpFlags::FIN].map(|flag| u32::from(packet.flags.has(flag)));
                next[mine] = packet.seq.wrapping_add(len + controls.iter().sum::<u32>());
                let from = if by_orig { Direction::Orig } else { Direction::Resp };
                let has_holes = |(id, colds): &(ColdId, Colds)| colds.get(*id).and_then(|cold| cold.rare.as_ref()).is_some_and(|rare| !rare.holes.is_empty());
                let holes = beside.each_ref().map(has_holes);
                let ([ours, theirs], [(our_id, our_colds), (their_id, their_colds)]) = (&mut letters, &mut beside);
                let got = if !holes[0] && short.go_on(from, &packet, ours) {
                    Payload::Fresh
                } else {
                    short.update(from, &packet, &mut Notes::new(ours, holes[0], Beside::new(our_id, our_colds)))
                };
                let expected = long.update(from, &packet, &mut Notes::new(theirs, holes[1], Beside::new(their_id, their_colds)));
                prop_assert_eq!(got, expected);
                prop_assert_eq!(Life::of_tcp(&short), Life::of_tcp(&long));
                prop_assert_eq!(format!("{short:?} {ours:?} {our_colds:?}"), format!("{long:?} {theirs:?} {their_colds:?}"));
            }
        }
    }
}

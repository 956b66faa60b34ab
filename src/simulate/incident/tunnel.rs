//! Tunnels: bytes in the names and answers of DNS, or in the payload of ICMP echo.

use super::Placed;
use crate::simulate::datagrams::{Carrier, Datagram, Datagrams};
use crate::simulate::pace::Sources;
use crate::simulate::payload::{base32, record, txt_data};
use crate::simulate::random::{Random, whole};
use crate::simulate::stage::{Source, Stage};
use crate::time::{Span, Timestamp};

/// Bytes that one name carries at most: three labels of base 32 leave room for the domain within 255 bytes (RFC 1035).
const MAX_NAME_BYTES: f64 = 110.0;
/// Bytes of an echo at most: what one Ethernet frame holds.
const MAX_ECHO_BYTES: f64 = 1_400.0;

struct DnsTunnel {
    placed: Placed,
    /// Bytes a name.
    bytes: usize,
    every: Span,
    nth: usize,
}

/// Questions whose names carry the bytes. Where so many do not fit into one name every interval, questions come more often.
pub(super) fn dns(placed: Placed) -> Sources {
    let (bytes, every) = pieces(&placed, MAX_NAME_BYTES);
    let bytes = usize::try_from(bytes).unwrap_or_default().max(4);
    vec![(placed.from, Box::new(DnsTunnel { placed, bytes, every, nth: 0 }))]
}

/// Bytes a piece and the pause between pieces, so that all bytes are carried in the time.
fn pieces(placed: &Placed, most: f64) -> (u64, Span) {
    let rate = placed.bytes as f64 / placed.seconds();
    let interval = placed.interval.as_secs_f64();
    let bytes = (rate * interval).clamp(1.0, most);
    (whole(bytes.ceil()), Span::from_secs_f64(if rate > 0.0 { bytes / rate } else { interval }))
}

impl Source for DnsTunnel {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        if !self.placed.random.chance(self.placed.missed) {
            let domain = self.placed.peer_at(now, self.nth)?.0.name.clone().unwrap_or_default();
            self.nth += 1;
            let Placed { host, random, .. } = &mut self.placed;
            let name = format!("{}.{domain}", labels(self.bytes, random));
            let mut answer = vec![0; 8 + random.index(40)];
            random.fill(&mut answer);
            host.ask(&name, record::TXT, Some(vec![txt_data(&answer)]), now, random, stage);
        }
        self.placed.next(now, self.every)
    }
}

/// Random bytes as labels of at most 60 symbols.
fn labels(bytes: usize, random: &mut Random) -> String {
    let mut data = vec![0; bytes];
    random.fill(&mut data);
    let text = base32(&data);
    let labels: Vec<&str> =
        text.as_bytes().chunks(60).filter_map(|chunk| std::str::from_utf8(chunk).ok()).collect();
    labels.join(".")
}

/// Echo requests that carry the bytes; each reply carries others.
pub(super) fn icmp(mut placed: Placed) -> Sources {
    let (bytes, every) = pieces(&placed, MAX_ECHO_BYTES);
    let bytes = usize::try_from(bytes).unwrap_or_default().max(32);
    let mut sources = Sources::new();
    let count = placed.peers.len().max(1) as f64;
    let share = placed.seconds() / count;
    for (nth, peer) in placed.peers.iter().enumerate() {
        let from = placed.from + Span::from_secs_f64(share * nth as f64);
        let id = u16::try_from(placed.random.below(1 << 16)).unwrap_or_default();
        let mut inner = Random::new(placed.random.below(u64::MAX), 5);
        let (jitter, mut left, mut tick) = (placed.jitter, share, 0_u16);
        let echoes = std::iter::from_fn(move || {
            let from_peer = tick % 2 == 1;
            let after = if from_peer { Span::from_millis(30) } else { inner.jittered(every, jitter) };
            left -= if from_peer { 0.0 } else { after.as_secs_f64() };
            let mut head = vec![0; if from_peer { 32 + inner.index(bytes) } else { bytes }];
            inner.fill(&mut head);
            let echo = Datagram { after, from_peer, head, zeros: 0, seq: tick / 2 };
            tick = tick.wrapping_add(1);
            (left > 0.0 || from_peer).then_some(echo)
        });
        let far = placed.host.far(peer.ip, 0);
        sources.push((
            from,
            Box::new(Datagrams::new(placed.host.end, far, Carrier::Echo(id), Box::new(echoes))),
        ));
    }
    sources
}

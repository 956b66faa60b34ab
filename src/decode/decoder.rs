//! Frames to packets: the fast path first, the general path for the rest, and the counters of both.

use serde::{Deserialize, Serialize};

use super::checksum;
use super::fast;
use super::fragments::{DatagramKey, FragmentTable};
use super::framing::{Next, Refusal, to_ip};
use super::ip::{self, Datagram, Fragment};
use super::link;
use super::packet::Packet;
use super::stats::{DecodeStats, Layer, Skip};
use super::transport;
use super::tunnel::{self, Inner};
use super::view::View;
use crate::capture::{Block, FrameRef};
use crate::memory::prefetch;
use crate::seed::Seed;
use crate::time::Timestamp;

/// Settings of the decode stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Verify TCP, UDP and ICMP checksums of packets that were captured whole. Off by default: a capture taken on the
    /// sending host sees packets before the network card fills in the checksum. Every frame then takes the general path.
    pub verify_checksums: bool,
    /// First pieces of fragmented datagrams that are remembered so that later pieces get their ports.
    pub max_fragments: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { verify_checksums: false, max_fragments: 4096 }
    }
}

/// Tunnels that are peeled off one frame; deeper ones are reported as the packet of the last tunnel.
const MAX_TUNNELS: u8 = 8;

/// Frames that are asked for ahead of the one that is decoded: what another processor has put there is not here yet.
const AHEAD: usize = 8;
/// Where the second line of most headers begins or ends: Ethernet, IPv4 and TCP without options.
const SECOND_LINE_AT: usize = 50;

/// Turns frames into packets and counts what it could not turn.
///
/// A frame gives one [`Packet`] or none, and the same one whatever came before it; the only memory is that of first
/// fragments. Every packet whose IP header is sound is reported, however little of the rest was captured.
///
/// ```
/// use undercurrent::capture::{Block, FrameRef, LinkType};
/// use undercurrent::decode::{Config, Decoder};
/// use undercurrent::seed::Seed;
/// use undercurrent::time::Timestamp;
///
/// let mut frame = Vec::new();
/// etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
///     .ipv4([10, 0, 0, 1], [192, 0, 2, 7], 64)
///     .udp(40_000, 53)
///     .write(&mut frame, b"question")?;
/// let len = u32::try_from(frame.len())?;
/// let at = FrameRef { ts: Timestamp::default(), offset: 0, captured_len: len, wire_len: len, link: LinkType(1) };
/// let block = Block { data: frame.into(), frames: vec![at] };
///
/// let mut packets = Vec::new();
/// Decoder::new(Config::default(), Seed::REPLAY).decode_block(&block, &mut packets);
/// assert_eq!((packets[0].dst_port, packets[0].payload_len), (53, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    config: Config,
    fragments: FragmentTable,
    stats: DecodeStats,
}

impl Decoder {
    /// A decoder that has seen nothing. The seed is that of its hashes (fragments, echo payloads).
    pub fn new(config: Config, seed: Seed) -> Self {
        let fragments = FragmentTable::new(config.max_fragments, seed);
        Self { config, fragments, stats: DecodeStats::default() }
    }

    /// What was counted so far.
    pub fn stats(&self) -> &DecodeStats {
        &self.stats
    }

    /// Decodes the frames of a block in order and appends their packets to `out`.
    pub fn decode_block(&mut self, block: &Block, out: &mut Vec<Packet>) {
        out.reserve(block.frames.len());
        let data: &[u8] = &block.data;
        let later = block.frames.iter().skip(AHEAD).map(Some).chain(std::iter::repeat(None));
        for (frame, later) in block.frames.iter().zip(later) {
            if let Some(later) = later {
                expect(data, later);
            }
            // Two pushes, so that a packet of the fast path goes from registers to its place without a copy.
            match self.decode_fast(block, frame) {
                Some(packet) => out.push(packet),
                None => out.extend(self.decode_general(block, frame)),
            }
        }
    }

    /// Decodes one frame of a block. Nothing where it carries no IP packet or is broken, which is counted.
    pub fn decode(&mut self, block: &Block, frame: &FrameRef) -> Option<Packet> {
        self.decode_fast(block, frame).or_else(|| self.decode_general(block, frame))
    }

    #[expect(clippy::inline_always, reason = "out of line, a third of the time goes into copying the packet")]
    #[inline(always)]
    fn decode_fast(&self, block: &Block, frame: &FrameRef) -> Option<Packet> {
        if frame.link != link::ETHERNET || self.config.verify_checksums {
            return None;
        }
        fast::ethernet(block.bytes(frame), frame)
    }

    /// Decodes any frame. Kept out of line so that the fast path stays small.
    #[inline(never)]
    fn decode_general(&mut self, block: &Block, frame: &FrameRef) -> Option<Packet> {
        let mut packet = Packet::default();
        let entered = link::enter(frame.link, View::of(block, frame));
        match entered.and_then(|next| self.network(&mut packet, next, frame.ts, 0)) {
            Ok(defect) => {
                if let Some(layer) = defect {
                    self.stats.errors.add(layer);
                }
                packet.ts = frame.ts;
                packet.wire_len = frame.wire_len;
                return Some(packet);
            }
            Err(Refusal::Broken(layer)) => self.stats.errors.add(layer),
            Err(Refusal::Skipped(reason)) => {
                self.stats.skipped.add(reason);
                if reason == Skip::LinkType {
                    self.stats.add_unknown_link(frame.link.0, 1);
                }
            }
        }
        None
    }

    /// Decodes from `next` on to the innermost IP packet, `depth` tunnels inside the frame. Gives what is wrong with
    /// the packet; what is left in `packet` after a refusal means nothing.
    fn network(
        &mut self,
        packet: &mut Packet,
        next: Next<'_>,
        now: Timestamp,
        depth: u8,
    ) -> Result<Option<Layer>, Refusal> {
        let datagram = ip::read(to_ip(next)?)?;
        let (payload, defect) = self.datagram(packet, &datagram, now);
        packet.tunnel_depth = depth;
        if packet.headless {
            return Ok(defect);
        }
        let (kind, next) = match tunnel::enter(packet, payload) {
            Inner::None => return Ok(defect),
            Inner::Begins(kind, next) if depth < MAX_TUNNELS => (kind, next),
            Inner::Begins(..) | Inner::Broken => return Ok(Some(Layer::Tunnel)),
        };
        let outer = *packet;
        self.network(packet, next, now, depth + 1).inspect(|_| self.stats.tunnels.add(kind)).or_else(
            |refusal| {
                // The outer packet stands, so that nothing is lost; inner ARP and the like are no error.
                *packet = outer;
                Ok(if let Refusal::Broken(_) = refusal { Some(Layer::Tunnel) } else { defect })
            },
        )
    }

    /// Makes `packet` that of an IP datagram as it stands. Gives the payload of its transport, and what is wrong.
    fn datagram<'a>(
        &mut self,
        packet: &mut Packet,
        datagram: &Datagram<'a>,
        now: Timestamp,
    ) -> (View<'a>, Option<Layer>) {
        *packet = Packet {
            src: datagram.src,
            dst: datagram.dst,
            proto: datagram.proto,
            ip_len: u32::try_from(datagram.len).unwrap_or(u32::MAX),
            ..Packet::default()
        };
        let (payload, defect) = match datagram.fragment {
            Some(piece) if piece.offset > 0 => self.later_fragment(packet, datagram, piece, now),
            _ if datagram.broken => {
                packet.headless = true;
                (datagram.payload.uncaptured(), Some(Layer::Ip))
            }
            first => {
                let (payload, defect) = transport::read(packet, datagram.payload, self.fragments.hasher());
                if let Some(piece) = first.filter(|_| defect.is_none()) {
                    self.fragments.learn(now, datagram_key(datagram, piece), packet);
                }
                (payload, defect)
            }
        };
        packet.payload_offset = payload.offset();
        packet.payload_len = u32::try_from(payload.wire()).unwrap_or(u32::MAX);
        packet.payload_captured = u16::try_from(payload.captured().len()).unwrap_or(u16::MAX);
        packet.bad_checksum = self.config.verify_checksums && checksum::is_wrong(datagram);
        (payload, defect)
    }

    /// A piece that is not the first: its bytes are the middle of a payload, and no reader should take them for the
    /// start of one, so they are reported as not captured.
    fn later_fragment<'a>(
        &self,
        packet: &mut Packet,
        datagram: &Datagram<'a>,
        piece: Fragment,
        now: Timestamp,
    ) -> (View<'a>, Option<Layer>) {
        const MAX_DATAGRAM: usize = 65_535;
        packet.headless = true;
        let payload = datagram.payload.uncaptured();
        let known = self.fragments.complete(now, &datagram_key(datagram, piece), packet);
        let fits = piece.offset + payload.wire() <= MAX_DATAGRAM;
        (payload, (!known || !fits).then_some(Layer::Fragment))
    }
}

/// Asks for the headers of a frame.
#[inline]
fn expect(data: &[u8], frame: &FrameRef) {
    let start = frame.offset as usize;
    for at in [start, start + SECOND_LINE_AT] {
        if let Some(header) = data.get(at) {
            prefetch(header, 1);
        }
    }
}

fn datagram_key(datagram: &Datagram<'_>, piece: Fragment) -> DatagramKey {
    DatagramKey { src: datagram.src, dst: datagram.dst, id: piece.id, proto: piece.proto }
}

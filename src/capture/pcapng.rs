//! pcapng: sections of typed blocks (draft-ietf-opsawg-pcapng). Only what describes interfaces and packets is
//! read; blocks of any other type are passed over.

use super::LinkType;
use super::error::Damage;
use super::resolution::Resolution;
use super::walk::{ByteOrder, CAPTURED_MAX_BYTES, Sink, Stop, Walk};
use crate::time::Timestamp;

/// The type of a section header block, the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Type and length before the body of a block; the length stands again behind it.
const BLOCK_HEADER_BYTES: usize = 8;
/// Bytes that tell the byte order of a section: type, length, magic.
const BLOCK_MIN_BYTES: usize = 12;
/// The longest block that is held in memory: a frame of the largest size with all its comments.
const BLOCK_MAX_BYTES: usize = 1 << 20;
/// The most interfaces of one section. An old packet block cannot name more.
const INTERFACES_MAX: usize = 1 << 16;

const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// The state of a walk: what the section has described so far.
#[derive(Debug)]
pub(super) struct PcapNg {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    /// Time of the newest packet that had one. A simple packet has none and takes this.
    newest: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// Most bytes captured of a frame; zero where there is no limit.
    snap_len: u32,
    resolution: Resolution,
}

/// One block in memory.
struct RawBlock<'a> {
    kind: u32,
    body: &'a [u8],
    /// Length with header, trailer and padding.
    total_bytes: usize,
}

impl PcapNg {
    /// Whether a file that begins with these bytes is pcapng. An error says what is wrong with its first block.
    pub(super) fn parse(head: &[u8; 24]) -> Option<Result<Self, String>> {
        if head.first_chunk() != Some(&SECTION_HEADER.to_be_bytes()) {
            return None;
        }
        let mut state =
            Self { order: ByteOrder::Little, interfaces: Vec::new(), newest: Timestamp::default() };
        let begun = match state.block(head) {
            Err(Stop::Damaged(damage)) => Err(damage),
            Err(_) => state.begin_section(head.get(BLOCK_HEADER_BYTES..).unwrap_or_default()),
            Ok(block) => state.begin_section(block.body),
        };
        Some(begun.map(|()| state).map_err(|damage| damage.reason))
    }

    /// Takes all whole blocks of `data` from `from` on.
    pub(super) fn walk(&mut self, data: &[u8], from: usize, sink: &mut Sink<'_>) -> Walk {
        let mut at = from;
        loop {
            let taken = self.block(data.get(at..).unwrap_or_default()).and_then(|block| {
                let body_at = at + BLOCK_HEADER_BYTES;
                self.take(&block, body_at, sink).map_err(Stop::Damaged)?;
                Ok(block.total_bytes)
            });
            match taken {
                Ok(bytes) => at += bytes,
                Err(stop) => return Walk { stopped_at: at, stop },
            }
        }
    }

    /// Frames the block at the beginning of `bytes`; sets the byte order where it opens a section.
    fn block<'a>(&mut self, bytes: &'a [u8]) -> Result<RawBlock<'a>, Stop> {
        let Some((head, _)) = bytes.split_first_chunk::<BLOCK_MIN_BYTES>() else {
            return Err(Stop::Needs(BLOCK_MIN_BYTES));
        };
        let [kind, length, magic] = head.as_chunks().0 else { return Err(Stop::Needs(BLOCK_MIN_BYTES)) };
        let kind = self.order.u32(*kind);
        if kind == SECTION_HEADER {
            self.order = [ByteOrder::Little, ByteOrder::Big]
                .into_iter()
                .find(|order| order.u32(*magic) == BYTE_ORDER_MAGIC)
                .ok_or_else(|| damaged("a section header without the byte-order magic"))?;
        }
        let claimed = self.order.u32(*length) as usize;
        // Some writers give lengths that are no multiple of four and pad all the same.
        let total_bytes = claimed.next_multiple_of(4);
        if claimed < BLOCK_MIN_BYTES {
            return Err(damaged(format!(
                "a block of type {kind:#x} claims {claimed} bytes, fewer than a block has"
            )));
        }
        let of_interest = matches!(
            kind,
            SECTION_HEADER | INTERFACE_DESCRIPTION | OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
        );
        if total_bytes > BLOCK_MAX_BYTES && of_interest {
            return Err(Stop::Damaged(Damage::new(
                "oversized_record",
                format!("a block of type {kind:#x} claims {claimed} bytes, more than {BLOCK_MAX_BYTES}"),
            )));
        }
        let whole = bytes.get(..total_bytes).ok_or(match total_bytes {
            ..=BLOCK_MAX_BYTES => Stop::Needs(total_bytes),
            _ => Stop::Skip(total_bytes as u64),
        })?;
        let (before, trailer) = whole.split_last_chunk().ok_or(Stop::Needs(BLOCK_MIN_BYTES))?;
        if self.order.u32(*trailer) as usize != claimed {
            let trailer = self.order.u32(*trailer);
            return Err(damaged(format!(
                "a block of type {kind:#x} claims {claimed} bytes at its beginning and {trailer} at its end"
            )));
        }
        let body = before.get(BLOCK_HEADER_BYTES..).unwrap_or_default();
        Ok(RawBlock { kind, body, total_bytes })
    }

    fn take(&mut self, block: &RawBlock<'_>, body_at: usize, sink: &mut Sink<'_>) -> Result<(), Damage> {
        let body = block.body;
        match block.kind {
            SECTION_HEADER => self.begin_section(body),
            INTERFACE_DESCRIPTION => self.describe_interface(body, sink),
            ENHANCED_PACKET => {
                let fields = [0, 4, 8, 12, 16].map(|at| self.order.u32_at(body, at));
                let [Some(interface), Some(high), Some(low), Some(captured), Some(wire)] = fields else {
                    return Err(too_short("an enhanced packet block"));
                };
                let packet = TimedPacket { interface, high, low, captured, wire };
                self.take_timed(&packet, body, body_at, sink)
            }
            OLD_PACKET => {
                let interface = self.order.u16_at(body, 0).map(u32::from);
                let [high, low, captured, wire] = [4, 8, 12, 16].map(|at| self.order.u32_at(body, at));
                let (Some(interface), Some(high), Some(low), Some(captured), Some(wire)) =
                    (interface, high, low, captured, wire)
                else {
                    return Err(too_short("a packet block"));
                };
                let packet = TimedPacket { interface, high, low, captured, wire };
                self.take_timed(&packet, body, body_at, sink)
            }
            SIMPLE_PACKET => self.take_simple(body, body_at, sink),
            _ => Ok(()),
        }
    }

    fn begin_section(&mut self, body: &[u8]) -> Result<(), Damage> {
        self.interfaces.clear();
        let (Some(major), Some(minor)) = (self.order.u16_at(body, 4), self.order.u16_at(body, 6)) else {
            return Err(too_short("a section header"));
        };
        if major != 1 {
            return Err(Damage::new(
                "damaged_block",
                format!("pcapng version {major}.{minor} where 1.0 was expected"),
            ));
        }
        Ok(())
    }

    fn describe_interface(&mut self, body: &[u8], sink: &mut Sink<'_>) -> Result<(), Damage> {
        let (Some(link), Some(snap_len)) = (self.order.u16_at(body, 0), self.order.u32_at(body, 4)) else {
            return Err(too_short("an interface description"));
        };
        if self.interfaces.len() == INTERFACES_MAX {
            sink.stats.skip("interface_over_limit");
            return Ok(());
        }
        let resolution = self.time_options(body.get(8..).unwrap_or_default());
        self.interfaces.push(Interface { link: LinkType(link), snap_len, resolution });
        Ok(())
    }

    /// The resolution and offset of an interface's times. Options that are cut or of odd lengths are passed over.
    fn time_options(&self, mut options: &[u8]) -> Resolution {
        let (mut tsresol, mut offset_secs) = (Resolution::DEFAULT_TSRESOL, 0);
        while let (Some(code), Some(len)) = (self.order.u16_at(options, 0), self.order.u16_at(options, 2)) {
            let value = options.get(4..4 + usize::from(len)).unwrap_or_default();
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_TSRESOL, [v]) => tsresol = *v,
                (OPTION_TSOFFSET, value) => {
                    if let Some(bytes) = value.first_chunk::<8>() {
                        offset_secs = match self.order {
                            ByteOrder::Little => i64::from_le_bytes(*bytes),
                            ByteOrder::Big => i64::from_be_bytes(*bytes),
                        };
                    }
                }
                _ => {}
            }
            options = options.get(4 + usize::from(len).next_multiple_of(4)..).unwrap_or_default();
        }
        Resolution::new(tsresol, offset_secs)
    }

    fn take_timed(
        &mut self,
        packet: &TimedPacket,
        body: &[u8],
        body_at: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), Damage> {
        let TimedPacket { interface, high, low, captured, wire } = *packet;
        let room = body.len().saturating_sub(TimedPacket::HEADER_BYTES);
        if captured as usize > room {
            return Err(Damage::new(
                "damaged_block",
                format!("a packet block claims {captured} captured bytes and has room for {room}"),
            ));
        }
        if captured > CAPTURED_MAX_BYTES {
            sink.stats.skip("oversized_record");
            return Ok(());
        }
        let Some(interface) = self.interfaces.get(interface as usize) else {
            sink.stats.skip("undescribed_interface");
            return Ok(());
        };
        let ts = interface.resolution.timestamp(u64::from(high) << 32 | u64::from(low));
        self.newest = self.newest.max(ts);
        sink.push(ts, body_at + TimedPacket::HEADER_BYTES, captured, wire, interface.link);
        Ok(())
    }

    fn take_simple(&mut self, body: &[u8], body_at: usize, sink: &mut Sink<'_>) -> Result<(), Damage> {
        const HEADER_BYTES: usize = 4;
        let wire = self.order.u32_at(body, 0).ok_or_else(|| too_short("a simple packet block"))?;
        let Some(interface) = self.interfaces.first() else {
            sink.stats.skip("undescribed_interface");
            return Ok(());
        };
        let limit = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let room = body.len().saturating_sub(HEADER_BYTES);
        let captured = wire.min(limit).min(u32::try_from(room).unwrap_or(u32::MAX));
        if captured > CAPTURED_MAX_BYTES {
            sink.stats.skip("oversized_record");
            return Ok(());
        }
        sink.push(self.newest, body_at + HEADER_BYTES, captured, wire, interface.link);
        Ok(())
    }
}

/// The fields that enhanced and old packet blocks have in common.
struct TimedPacket {
    interface: u32,
    high: u32,
    low: u32,
    captured: u32,
    wire: u32,
}

impl TimedPacket {
    /// Bytes of the body before the captured ones.
    const HEADER_BYTES: usize = 20;
}

fn damaged(reason: impl Into<String>) -> Stop {
    Stop::Damaged(Damage::new("damaged_block", reason))
}

fn too_short(what: &str) -> Damage {
    Damage::new("damaged_block", format!("{what} is too short for its fields"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, Frame, frame, pcapng_of, read_all};
    use super::*;

    const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

    fn section(order: ByteOrder) -> Builder {
        let builder = Builder::new(order).section();
        let options = builder.body();
        builder.interface(1, 0, &options)
    }

    /// Reads with blocks of several sizes; gives the skipped counters as text.
    fn check(bytes: &[u8], expected: &[Frame], skipped: &str) {
        for block_bytes in [1, 12, 33, 1 << 20] {
            let (frames, stats) = read_all(bytes, block_bytes).unwrap();
            assert_eq!(frames, expected, "blocks of {block_bytes}");
            let got: Vec<String> =
                stats.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            assert_eq!(got.join(", "), skipped, "blocks of {block_bytes}, {:?}", stats.warnings);
        }
    }

    #[test]
    fn every_packet_block_in_both_byte_orders() {
        for order in ORDERS {
            let builder = section(order).packet(0, 1_000_000, 60, b"abcde");
            let old = builder.body().u16(0).u16(9).ticks(2_000_000).u32(3).u32(70).raw(b"xyz");
            let simple = builder.body().u32(4).raw(b"wxyz");
            let builder = builder.block(OLD_PACKET, &old).block(SIMPLE_PACKET, &simple);
            let expected = [
                frame(1_000_000_000, 60, b"abcde"),
                frame(2_000_000_000, 70, b"xyz"),
                frame(2_000_000_000, 4, b"wxyz"),
            ];
            check(&builder.bytes, &expected, "");
        }
    }

    #[test]
    fn a_simple_packet_is_as_long_as_the_snap_length() {
        let builder = Builder::new(ByteOrder::Little).section();
        let options = builder.body();
        let builder = builder.interface(1, 3, &options);
        let body = builder.body().u32(900).raw(b"abc");
        check(&builder.block(SIMPLE_PACKET, &body).bytes, &[frame(0, 900, b"abc")], "");
    }

    #[test]
    fn interfaces_have_their_own_link_type_and_clock() {
        for order in ORDERS {
            let builder = section(order);
            let offset = match order {
                ByteOrder::Little => 100_i64.to_le_bytes(),
                ByteOrder::Big => 100_i64.to_be_bytes(),
            };
            let options = builder.body().option(2, b"eth0x").option(9, &[0x8a]).option(14, &offset).u32(0);
            let builder =
                builder.interface(276, 0, &options).packet(1, 1_536, 60, b"a").packet(0, 7, 60, b"b");
            let sll2 = Frame { link: LinkType(276), ..frame(101_500_000_000, 60, b"a") };
            check(&builder.bytes, &[sll2, frame(7_000, 60, b"b")], "");
        }
    }

    #[test]
    fn sections_may_differ_in_byte_order_and_forget_interfaces() {
        let mut bytes = pcapng_of(&[frame(1, 60, b"a")], ByteOrder::Little);
        bytes.extend(pcapng_of(&[frame(2, 60, b"b")], ByteOrder::Big));
        bytes.extend(Builder::new(ByteOrder::Little).section().packet(0, 3, 60, b"c").bytes);
        check(&bytes, &[frame(1, 60, b"a"), frame(2, 60, b"b")], "undescribed_interface 1");
    }

    #[test]
    fn blocks_of_other_types_are_passed_over() {
        let mut builder = section(ByteOrder::Big);
        for (kind, bytes) in [(4, 8), (5, 12), (10, 2_000_000), (0xbad, 3), (0x8000_0001, 64)] {
            let body = builder.body().raw(&vec![0xee; bytes]);
            builder = builder.block(kind, &body);
        }
        check(&builder.packet(0, 1_000, 60, b"a").bytes, &[frame(1_000_000, 60, b"a")], "");
    }

    #[test]
    fn a_long_unknown_block_may_be_cut() {
        let builder = section(ByteOrder::Little);
        let file = builder.packet(0, 1, 60, b"a").u32(10).u32(2_000_000).raw(&[0; 1_000]);
        let (frames, stats) = read_all(&file.bytes, 100).unwrap();
        assert_eq!((frames.len(), stats.truncated_inputs), (1, 1));
    }

    #[test]
    fn damage_ends_the_file_there() {
        let whole = section(ByteOrder::Little).packet(0, 1, 60, b"abcd").bytes;
        let damage = |change: &dyn Fn(&mut Vec<u8>, usize), skipped: &str| {
            let second = whole.len();
            let mut bytes =
                section(ByteOrder::Little).packet(0, 1, 60, b"abcd").packet(0, 2, 60, b"efgh").bytes;
            bytes.extend_from_slice(&[0; 64]);
            change(&mut bytes, second);
            check(&bytes, &[frame(1_000, 60, b"abcd")], skipped);
            let (_, stats) = read_all(&bytes, 50).unwrap();
            assert_eq!(stats.warnings[0].offset, second as u64);
        };
        damage(&|bytes, at| bytes[at + 4] = 8, "damaged_block 1");
        damage(&|bytes, at| bytes[at + 32] += 4, "damaged_block 1");
        damage(&|bytes, at| bytes[at + 20] = 5, "damaged_block 1");
        damage(&|bytes, at| bytes[at + 7] = 1, "oversized_record 1");
        damage(
            &|bytes, at| bytes[at..at + 4].copy_from_slice(&SECTION_HEADER.to_le_bytes()),
            "damaged_block 1",
        );
    }

    #[test]
    fn lengths_that_are_no_multiple_of_four_are_rounded_up() {
        let builder = section(ByteOrder::Little).u32(ENHANCED_PACKET).u32(33);
        let builder = builder.u32(0).ticks(1).u32(1).u32(60).raw(b"a\0\0\0").u32(33);
        check(&builder.bytes, &[frame(1_000, 60, b"a")], "");
    }
}

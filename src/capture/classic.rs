//! Classic pcap: a file header, then records of 16 bytes of header and the captured bytes
//! (draft-ietf-opsawg-pcap).

use super::LinkType;
use super::error::Damage;
use super::walk::{ByteOrder, CAPTURED_MAX_BYTES, Sink, Stop, Walk};
use crate::time::Timestamp;

/// Bytes of the file header.
pub(super) const HEADER_BYTES: usize = 24;
/// Bytes that every record header begins with.
const RECORD_BYTES: usize = 16;
/// Bytes more of a record header in Alexey Kuznetzov's variant: interface index, protocol, packet type.
const KUZNETZOV_MORE_BYTES: usize = 8;

const NANOS_PER_SEC: i64 = 1_000_000_000;

const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOS: u32 = 0xa1b2_3c4d;
const MAGIC_KUZNETZOV: u32 = 0xa1b2_cd34;

/// What the file header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Classic {
    order: ByteOrder,
    /// Nanoseconds that a unit of the fraction of a second stands for.
    nanos_per_unit: i64,
    /// Bytes of a record header behind the first 16.
    more_bytes: usize,
    link: LinkType,
}

impl Classic {
    /// Reads the file header. Nothing where the magic is none of classic pcap; an error says what is wrong.
    pub(super) fn parse(header: &[u8; HEADER_BYTES]) -> Option<Result<Self, String>> {
        let magic = *header.first_chunk()?;
        let (order, nanos_per_unit, more_bytes) =
            [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| match order.u32(magic) {
                MAGIC_MICROS => Some((order, 1_000, 0)),
                MAGIC_NANOS => Some((order, 1, 0)),
                MAGIC_KUZNETZOV => Some((order, 1_000, KUZNETZOV_MORE_BYTES)),
                _ => None,
            })?;
        let major = order.u16_at(header, 4)?;
        if major != 2 {
            let minor = order.u16_at(header, 6)?;
            return Some(Err(format!("pcap version {major}.{minor} where 2.4 was expected")));
        }
        // The six bits above say how long the frame check sequence is, which stays part of the frame as it does
        // for libpcap. A link type past 16 bits is none.
        let link = order.u32_at(header, 20)? & 0x03ff_ffff;
        let link = LinkType(u16::try_from(link).unwrap_or(u16::MAX));
        Some(Ok(Self { order, nanos_per_unit, more_bytes, link }))
    }

    /// Takes all whole records of `data` from `from` on.
    pub(super) fn walk(self, data: &[u8], from: usize, sink: &mut Sink<'_>) -> Walk {
        match self.order {
            ByteOrder::Little => self.walk_in(ByteOrder::Little, data, from, sink),
            ByteOrder::Big => self.walk_in(ByteOrder::Big, data, from, sink),
        }
    }

    /// The same in the order of the file.
    #[expect(clippy::inline_always, reason = "a loop an order: no field asks which one it is")]
    #[inline(always)]
    fn walk_in(self, order: ByteOrder, data: &[u8], from: usize, sink: &mut Sink<'_>) -> Walk {
        let mut rest = data.get(from..).unwrap_or_default();
        let stop = loop {
            let Some((header, behind)) = rest.split_first_chunk::<RECORD_BYTES>() else {
                break Stop::Needs(RECORD_BYTES + self.more_bytes);
            };
            let [secs, fraction, captured, wire] = header.as_chunks().0 else {
                break Stop::Needs(RECORD_BYTES);
            };
            let captured = order.u32(*captured);
            if captured > CAPTURED_MAX_BYTES {
                break Stop::Damaged(Damage::new(
                    "oversized_record",
                    format!(
                        "a record claims {captured} captured bytes, more than the {CAPTURED_MAX_BYTES} of any capture"
                    ),
                ));
            }
            let Some(next) = behind.get(self.more_bytes + captured as usize..) else {
                break Stop::Needs(RECORD_BYTES + self.more_bytes + captured as usize);
            };
            // Programs that subtract times without a carry write negative fractions, and some write more than a
            // second: neither may move the frame further than that.
            let fraction = i64::from(order.u32(*fraction).cast_signed());
            let nanos = (fraction * self.nanos_per_unit).clamp(-NANOS_PER_SEC, NANOS_PER_SEC);
            let ts = Timestamp::from_secs_nanos(i64::from(order.u32(*secs)), nanos);
            let offset = data.len() - behind.len() + self.more_bytes;
            sink.push(ts, offset, captured, order.u32(*wire), self.link);
            rest = next;
        };
        Walk { stopped_at: data.len() - rest.len(), stop }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, Frame, frame, read_all};
    use super::super::walk::WIRE_MAX_BYTES;
    use super::*;

    fn check(bytes: &[u8], expected: &[Frame]) {
        for block_bytes in [1, 16, 40, 1 << 20] {
            let (frames, stats) = read_all(bytes, block_bytes).unwrap();
            assert_eq!(frames, expected, "blocks of {block_bytes}");
            assert_eq!(stats.truncated_inputs, 0);
        }
    }

    #[test]
    fn every_magic_in_both_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let micros =
                Builder::new(order).classic(0xa1b2_c3d4, 1).record(7, 5, 60, b"abc").record(8, 0, 0, b"");
            check(&micros.bytes, &[frame(7_000_005_000, 60, b"abc"), frame(8_000_000_000, 0, b"")]);
            let nanos = Builder::new(order).classic(0xa1b2_3c4d, 1).record(7, 5, 60, b"abc");
            check(&nanos.bytes, &[frame(7_000_000_005, 60, b"abc")]);
            let kuznetzov = Builder::new(order).classic(0xa1b2_cd34, 1);
            let kuznetzov = kuznetzov.u32(7).u32(5).u32(3).u32(60).u32(2).u32(0x0800).raw(b"abc");
            check(&kuznetzov.bytes, &[frame(7_000_005_000, 60, b"abc")]);
        }
    }

    #[test]
    fn a_header_alone_has_no_frames() {
        check(&Builder::new(ByteOrder::Little).classic(0xa1b2_c3d4, 1).bytes, &[]);
    }

    #[test]
    fn fractions_that_lie_move_a_frame_by_a_second_at_most() {
        let time = |secs: u32, fraction: u32| {
            let file = Builder::new(ByteOrder::Little).classic(0xa1b2_c3d4, 1).record(secs, fraction, 0, b"");
            read_all(&file.bytes, 64).unwrap().0[0].ts.as_nanos()
        };
        assert_eq!(time(u32::MAX, 999_999), i64::from(u32::MAX) * 1_000_000_000 + 999_999_000);
        assert_eq!(time(8, 8_915_240), 9_000_000_000);
        assert_eq!(time(8, (-500_000_i32).cast_unsigned()), 7_500_000_000);
        assert_eq!(time(0, i32::MIN.cast_unsigned()), -1_000_000_000);
    }

    #[test]
    fn lengths_on_the_wire_that_lie_are_those_captured() {
        let builder = Builder::new(ByteOrder::Little).classic(0xa1b2_c3d4, 1);
        let file = builder.record(0, 0, 1, b"abc").record(0, 0, u32::MAX, b"abc").record(
            0,
            0,
            WIRE_MAX_BYTES,
            b"abc",
        );
        check(&file.bytes, &[frame(0, 3, b"abc"), frame(0, 3, b"abc"), frame(0, WIRE_MAX_BYTES, b"abc")]);
        assert_eq!(read_all(&file.bytes, 1 << 20).unwrap().1.wire_lengths_corrected, 2);
    }

    #[test]
    fn the_link_type_is_without_the_bits_above() {
        let check = |field: u32, link: u16| {
            let file = Builder::new(ByteOrder::Big).classic(0xa1b2_c3d4, field).record(0, 0, 0, b"");
            assert_eq!(read_all(&file.bytes, 64).unwrap().0[0].link, LinkType(link));
        };
        check(101, 101);
        check(0xf400_0001, 1);
        check(0x0001_0001, u16::MAX);
    }

    #[test]
    fn a_lying_length_ends_the_file_there() {
        let builder = Builder::new(ByteOrder::Little).classic(0xa1b2_c3d4, 1).record(1, 0, 3, b"abc");
        let file = builder.u32(2).u32(0).u32(CAPTURED_MAX_BYTES + 1).u32(60).raw(&[0; 100]);
        let (frames, stats) = read_all(&file.bytes, 64).unwrap();
        assert_eq!(frames.len(), 1);
        assert_eq!(stats.skipped.get("oversized_record"), Some(&1));
        assert_eq!((stats.warnings[0].offset, stats.truncated_inputs), (24 + 19, 0));
    }

    #[test]
    fn a_frame_larger_than_a_block_is_read_whole() {
        let large = vec![7; CAPTURED_MAX_BYTES as usize];
        let file = Builder::new(ByteOrder::Little)
            .classic(0xa1b2_c3d4, 1)
            .record(1, 0, 3, &large)
            .record(2, 0, 9, b"x");
        check(
            &file.bytes,
            &[frame(1_000_000_000, CAPTURED_MAX_BYTES, &large), frame(2_000_000_000, 9, b"x")],
        );
    }
}

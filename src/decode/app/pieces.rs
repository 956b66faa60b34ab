//! A bounded bag of stream pieces that arrive in any order, put together on demand.

use smallvec::SmallVec;

use crate::decode::app::reader::Reader;

/// Bytes held at most. A `ClientHello` with post-quantum key shares is about 2 KiB; an HTTP head 8 KiB in most servers.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// Pieces held at most; a browser that shuffles its QUIC hello sends about 20.
const MAX_PIECES: usize = 64;

/// Pieces whose places need no memory of their own: one direction of a flow seldom has more among the payloads that are looked at.
const FEW_PIECES: usize = 6;

/// Pieces of one direction of a stream, each at its position (TCP sequence number or QUIC offset, modulo 2³²).
#[derive(Debug, Default)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    spans: SmallVec<[Span; FEW_PIECES]>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    at: u32,
    start: u16,
    len: u16,
}

impl Pieces {
    /// Keeps a piece, cut to the bound. False where nothing of it could be kept.
    pub(super) fn add(&mut self, at: u32, piece: &[u8]) -> bool {
        let start = self.bytes.len();
        let kept = Reader::new(piece).take_up_to(MAX_BYTES.saturating_sub(start));
        if kept.is_empty() || self.spans.len() == MAX_PIECES {
            return false;
        }
        let (Ok(start), Ok(len)) = (u16::try_from(start), u16::try_from(kept.len())) else { return false };
        self.bytes.extend_from_slice(kept);
        self.spans.push(Span { at, start, len });
        true
    }

    /// The stream from position `from` to the first gap. Where pieces overlap, each counts until it ends.
    pub(super) fn joined(&self, from: u32) -> Vec<u8> {
        let mut stream = Vec::with_capacity(self.bytes.len());
        while let Some(more) = self.spans.iter().find_map(|span| self.tail_of(*span, from, stream.len())) {
            stream.extend_from_slice(more);
        }
        stream
    }

    /// The bytes of a piece from `pos` bytes past `from` on, where it has any there.
    fn tail_of(&self, span: Span, from: u32, pos: usize) -> Option<&[u8]> {
        let at = from.wrapping_add(u32::try_from(pos).ok()?);
        let (start, len) = (usize::from(span.start), usize::from(span.len));
        let skip = usize::try_from(at.wrapping_sub(span.at)).ok().filter(|&skip| skip < len)?;
        self.bytes.get(start + skip..start + len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_bounded_in_bytes_and_pieces() {
        let mut pieces = Pieces::default();
        assert!(!pieces.add(0, &[]));
        assert!(pieces.add(0, &[7; MAX_BYTES - 1]));
        assert!(pieces.add(5, &[7; 9]));
        assert!(!pieces.add(9, &[7]));
        assert_eq!(pieces.bytes.len(), MAX_BYTES);

        let mut pieces = Pieces::default();
        let kept = (0..100).filter(|&at| pieces.add(at, &[1])).count();
        assert_eq!(kept, MAX_PIECES);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn joins_as_a_byte_by_byte_oracle_does(
            base in any::<u32>(),
            parts in prop::collection::vec((0_u32..40, prop::collection::vec(any::<u8>(), 1..12)), 0..12),
        ) {
            let mut pieces = Pieces::default();
            for (at, bytes) in &parts {
                pieces.add(base.wrapping_add(*at), bytes);
            }
            let mut naive: Vec<u8> = Vec::new();
            // Position by position, the first piece that begins a run there goes on until it ends.
            while let Some((at, bytes)) = parts.iter().find(|(at, bytes)| {
                let pos = naive.len();
                (*at as usize..*at as usize + bytes.len()).contains(&pos)
            }) {
                let pos = naive.len();
                naive.extend(bytes.iter().skip(pos - *at as usize));
            }
            prop_assert_eq!(pieces.joined(base), naive);
        }
    }
}

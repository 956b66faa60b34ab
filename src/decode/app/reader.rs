//! A cursor over captured bytes whose every read is checked: what is not there is `None`, never a panic.

/// Reads big-endian values from a slice. A failed read leaves the cursor where it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    data: &'a [u8],
    pos: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, pos: 0 }
    }

    /// Starts at an offset, which may lie past the end.
    pub(super) const fn at(data: &'a [u8], pos: usize) -> Self {
        Self { data, pos }
    }

    /// Goes to an offset, which may lie past the end.
    pub(super) const fn seek(&mut self, pos: usize) {
        self.pos = pos;
    }

    /// Bytes read so far.
    pub(super) const fn pos(&self) -> usize {
        self.pos
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.data.get(self.pos..).unwrap_or_default()
    }

    /// Whether all has been read.
    pub(super) const fn is_empty(&self) -> bool {
        self.pos >= self.data.len()
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.pos.checked_add(len)?;
        let bytes = self.data.get(self.pos..end)?;
        self.pos = end;
        Some(bytes)
    }

    /// The next `len` bytes, or as many of them as there are.
    pub(super) fn take_up_to(&mut self, len: usize) -> &'a [u8] {
        let rest = self.rest();
        let bytes = rest.get(..len).unwrap_or(rest);
        self.pos += bytes.len();
        bytes
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.rest().first_chunk::<N>()?;
        self.pos += N;
        Some(bytes)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A run of bytes behind its 8-bit length, as in TLS vectors.
    pub(super) fn vec8(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = ahead.u8()?;
        let bytes = ahead.take(usize::from(len))?;
        *self = ahead;
        Some(bytes)
    }

    /// A run of bytes behind its 16-bit length.
    pub(super) fn vec16(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = ahead.u16()?;
        let bytes = ahead.take(usize::from(len))?;
        *self = ahead;
        Some(bytes)
    }

    /// A run of bytes behind its 16-bit length, or as much of it as there is.
    pub(super) fn vec16_up_to(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        Some(self.take_up_to(usize::from(len)))
    }

    /// A QUIC variable-length integer (RFC 9000, section 16).
    pub(super) fn varint(&mut self) -> Option<u64> {
        let first = *self.rest().first()?;
        let len = 1_usize << (first >> 6);
        let bytes = self.take(len)?;
        let tail = bytes.iter().skip(1);
        Some(tail.fold(u64::from(first & 0x3f), |value, &byte| value << 8 | u64::from(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stop_at_the_end_and_leave_the_cursor() {
        let mut r = Reader::new(&[1, 2, 3, 4, 5, 6]);
        assert_eq!((r.u8(), r.u16(), r.u24()), (Some(1), Some(0x0203), Some(0x0004_0506)));
        assert!(r.is_empty());
        assert_eq!((r.u8(), r.u16(), r.u32(), r.take(1), r.varint()), (None, None, None, None, None));
        assert_eq!((r.take(0), r.pos()), (Some(&[][..]), 6));

        let mut r = Reader::new(&[3, 1, 2]);
        assert_eq!((r.vec8(), r.pos()), (None, 0));
        assert_eq!((r.vec16(), r.pos()), (None, 0));
        assert_eq!(r.take_up_to(9), [3, 1, 2]);
        assert_eq!(Reader::at(&[1], 7).rest(), [0; 0]);
        assert_eq!(Reader::new(&[1]).take(usize::MAX), None);
    }

    #[test]
    fn varints_of_rfc9000_a1() {
        let check = |bytes: &[u8], value| assert_eq!(Reader::new(bytes).varint(), Some(value));
        check(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652);
        check(&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333);
        check(&[0x7b, 0xbd], 15_293);
        check(&[0x25], 37);
        check(&[0x40, 0x25], 37);
    }
}

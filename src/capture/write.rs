//! Writes classic pcap, for tests and simulated captures.

use std::io::{self, Write};

use super::LinkType;
use crate::time::Timestamp;

/// Bytes of a frame that the header says are kept at most.
const SNAP_LEN: u32 = 256 * 1024;

/// Writes classic little-endian pcap with nanosecond times.
pub struct PcapWriter<W> {
    inner: W,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// Those of the writer below.
    pub fn new(mut inner: W, link: LinkType) -> io::Result<Self> {
        inner.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
        inner.write_all(&2_u16.to_le_bytes())?;
        inner.write_all(&4_u16.to_le_bytes())?;
        inner.write_all(&[0; 8])?;
        inner.write_all(&SNAP_LEN.to_le_bytes())?;
        inner.write_all(&u32::from(link.0).to_le_bytes())?;
        Ok(Self { inner })
    }

    /// Writes one frame of which `captured` was kept of `wire_len` bytes. Times before 1970 are written as 1970,
    /// times after 2106 as 2106: the format has no others. What a record cannot hold of a frame is cut off.
    ///
    /// # Errors
    /// Those of the writer below.
    pub fn write(&mut self, ts: Timestamp, wire_len: u32, captured: &[u8]) -> io::Result<()> {
        let captured = captured.get(..SNAP_LEN as usize).unwrap_or(captured);
        let captured_len = u32::try_from(captured.len()).map_err(io::Error::other)?;
        let secs = u32::try_from(ts.as_secs().max(0)).unwrap_or(u32::MAX);
        let nanos = if ts.as_secs() < 0 { 0 } else { ts.as_nanos().rem_euclid(1_000_000_000) };
        let nanos = u32::try_from(nanos).map_err(io::Error::other)?;
        for field in [secs, nanos, captured_len, wire_len] {
            self.inner.write_all(&field.to_le_bytes())?;
        }
        self.inner.write_all(captured)
    }

    /// Flushes, and gives the writer below back.
    ///
    /// # Errors
    /// Those of the writer below.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.flush()?;
        Ok(self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{classic_of, frame, read_all};

    #[test]
    fn what_was_written_is_read() {
        let frames = [frame(1_735_718_403_120_000_007, 1_500, b"abc"), frame(0, 0, b"")];
        assert_eq!(read_all(&classic_of(&frames), 64).unwrap().0, frames);
    }

    #[test]
    fn times_the_format_does_not_have_are_moved() {
        let read =
            |nanos: i64| read_all(&classic_of(&[frame(nanos, 0, b"")]), 64).unwrap().0[0].ts.as_nanos();
        assert_eq!(read(i64::MIN), 0);
        assert_eq!(read(-1), 0);
        assert_eq!(read(i64::MAX) / 1_000_000_000, i64::from(u32::MAX));
    }
}

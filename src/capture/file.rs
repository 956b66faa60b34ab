//! One capture file, read in large blocks.

use std::io::Read;
use std::path::Path;

use super::error::{CaptureError, Damage};
use super::format::Format;
use super::input::{End, Input};
use super::walk::{Sink, Stop, Walk};
use super::{Block, CaptureStats};

/// Bytes read at once unless set otherwise. What a core has just read stays in its second cache for the stages
/// behind: measured, 256 KiB cost 10 to 15 % less than 1 MiB, and smaller blocks gain nothing.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// A capture file of any format that is read here: classic pcap and pcapng, plain, gzip or zstd.
///
/// ```
/// use undercurrent::capture::{Block, CaptureFile, LinkType, write::PcapWriter};
/// use undercurrent::time::Timestamp;
///
/// let mut writer = PcapWriter::new(Vec::new(), LinkType(1))?;
/// writer.write(Timestamp::from_nanos(7), 60, &[0; 42])?;
/// let bytes = std::io::Cursor::new(writer.finish()?);
///
/// let mut file = CaptureFile::from_reader("example", bytes)?;
/// let mut block = Block::default();
/// while file.next_block(&mut block)? {
///     for frame in &block.frames {
///         assert_eq!((block.bytes(frame).len(), frame.wire_len), (42, 60));
///     }
/// }
/// assert_eq!(file.stats().frames, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CaptureFile {
    input: Input,
    format: Format,
    /// The beginning of the record that did not fit into the last block.
    carry: Vec<u8>,
    /// Where `carry` begins in the input, after decompression.
    offset: u64,
    /// Bytes behind `carry` that say nothing of interest.
    skip_bytes: u64,
    /// The least length of the record that begins in `carry`.
    needs: usize,
    block_bytes: usize,
    ended: bool,
    /// An error to be returned once the frames before it were.
    failure: Option<CaptureError>,
    stats: CaptureStats,
}

impl CaptureFile {
    /// Opens a path and reads the header; `-` is standard input.
    ///
    /// # Errors
    /// Where the input cannot be opened, or not even its header can be read.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::from_input(Input::open(path)?)
    }

    /// Takes any reader for a capture file; messages call it `name`.
    ///
    /// # Errors
    /// Where not even the header can be read.
    pub fn from_reader(name: &str, reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        Self::from_input(Input::from_reader(name, reader)?)
    }

    /// Sets how many bytes are read at once. A block grows beyond that only where one record does not fit.
    pub fn set_block_bytes(&mut self, bytes: usize) {
        self.block_bytes = bytes.clamp(1, BLOCK_BYTES);
    }

    /// Fills `block` with the next frames; false where there are no more. Frames never cross blocks.
    ///
    /// # Errors
    /// Where the operating system fails to give more of the input, or the first block of pcapng cannot be read.
    /// All frames before were given out.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, CaptureError> {
        block.frames.clear();
        while block.frames.is_empty() && !self.ended {
            let (filled, end) = self.fill(block);
            let data = block.data.get(..filled).unwrap_or_default();
            let from = usize::try_from(self.skip_bytes).unwrap_or(usize::MAX).min(filled);
            self.skip_bytes -= from as u64;
            let mut sink = Sink { frames: &mut block.frames, stats: &mut self.stats };
            let walk = self.format.walk(data, from, &mut sink);
            self.settle(walk, data, end);
        }
        match self.failure.take_if(|_| block.frames.is_empty()) {
            Some(error) => Err(error),
            None => Ok(!block.frames.is_empty()),
        }
    }

    /// What reading has come to so far.
    pub fn stats(&self) -> &CaptureStats {
        &self.stats
    }

    /// What messages call this input.
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// Bytes of the file as it lies on disk; nothing where it is no regular file.
    pub fn bytes_total(&self) -> Option<u64> {
        self.input.bytes_total()
    }

    /// Bytes read so far of [`Self::bytes_total`].
    pub fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// Whether it is decompressed.
    pub(super) fn is_compressed(&self) -> bool {
        self.input.is_compressed()
    }

    /// Decompresses in a thread of its own from now on, so many bytes ahead at most.
    pub(super) fn decompress_ahead(&mut self, bytes: usize) {
        self.input.decompress_ahead(bytes);
    }

    /// Keeps a warning about where reading is now.
    pub(super) fn warn(&mut self, reason: String) {
        self.stats.warn(&self.input.name, self.offset, reason);
    }

    fn from_input(mut input: Input) -> Result<Self, CaptureError> {
        let (format, carry, offset) = Format::begin(&mut input)?;
        Ok(Self {
            input,
            format,
            carry,
            offset,
            skip_bytes: 0,
            needs: 0,
            block_bytes: BLOCK_BYTES,
            ended: false,
            failure: None,
            stats: CaptureStats::default(),
        })
    }

    /// Puts what was carried over and one read behind it into the block. The block keeps its length from read to
    /// read, so that it is zeroed only once.
    fn fill(&mut self, block: &mut Block) -> (usize, Option<End>) {
        let bytes = self.block_bytes.max(self.needs).max(self.carry.len() + 1);
        if block.data.len() < bytes {
            block.data.own().resize(bytes, 0);
        }
        let Some((carried, room)) =
            block.data.get_mut(..bytes).and_then(|b| b.split_at_mut_checked(self.carry.len()))
        else {
            return (0, Some(End::Complete));
        };
        carried.copy_from_slice(&self.carry);
        let (read, end) = self.input.fill(room);
        (self.carry.len() + read, end)
    }

    /// Remembers what a walk left over, and ends the input where it goes no further.
    fn settle(&mut self, walk: Walk, data: &[u8], end: Option<End>) {
        let left = data.get(walk.stopped_at..).unwrap_or_default();
        self.offset += walk.stopped_at as u64;
        self.carry.clear();
        self.needs = 0;
        match walk.stop {
            Stop::Damaged(damage) => return self.end_damaged(&damage),
            Stop::Needs(bytes) => {
                self.needs = bytes;
                self.carry.extend_from_slice(left);
            }
            Stop::Skip(bytes) => {
                self.skip_bytes = bytes - left.len() as u64;
                self.offset += left.len() as u64;
            }
        }
        match end {
            None => {}
            Some(End::Complete) if self.carry.is_empty() && self.skip_bytes == 0 => self.ended = true,
            Some(End::Complete) if self.skip_bytes > 0 => {
                self.end_truncated(&format!(
                    "the capture ends {} bytes before its last block does",
                    self.skip_bytes
                ));
            }
            Some(End::Complete) => {
                self.end_truncated(&format!(
                    "the capture ends in a record of at least {} bytes, {} of them there",
                    self.needs,
                    self.carry.len()
                ));
            }
            Some(End::CutShort) => self.end_truncated("the compressed stream ends too early"),
            Some(End::Damaged(damage)) => self.end_damaged(&damage),
            Some(End::Failed(source)) => {
                self.ended = true;
                self.failure =
                    Some(CaptureError::Read { input: self.input.name.clone(), offset: self.offset, source });
            }
        }
    }

    fn end_truncated(&mut self, reason: &str) {
        self.ended = true;
        if self.offset == 0 {
            return self.fail_in_header(reason);
        }
        self.stats.truncated_inputs = 1;
        self.stats.warn(&self.input.name, self.offset, format!("{reason}; read up to there"));
    }

    fn end_damaged(&mut self, damage: &Damage) {
        self.ended = true;
        if self.offset == 0 {
            return self.fail_in_header(&damage.reason);
        }
        self.stats.skip(damage.kind);
        self.stats.warn(&self.input.name, self.offset, format!("{}; read up to there", damage.reason));
    }
    /// The first block of pcapng is its file header: without it nothing was read.
    fn fail_in_header(&mut self, reason: &str) {
        let (input, reason) = (self.input.name.clone(), reason.to_owned());
        self.failure = Some(CaptureError::Header { input, offset: 0, reason });
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::super::testing::{classic_of, frame, frames, gzip, pcapng_of, read_all, zstd};
    use super::super::walk::ByteOrder;
    use super::*;

    #[test]
    fn compression_and_block_size_change_nothing() {
        let expected = frames(200);
        for plain in [classic_of(&expected), pcapng_of(&expected, ByteOrder::Big)] {
            let (head, tail) = plain.split_at(plain.len() / 3);
            let members = [gzip(head), gzip(b""), gzip(tail)].concat();
            let skippable = [b"\x53\x2a\x4d\x18\x02\0\0\0hi".to_vec(), zstd(head), zstd(tail)].concat();
            for bytes in [&plain, &gzip(&plain), &members, &zstd(&plain), &skippable] {
                for block_bytes in [1, 7, 100, 4_096, BLOCK_BYTES] {
                    let (got, stats) = read_all(bytes, block_bytes).unwrap();
                    assert_eq!(got, expected);
                    assert_eq!((stats.frames, stats.skipped.len(), stats.warnings.len()), (200, 0, 0));
                    assert_eq!(
                        stats.captured_bytes,
                        expected.iter().map(|f| f.bytes.len() as u64).sum::<u64>()
                    );
                    assert_eq!(stats.wire_bytes, expected.iter().map(|f| u64::from(f.wire_len)).sum::<u64>());
                }
            }
        }
    }

    /// A cut capture gives the frames before the cut, and says that it was cut unless that fell between records.
    #[test]
    fn a_cut_at_every_byte_gives_a_prefix() {
        let whole = frames(6);
        for (plain, header) in [(classic_of(&whole), 24), (pcapng_of(&whole, ByteOrder::Little), 28)] {
            for cut in 0..=plain.len() {
                let Ok((got, stats)) = read_all(&plain[..cut], 64) else {
                    assert!(cut < header, "cut at {cut} is an error");
                    continue;
                };
                assert!(cut >= header && whole.starts_with(&got), "cut at {cut}");
                let between = stats.truncated_inputs == 0;
                assert_eq!(between, stats.warnings.is_empty());
                assert_eq!(got.len() == 6, cut == plain.len());
            }
        }
    }

    #[test]
    fn a_cut_compressed_stream_is_truncated() {
        let whole = frames(2_000);
        let plain = classic_of(&whole);
        for packed in [gzip(&plain), zstd(&plain)] {
            let (mut errors, mut truncated) = (0, 0);
            for cut in (0..packed.len()).step_by(397) {
                match read_all(&packed[..cut], 1_000) {
                    Err(_) => errors += 1,
                    Ok((got, stats)) => {
                        assert!(whole.starts_with(&got));
                        assert_eq!((stats.truncated_inputs, stats.warnings.len()), (1, 1), "cut at {cut}");
                        truncated += 1;
                    }
                }
            }
            assert!(errors > 0 && truncated > 0);
        }
    }

    #[test]
    fn a_damaged_compressed_stream_ends_there() {
        let plain = classic_of(&frames(2_000));
        let mut gzipped = gzip(&plain);
        let at = gzipped.len() - 5;
        gzipped[at] ^= 0xff;
        let (got, stats) = read_all(&gzipped, 1_000).unwrap();
        assert_eq!(got.len(), 2_000);
        assert_eq!(stats.skipped.get("damaged_compression"), Some(&1));
        assert_eq!(stats.truncated_inputs, 0);
    }

    #[test]
    fn inputs_without_a_header_are_errors() {
        let check = |bytes: &[u8], message: &str| {
            let error = read_all(bytes, 64).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(message), "{error}");
        };
        check(b"", "test: byte 0: it is empty; nothing was captured");
        check(b"\xd4\xc3\xb2\xa1\x02\0", "test: byte 6: the file ends in its header, 6 bytes of it there");
        check(b"\x0a\x0d\x0d\x0a\x20\0\0\0", "test: byte 8: the file ends in its header");
        check(
            b"this is no capture at all",
            "test: byte 0: it begins with \"this is \", which no capture file does",
        );
        check(b"BZh9", "test: byte 0: it is a bzip2 file; unpack it");
        check(&gzip(b"text"), "test: byte 0: it begins with \"text\"");
        check(
            &gzip(&[0xff; 3_000])[..12],
            "test: byte 0: the compressed stream ends before the file header does",
        );
        check(
            b"\x1f\x8b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            "test: byte 0: the compressed stream is damaged",
        );
        let mut classic = classic_of(&[]);
        classic[4] = 9;
        check(&classic, "test: byte 0: pcap version 9.4 where 2.4 was expected");
        let mut section = pcapng_of(&[], ByteOrder::Little);
        section[24] = 0;
        check(
            &section,
            "test: byte 0: a block of type 0xa0d0d0a claims 28 bytes at its beginning and 0 at its end",
        );
        section[8] = 0;
        check(&section, "test: byte 0: a section header without the byte-order magic");
    }

    #[test]
    fn a_path_that_is_no_file_is_an_error() {
        let missing = CaptureFile::open(Path::new("/nonexistent/x.pcap")).err().unwrap();
        assert_eq!(missing.to_string(), "/nonexistent/x.pcap: cannot be opened");
        let directory = CaptureFile::open(Path::new("/")).err().unwrap();
        assert_eq!(directory.to_string(), "/: is a directory; name the captures in it");
    }

    /// Gives its bytes in twos, is interrupted between, and fails at the end.
    struct Failing(Vec<u8>, usize);

    impl Read for Failing {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(2) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if self.0.is_empty() {
                return Err(io::Error::other("the disk is gone"));
            }
            let bytes = self.0.len().min(buf.len()).min(2);
            buf[..bytes].copy_from_slice(&self.0[..bytes]);
            self.0.drain(..bytes);
            Ok(bytes)
        }
    }

    #[test]
    fn a_failing_disk_is_an_error_behind_the_frames() {
        let plain = classic_of(&frames(5));
        for bytes in [plain.clone(), gzip(&plain)] {
            let mut file = CaptureFile::from_reader("test", Failing(bytes, 0)).unwrap();
            let mut block = Block::default();
            assert!(file.next_block(&mut block).unwrap());
            assert_eq!(block.frames.len(), 5);
            assert!(matches!(file.next_block(&mut block), Err(CaptureError::Read { .. })));
            assert!(matches!(file.next_block(&mut block), Ok(false)));
        }
    }

    /// Beginnings that open, to be followed by any bytes.
    fn headers() -> Vec<Vec<u8>> {
        let one = [frame(1, 60, b"abc")];
        vec![
            classic_of(&[]),
            classic_of(&one),
            pcapng_of(&[], ByteOrder::Little),
            pcapng_of(&one, ByteOrder::Big),
            gzip(&classic_of(&one))[..10].to_vec(),
            zstd(&classic_of(&one))[..10].to_vec(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Nothing panics, and the size of the blocks makes no difference.
        #[test]
        fn any_bytes_behind_a_header(header in 0..6_usize, tail in prop::collection::vec(any::<u8>(), 0..600)) {
            let bytes = [headers()[header].clone(), tail].concat();
            let small = read_all(&bytes, 5).map_err(|error| error.to_string());
            let large = read_all(&bytes, BLOCK_BYTES).map_err(|error| error.to_string());
            prop_assert_eq!(small, large);
        }

        /// Damage to single bytes neither panics nor depends on the size of the blocks.
        #[test]
        fn any_byte_changed(at in 0..1_500_usize, to in any::<u8>(), pcapng in any::<bool>()) {
            let whole = frames(12);
            let mut bytes = if pcapng { pcapng_of(&whole, ByteOrder::Big) } else { classic_of(&whole) };
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
            let small = read_all(&bytes, 9).map_err(|error| error.to_string());
            let large = read_all(&bytes, BLOCK_BYTES).map_err(|error| error.to_string());
            prop_assert_eq!(small, large);
        }
    }
}

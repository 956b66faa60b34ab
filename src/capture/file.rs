//! One capture file, read in large blocks.

use std::io::Read;
use std::path::Path;

use super::classic::{self, Classic};
use super::error::{CaptureError, Damage};
use super::input::{End, Input};
use super::pcapng::PcapNg;
use super::sniff::explain_unknown;
use super::walk::{Sink, Stop, Walk};
use super::{Block, CaptureStats};

/// Bytes read at once unless set otherwise.
pub const BLOCK_BYTES: usize = 1 << 20;

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

enum Format {
    Classic(Classic),
    PcapNg(PcapNg),
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
    /// Where the operating system fails to give more of the input. All frames before were given out.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, CaptureError> {
        block.frames.clear();
        while block.frames.is_empty() && !self.ended {
            let (filled, end) = self.fill(block);
            let data = block.data.get(..filled).unwrap_or_default();
            let from = usize::try_from(self.skip_bytes).unwrap_or(usize::MAX).min(filled);
            self.skip_bytes -= from as u64;
            let mut sink = Sink { frames: &mut block.frames, stats: &mut self.stats };
            let walk = match &mut self.format {
                Format::Classic(format) => format.walk(data, from, &mut sink),
                Format::PcapNg(format) => format.walk(data, from, &mut sink),
            };
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

    /// Keeps a warning about where reading is now.
    pub(super) fn warn(&mut self, reason: String) {
        self.stats.warn(&self.input.name, self.offset, reason);
    }

    fn from_input(mut input: Input) -> Result<Self, CaptureError> {
        let mut head = [0; classic::HEADER_BYTES];
        let (filled, end) = input.fill(&mut head);
        let format = match end {
            None => Self::parse_header(&head),
            Some(_) => None,
        };
        let (format, carry, offset) = match format {
            Some(Ok(Format::Classic(format))) => (Format::Classic(format), Vec::new(), head.len() as u64),
            Some(Ok(format)) => (format, head.to_vec(), 0),
            Some(Err(reason)) => return Err(CaptureError::Header { input: input.name, offset: 0, reason }),
            None => return Err(no_header(input.name, head.get(..filled).unwrap_or_default(), end)),
        };
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

    fn parse_header(head: &[u8; classic::HEADER_BYTES]) -> Option<Result<Format, String>> {
        let classic = Classic::parse(head).map(|parsed| parsed.map(Format::Classic));
        classic.or_else(|| PcapNg::parse(head).map(|parsed| parsed.map(Format::PcapNg)))
    }

    /// Puts what was carried over and one read behind it into the block. The block keeps its length from read to
    /// read, so that it is zeroed only once.
    fn fill(&mut self, block: &mut Block) -> (usize, Option<End>) {
        let bytes = self.block_bytes.max(self.needs).max(self.carry.len() + 1);
        if block.data.len() < bytes {
            block.data.resize(bytes, 0);
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
                    "the capture ends in a record of {} bytes, {} of them there",
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
        self.stats.truncated_inputs = 1;
        self.stats.warn(&self.input.name, self.offset, format!("{reason}; read up to there"));
    }

    fn end_damaged(&mut self, damage: &Damage) {
        self.ended = true;
        self.stats.skip(damage.kind);
        self.stats.warn(&self.input.name, self.offset, format!("{}; read up to there", damage.reason));
    }
}

/// Why there is no header in what an input begins with.
fn no_header(input: String, head: &[u8], end: Option<End>) -> CaptureError {
    let offset = head.len() as u64;
    let header = |reason: String| CaptureError::Header { input: input.clone(), offset, reason };
    match end {
        Some(End::Failed(source)) => CaptureError::Read { input, offset, source },
        Some(End::Damaged(damage)) => header(damage.reason),
        Some(End::CutShort) => header("the compressed stream ends before the file header does".to_owned()),
        Some(End::Complete) if is_capture_magic(head) => {
            header(format!("the file ends in its header, {} bytes of it there", head.len()))
        }
        Some(End::Complete) | None => {
            let (reason, advice) = explain_unknown(head);
            CaptureError::UnknownFormat { input, reason, advice }
        }
    }
}

/// Whether a header that was cut would have been one of a capture.
fn is_capture_magic(head: &[u8]) -> bool {
    let mut padded = [0; classic::HEADER_BYTES];
    padded.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
    Classic::parse(&padded).is_some() || PcapNg::parse(&padded).is_some()
}

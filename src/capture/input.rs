//! The bytes of an input: from a file, standard input or any reader, decompressed where they are gzip or zstd.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::error::{CaptureError, Damage};
use super::read_ahead::ReadAhead;

/// Bytes that tell the compression.
const MAGIC_BYTES: u64 = 4;
/// Compressed bytes read at once.
const COMPRESSED_READ_BYTES: usize = 256 * 1024;
/// The largest zstd window, as a power of two: what `zstd` itself accepts without `--long=31`. Bounds memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// An opened input.
pub(crate) struct Input {
    /// What messages call it.
    pub(crate) name: String,
    reader: Box<dyn Read + Send>,
    source: Arc<SourceState>,
    source_bytes: Option<u64>,
    compressed: bool,
}

/// Why an input gave no more bytes.
pub(crate) enum End {
    /// It is at its end.
    Complete,
    /// Its compressed stream ends too early.
    CutShort,
    /// Its compressed stream cannot be decoded further.
    Damaged(Damage),
    /// The operating system failed.
    Failed(io::Error),
}

/// What is known of the source below the decompression.
#[derive(Default)]
struct SourceState {
    bytes: AtomicU64,
    failed: AtomicBool,
}

/// Counts the bytes of a source and remembers whether it failed.
struct Counted<R> {
    inner: R,
    state: Arc<SourceState>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buf) {
            Ok(bytes) => {
                self.state.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(bytes)
            }
            Err(error) => {
                if error.kind() != ErrorKind::Interrupted {
                    self.state.failed.store(true, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }
}

impl Input {
    /// Opens a path; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, CaptureError> {
        if path == Path::new("-") {
            return Self::from_reader("standard input", io::stdin());
        }
        let name = path.display().to_string();
        let failed = |source| CaptureError::Open { input: name.clone(), source };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(CaptureError::Directory { input: name });
        }
        let mut input = Self::from_reader(&name, file)?;
        input.source_bytes = metadata.is_file().then_some(metadata.len());
        Ok(input)
    }

    /// Takes any reader and looks at its first bytes for a compression.
    pub(crate) fn from_reader(name: &str, reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let source = Arc::<SourceState>::default();
        let mut counted = Counted { inner: reader, state: Arc::clone(&source) };
        let failed = |source| CaptureError::Read { input: name.to_owned(), offset: 0, source };
        let mut magic = Vec::new();
        counted.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic).map_err(failed)?;
        let compression = Compression::of(&magic);
        let whole = Cursor::new(magic).chain(counted);
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(whole),
            Compression::Gzip => {
                Box::new(MultiGzDecoder::new(BufReader::with_capacity(COMPRESSED_READ_BYTES, whole)))
            }
            Compression::Zstd => {
                let buffered = BufReader::with_capacity(COMPRESSED_READ_BYTES, whole);
                let mut decoder = zstd::Decoder::with_buffer(buffered).map_err(failed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(failed)?;
                Box::new(decoder)
            }
        };
        let compressed = compression != Compression::None;
        Ok(Self { name: name.to_owned(), reader, source, source_bytes: None, compressed })
    }

    /// Whether it is decompressed.
    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Decompresses in a thread of its own from now on, so many bytes ahead at most.
    pub(crate) fn decompress_ahead(&mut self, bytes: usize) {
        let reader = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = Box::new(ReadAhead::begin(reader, bytes));
    }

    /// Bytes taken from the source so far, before decompression.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.source.bytes.load(Ordering::Relaxed)
    }

    /// Length of the source; nothing where it is no regular file.
    pub(crate) fn bytes_total(&self) -> Option<u64> {
        self.source_bytes
    }

    /// Fills `buffer` as far as the input goes. Returns the bytes filled and, where they are fewer, why.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Option<End>) {
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.reader.read(room) {
                Ok(0) => return (filled, Some(End::Complete)),
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return (filled, Some(self.end_by(error))),
            }
        }
        (filled, None)
    }

    /// Tells a failing source from a damaged compressed stream.
    fn end_by(&self, error: io::Error) -> End {
        if !self.compressed || self.source.failed.load(Ordering::Relaxed) {
            End::Failed(error)
        } else if error.kind() == ErrorKind::UnexpectedEof {
            End::CutShort
        } else {
            End::Damaged(Damage::new(
                "damaged_compression",
                format!("the compressed stream is damaged: {error}"),
            ))
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A zstd file may begin with a skippable frame (RFC 8878, section 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::None,
        }
    }
}

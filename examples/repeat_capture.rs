//! Writes a capture again and again, each time behind the last one, until there are so many bytes: a capture of any size for
//! `benches/stream.py`, on standard output, or cut between packets into so many files of a folder for `benches/many_inputs.py`.
//!
//! `repeat_capture CAPTURE BYTES [FILES FOLDER]`

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use undercurrent::capture::write::PcapWriter;
use undercurrent::capture::{Block, CaptureFile, LinkType};
use undercurrent::time::{Span, Timestamp};

/// Bytes of a record's header.
const HEADER_BYTES: u64 = 16;

/// Where the capture goes: parts of so many bytes, but for the last one, which takes the rest.
struct Parts {
    folder: Option<PathBuf>,
    files: u64,
    bytes_each: u64,
    begun: u64,
    written: u64,
    writer: PcapWriter<Box<dyn Write>>,
}

impl Parts {
    fn begin(folder: Option<PathBuf>, files: u64, bytes: u64) -> anyhow::Result<Self> {
        let writer = part(folder.as_deref(), 0)?;
        Ok(Self { folder, files, bytes_each: bytes / files, begun: 1, written: 0, writer })
    }

    fn write(&mut self, ts: Timestamp, wire_len: u32, bytes: &[u8]) -> anyhow::Result<()> {
        if self.written >= self.bytes_each && self.begun < self.files {
            let next = part(self.folder.as_deref(), self.begun)?;
            std::mem::replace(&mut self.writer, next).finish()?.flush()?;
            (self.begun, self.written) = (self.begun + 1, 0);
        }
        self.written += HEADER_BYTES + bytes.len() as u64;
        Ok(self.writer.write(ts, wire_len, bytes)?)
    }
}

/// A file of the folder; standard output where there is none.
fn part(folder: Option<&Path>, number: u64) -> anyhow::Result<PcapWriter<Box<dyn Write>>> {
    let out: Box<dyn Write> = match folder {
        Some(folder) => Box::new(File::create(folder.join(format!("part-{number:03}.pcap")))?),
        None => Box::new(stdout().lock()),
    };
    let buffered: Box<dyn Write> = Box::new(BufWriter::with_capacity(1 << 20, out));
    Ok(PcapWriter::new(buffered, LinkType(1))?)
}

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (path, bytes, files, folder) = match args.as_slice() {
        [path, bytes] => (path, bytes, "1", None),
        [path, bytes, files, folder] => (path, bytes, files.as_str(), Some(PathBuf::from(folder))),
        _ => bail!("usage: repeat_capture CAPTURE BYTES [FILES FOLDER]"),
    };
    let bytes: u64 = bytes.parse().context("the number of bytes")?;
    let files: u64 = files.parse().context("the number of files")?;
    let mut parts = Parts::begin(folder, files.max(1), bytes)?;
    let mut block = Block::default();
    let (mut written, mut begin) = (0_u64, None::<Timestamp>);
    while written < bytes {
        let mut file = CaptureFile::open(Path::new(path))?;
        let (mut shift, mut last, before) = (None, Timestamp::default(), written);
        while written < bytes && file.next_block(&mut block)? {
            for frame in &block.frames {
                let shift = *shift.get_or_insert_with(|| begin.map_or(Span::ZERO, |begin| begin - frame.ts));
                last = last.max(frame.ts + shift);
                parts.write(frame.ts + shift, frame.wire_len, block.bytes(frame))?;
                written += HEADER_BYTES + u64::from(frame.captured_len);
            }
        }
        if written == before {
            bail!("{path} has no frames");
        }
        begin = Some(last);
    }
    parts.writer.finish()?.flush()?;
    Ok(())
}

//! Writes a capture again and again to standard output, each time behind the last one, until there are so many bytes: a
//! capture of any size for `benches/stream.py`.
//!
//! `repeat_capture CAPTURE BYTES`

use std::io::{BufWriter, stdout};
use std::path::Path;

use anyhow::{Context, bail};
use undercurrent::capture::write::PcapWriter;
use undercurrent::capture::{Block, CaptureFile, LinkType};
use undercurrent::time::{Span, Timestamp};

/// Bytes of a record's header.
const HEADER_BYTES: u64 = 16;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(path), Some(bytes)) = (args.next(), args.next()) else {
        bail!("usage: repeat_capture CAPTURE BYTES")
    };
    let bytes: u64 = bytes.parse().context("the number of bytes")?;
    let mut writer = PcapWriter::new(BufWriter::with_capacity(1 << 20, stdout().lock()), LinkType(1))?;
    let mut block = Block::default();
    let (mut written, mut begin) = (0_u64, None::<Timestamp>);
    while written < bytes {
        let mut file = CaptureFile::open(Path::new(&path))?;
        let (mut shift, mut last, before) = (None, Timestamp::default(), written);
        while written < bytes && file.next_block(&mut block)? {
            for frame in &block.frames {
                let shift = *shift.get_or_insert_with(|| begin.map_or(Span::ZERO, |begin| begin - frame.ts));
                last = last.max(frame.ts + shift);
                writer.write(frame.ts + shift, frame.wire_len, block.bytes(frame))?;
                written += HEADER_BYTES + u64::from(frame.captured_len);
            }
        }
        if written == before {
            bail!("{path} has no frames");
        }
        begin = Some(last);
    }
    writer.finish()?;
    Ok(())
}

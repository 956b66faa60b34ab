//! Any bytes as a capture file: read to the end in blocks of several sizes, which must change nothing.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use undercurrent::capture::{Block, CaptureFile, CaptureStats};

/// What reading gave: counters, and whether it ended in an error. Nothing where not even the header could be read.
fn read(bytes: &[u8], block_bytes: usize) -> Option<(CaptureStats, bool)> {
    let mut file = CaptureFile::from_reader("fuzz", Cursor::new(bytes.to_vec())).ok()?;
    file.set_block_bytes(block_bytes);
    let mut block = Block::default();
    loop {
        match file.next_block(&mut block) {
            Ok(true) => {
                for frame in &block.frames {
                    assert_eq!(block.bytes(frame).len(), frame.captured_len as usize);
                    assert!(frame.wire_len >= frame.captured_len);
                }
            }
            Ok(false) => return Some((file.stats().clone(), true)),
            Err(_) => return Some((file.stats().clone(), false)),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes, 1 << 18);
    let pieces = read(bytes, 61);
    let of = |outcome: &Option<(CaptureStats, bool)>| {
        outcome.as_ref().map(|(stats, whole)| (stats.frames, stats.wire_bytes, stats.skipped.clone(), *whole))
    };
    assert_eq!(of(&whole), of(&pieces));
});

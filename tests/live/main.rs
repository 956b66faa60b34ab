//! Capture from a pair of virtual interfaces. Needs root; says that it skips where it has no right to.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails here has found something"
)]

mod interfaces;
mod losses;
mod network;
mod rings;
mod sandboxed;

use std::time::Duration;

use undercurrent::capture::Block;
use undercurrent::capture::live::{Backend, Config, LiveStats, Poll, Source, open};

use network::FAR;

/// How long a source may wait at a time.
const WAIT: Duration = Duration::from_millis(50);
/// Waits in vain until a test gives up.
const PATIENCE: u32 = 400;

/// Every backend, with the number of its rings.
const BACKENDS: [(Backend, usize); 3] =
    [(Backend::AfPacket, 1), (Backend::AfPacket, 2), (Backend::Libpcap, 1)];

fn config(backend: Backend, workers: usize) -> Config {
    Config { backend, workers, buffer_bytes: 16 << 20, ..Config::default() }
}

fn open_far(config: &Config) -> Vec<Source> {
    open(FAR, config).unwrap()
}

/// Reads until `wanted` says that it has all, and fails where it never does.
fn read_until(source: &mut Source, mut wanted: impl FnMut(Poll, &Block) -> bool) {
    let mut block = Block::default();
    for _ in 0..PATIENCE {
        let poll = source.next_block(&mut block, WAIT).unwrap();
        if wanted(poll, &block) {
            return;
        }
    }
    panic!("what was waited for did not come");
}

/// Reads until the counters are as awaited; shows each block. That nothing came for a moment would not do: a machine may stand still for longer.
fn read_until_counted(
    source: &mut Source,
    awaited: impl Fn(&LiveStats) -> bool,
    mut look: impl FnMut(&Block),
) {
    let mut block = Block::default();
    for _ in 0..PATIENCE {
        source.next_block(&mut block, WAIT).unwrap();
        look(&block);
        if awaited(&source.stats()) {
            return;
        }
    }
    panic!("what was waited for did not come: {:?}", source.stats());
}

/// The bytes of the next `count` frames.
fn read_frames(source: &mut Source, count: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    read_until(source, |_, block| {
        frames.extend(block.frames.iter().map(|frame| block.bytes(frame).to_vec()));
        frames.len() >= count
    });
    frames
}

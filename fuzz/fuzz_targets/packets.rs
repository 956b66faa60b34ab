//! Frames of any link type through decode, flows and features. The first byte chooses the link type; frames follow, each behind
//! its length and the seconds since the one before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use undercurrent::capture::{Block, FrameRef, LinkType};
use undercurrent::flow::FlowRecord;
use undercurrent::pipeline::{Config, Observer, Pipeline};
use undercurrent::seed::Seed;
use undercurrent::time::{Span, Timestamp};

const LINKS: [u16; 16] = [1, 0, 9, 10, 50, 51, 101, 104, 105, 107, 113, 127, 239, 242, 258, 276];

/// Counts the flows that end.
#[derive(Default)]
struct Ended(u64);

impl Observer for Ended {
    fn flow_ended(&mut self, _record: &FlowRecord) {
        self.0 += 1;
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&link, mut rest)) = bytes.split_first() else { return };
    let link = LinkType(LINKS[usize::from(link) % LINKS.len()]);
    let mut config = Config::default();
    config.flow.max_flows = 64;
    config.decode.max_fragments = 8;
    config.decode.verify_checksums = bytes.len() % 2 == 0;
    let mut pipeline = Pipeline::new(&config, Seed::REPLAY, 1);
    let mut block = Block::default();
    let (mut now, mut frames, mut ended) =
        (Timestamp::from_secs_nanos(1_700_000_000, 0), 0, Ended::default());
    while let [len, wait, tail @ ..] = rest {
        let (frame, after) = tail.split_at(tail.len().min(usize::from(*len) * 4));
        now = now + Span::from_secs(i64::from(*wait));
        let captured_len = frame.len() as u32;
        let at = FrameRef {
            ts: now,
            offset: block.data.len() as u32,
            captured_len,
            wire_len: captured_len + u32::from(*wait),
            link,
        };
        block.data.own().extend_from_slice(frame);
        block.frames.push(at);
        rest = after;
        frames += 1;
    }
    block = pipeline.take(block, &mut ended);
    drop(block);
    pipeline.finish(&mut ended);
    assert_eq!(pipeline.stats().frames, frames);
    assert!(ended.0 <= frames);
});

use super::*;
use crate::capture::LinkType;

/// Frames of one UDP conversation at these seconds, as one block.
fn block(seconds: &[i64]) -> Block {
    let mut block = Block::default();
    for &second in seconds {
        let offset = block.data.len();
        etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 1], [192, 0, 2, 7], 64)
            .udp(40_000, 53)
            .write(&mut block.data, b"payload")
            .unwrap();
        let len = u32::try_from(block.data.len() - offset).unwrap();
        block.frames.push(FrameRef {
            ts: Timestamp::from_secs_nanos(second, 0),
            offset: u32::try_from(offset).unwrap(),
            captured_len: len,
            wire_len: len,
            link: LinkType(1),
        });
    }
    block
}

/// What an observer is shown, as text.
#[derive(Default)]
struct Log(Vec<String>);

impl Observer for Log {
    fn flow_ended(&mut self, record: &FlowRecord) {
        self.0.push(format!("flow of {} ended", record.first.as_secs()));
    }

    fn tick(&mut self, at: Timestamp, pipeline: &mut Pipeline) {
        let stats = pipeline.stats();
        self.0.push(format!("tick {}: {} frames, {} open", at.as_secs(), stats.frames, stats.flows_active));
    }
}

fn observed(blocks: &[&[i64]], threads: usize) -> Vec<String> {
    let mut pipeline = Pipeline::new(&Config::default(), Seed(1), threads);
    let mut log = Log::default();
    for seconds in blocks {
        pipeline.take(block(seconds), &mut log);
    }
    pipeline.finish(&mut log);
    assert_eq!(pipeline.stats().frames, blocks.iter().map(|block| block.len() as u64).sum::<u64>());
    log.0
}

#[test]
fn an_observer_sees_the_same_whatever_the_threads_and_blocks() {
    let expected = [
        "tick 10: 2 frames, 1 open",
        "tick 30: 3 frames, 1 open",
        "flow of 1 ended",
        "tick 120: 4 frames, 0 open",
        "flow of 125 ended",
    ];
    for threads in [1, 2, 4] {
        assert_eq!(observed(&[&[1, 9, 10, 30, 125, 126]], threads), expected, "{threads} threads");
        assert_eq!(observed(&[&[1, 9], &[10], &[30, 125], &[126]], threads), expected, "{threads} threads");
    }
}

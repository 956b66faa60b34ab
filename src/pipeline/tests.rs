use super::workers::{SLOTS_A_PACKET, WORTH_WAKING};
use super::*;
use crate::capture::LinkType;

/// Frames of UDP conversations, each of a second and of the host with a number, as one block.
fn block(frames: &[(i64, u16)]) -> Block {
    let mut block = Block::default();
    for &(second, host) in frames {
        let [high, low] = host.to_be_bytes();
        let offset = block.data.len();
        etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, high, low], [192, 0, 2, 7], 64)
            .udp(40_000, 53)
            .write(block.data.own(), b"payload")
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
        self.0.push(format!("flow of {} at {} ended", record.key.orig, record.first.as_secs()));
    }

    fn tick(&mut self, at: Timestamp, pipeline: &mut Pipeline) {
        let stats = pipeline.stats();
        self.0.push(format!("tick {}: {} frames, {} open", at.as_secs(), stats.frames, stats.flows_active));
    }
}

fn observed(blocks: &[&[(i64, u16)]], threads: usize) -> Vec<String> {
    let mut pipeline = Pipeline::new(&Config::default(), Seed(1), threads);
    let mut log = Log::default();
    for frames in blocks {
        pipeline.take(block(frames), &mut log);
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
        "flow of 10.0.0.1 at 1 ended",
        "tick 120: 4 frames, 0 open",
        "flow of 10.0.0.1 at 125 ended",
    ];
    let frames = [1, 9, 10, 30, 125, 126].map(|second| (second, 1));
    let (start, rest) = frames.split_at(2);
    let [apart, pair, last] = [&rest[..1], &rest[1..3], &rest[3..]];
    for threads in [1, 2, 4] {
        assert_eq!(observed(&[&frames], threads), expected, "{threads} threads");
        assert_eq!(observed(&[start, apart, pair, last], threads), expected, "{threads} threads");
    }
}

#[test]
fn the_end_of_time_is_reached_and_passed() {
    let expected = [
        "flow of 10.0.0.1 at 1 ended",
        "tick 9223372030: 1 frames, 0 open",
        "flow of 10.0.0.1 at 9223372036 ended",
    ];
    assert_eq!(observed(&[&[(1, 1), (i64::MAX, 1)], &[(i64::MAX, 1)]], 1), expected);
}

/// More flows than the calling thread takes by itself, in packets, in sweeps and at the end, and a few packets between.
#[test]
fn an_observer_sees_the_same_where_threads_are_woken_and_where_they_are_not() {
    let hosts = u16::try_from(WORTH_WAKING * SLOTS_A_PACKET).unwrap();
    let crowd = |second| -> Vec<(i64, u16)> { (0..hosts).map(|host| (second, host)).collect() };
    let few = [(50, 7), (51, 8), (75, 7)];
    let (first, second) = (crowd(1), crowd(160));
    let later = few.map(|(at, host)| (at + 110, host));
    let blocks: [&[(i64, u16)]; 5] = [&first, &few, &second[..9], &second[9..], &later];
    let one = observed(&blocks, 1);
    assert_eq!(one.iter().filter(|line| line.starts_with("flow")).count(), 2 * usize::from(hosts));
    for threads in [2, 3, 4] {
        assert!(observed(&blocks, threads) == one, "{threads} threads");
    }
}

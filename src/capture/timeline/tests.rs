//! Merging against a sort, and what happens to inputs that are empty, damaged or missing.

use proptest::prelude::*;

use super::*;
use crate::capture::testing::{Frame, classic_of, frame, frames, gzip, owned, pcapng_of};
use crate::capture::walk::ByteOrder;

/// Writes the inputs to files and reads them as one timeline, with the same outcome whoever decompresses.
fn read(inputs: &[Vec<u8>]) -> (Vec<Frame>, CaptureStats) {
    let alone = read_with(0, inputs);
    for helpers in [1, 3] {
        let helped = read_with(helpers, inputs);
        assert_eq!((&helped.0, &helped.1.skipped), (&alone.0, &alone.1.skipped));
        assert_eq!(helped.1.warnings.len(), alone.1.warnings.len());
    }
    alone
}

fn read_with(helpers: usize, inputs: &[Vec<u8>]) -> (Vec<Frame>, CaptureStats) {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..inputs.len()).map(|i| dir.path().join(i.to_string())).collect();
    for (path, bytes) in paths.iter().zip(inputs) {
        std::fs::write(path, bytes).unwrap();
    }
    let mut timeline = Timeline::open(&paths).unwrap();
    timeline.decompress_with(helpers);
    let (mut block, mut frames, mut bytes_read) = (Block::default(), Vec::new(), 0);
    while timeline.next_block(&mut block).unwrap() {
        assert!(!block.frames.is_empty() && timeline.bytes_read() >= bytes_read);
        bytes_read = timeline.bytes_read();
        frames.extend(owned(&block));
    }
    let total = inputs.iter().map(|bytes| bytes.len() as u64).sum();
    assert_eq!((timeline.bytes_read(), timeline.bytes_total()), (total, Some(total)));
    assert_eq!(timeline.stats().frames, frames.len() as u64);
    (frames, timeline.stats())
}

#[test]
fn parts_of_a_capture_are_the_capture() {
    let whole = frames(3_000);
    let (first, rest) = whole.split_at(1_000);
    let (second, third) = rest.split_at(700);
    let parts = [pcapng_of(third, ByteOrder::Big), classic_of(first), gzip(&classic_of(second))];
    assert_eq!(read(&parts).0, whole);
    let dealt: Vec<Vec<u8>> = (0..7)
        .map(|part| classic_of(&whole.iter().skip(part).step_by(7).cloned().collect::<Vec<_>>()))
        .collect();
    assert_eq!(read(&dealt).0, whole);
    let packed: Vec<Vec<u8>> = whole.chunks(200).map(|part| gzip(&classic_of(part))).collect();
    assert_eq!(read(&packed).0, whole);
    let dealt: Vec<Vec<u8>> = dealt.iter().map(|part| gzip(part)).collect();
    assert_eq!(read(&dealt).0, whole);
    assert_eq!(read(&[classic_of(&whole)]).0, whole);
    assert_eq!(read(&[]).0, []);
}

#[test]
fn ties_are_in_the_order_of_the_inputs() {
    let one = [frame(1, 60, b"a"), frame(5, 60, b"b")];
    let two = [frame(5, 60, b"c"), frame(5, 60, b"d")];
    let expected = [one.as_slice(), &two].concat();
    assert_eq!(read(&[classic_of(&one), classic_of(&two)]).0, expected);
    let expected = [&one[..1], &two, &one[1..]].concat();
    assert_eq!(read(&[classic_of(&two), classic_of(&one)]).0, expected);
}

#[test]
fn frames_of_one_input_keep_their_order() {
    let unordered = [frame(10, 60, b"a"), frame(4, 60, b"b"), frame(20, 60, b"c")];
    let other = [frame(7, 60, b"x"), frame(15, 60, b"y")];
    let expected = [&other[..1], &unordered[..2], &other[1..], &unordered[2..]].concat();
    assert_eq!(read(&[classic_of(&unordered), classic_of(&other)]).0, expected);
}

#[test]
fn empty_and_damaged_inputs_are_counted_once() {
    let whole = frames(4);
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 1].to_vec();
    let inputs =
        [classic_of(&[]), cut(classic_of(&whole)), classic_of(&whole[..1]), cut(classic_of(&whole[..1]))];
    let (frames, stats) = read(&inputs);
    assert_eq!((frames.len(), stats.truncated_inputs, stats.warnings.len()), (4, 2, 2));
}

#[test]
fn more_inputs_than_may_be_open_come_late_and_say_so() {
    let inputs: Vec<Vec<u8>> = (0..i64::try_from(OPEN_MAX + 3).unwrap())
        .map(|i| classic_of(&[frame(i, 60, b"a"), frame(1_000_000 + i, 60, b"b")]))
        .collect();
    let (frames, stats) = read(&inputs);
    assert_eq!(frames.len(), 2 * (OPEN_MAX + 3));
    assert_eq!(stats.warnings.len(), 3);
}

/// A pipe cannot be opened twice, so that it must stay open while it waits.
#[test]
fn a_pipe_is_merged_and_has_no_length() {
    let dir = tempfile::tempdir().unwrap();
    let (file, pipe) = (dir.path().join("file"), dir.path().join("pipe"));
    let whole = frames(50);
    std::fs::write(&file, classic_of(&whole[..30])).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (to, late) = (pipe.clone(), classic_of(&whole[30..]));
    let writer = std::thread::spawn(move || std::fs::write(to, late));
    let mut timeline = Timeline::open(&[pipe, file]).unwrap();
    let (mut block, mut got) = (Block::default(), Vec::new());
    while timeline.next_block(&mut block).unwrap() {
        got.extend(owned(&block));
    }
    writer.join().unwrap().unwrap();
    assert_eq!((got, timeline.bytes_total()), (whole, None));
    let names: Vec<&str> = timeline.per_input().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["pipe", "file"]);
}

#[test]
fn inputs_that_cannot_be_read_are_left_out_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let [good, text, missing] = ["a", "b", "c"].map(|name| dir.path().join(name));
    std::fs::write(&good, classic_of(&frames(2))).unwrap();
    std::fs::write(&text, "this is no capture").unwrap();

    let mut timeline = Timeline::open(&[missing.clone(), good, text.clone()]).unwrap();
    let mut block = Block::default();
    assert!(timeline.next_block(&mut block).unwrap());
    assert_eq!(block.frames.len(), 2);
    assert!(!timeline.next_block(&mut block).unwrap());
    assert_eq!(timeline.refused().len(), 2);
    assert_eq!(timeline.stats().skipped.get("unreadable_input"), Some(&2));

    let error = Timeline::open(&[text, missing]).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("it begins with \"this is \""), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A stable sort by time of all frames is the oracle, where each input is in order.
    #[test]
    fn merges_as_a_sort_would(inputs in prop::collection::vec(prop::collection::vec(0..200_i64, 0..40), 0..6)) {
        let inputs: Vec<Vec<Frame>> = (0_u8..).zip(inputs).map(|(i, mut times)| {
            times.sort_unstable();
            (0_u8..).zip(times).map(|(k, time)| frame(time, 60, &[i, k])).collect()
        }).collect();
        let mut expected = inputs.concat();
        expected.sort_by_key(|frame| frame.ts);
        let files: Vec<Vec<u8>> = inputs.iter().map(|frames| classic_of(frames)).collect();
        prop_assert_eq!(read(&files).0, expected);
    }
}

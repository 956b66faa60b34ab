//! Several inputs as one timeline, in the order of their first packets.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::path::{Path, PathBuf};

use super::file::BLOCK_BYTES;
use super::{Block, CaptureError, CaptureFile, CaptureStats, FrameRef};
use crate::time::Timestamp;

/// Bytes read of an input to learn the time of its first packet.
const PEEK_BYTES: usize = 64 * 1024;
/// Bytes read at once of each of several inputs that overlap in time.
const MERGE_READ_BYTES: usize = 128 * 1024;
/// Inputs open at once. Those beyond wait, which is warned about: their packets then come late.
const OPEN_MAX: usize = 256;
/// Frames of a merged block, for captures of empty frames.
const MERGED_FRAMES_MAX: usize = 1 << 16;

/// Reads several inputs as one: those whose times do not overlap one after another, at full speed; those that
/// overlap merged by time, ties in the order in which the inputs were given. Packets of one input are never
/// reordered against each other.
pub struct Timeline {
    inputs: Vec<Input>,
    /// Inputs not yet begun, the earliest first.
    waiting: VecDeque<Waiting>,
    /// The next frame of every open input.
    heads: BinaryHeap<Reverse<Head>>,
    /// The input whose block is used up: it is read on when the next block is asked for.
    emptied: Option<usize>,
    /// Time of the newest merged frame.
    newest: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    ts: Timestamp,
    input: usize,
}

struct Waiting {
    first: Timestamp,
    input: usize,
}

struct Input {
    path: PathBuf,
    state: State,
}

enum State {
    /// Looked at and closed again.
    Closed {
        bytes_total: Option<u64>,
    },
    Open(Box<Reading>),
    Done(Done),
}

/// An open input and its newest block.
struct Reading {
    file: CaptureFile,
    block: Block,
    /// Frames of the block that were given out.
    given: usize,
}

struct Done {
    name: String,
    stats: CaptureStats,
    bytes: u64,
    bytes_total: Option<u64>,
}

impl Timeline {
    /// Opens all inputs far enough to know when each begins; `-` is standard input.
    ///
    /// # Errors
    /// Where an input cannot be opened or not even its header be read.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CaptureError> {
        let mut timeline = Self {
            inputs: Vec::new(),
            waiting: VecDeque::new(),
            heads: BinaryHeap::new(),
            emptied: None,
            newest: Timestamp::MIN,
        };
        for (input, path) in paths.iter().enumerate() {
            let path = path.as_ref().to_owned();
            let file = CaptureFile::open(&path)?;
            let (state, first) = if paths.len() == 1 {
                (State::Open(Box::new(Reading::new(file))), Some(Timestamp::MIN))
            } else {
                peek(file)?
            };
            timeline.inputs.push(Input { path, state });
            timeline.waiting.extend(first.map(|first| Waiting { first, input }));
        }
        timeline.waiting.make_contiguous().sort_by_key(|waiting| waiting.first);
        Ok(timeline)
    }

    /// Fills `block` with the next frames; false where all inputs are read.
    ///
    /// # Errors
    /// Where the operating system fails to give more of an input.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, CaptureError> {
        if let Some(input) = self.emptied.take() {
            self.read_on(input)?;
        }
        while self.next_waiting_is_due() {
            self.begin_next()?;
        }
        if !self.give_whole(block) {
            self.merge(block);
        }
        Ok(!block.frames.is_empty())
    }

    /// Bytes of all inputs as they lie on disk; nothing where one is no regular file.
    pub fn bytes_total(&self) -> Option<u64> {
        self.inputs.iter().map(Input::bytes_total).sum()
    }

    /// Bytes read of [`Self::bytes_total`]. An input that ended early counts as read whole.
    pub fn bytes_read(&self) -> u64 {
        self.inputs.iter().map(Input::bytes_read).sum()
    }

    /// The counters of all inputs together.
    pub fn stats(&self) -> CaptureStats {
        let mut sum = CaptureStats::default();
        self.per_input().for_each(|(_, stats)| sum.add(stats));
        sum
    }

    /// Name and counters of every input that was begun, in the order in which they were given.
    pub fn per_input(&self) -> impl Iterator<Item = (&str, &CaptureStats)> {
        self.inputs.iter().filter_map(|input| match &input.state {
            State::Closed { .. } => None,
            State::Open(reading) => Some((reading.file.name(), reading.file.stats())),
            State::Done(done) => Some((done.name.as_str(), &done.stats)),
        })
    }

    /// Whether the next frame in time may be one of an input that has not begun.
    fn next_waiting_is_due(&self) -> bool {
        let Some(waiting) = self.waiting.front() else { return false };
        match self.heads.peek() {
            None => true,
            Some(Reverse(head)) => waiting.first <= head.ts && self.heads.len() < OPEN_MAX,
        }
    }

    fn begin_next(&mut self) -> Result<(), CaptureError> {
        let Some(Waiting { first, input }) = self.waiting.pop_front() else { return Ok(()) };
        let Some(slot) = self.inputs.get_mut(input) else { return Ok(()) };
        if matches!(slot.state, State::Closed { .. }) {
            let mut file = CaptureFile::open(&slot.path)?;
            if first < self.newest {
                file.warn(format!(
                    "its packets come late, because {OPEN_MAX} inputs overlap: use mergecap first"
                ));
            }
            slot.state = State::Open(Box::new(Reading::new(file)));
        }
        self.read_on(input)
    }

    /// Makes the next frame of an open input known; closes the input where it has none.
    fn read_on(&mut self, input: usize) -> Result<(), CaptureError> {
        let Some(slot) = self.inputs.get_mut(input) else { return Ok(()) };
        let State::Open(reading) = &mut slot.state else { return Ok(()) };
        if reading.head().is_none() {
            reading.file.set_block_bytes(if self.heads.is_empty() { BLOCK_BYTES } else { MERGE_READ_BYTES });
            reading.file.next_block(&mut reading.block)?;
            reading.given = 0;
        }
        match reading.head() {
            Some(ts) => self.heads.push(Reverse(Head { ts, input })),
            None => slot.state = State::Done(Done::new(&reading.file)),
        }
        Ok(())
    }

    /// Gives away the block of the only open input, if all of it lies before the next input begins.
    fn give_whole(&mut self, block: &mut Block) -> bool {
        let (1, Some(Reverse(head))) = (self.heads.len(), self.heads.peek()) else { return false };
        let Some(State::Open(reading)) = self.inputs.get_mut(head.input).map(|slot| &mut slot.state) else {
            return false;
        };
        if let Some(next) = self.waiting.front() {
            let left = reading.block.frames.get(reading.given..).unwrap_or_default();
            if left.iter().any(|frame| frame.ts >= next.first) {
                return false;
            }
        }
        reading.block.frames.drain(..reading.given);
        reading.given = 0;
        std::mem::swap(block, &mut reading.block);
        reading.block.frames.clear();
        self.emptied = self.heads.pop().map(|Reverse(head)| head.input);
        true
    }

    /// Copies frames of all open inputs in the order of time, until the block is full or an input must be read or
    /// begun.
    fn merge(&mut self, block: &mut Block) {
        block.clear();
        while !self.next_waiting_is_due() {
            let Some(mut top) = self.heads.peek_mut() else { return };
            let input = top.0.input;
            let Some(State::Open(reading)) = self.inputs.get_mut(input).map(|slot| &mut slot.state) else {
                return;
            };
            if !reading.copy_next(block) {
                return;
            }
            self.newest = self.newest.max(top.0.ts);
            let Some(ts) = reading.head() else {
                PeekMut::pop(top);
                self.emptied = Some(input);
                return;
            };
            top.0.ts = ts;
        }
    }
}

impl Input {
    fn bytes_total(&self) -> Option<u64> {
        match &self.state {
            State::Closed { bytes_total } => *bytes_total,
            State::Open(reading) => reading.file.bytes_total(),
            State::Done(done) => done.bytes_total,
        }
    }

    fn bytes_read(&self) -> u64 {
        match &self.state {
            State::Closed { .. } => 0,
            State::Open(reading) => reading.file.bytes_read(),
            State::Done(done) => done.bytes,
        }
    }
}

impl Reading {
    fn new(file: CaptureFile) -> Self {
        Self { file, block: Block::default(), given: 0 }
    }

    /// Time of the next frame in memory.
    fn head(&self) -> Option<Timestamp> {
        self.block.frames.get(self.given).map(|frame| frame.ts)
    }

    /// Copies the next frame to the end of `to`; false where that is full.
    #[expect(clippy::cast_possible_truncation, reason = "a merged block stays below BLOCK_BYTES and a frame")]
    fn copy_next(&mut self, to: &mut Block) -> bool {
        let Some(frame) = self.block.frames.get(self.given) else { return false };
        let bytes = self.block.bytes(frame);
        let full = to.data.len() + bytes.len() > BLOCK_BYTES || to.frames.len() >= MERGED_FRAMES_MAX;
        if full && !to.frames.is_empty() {
            return false;
        }
        to.frames.push(FrameRef { offset: to.data.len() as u32, ..*frame });
        to.data.extend_from_slice(bytes);
        self.given += 1;
        true
    }
}

impl Done {
    fn new(file: &CaptureFile) -> Self {
        let bytes_total = file.bytes_total();
        let bytes = bytes_total.unwrap_or_else(|| file.bytes_read());
        Self { name: file.name().to_owned(), stats: file.stats().clone(), bytes, bytes_total }
    }
}

/// Reads an input up to its first frame. Regular files are closed again, so that any number can wait.
fn peek(mut file: CaptureFile) -> Result<(State, Option<Timestamp>), CaptureError> {
    file.set_block_bytes(PEEK_BYTES);
    let mut reading = Reading::new(file);
    reading.file.next_block(&mut reading.block)?;
    let first = reading.head();
    let state = match (first, reading.file.bytes_total()) {
        (None, _) => State::Done(Done::new(&reading.file)),
        (Some(_), bytes_total @ Some(_)) => State::Closed { bytes_total },
        (Some(_), None) => State::Open(Box::new(reading)),
    };
    Ok((state, first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Frame, classic_of, frame, frames, gzip, owned, pcapng_of};
    use super::super::walk::ByteOrder;
    use super::*;

    /// Writes the inputs to files and reads them as one timeline.
    fn read(inputs: &[Vec<u8>]) -> (Vec<Frame>, CaptureStats) {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..inputs.len()).map(|i| dir.path().join(i.to_string())).collect();
        for (path, bytes) in paths.iter().zip(inputs) {
            std::fs::write(path, bytes).unwrap();
        }
        let mut timeline = Timeline::open(&paths).unwrap();
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

    #[test]
    fn an_input_that_cannot_be_read_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), classic_of(&frames(2))).unwrap();
        assert!(Timeline::open(&[dir.path().join("a"), dir.path().join("b")]).is_err());
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
}

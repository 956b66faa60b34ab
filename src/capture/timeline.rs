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
const MERGE_READ_BYTES: usize = 64 * 1024;
/// Inputs open at once. Those beyond wait, which is warned about: their packets then come late.
const OPEN_MAX: usize = 256;
/// Bytes that each helper decompresses ahead at most.
const AHEAD_BYTES: usize = 64 << 20;
/// Helpers at most.
const HELPERS_MAX: usize = 4;
/// Frames of a merged block, for captures of empty frames.
const MERGED_FRAMES_MAX: usize = 1 << 16;

/// Reads several inputs as one: those whose times do not overlap one after another, at full speed; those that
/// overlap merged by time, ties in the order in which the inputs were given. Packets of one input are never
/// reordered against each other.
pub struct Timeline {
    inputs: Vec<Input>,
    /// Why inputs are missing from `inputs`.
    refused: Vec<CaptureError>,
    /// Inputs not yet begun, the earliest first.
    waiting: VecDeque<Waiting>,
    /// The next frame of every open input.
    heads: BinaryHeap<Reverse<Head>>,
    /// The input whose block is used up: it is read on when the next block is asked for.
    emptied: Option<usize>,
    /// Time of the newest merged frame.
    newest: Timestamp,
    /// Threads that may decompress, and compressed inputs that have one.
    helpers: usize,
    helped: usize,
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
    compressed: bool,
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
    /// Whether it is decompressed by a thread of its own.
    helped: bool,
}

struct Done {
    name: String,
    stats: CaptureStats,
    bytes: u64,
    bytes_total: Option<u64>,
}

impl Timeline {
    /// Opens all inputs far enough to know when each begins; `-` is standard input. One that cannot be opened, or
    /// whose header cannot be read, is left out and listed in [`Self::refused`].
    ///
    /// # Errors
    /// The first input's, where none of them can be read.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CaptureError> {
        let mut timeline = Self {
            inputs: Vec::new(),
            refused: Vec::new(),
            waiting: VecDeque::new(),
            heads: BinaryHeap::new(),
            emptied: None,
            newest: Timestamp::MIN,
            helpers: 0,
            helped: 0,
        };
        let begin = |file| if paths.len() == 1 { Ok(begin_only(file)) } else { peek(file) };
        for path in paths {
            let path = path.as_ref().to_owned();
            let opened = CaptureFile::open(&path);
            let compressed = opened.as_ref().is_ok_and(CaptureFile::is_compressed);
            match opened.and_then(begin) {
                Ok((state, first)) => {
                    let input = timeline.inputs.len();
                    timeline.inputs.push(Input { path, compressed, state });
                    timeline.waiting.extend(first.map(|first| Waiting { first, input }));
                }
                Err(error) => timeline.refused.push(error),
            }
        }
        if timeline.inputs.is_empty() && !timeline.refused.is_empty() {
            return Err(timeline.refused.swap_remove(0));
        }
        timeline.waiting.make_contiguous().sort_by_key(|waiting| waiting.first);
        Ok(timeline)
    }

    /// Whether one of the inputs is compressed.
    pub fn has_compressed(&self) -> bool {
        self.inputs.iter().any(|input| input.compressed)
    }

    /// Lets so many threads, at most four, decompress: the inputs that are read and those whose turn comes next. What is read
    /// stays the same.
    pub fn decompress_with(&mut self, threads: usize) {
        self.helpers = threads.min(HELPERS_MAX);
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

    /// Why inputs were left out.
    pub fn refused(&self) -> &[CaptureError] {
        &self.refused
    }

    /// The counters of all inputs together. Inputs that were left out count as skipped.
    pub fn stats(&self) -> CaptureStats {
        let mut sum = CaptureStats::default();
        self.refused.iter().for_each(|_| sum.skip("unreadable_input"));
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
        self.open_again(input)?;
        self.help(input);
        if let Some(State::Open(reading)) = self.inputs.get_mut(input).map(|slot| &mut slot.state)
            && first < self.newest
        {
            let reason =
                format!("its packets come late, because {OPEN_MAX} inputs overlap: use mergecap first");
            reading.file.warn(reason);
        }
        self.help_next();
        self.read_on(input)
    }

    /// Opens an input that was looked at and closed.
    fn open_again(&mut self, input: usize) -> Result<(), CaptureError> {
        let Some(slot) = self.inputs.get_mut(input) else { return Ok(()) };
        if matches!(slot.state, State::Closed { .. }) {
            slot.state = State::Open(Box::new(Reading::new(CaptureFile::open(&slot.path)?)));
        }
        Ok(())
    }

    /// Lets the inputs whose turn comes next be decompressed where there are helpers without work.
    fn help_next(&mut self) {
        let next: Vec<usize> = self.waiting.iter().take(self.helpers).map(|waiting| waiting.input).collect();
        for input in next {
            let compressed = self.inputs.get(input).is_some_and(|slot| slot.compressed);
            // One that cannot be opened again is told of when its turn comes.
            if compressed && self.helped < self.helpers && self.open_again(input).is_ok() {
                self.help(input);
            }
        }
    }

    /// Gives an open compressed input a helper, where there is one.
    fn help(&mut self, input: usize) {
        let Some(slot) = self.inputs.get_mut(input) else { return };
        let State::Open(reading) = &mut slot.state else { return };
        if slot.compressed && !reading.helped && self.helped < self.helpers {
            reading.file.decompress_ahead(AHEAD_BYTES);
            reading.helped = true;
            self.helped += 1;
        }
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
        if let Some(ts) = reading.head() {
            self.heads.push(Reverse(Head { ts, input }));
        } else {
            self.helped -= usize::from(reading.helped);
            slot.state = State::Done(Done::new(&reading.file));
            self.help_next();
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
        Self { file, block: Block::default(), given: 0, helped: false }
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
        to.data.own().extend_from_slice(bytes);
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

/// The only input is read from the start, so that nothing waits for its first frame.
fn begin_only(file: CaptureFile) -> (State, Option<Timestamp>) {
    (State::Open(Box::new(Reading::new(file))), Some(Timestamp::MIN))
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
mod tests;

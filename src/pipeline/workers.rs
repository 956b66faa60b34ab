//! Who owns the flow tables: the calling thread, threads beside it, or both.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::capture::Block;
use crate::flow::{Config, Events, FlowTables, SHARDS, Stats};
use crate::seed::Seed;
use crate::thread::join;
use crate::time::Timestamp;

use super::batch::Batch;

/// Segments of packets that may wait for the slowest worker, or for their events to be applied: bounds the memory.
const QUEUE: usize = 2;

/// Flows of a sweep that are settled together at most, a worker's marks more or less: bounds the events in memory.
const SWEEP_MARKS: usize = 16;

/// Shards that the calling thread keeps where there is one thread beside it. It reads, decodes and applies events too, which is about
/// three fifths of the work that the flows are; with more threads that is its part.
const SHARDS_KEPT: usize = SHARDS / 4;

/// Something for a worker to do, and the lists to put its events into.
#[derive(Debug)]
struct Request {
    work: Work,
    events: Events,
}

#[derive(Clone, Debug)]
enum Work {
    Process(Arc<Batch>, Range<usize>),
    /// Find what a sweep has to do; all at the end of the input.
    Sweep(Option<Timestamp>),
    /// Do it for the flows that began before the packet with this ordinal.
    Drain(u64),
}

/// The answer to one request.
#[derive(Debug, Default)]
struct Report {
    events: Events,
    /// Ordinals that divide what a sweep found.
    marks: Vec<u64>,
    stats: Stats,
    open: usize,
}

#[derive(Debug)]
struct Worker {
    requests: Option<SyncSender<Request>>,
    reports: Receiver<Report>,
    thread: Option<JoinHandle<()>>,
}

/// All flow tables, and who works on them.
///
/// Every request goes to every worker, and is answered by each in the order of the requests. The events of one request are
/// applied together, so that their order does not depend on the number of workers.
#[derive(Debug)]
pub(super) struct Workers {
    /// The tables of the calling thread, where it has any.
    here: Option<FlowTables>,
    /// Its answers to the pending requests, the oldest first.
    answers: VecDeque<Report>,
    threads: Vec<Worker>,
    /// Requests that were not answered yet.
    pending: usize,
    stats: Stats,
    open: usize,
    batches: Vec<Arc<Batch>>,
    events: Vec<Events>,
}

/// Who takes the events of a request, a part a worker.
pub(super) type Apply<'a> = &'a mut dyn FnMut(&mut [Events]);

impl Workers {
    /// With one thread all tables stay here. With more, their shards are dealt to threads beside, but for some where that is one.
    pub(super) fn start(config: &Config, seed: Seed, threads: usize) -> Self {
        let beside = threads.saturating_sub(1).min(SHARDS);
        let kept = match beside {
            0 => SHARDS,
            1 => SHARDS_KEPT,
            _ => 0,
        };
        let dealt = |worker| FlowTables::new(config, seed, |shard| shard >= kept && shard % beside == worker);
        Self {
            here: (kept > 0).then(|| FlowTables::new(config, seed, |shard| shard < kept)),
            answers: VecDeque::new(),
            threads: (0..beside).map(|worker| Worker::start(dealt(worker))).collect(),
            pending: 0,
            stats: Stats::default(),
            open: 0,
            batches: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Puts some packets of a batch through the tables. Their events may be applied by a later call.
    pub(super) fn process(&mut self, batch: &Arc<Batch>, range: Range<usize>, apply: Apply<'_>) {
        self.request(&Work::Process(Arc::clone(batch), range));
        let ahead = if self.threads.is_empty() { 0 } else { QUEUE };
        while self.pending > ahead {
            self.receive(apply);
        }
    }

    /// Sweeps all tables at a time; at the end of the input ends all flows. All events are applied when it returns.
    pub(super) fn sweep(&mut self, now: Option<Timestamp>, apply: Apply<'_>) {
        while self.pending > 0 {
            self.receive(apply);
        }
        self.request(&Work::Sweep(now));
        let mut marks = self.receive(apply);
        marks.sort_unstable();
        let parts = marks.chunks_exact(SWEEP_MARKS).filter_map(|part| part.last().copied());
        // Workers settle a part while the events of the one before are applied.
        let ahead = usize::from(!self.threads.is_empty());
        for before in parts.chain([u64::MAX]) {
            self.request(&Work::Drain(before));
            while self.pending > ahead {
                self.receive(apply);
            }
        }
        while self.pending > 0 {
            self.receive(apply);
        }
    }

    /// Counters and open flows after the last request whose events were applied.
    pub(super) fn stats(&self) -> (Stats, usize) {
        (self.stats, self.open)
    }

    /// A batch that no worker reads any more.
    pub(super) fn free_batch(&mut self) -> Batch {
        let free = self.batches.iter().position(|batch| Arc::strong_count(batch) == 1);
        free.and_then(|at| Arc::into_inner(self.batches.swap_remove(at))).unwrap_or_default()
    }

    /// Takes a batch back, and gives the block of one that no worker reads any more.
    pub(super) fn reclaim(&mut self, batch: Arc<Batch>) -> Block {
        self.batches.push(batch);
        let mut free = self.free_batch();
        let mut block = std::mem::take(&mut free.block);
        self.batches.push(Arc::new(free));
        // The bytes stay: they are overwritten, and a longer block would have to be zeroed first.
        block.frames.clear();
        block
    }

    /// Asks all workers, and answers for the tables of this thread.
    fn request(&mut self, work: &Work) {
        self.pending += 1;
        for worker in &self.threads {
            let events = self.events.pop().unwrap_or_default();
            worker.send(Request { work: work.clone(), events });
        }
        if let Some(tables) = &mut self.here {
            let events = self.events.pop().unwrap_or_default();
            self.answers.push_back(answer(tables, Request { work: work.clone(), events }));
        }
    }

    /// Waits for the answers to the oldest request and applies their events. Gives their marks.
    fn receive(&mut self, apply: Apply<'_>) -> Vec<u64> {
        self.pending -= 1;
        (self.stats, self.open) = (Stats::default(), 0);
        let (mut parts, mut marks) = (Vec::new(), Vec::new());
        let here = self.answers.pop_front();
        // A worker that is gone has panicked; its panic is passed on when it is joined.
        let threads = self.threads.iter().map(|worker| worker.reports.recv().unwrap_or_default());
        for report in here.into_iter().chain(threads) {
            self.stats += report.stats;
            self.open += report.open;
            marks.extend(report.marks);
            parts.push(report.events);
        }
        apply(&mut parts);
        parts.iter_mut().for_each(Events::clear);
        self.events.append(&mut parts);
        marks
    }
}

/// Does what is asked for.
fn answer(tables: &mut FlowTables, request: Request) -> Report {
    let Request { work, mut events } = request;
    let mut marks = Vec::new();
    match work {
        Work::Process(batch, range) => tables.process(&batch.segment(range), &mut events),
        Work::Sweep(now) => marks = tables.sweep(now),
        Work::Drain(before) => tables.drain(before, &mut events),
    }
    Report { events, marks, stats: tables.stats(), open: tables.len() }
}

impl Worker {
    fn start(mut tables: FlowTables) -> Self {
        let (requests, inbox) = sync_channel(QUEUE);
        let (outbox, reports) = channel();
        let thread = std::thread::spawn(move || {
            for request in inbox {
                if outbox.send(answer(&mut tables, request)).is_err() {
                    return;
                }
            }
        });
        Self { requests: Some(requests), reports, thread: Some(thread) }
    }

    fn send(&self, request: Request) {
        if let Some(requests) = &self.requests {
            // Fails only where the worker has panicked, which joining passes on.
            let _ = requests.send(request);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.requests = None;
        self.thread.take().into_iter().for_each(join);
    }
}

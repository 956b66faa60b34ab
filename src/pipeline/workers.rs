//! Who works on the flow tables: the calling thread, threads beside it, or both.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::capture::Block;
use crate::flow::{Config, Events, FlowTables, SHARDS, Stats};
use crate::seed::Seed;
use crate::thread::join;
use crate::time::Timestamp;

use super::balance::{Balance, Shift};
use super::batch::Batch;

/// Segments of packets that may wait for the slowest worker, or for their events to be applied: bounds the memory.
const QUEUE: usize = 8;

/// Flows of a sweep that are settled together at most, a worker's marks more or less: bounds the events in memory.
const SWEEP_MARKS: usize = 4;

/// Packets, or flows to settle, that are worth waking other threads: fewer are done before those have begun.
pub(super) const WORTH_WAKING: usize = 512;

/// Slots that a sweep looks at while a packet would be counted.
pub(super) const SLOTS_A_PACKET: usize = 32;

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

/// What there was of a request beside events, which are applied.
#[derive(Debug, Default)]
struct Received {
    marks: Vec<u64>,
    /// Whether the answers were not there yet.
    waited: bool,
}

#[derive(Debug)]
struct Worker {
    requests: Option<SyncSender<Request>>,
    reports: Receiver<Report>,
    /// Whether it has found nothing to do since it was last asked whether it had.
    idled: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request whose events were not applied yet.
#[derive(Debug)]
struct Pending {
    /// The answers of the calling thread.
    here: Vec<Report>,
    /// Whether the threads beside it were asked too.
    beside: bool,
}

/// All flow tables, and who works on them.
///
/// Every request is for all tables, and they take the requests in their order. The events of one request are applied together, so that
/// their order does not depend on who answered. While nothing is pending all threads are idle, and the calling thread does by itself what
/// is little work: between two ticks of a quiet link is less to do than it takes to wake another thread. It reads, decodes and applies events too,
/// so it begins without tables where there are other threads, and takes some of theirs when it has to wait for them.
#[derive(Debug)]
pub(super) struct Workers {
    /// The tables of the threads, one after the other, and behind them those of the calling thread. A lock is never waited for: they are the
    /// calling thread's while nothing is pending, and their worker's otherwise.
    tables: Vec<Arc<Mutex<FlowTables>>>,
    threads: Vec<Worker>,
    balance: Balance,
    /// The oldest first.
    pending: VecDeque<Pending>,
    stats: Stats,
    open: usize,
    batches: Vec<Arc<Batch>>,
    events: Vec<Events>,
}

/// Who takes the events of a request, a part a worker.
pub(super) type Apply<'a> = &'a mut dyn FnMut(&mut [Events]);

impl Workers {
    /// With one thread all tables stay here. With more, they are dealt to the threads beside.
    pub(super) fn start(config: &Config, seed: Seed, threads: usize) -> Self {
        let beside = threads.saturating_sub(1).min(SHARDS);
        let new = |mine: &dyn Fn(usize) -> bool| Arc::new(Mutex::new(FlowTables::new(config, seed, mine)));
        let dealt = (0..beside).map(|worker| new(&|shard| shard % beside == worker));
        let mut tables: Vec<_> = dealt.collect();
        let threads = tables.iter().map(|tables| Worker::start(Arc::clone(tables))).collect();
        tables.push(new(&|_| beside == 0));
        Self {
            tables,
            threads,
            balance: Balance::default(),
            pending: VecDeque::new(),
            stats: Stats::default(),
            open: 0,
            batches: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Puts some packets of a batch through the tables. Their events may be applied by a later call.
    pub(super) fn process(&mut self, batch: &Arc<Batch>, range: Range<usize>, apply: Apply<'_>) {
        let packets = range.len();
        let beside = self.request(&Work::Process(Arc::clone(batch), range), packets);
        let ahead = if beside { QUEUE } else { 0 };
        let mut waited = false;
        while self.pending.len() > ahead {
            waited |= self.receive(apply).waited;
        }
        // All are asked, since asking forgets.
        let idled = self.threads.iter().fold(false, |idled, worker| idled | worker.has_idled());
        if beside
            && let Some(shift) = self.balance.note(waited, idled)
            && (shift == Shift::Take || self.keeps_some())
        {
            self.receive_all(apply);
            self.shift(shift);
        }
    }

    /// Whether the calling thread has tables.
    fn keeps_some(&self) -> bool {
        self.tables.last().is_some_and(|own| lock(own).tables() > 0)
    }

    /// Moves a table, where there is one to be moved. Nothing is pending.
    fn shift(&mut self, shift: Shift) {
        let Some((own, others)) = self.tables.split_last() else { return };
        let tables = |tables: &&Arc<Mutex<FlowTables>>| lock(tables).tables();
        let moved = match shift {
            Shift::Take => others.iter().max_by_key(tables).map(|from| lock(from).give(&mut lock(own))),
            Shift::Give => others.iter().min_by_key(tables).map(|to| lock(own).give(&mut lock(to))),
        };
        if moved == Some(true) {
            self.balance.shifted();
        }
    }

    /// Sweeps all tables at a time; at the end of the input ends all flows. All events are applied when it returns.
    pub(super) fn sweep(&mut self, now: Option<Timestamp>, apply: Apply<'_>) {
        self.receive_all(apply);
        let slots = self.tables.iter().map(|tables| lock(tables).slots()).sum::<usize>();
        self.request(&Work::Sweep(now), slots / SLOTS_A_PACKET);
        let mut marks = self.receive(apply).marks;
        marks.sort_unstable();
        let due = self.tables.iter().map(|tables| lock(tables).due()).sum();
        let parts = marks.chunks_exact(SWEEP_MARKS).filter_map(|part| part.last().copied());
        for before in parts.chain([u64::MAX]) {
            let beside = self.request(&Work::Drain(before), due);
            // Workers settle a part while the events of the one before are applied.
            while self.pending.len() > usize::from(beside) {
                self.receive(apply);
            }
        }
        self.receive_all(apply);
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
        // Bytes of its own stay: they are overwritten, and a longer block would have to be zeroed first.
        block.data.give_back();
        block.frames.clear();
        block
    }

    /// Asks for some work on all tables, which is as much as that on so many packets. Gives whether other threads were asked.
    fn request(&mut self, work: &Work, packets: usize) -> bool {
        let beside = !self.threads.is_empty() && (!self.pending.is_empty() || packets >= WORTH_WAKING);
        let asked = if beside { self.threads.as_slice() } else { &[] };
        let mut request = || Request { work: work.clone(), events: self.events.pop().unwrap_or_default() };
        for worker in asked {
            worker.send(request());
        }
        let here = self.tables.iter().skip(asked.len());
        let here = here.map(|tables| answer(&mut lock(tables), request())).collect();
        self.pending.push_back(Pending { here, beside });
        beside
    }

    /// Applies the events of all pending requests.
    fn receive_all(&mut self, apply: Apply<'_>) {
        while !self.pending.is_empty() {
            self.receive(apply);
        }
    }

    /// Waits for the answers to the oldest pending request and applies their events.
    fn receive(&mut self, apply: Apply<'_>) -> Received {
        let Some(Pending { here, beside }) = self.pending.pop_front() else { return Received::default() };
        (self.stats, self.open) = (Stats::default(), 0);
        let (mut parts, mut marks, mut waited) = (Vec::new(), Vec::new(), false);
        let asked = if beside { self.threads.as_slice() } else { &[] };
        let others = asked.iter().map(|worker| {
            worker.reports.try_recv().unwrap_or_else(|_| {
                waited = true;
                // A worker that is gone has panicked; its panic is passed on when it is joined.
                worker.reports.recv().unwrap_or_default()
            })
        });
        for report in here.into_iter().chain(others) {
            self.stats += report.stats;
            self.open += report.open;
            marks.extend(report.marks);
            parts.push(report.events);
        }
        apply(&mut parts);
        parts.iter_mut().for_each(Events::clear);
        self.events.append(&mut parts);
        Received { marks, waited }
    }
}

/// Only a worker that has panicked leaves a lock poisoned, which joining passes on.
fn lock(tables: &Mutex<FlowTables>) -> MutexGuard<'_, FlowTables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn start(tables: Arc<Mutex<FlowTables>>) -> Self {
        let (requests, inbox) = sync_channel(QUEUE);
        let (outbox, reports) = channel();
        let idled = Arc::new(AtomicBool::new(false));
        let idles = Arc::clone(&idled);
        let next = move || {
            inbox.try_recv().ok().or_else(|| {
                idles.store(true, Ordering::Relaxed);
                inbox.recv().ok()
            })
        };
        let thread = std::thread::spawn(move || {
            while let Some(request) = next() {
                // The lock is given back before the answer is: whoever has it may take the tables.
                let report = answer(&mut lock(&tables), request);
                if outbox.send(report).is_err() {
                    return;
                }
            }
        });
        Self { requests: Some(requests), reports, idled, thread: Some(thread) }
    }

    /// Whether it has found nothing to do since this was last asked.
    fn has_idled(&self) -> bool {
        self.idled.swap(false, Ordering::Relaxed)
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

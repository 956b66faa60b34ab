//! Who owns the flow shards: the calling thread, or threads beside it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::capture::Block;
use crate::flow::{Config, FlowEvent, FlowPacket, FlowTable, SHARDS, Stats};
use crate::seed::Seed;
use crate::time::Timestamp;

/// Requests that wait for a worker at most: bounds the blocks in memory.
const QUEUE: usize = 4;

/// The packets of one shard, in the order of the input.
pub(super) type ShardPackets = Vec<FlowPacket>;

/// A block that several workers read.
pub(super) type SharedBlock = Arc<Block>;

/// Something for a worker to do with its shards.
#[derive(Debug)]
enum Request {
    /// Packets for each of the worker's shards; their payloads lie in the block.
    Process(Vec<ShardPackets>, SharedBlock),
    /// Send the ordinals of the flows that a sweep would end, or of all flows.
    Ending(Option<Timestamp>),
    /// End the flows that began before an ordinal: those whose time is up, or all.
    End(Option<Timestamp>, u64),
    /// Send the events so far.
    Collect,
}

/// What a worker says when asked: ordinals, or its events, counters and number of open flows.
#[derive(Debug, Default)]
struct Report {
    ending: Vec<u64>,
    events: Vec<FlowEvent>,
    stats: Stats,
    open: usize,
}

/// The flow tables of some shards.
#[derive(Debug)]
struct Owner {
    tables: Vec<FlowTable>,
    events: Vec<FlowEvent>,
}

#[derive(Debug)]
struct Worker {
    requests: Option<SyncSender<Request>>,
    reports: Receiver<Report>,
    thread: Option<JoinHandle<()>>,
}

/// All flow shards, and who works on them.
#[derive(Debug)]
pub(super) struct Workers {
    /// Tables of the calling thread: all of them, or none.
    here: Owner,
    threads: Vec<Worker>,
    stats: Stats,
    open: usize,
    blocks: Vec<SharedBlock>,
}

impl Workers {
    /// With one thread all shards stay here. With more, shard `i` goes to worker `i % (threads - 1)`.
    pub(super) fn start(config: &Config, seed: Seed, threads: usize) -> Self {
        let beside = threads.saturating_sub(1).min(SHARDS);
        let tables = |shards: usize| (0..shards).map(|_| FlowTable::new(config, seed)).collect();
        let of_worker = |worker: usize| (worker..SHARDS).step_by(beside.max(1)).count();
        Self {
            here: Owner::new(if beside == 0 { tables(SHARDS) } else { Vec::new() }),
            threads: (0..beside).map(|w| Worker::start(Owner::new(tables(of_worker(w))))).collect(),
            stats: Stats::default(),
            open: 0,
            blocks: Vec::new(),
        }
    }

    /// An empty queue for each shard.
    pub(super) fn empty_shards() -> Vec<ShardPackets> {
        vec![ShardPackets::new(); SHARDS]
    }

    /// Hands each shard its packets.
    pub(super) fn process(&mut self, shards: Vec<ShardPackets>, block: &SharedBlock) {
        if self.threads.is_empty() {
            self.here.process(&shards, block);
            return;
        }
        let beside = self.threads.len();
        let mut queues: Vec<Vec<ShardPackets>> = vec![Vec::new(); beside];
        for (shard, packets) in shards.into_iter().enumerate() {
            if let Some(queue) = queues.get_mut(shard % beside) {
                queue.push(packets);
            }
        }
        for (worker, queue) in self.threads.iter().zip(queues) {
            worker.send(Request::Process(queue, Arc::clone(block)));
        }
    }

    /// Sweeps the flows that began before an ordinal, or ends all those where no time is given.
    pub(super) fn end(&mut self, now: Option<Timestamp>, before: u64) {
        self.here.end(now, before);
        self.threads.iter().for_each(|worker| worker.send(Request::End(now, before)));
    }

    /// Ordinals up to which [`Self::end`] ends `flows` flows at most at a time. The last is that of no packet.
    pub(super) fn steps(&mut self, now: Option<Timestamp>, flows: usize) -> Vec<u64> {
        let mut ending = Vec::new();
        if self.open > flows {
            self.threads.iter().for_each(|worker| worker.send(Request::Ending(now)));
            ending = self.here.ending(now).ending;
            let reports = self.threads.iter().map(|worker| worker.reports.recv().unwrap_or_default());
            reports.for_each(|report| ending.extend(report.ending));
            ending.sort_unstable();
        }
        ending.into_iter().skip(flows).step_by(flows).chain([u64::MAX]).collect()
    }

    /// Waits for all workers and takes their events, in no order.
    pub(super) fn collect(&mut self) -> Vec<FlowEvent> {
        self.threads.iter().for_each(|worker| worker.send(Request::Collect));
        let mut all = self.here.report();
        for worker in &self.threads {
            // A worker that is gone has panicked; its panic is passed on when it is joined.
            let report = worker.reports.recv().unwrap_or_default();
            all.events.extend(report.events);
            all.stats += report.stats;
            all.open += report.open;
        }
        (self.stats, self.open) = (all.stats, all.open);
        all.events
    }

    /// Counters and open flows at the last [`Workers::collect`].
    pub(super) fn stats(&self) -> (Stats, usize) {
        (self.stats, self.open)
    }

    /// Makes a block readable by all workers.
    pub(super) fn share(block: Block) -> SharedBlock {
        Arc::new(block)
    }

    /// Takes a block back, and gives one that no worker reads any more.
    pub(super) fn reclaim(&mut self, block: SharedBlock) -> Block {
        self.blocks.push(block);
        let free = self.blocks.iter().position(|block| Arc::strong_count(block) == 1);
        let mut block = free.and_then(|at| Arc::into_inner(self.blocks.swap_remove(at))).unwrap_or_default();
        block.clear();
        block
    }
}

impl Owner {
    fn new(tables: Vec<FlowTable>) -> Self {
        Self { tables, events: Vec::new() }
    }

    fn process(&mut self, shards: &[ShardPackets], block: &Block) {
        for (table, packets) in self.tables.iter_mut().zip(shards) {
            table.process(packets, &block.data, &mut self.events);
        }
    }

    fn end(&mut self, now: Option<Timestamp>, before: u64) {
        for table in &mut self.tables {
            match now {
                Some(now) => table.sweep_before(before, now, &mut self.events),
                None => table.finish_before(before, &mut self.events),
            }
        }
    }

    fn ending(&self, now: Option<Timestamp>) -> Report {
        Report {
            ending: self.tables.iter().flat_map(|table| table.ending(now)).collect(),
            ..Report::default()
        }
    }

    fn report(&mut self) -> Report {
        let mut stats = Stats::default();
        self.tables.iter().for_each(|table| stats += table.stats());
        let open = self.tables.iter().map(FlowTable::len).sum();
        Report { events: std::mem::take(&mut self.events), stats, open, ..Report::default() }
    }
}

impl Worker {
    fn start(mut owner: Owner) -> Self {
        let (requests, inbox) = sync_channel(QUEUE);
        let (outbox, reports) = channel();
        let thread = std::thread::spawn(move || {
            for request in inbox {
                let report = match request {
                    Request::Process(shards, block) => {
                        owner.process(&shards, &block);
                        continue;
                    }
                    Request::End(now, before) => {
                        owner.end(now, before);
                        continue;
                    }
                    Request::Ending(now) => owner.ending(now),
                    Request::Collect => owner.report(),
                };
                if outbox.send(report).is_err() {
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
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

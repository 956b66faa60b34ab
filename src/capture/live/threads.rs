//! Capture from several rings at once: a thread a ring, and one queue to the pipeline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::queue::Queue;
use super::shed::Shedder;
use super::{Backend, Config, LiveError, LiveStats, Poll, Source, open};
use crate::capture::Block;
use crate::seed::Seed;
use crate::thread::join;

/// How long a thread waits for packets before it looks whether it should end.
const WAIT: Duration = Duration::from_millis(100);
/// Blocks between two times that a busy thread makes its counters known.
const BLOCKS_A_REPORT: u32 = 64;
/// Blocks read after the end was asked for, at most: what the ring holds.
const LAST_BLOCKS_MAX: u32 = 1024;

/// Sources that are open, before any thread is. What takes rights away from the process belongs here: rights are those
/// of a thread, and threads inherit them.
pub struct Opened {
    sources: Vec<Source>,
    config: Config,
    seed: Seed,
}

/// A running capture.
///
/// Frames of one ring come in the order of time, and so does a conversation. Rings are read side by side: their blocks
/// may overlap in time by some hundredths of a second.
pub struct Capture {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Queue,
    shedder: Shedder,
    rings: Vec<Ring>,
    stopping: AtomicBool,
}

/// What a thread makes known of its ring.
struct Ring {
    interface: String,
    backend: Backend,
    known: Mutex<(LinkState, LiveStats)>,
}

/// Whether packets can come from an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// They can.
    #[default]
    Up,
    /// The interface is missing or down; it is waited for.
    Down,
    /// They cannot any more: why.
    Failed(String),
}

/// One interface of a capture.
#[derive(Clone, Debug)]
pub struct InterfaceStatus {
    /// Its name.
    pub interface: String,
    /// What serves it.
    pub backend: Backend,
    /// Rings.
    pub rings: usize,
    /// The worst of its rings.
    pub state: LinkState,
    /// The counters of all its rings.
    pub stats: LiveStats,
}

impl LinkState {
    /// The state of a source that was just opened.
    fn of(source: &Source) -> Self {
        if source.is_bound() { Self::Up } else { Self::Down }
    }
}

impl Opened {
    /// Starts a thread for each ring.
    ///
    /// # Errors
    /// Where the operating system gives no more threads.
    pub fn start(self) -> Result<Capture, LiveError> {
        let ring = |source: &Source| Ring {
            interface: source.interface().to_owned(),
            backend: source.backend(),
            known: Mutex::new((LinkState::of(source), LiveStats::default())),
        };
        let shared = Arc::new(Shared {
            queue: Queue::new(self.config.queue_blocks, self.sources.len()),
            shedder: Shedder::new(self.seed),
            rings: self.sources.iter().map(ring).collect(),
            stopping: AtomicBool::new(false),
        });
        let mut capture = Capture { shared, threads: Vec::new() };
        for (n, source) in self.sources.into_iter().enumerate() {
            let cpu = self.config.cpus.get(n % self.config.cpus.len().max(1)).copied();
            let (shared, interface) = (Arc::clone(&capture.shared), source.interface().to_owned());
            let thread = std::thread::Builder::new()
                .name(format!("ring {n}"))
                .spawn(move || run(&shared, n, source, cpu))
                .map_err(|source| LiveError::System { interface, step: "start a thread", source })?;
            capture.threads.push(thread);
        }
        Ok(capture)
    }
}

impl Capture {
    /// Opens interfaces: all that needs a capability. The seed chooses which conversations are shed first.
    ///
    /// # Errors
    /// Where the settings are wrong, or the process may not capture.
    pub fn open(interfaces: &[String], config: &Config, seed: Seed) -> Result<Opened, LiveError> {
        let mut sources = Vec::new();
        for interface in interfaces {
            sources.extend(open(interface, config)?);
        }
        Ok(Opened { sources, config: config.clone(), seed })
    }

    /// The next block. Nothing where none comes in the time given, or after [`Self::stop`] none is left.
    pub fn next(&self, timeout: Duration) -> Option<Block> {
        self.shared.queue.pop(timeout)
    }

    /// Gives the memory of a block back.
    pub fn recycle(&self, block: Block) {
        self.shared.queue.recycle(block);
    }

    /// Whether blocks may come yet. False once all rings have failed, or were stopped and all is read.
    pub fn is_open(&self) -> bool {
        self.shared.queue.is_open()
    }

    /// The interfaces, in the order in which they were given.
    pub fn interfaces(&self) -> Vec<InterfaceStatus> {
        let mut interfaces: Vec<InterfaceStatus> = Vec::new();
        for ring in &self.shared.rings {
            let (state, stats) = ring.known().clone();
            match interfaces.last_mut().filter(|last| last.interface == ring.interface) {
                Some(last) => {
                    last.rings += 1;
                    last.stats += stats;
                    last.state = worse(std::mem::take(&mut last.state), state);
                }
                None => interfaces.push(InterfaceStatus {
                    interface: ring.interface.clone(),
                    backend: ring.backend,
                    rings: 1,
                    state,
                    stats,
                }),
            }
        }
        interfaces
    }

    /// The counters of all interfaces together, as they were a moment ago; after [`Self::stop`] exactly.
    pub fn stats(&self) -> LiveStats {
        let mut sum = LiveStats::default();
        self.shared.rings.iter().for_each(|ring| sum += ring.known().1);
        sum
    }

    /// Reads what the rings hold and ends their threads. What was read can be taken with [`Self::next`].
    pub fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(join);
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Ring {
    fn known(&self) -> MutexGuard<'_, (LinkState, LiveStats)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn worse(a: LinkState, b: LinkState) -> LinkState {
    match (&a, &b) {
        (LinkState::Failed(_), _) | (LinkState::Down, LinkState::Up) => a,
        _ => b,
    }
}

/// A producer's place in the queue, given up however its thread ends.
struct Place<'a>(&'a Queue);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The thread of a ring.
fn run(shared: &Shared, n: usize, mut source: Source, cpu: Option<usize>) {
    let _place = Place(&shared.queue);
    let Some(ring) = shared.rings.get(n) else { return };
    if let Some(cpu) = cpu {
        pin(cpu);
    }
    let (mut block, mut shed) = (Block::default(), LiveStats::default());
    let (mut unreported, mut last) = (0, 0);
    while last < LAST_BLOCKS_MAX {
        let poll = source.next_block(&mut block, WAIT);
        if poll.as_ref().is_ok_and(|poll| *poll == Poll::Frames) {
            hand_over(shared, &mut block, &mut shed);
            unreported += 1;
        }
        let stopping = shared.stopping.load(Ordering::Relaxed);
        last += u32::from(stopping);
        let state = match poll {
            Ok(Poll::Frames) if unreported < BLOCKS_A_REPORT => continue,
            Ok(Poll::Frames | Poll::Idle) => None,
            Ok(Poll::Down) => Some(LinkState::Down),
            Ok(Poll::Back) => Some(LinkState::Up),
            Err(ref error) => Some(LinkState::Failed(text_of(error))),
        };
        unreported = 0;
        let mut known = ring.known();
        known.1 = source.stats();
        known.1 += shed;
        if let Some(state) = state {
            known.0 = state;
        }
        if matches!(known.0, LinkState::Failed(_)) || stopping && !matches!(poll, Ok(Poll::Frames)) {
            return;
        }
    }
}

/// Puts a block into the queue, less what is shed. Never waits.
fn hand_over(shared: &Shared, block: &mut Block, stats: &mut LiveStats) {
    let shed = shared.shedder.apply(block, shared.queue.fill());
    stats.shed_packets += shed.packets;
    stats.shed_bytes += shed.bytes;
    if block.frames.is_empty() || shared.queue.push(block) {
        return;
    }
    // Another ring took the last place in between.
    stats.shed_packets += block.frames.len() as u64;
    stats.shed_bytes += block.frames.iter().map(|frame| u64::from(frame.wire_len)).sum::<u64>();
}

/// An error and what led to it, on one line.
fn text_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Has the thread run on one processor. Where there is no such processor, it runs where it may.
#[cfg(target_os = "linux")]
fn pin(cpu: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if cpu < CpuSet::MAX_CPU {
        let mut only = CpuSet::new();
        only.set(cpu);
        let _ = sched_setaffinity(None, &only);
    }
}

/// Other systems do not pin threads.
#[cfg(not(target_os = "linux"))]
fn pin(_cpu: usize) {}

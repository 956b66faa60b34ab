//! Where findings go: the file, and programs elsewhere. Each sink has a thread and a bounded queue of its own, so that one that hangs
//! holds up nobody; what it cannot take now is tried again. A reload turns a sink to another target: its queue and its counters stay.

mod alertmanager;
mod file;
mod http;
mod syslog;
mod webhook;

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{info, warn};

use crate::config::Config;
use crate::detect::Finding;
use crate::export::metrics::SinkState;
use crate::sensor::Event;
use crate::time::Timestamp;

pub(super) use http::Trusted;

/// How often what waits is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Passes that may wait for a sink's thread.
const NOTES_MAX: usize = 64;
/// Events that wait for a sink, at most.
const WAITING_MAX: usize = 1000;

/// What a pass has to tell.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// Packet time of the pass.
    pub(super) at: Timestamp,
    pub(super) events: Arc<Vec<Event>>,
    /// All findings that go on.
    pub(super) active: Arc<Vec<Finding>>,
}

/// Something that findings are told to.
trait Sink: Send {
    /// Keeps what a pass has to tell, and gives how much found no room.
    fn take(&mut self, note: &Note) -> u64;

    /// Tells what is kept; what could not be told stays. Gives how much was told, with the first error.
    fn flush(&mut self) -> (u64, anyhow::Result<()>);

    /// How much is kept.
    fn waiting(&self) -> usize;

    /// Tells what is kept, and all that comes, there from now on.
    fn turn_to(&mut self, target: Target);
}

/// Where a sink tells findings to, and how.
#[derive(Debug)]
pub(super) enum Target {
    File(file::Target),
    Webhook(webhook::Target),
    Alertmanager(alertmanager::Target),
    Syslog(syslog::Target),
}

/// Targets by the name of their sinks.
pub(super) type Targets = BTreeMap<&'static str, Target>;

/// The targets that a configuration names.
///
/// # Errors
/// Where one cannot be: an address that is none, a token that cannot be read.
pub(super) fn targets(config: &Config, trusted: &Trusted) -> anyhow::Result<Targets> {
    let mut targets = Targets::from([("file", Target::File(file::Target::new(config)))]);
    if !config.webhook.url.is_empty() {
        targets.insert("webhook", Target::Webhook(webhook::Target::new(&config.webhook, trusted)?));
    }
    if !config.alertmanager.url.is_empty() {
        let target = alertmanager::Target::new(&config.alertmanager, trusted)?;
        targets.insert("alertmanager", Target::Alertmanager(target));
    }
    if !config.syslog.address.is_empty() {
        targets.insert("syslog", Target::Syslog(syslog::Target::new(&config.syslog)?));
    }
    Ok(targets)
}

impl Target {
    fn sink(self, sinks: &Shared<Sinks>) -> Box<dyn Sink> {
        match self {
            Self::File(target) => Box::new(file::FileSink::new(target, Arc::clone(sinks))),
            Self::Webhook(target) => Box::new(webhook::Webhook::new(target)),
            Self::Alertmanager(target) => Box::new(alertmanager::Alertmanager::new(target)),
            Self::Syslog(target) => Box::new(syslog::Syslog::new(target)),
        }
    }
}

/// What is known of a sink.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) state: SinkState,
    pub(super) trouble: Option<String>,
}

/// What is known of all sinks, by name, and where a reload turns them to.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    pub(super) known: BTreeMap<&'static str, Known>,
    pub(super) turned: Targets,
}

/// What several threads know.
pub(super) type Shared<T> = Arc<Mutex<T>>;

/// Looks at, or changes, what several threads know. A thread that panicked in between left it whole: it only assigns.
pub(super) fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way to a sink's thread.
struct Way {
    name: &'static str,
    notes: SyncSender<Note>,
}

/// The ways to all sinks. When they are dropped, the sinks tell what they have and end.
pub(super) struct Ways {
    ways: Vec<Way>,
    sinks: Shared<Sinks>,
}

impl Ways {
    /// Tells all sinks. Never waits: where the way to one is full, its thread hangs, and what it misses is counted.
    pub(super) fn tell(&self, note: &Note) {
        for Way { name, notes } in &self.ways {
            if notes.try_send(note.clone()).is_err() {
                warn!("{} findings did not reach the {name} sink: it hangs", note.events.len());
                let mut sinks = lock(&self.sinks);
                let known = sinks.known.entry(name).or_default();
                known.state.lost += note.events.len() as u64;
                known.state.up = false;
            }
        }
    }
}

/// Starts a thread for each target.
pub(super) fn start(targets: Targets, sinks: &Shared<Sinks>) -> std::io::Result<(Ways, Vec<JoinHandle<()>>)> {
    let (mut ways, mut threads) = (Vec::new(), Vec::new());
    for (name, target) in targets {
        let (notes, todo) = sync_channel(NOTES_MAX);
        let state = SinkState { up: true, ..SinkState::default() };
        lock(sinks).known.insert(name, Known { state, trouble: None });
        let (sink, shared) = (target.sink(sinks), Arc::clone(sinks));
        let thread = std::thread::Builder::new().name(name.to_owned());
        threads.push(thread.spawn(move || run(name, sink, &todo, &shared))?);
        ways.push(Way { name, notes });
    }
    Ok((Ways { ways, sinks: Arc::clone(sinks) }, threads))
}

fn run(name: &'static str, mut sink: Box<dyn Sink>, todo: &Receiver<Note>, sinks: &Shared<Sinks>) {
    loop {
        let (lost, over) = match todo.recv_timeout(RETRY) {
            Ok(note) => (sink.take(&note), false),
            Err(RecvTimeoutError::Timeout) => (0, false),
            Err(RecvTimeoutError::Disconnected) => (0, true),
        };
        if let Some(target) = lock(sinks).turned.remove(name) {
            sink.turn_to(target);
        }
        let (written, outcome) = sink.flush();
        let trouble = outcome.err().map(|error| format!("{error:#}"));
        let mut sinks = lock(sinks);
        let known = sinks.known.entry(name).or_default();
        match (&trouble, known.state.up) {
            (Some(trouble), true) => warn!("{trouble}"),
            (None, false) => info!("the {name} sink takes findings again"),
            _ => {}
        }
        known.state.written += written;
        known.state.lost += lost;
        known.state.waiting = sink.waiting() as u64;
        known.state.up = trouble.is_none();
        known.trouble = trouble;
        if over {
            known.state.lost += known.state.waiting;
            return;
        }
    }
}

/// Events that wait, the oldest of which make room.
#[derive(Debug, Default)]
struct Waiting(VecDeque<Event>);

impl Waiting {
    /// Keeps events. Gives how many were lost.
    fn take(&mut self, note: &Note) -> u64 {
        self.0.extend(note.events.iter().cloned());
        let excess = self.0.len().saturating_sub(WAITING_MAX);
        self.0.drain(..excess);
        excess as u64
    }

    /// Tells one after the other, up to the first error.
    fn flush(&mut self, mut tell: impl FnMut(&Event) -> anyhow::Result<()>) -> (u64, anyhow::Result<()>) {
        let mut told = 0;
        while let Some(event) = self.0.front() {
            if let Err(error) = tell(event) {
                return (told, Err(error));
            }
            self.0.pop_front();
            told += 1;
        }
        (told, Ok(()))
    }
}

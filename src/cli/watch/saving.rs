//! The threads that write: the checkpoint and the findings file, so that a slow disk holds up nobody else.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::export::metrics::SinkState;
use crate::sensor::{Journal, JournalConfig, checkpoint};
use crate::time::Timestamp;

use super::super::{clock, with_causes};
use super::judging::SaveJob;

/// How often what waits for a full disk is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What is known of the checkpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct SaveState {
    /// When the last one was written; at the start, when the one that was read was.
    pub(super) last: Option<Instant>,
    pub(super) size: Option<u64>,
    pub(super) written: u64,
    pub(super) failed: u64,
    pub(super) trouble: Option<String>,
}

/// What several threads know.
pub(super) type Shared<T> = Arc<Mutex<T>>;

/// Looks at, or changes, what several threads know. A thread that panicked in between left it whole: it only assigns.
pub(super) fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a checkpoint and makes known what came of it.
pub(super) fn save(path: &std::path::Path, job: &SaveJob, state: &Shared<SaveState>) {
    let outcome = checkpoint::save(path, job.moment.at, &job.incidents, &job.moment.store);
    let mut state = lock(state);
    match outcome {
        Ok(size) => {
            if state.trouble.take().is_some() {
                info!("checkpoints are written again");
            }
            state.last = Some(clock::instant());
            state.size = Some(size);
            state.written += 1;
        }
        Err(error) => {
            let text = with_causes(&error);
            if state.trouble.as_ref() != Some(&text) {
                warn!("{text}");
            }
            state.trouble = Some(text);
            state.failed += 1;
        }
    }
}

/// Starts the thread that writes checkpoints. One may wait while another is written.
pub(super) fn start_checkpoints(
    path: PathBuf,
    state: Shared<SaveState>,
) -> std::io::Result<(SyncSender<SaveJob>, JoinHandle<()>)> {
    let (jobs, todo) = sync_channel::<SaveJob>(1);
    let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || {
        while let Ok(job) = todo.recv() {
            save(&path, &job, &state);
        }
    })?;
    Ok((jobs, thread))
}

/// What is known of the findings file.
#[derive(Clone, Debug, Default)]
pub(super) struct JournalState {
    pub(super) sink: SinkState,
    pub(super) trouble: Option<String>,
    /// Settings that are to be taken over.
    pub(super) config: Option<JournalConfig>,
}

/// Lines for the findings file, with the packet time of their pass.
pub(super) type Lines = (Timestamp, Vec<String>);

/// Starts the thread that writes the findings file.
pub(super) fn start_journal(
    config: JournalConfig,
    state: Shared<JournalState>,
) -> std::io::Result<(SyncSender<Lines>, JoinHandle<()>)> {
    let (lines, todo) = sync_channel(64);
    lock(&state).sink.up = true;
    let thread = std::thread::Builder::new()
        .name("findings".to_owned())
        .spawn(move || run_journal(Journal::new(config), &todo, &state))?;
    Ok((lines, thread))
}

fn run_journal(mut journal: Journal, todo: &Receiver<Lines>, state: &Shared<JournalState>) {
    let mut at = Timestamp::MIN;
    loop {
        let lines = match todo.recv_timeout(RETRY) {
            Ok((time, lines)) => {
                at = time;
                lines
            }
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Some(config) = lock(state).config.take() {
            journal.configure(config);
        }
        let outcome = journal.append(at, lines);
        publish(&journal, outcome.err().map(|error| with_causes(&error)), state);
    }
    journal.give_up();
    publish(&journal, None, state);
}

fn publish(journal: &Journal, trouble: Option<String>, state: &Shared<JournalState>) {
    let mut state = lock(state);
    match (&trouble, state.sink.up) {
        (Some(trouble), true) => warn!("{trouble}"),
        (None, false) => info!("findings are written again"),
        _ => {}
    }
    state.sink = SinkState {
        written: journal.written(),
        lost: journal.lost(),
        waiting: journal.waiting() as u64,
        up: trouble.is_none(),
    };
    state.trouble = trouble;
}

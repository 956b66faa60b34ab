//! The thread that writes checkpoints, so that a slow disk holds up nobody else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::{info, warn};

use crate::sensor::{Incident, Moment, checkpoint};

use super::super::{clock, with_causes};
use super::judging::SaveJob;
use super::sinks::{Shared, lock};

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

/// Writes a checkpoint and makes known what came of it.
fn save(path: &std::path::Path, job: &SaveJob, state: &Shared<SaveState>) {
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

/// The thread that writes checkpoints. One may wait while another is written.
pub(super) struct Checkpoints {
    jobs: SyncSender<SaveJob>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn start(path: PathBuf, state: Shared<SaveState>) -> std::io::Result<Self> {
        let (jobs, todo) = sync_channel::<SaveJob>(1);
        let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || {
            while let Ok(job) = todo.recv() {
                save(&path, &job, &state);
                if job.last {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, thread })
    }

    /// Where jobs go.
    pub(super) fn jobs(&self) -> SyncSender<SaveJob> {
        self.jobs.clone()
    }

    /// Has the last checkpoint written, and waits for it. It goes the way of all others: none from before can come after it.
    pub(super) fn end(self, moment: Moment, incidents: BTreeMap<String, Incident>) {
        // Both fail only where the thread has panicked, which was told.
        let _ = self.jobs.send(SaveJob { moment: Box::new(moment), incidents, last: true });
        let _ = self.thread.join();
    }
}

//! The thread that writes checkpoints, so that a slow disk holds up nobody else.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::{info, warn};

use crate::sensor::checkpoint;

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

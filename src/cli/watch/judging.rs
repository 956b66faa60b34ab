//! The thread that judges: scoring, findings and reloads, apart from the packets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{info, warn};

use crate::features::FeatureStore;
use crate::sensor::{Change, Event, Incident, Judge, Moment, Verdicts};

use super::super::clock;
use super::reload::{Reloaded, Reloader};
use super::sinks::{Note, Ways};

/// Something for the judge to do.
pub(super) enum Job {
    /// Judge a moment. With `save`, the moment and the incidents after it go into a checkpoint.
    Pass {
        /// The moment.
        moment: Box<Moment>,
        /// Whether a checkpoint is due.
        save: bool,
    },
    /// Read the configuration anew.
    Reload,
}

/// What came of a job.
pub(super) enum Outcome {
    /// A pass, and the copy of the state that was judged.
    Pass(Arc<Passed>, Arc<FeatureStore>),
    /// A reload: what the packet thread is to go on with; nothing where it failed.
    Reload(Option<Reloaded>),
}

/// A pass and what it took.
pub(super) struct Passed {
    pub(super) verdicts: Arc<Verdicts>,
    pub(super) took: Duration,
    /// The incidents that are followed now.
    pub(super) incidents: BTreeMap<String, Incident>,
}

/// Where a judge's work goes.
pub(super) struct Outlets {
    /// Whom findings are told to.
    pub(super) sinks: Ways,
    /// Moments for the checkpoint.
    pub(super) checkpoints: SyncSender<SaveJob>,
}

/// A checkpoint to be written.
pub(super) struct SaveJob {
    pub(super) moment: Box<Moment>,
    pub(super) incidents: BTreeMap<String, Incident>,
    /// Whether no other comes after it.
    pub(super) last: bool,
}

/// The judge's thread, as the packet thread sees it.
pub(super) struct Judging {
    jobs: Option<SyncSender<Job>>,
    outcomes: Receiver<Outcome>,
    thread: Option<JoinHandle<()>>,
}

impl Judging {
    /// Starts the thread. One job may wait while another is done.
    pub(super) fn start(judge: Judge, reloader: Reloader, outlets: Outlets) -> std::io::Result<Self> {
        let (jobs, todo) = sync_channel(1);
        let (done, outcomes) = sync_channel(16);
        let thread = std::thread::Builder::new()
            .name("judge".to_owned())
            .spawn(move || run(judge, reloader, &todo, &done, &outlets))?;
        Ok(Self { jobs: Some(jobs), outcomes, thread: Some(thread) })
    }

    /// Gives the judge something to do; false where it has enough.
    pub(super) fn ask(&self, job: Job) -> bool {
        let asked = self.jobs.as_ref().map(|jobs| jobs.try_send(job));
        !matches!(asked, None | Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))))
    }

    /// What came of a job, if one is done.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.outcomes.try_recv().ok()
    }

    /// Waits for what comes of a job.
    pub(super) fn wait(&self, timeout: Duration) -> Option<Outcome> {
        self.outcomes.recv_timeout(timeout).ok()
    }

    /// Whether the thread has ended, which it does only by a fault.
    pub(super) fn is_dead(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets the thread end when it has done what it was asked. Does not wait for it.
    pub(super) fn dismiss(&mut self) {
        self.jobs = None;
    }
}

fn run(
    mut judge: Judge,
    mut reloader: Reloader,
    todo: &Receiver<Job>,
    done: &SyncSender<Outcome>,
    outlets: &Outlets,
) {
    while let Ok(job) = todo.recv() {
        let outcome = match job {
            Job::Reload => Outcome::Reload(reloader.reload(&mut judge)),
            Job::Pass { moment, save } => {
                let store = Arc::clone(&moment.store);
                Outcome::Pass(pass(&mut judge, moment, save, outlets), store)
            }
        };
        if done.send(outcome).is_err() {
            return;
        }
    }
}

fn pass(judge: &mut Judge, moment: Box<Moment>, save: bool, outlets: &Outlets) -> Arc<Passed> {
    let began = clock::instant();
    let at = moment.at;
    let (verdicts, events) = judge.pass(&moment);
    let took = began.elapsed();
    events.iter().for_each(tell);
    let active = Arc::new(verdicts.scores.findings.clone());
    outlets.sinks.tell(&Note { at, events: Arc::new(events), active });
    let incidents = judge.incidents().clone();
    let job = SaveJob { moment, incidents: incidents.clone(), last: false };
    if save && outlets.checkpoints.try_send(job).is_err() {
        warn!("no checkpoint of {at}: the one before is still being written");
    }
    Arc::new(Passed { verdicts: Arc::new(verdicts), took, incidents })
}

fn tell(event: &Event) {
    let Incident { kind, host, severity, behaviour, .. } = event.incident;
    let (id, severity, behaviour) = (&event.id, severity.name(), behaviour.title());
    match event.change {
        Change::New => info!(id, kind = kind.name(), %host, severity, behaviour, "finding"),
        Change::Update => info!(id, kind = kind.name(), %host, severity, behaviour, "finding goes on"),
        Change::End => info!(id, kind = kind.name(), %host, severity, behaviour, "finding is over"),
    }
}

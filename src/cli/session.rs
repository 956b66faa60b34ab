//! Reading inputs through the pipeline: what `replay`, `train` and `evaluate` share.

use std::path::{Path, PathBuf};

use crate::capture::{Block, CaptureStats, Filter, Timeline};
use crate::config::Config;
use crate::export::text;
use crate::pipeline::{Observer, Pipeline, Stats};
use crate::seed::Seed;

use super::args::CommonArgs;
use super::{Failure, progress};

/// The settings of a run: flags over configuration over defaults.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) seed: Seed,
    pub(super) threads: usize,
    filter: Option<String>,
    progress: bool,
    quiet: bool,
}

/// What reading came to.
pub(super) struct Reading {
    pub(super) pipeline: Pipeline,
    pub(super) capture: CaptureStats,
    pub(super) inputs: Vec<(String, CaptureStats)>,
    /// Frames that the filter did not ask for.
    pub(super) filtered: u64,
    /// Whether an input was left out because it cannot be read, or all frames because the filter fits none.
    pub(super) incomplete: bool,
}

/// An observer that can tell that reading on is of no use.
pub(super) trait Watch: Observer {
    /// Whether something failed that ends the run.
    fn failed(&self) -> bool {
        false
    }
}

impl Watch for () {}

impl Settings {
    pub(super) fn new(args: &CommonArgs) -> Result<Self, Failure> {
        let usage = |e: anyhow::Error| Failure::Usage(e);
        let mut config = match &args.config {
            Some(path) => Config::load(path).map_err(|e| usage(e.into()))?,
            None => Config::default(),
        };
        if !args.local.is_empty() {
            config.local.clone_from(&args.local);
        }
        if let Some(expression) = &args.filter {
            Filter::compile(expression).map_err(|e| usage(e.into()))?;
        }
        Ok(Self {
            config,
            seed: Seed(args.seed),
            threads: usize::from(args.threads),
            filter: args.filter.clone(),
            progress: !args.quiet && !args.no_progress,
            quiet: args.quiet,
        })
    }

    /// Reads the inputs as one timeline, up to the end or until the watcher fails.
    pub(super) fn read(&self, inputs: &[PathBuf], watcher: &mut dyn Watch) -> Result<Reading, Failure> {
        let mut timeline = Timeline::open(inputs)?;
        for error in timeline.refused() {
            eprintln!("undercurrent: {}", with_causes(error));
        }
        let mut incomplete = !timeline.refused().is_empty();
        let mut filter = self.filter.as_deref().map(Filter::compile).transpose()?;
        let mut pipeline = Pipeline::new(&self.config.pipeline(), self.seed, self.threads);
        let bar = progress::bar(timeline.bytes_total(), self.progress);
        let mut block = Block::default();
        while !watcher.failed() && timeline.next_block(&mut block)? {
            if let Some(filter) = &mut filter {
                filter.apply(&mut block);
            }
            block = pipeline.take(block, watcher);
            bar.set_position(timeline.bytes_read());
            bar.set_message(text::counted(pipeline.stats().frames, "packet"));
        }
        pipeline.finish(watcher);
        if let Some(filter) = &filter {
            tell_unsupported(filter);
            let asked = pipeline.stats().frames + filter.rejected();
            incomplete |= asked == 0 && !filter.unsupported().is_empty();
        }
        bar.finish_and_clear();
        let reading = Reading {
            pipeline,
            capture: timeline.stats(),
            inputs: timeline.per_input().map(|(name, stats)| (name.to_owned(), stats.clone())).collect(),
            incomplete,
            filtered: filter.map_or(0, |f| f.rejected() + f.unsupported().values().sum::<u64>()),
        };
        self.warn(&reading);
        Ok(reading)
    }

    /// Says that a metrics history is not whole.
    pub(super) fn warn_of_points(&self, dropped: u64) {
        if dropped > 0 && !self.quiet {
            eprintln!("undercurrent: the metrics history lacks {dropped} points: it has too many series");
        }
    }

    fn warn(&self, reading: &Reading) {
        if self.quiet {
            return;
        }
        for warning in &reading.capture.warnings {
            eprintln!("undercurrent: {}: byte {}: {}", warning.input, warning.offset, warning.reason);
        }
        if reading.capture.warnings_dropped > 0 {
            eprintln!("undercurrent: {} more warnings", reading.capture.warnings_dropped);
        }
        if reading.capture.frames > 0 && reading.pipeline.store().hosts().is_empty() {
            eprintln!("undercurrent: no monitored host was seen: name the monitored networks with --local");
        }
    }
}

impl Reading {
    pub(super) fn stats(&self) -> Stats {
        self.pipeline.stats()
    }
}

/// Says of which link types no frame could be asked for: silence would look like nothing to be found.
fn tell_unsupported(filter: &Filter) {
    for (link, frames) in filter.unsupported() {
        let reason = filter.why_unsupported(*link).unwrap_or("it does not compile");
        eprintln!(
            "undercurrent: the filter cannot be applied to link type {}: {reason}; {frames} frames left out",
            link.0
        );
    }
}

/// An error and what led to it, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The name of a file without its folder.
pub(super) fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

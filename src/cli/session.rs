//! Reading inputs through the pipeline: what `replay`, `train` and `evaluate` share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use crate::capture::{Block, CaptureStats, Filter, Timeline};
use crate::config::{AllowlistConfig, Config};
use crate::detect::{Allowlist, AllowlistError};
use crate::export::summary::RunSummary;
use crate::export::text;
use crate::pipeline::{Observer, Pipeline, Stats};
use crate::records::netflow::ExportTimeline;
use crate::records::{ColumnMap, Inputs, Record, RecordSource, RecordStats, RecordTimeline};
use crate::seed::Seed;

use super::ahead::{self, Read};
use super::args::{CommonArgs, ReproduceArgs};
use super::digest::{Digests, FileDigest};
use super::progress::Spinner;
use super::{Failure, progress, with_causes};

/// Files of folders that cannot be read and are told of one by one.
const UNREADABLE_TOLD: usize = 16;

/// The settings of a run: flags over configuration over defaults.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) seed: Seed,
    pub(super) threads: usize,
    pub(super) filter: Option<String>,
    /// UDP ports whose datagrams are exports.
    pub(super) netflow_ports: Vec<u16>,
    /// Which column of CSV is what, where the user says.
    pub(super) columns: Option<Arc<ColumnMap>>,
    /// Whether the digests of the inputs are wanted.
    pub(super) digest: bool,
    progress: bool,
    quiet: bool,
}

/// What reading came to.
pub(super) struct Reading {
    pub(super) pipeline: Pipeline,
    pub(super) capture: CaptureStats,
    pub(super) inputs: Vec<(String, CaptureStats)>,
    /// Those of the inputs, by their names, where they are wanted and can be made.
    pub(super) digests: BTreeMap<String, FileDigest>,
    warnings: Vec<String>,
    /// Flow records that came out of order.
    late: u64,
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
        config = config.with_environment(std::env::vars()).map_err(|e| usage(e.into()))?;
        if !args.local.is_empty() {
            config.local.clone_from(&args.local);
        }
        let columns = args.columns.as_deref().map(ColumnMap::load).transpose();
        let columns = columns.map_err(|e| usage(e.into()))?.map(Arc::new);
        if let Some(expression) = &args.filter {
            Filter::compile(expression).map_err(|e| usage(e.into()))?;
        }
        Ok(Self {
            config,
            seed: Seed(args.seed),
            threads: usize::from(args.threads),
            filter: args.filter.clone(),
            netflow_ports: args.netflow_port.clone(),
            columns,
            digest: false,
            progress: !args.quiet && !args.no_progress,
            quiet: args.quiet,
        })
    }

    /// The settings of an earlier run with this configuration.
    pub(super) fn again(config: Config, run: &RunSummary, args: &ReproduceArgs) -> Result<Self, Failure> {
        let columns = run.columns.as_deref().map(|text| ColumnMap::of_text(text, &args.summary));
        let columns = columns.transpose().map_err(|e| Failure::Usage(e.into()))?.map(Arc::new);
        Ok(Self {
            config,
            seed: Seed(run.seed),
            threads: usize::from(args.threads),
            filter: run.filter.clone(),
            netflow_ports: run.netflow_ports.clone(),
            columns,
            digest: true,
            progress: !args.quiet && !args.no_progress,
            quiet: args.quiet,
        })
    }

    /// The allowlist of the configuration with that of files, all of which is the configuration's from now on.
    pub(super) fn take_allowlist(&mut self, files: &[PathBuf]) -> Result<Allowlist, Failure> {
        let usage = |e: AllowlistError| Failure::Usage(e.into());
        let mut allowlist = self.config.allowlist().map_err(|e| Failure::Usage(e.into()))?;
        for file in files {
            allowlist.add_file(file).map_err(usage)?;
        }
        let entries = allowlist.entries().map(str::to_owned).collect();
        self.config.allowlist = AllowlistConfig { entries, files: Vec::new() };
        Ok(allowlist)
    }

    /// Says that something is done, until what it gives is dropped.
    pub(super) fn working(&self, what: &'static str) -> Spinner {
        progress::spinner(what, self.progress)
    }

    /// Reads the inputs as one timeline, up to the end or until the watcher fails.
    pub(super) fn read(&self, inputs: &[PathBuf], watcher: &mut dyn Watch) -> Result<Reading, Failure> {
        let inputs = Inputs::of(inputs, self.columns.as_ref())?;
        self.tell_unread(&inputs);
        let unreadable = inputs.unreadable.len() as u64;
        let logs = inputs.logs.iter().map(|log| log.path.clone());
        let files = inputs.captures.iter().chain(&inputs.exports).cloned().chain(logs).collect();
        let digests = self.digest.then(|| Digests::begin(files));
        let read = if inputs.are_logs() {
            self.read_records(&mut RecordTimeline::new(inputs.logs, self.seed), watcher)
        } else if !inputs.exports.is_empty() {
            let mut exports = ExportTimeline::of_files(inputs.exports, &self.config.flow, self.seed);
            self.read_records(&mut exports, watcher)
        } else if !self.netflow_ports.is_empty() {
            let (ports, flow) = (self.netflow_ports.clone(), &self.config.flow);
            let mut exports = ExportTimeline::of_captures(&inputs.captures, ports, flow, self.seed)?;
            self.read_records(&mut exports, watcher)
        } else {
            self.read_captures(&inputs.captures, watcher)
        };
        let hashing = digests.is_some().then(|| self.working("hashing the inputs"));
        let digests = digests.map(|digests| digests.finish(read.is_err() || watcher.failed()));
        drop(hashing);
        let mut reading = read?;
        reading.digests = digests.unwrap_or_default();
        reading.leave_out(unreadable);
        self.warn(&reading);
        Ok(reading)
    }

    /// Reads flow records of other programs.
    fn read_records(
        &self,
        timeline: &mut (dyn RecordSource + Send),
        watcher: &mut dyn Watch,
    ) -> Result<Reading, Failure> {
        if self.filter.is_some() {
            return Err(Failure::Usage(anyhow!(
                "--filter looks at packets, and flow records have none: select lines of logs with zeek-cut, grep or jq instead"
            )));
        }
        let mut pipeline = Pipeline::new(&self.config.pipeline(), self.seed, 1);
        let bar = progress::bar(timeline.bytes_total(), self.progress);
        let next = |read: &mut Read<Vec<Record>>| {
            let more = timeline.next_batch(&mut read.item);
            read.bytes = timeline.bytes_read();
            more
        };
        ahead::read(self.threads > 1, next, |read| {
            pipeline.take_records(&read.item, watcher);
            bar.set_position(read.bytes);
            bar.set_message(text::counted(pipeline.stats().flow.created, "connection"));
            if watcher.failed() { ahead::Next::Stop } else { ahead::Next::Go(read) }
        })?;
        bar.finish_and_clear();
        let stats = timeline.stats();
        let per_input = timeline.per_input();
        let unread = self.tell_unread_lines(&per_input);
        let mut reading = Reading {
            pipeline,
            inputs: per_input.into_iter().map(|(name, stats)| (name, counters(&stats))).collect(),
            digests: BTreeMap::new(),
            warnings: stats.warnings.iter().map(ToString::to_string).collect(),
            capture: counters(&stats),
            late: timeline.late(),
            filtered: 0,
            incomplete: false,
        };
        reading.leave_out(unread);
        Ok(reading)
    }

    /// Says of which inputs not one line could be read, and gives how many they are.
    fn tell_unread_lines(&self, inputs: &[(String, RecordStats)]) -> u64 {
        let advice = if self.columns.is_some() {
            "does the column map name the right columns, and how their times are told?"
        } else {
            "take another copy of the file, or say with --columns which column is what"
        };
        let unread = inputs.iter().filter(|(_, stats)| stats.nothing_read());
        unread
            .map(|(name, _)| eprintln!("undercurrent: {name}: not one of its lines can be read; {advice}"))
            .count() as u64
    }

    fn read_captures(&self, inputs: &[PathBuf], watcher: &mut dyn Watch) -> Result<Reading, Failure> {
        let mut timeline = Timeline::open(inputs)?;
        for error in timeline.refused() {
            eprintln!("undercurrent: {}", with_causes(error));
        }
        let mut incomplete = !timeline.refused().is_empty();
        let mut filter = self.filter.as_deref().map(Filter::compile).transpose()?;
        // Decompression takes longer than the pipeline: half of the threads are for it. Else one reads ahead from three on; with two, one that
        // owns flow tables is worth more.
        let helpers =
            if timeline.has_compressed() { self.threads.div_ceil(2).min(self.threads - 1) } else { 0 };
        timeline.decompress_with(helpers);
        let reads_ahead = helpers == 0 && self.threads > 2;
        let of_pipeline = self.threads - helpers - usize::from(reads_ahead);
        let mut pipeline = Pipeline::new(&self.config.pipeline(), self.seed, of_pipeline);
        let bar = progress::bar(timeline.bytes_total(), self.progress);
        let next = |read: &mut Read<Block>| {
            let more = timeline.next_block(&mut read.item);
            read.bytes = timeline.bytes_read();
            more
        };
        ahead::read(reads_ahead, next, |mut read| {
            if let Some(filter) = &mut filter {
                filter.apply(&mut read.item);
            }
            read.item = pipeline.take(read.item, watcher);
            bar.set_position(read.bytes);
            bar.set_message(text::counted(pipeline.stats().frames, "packet"));
            if watcher.failed() { ahead::Next::Stop } else { ahead::Next::Go(read) }
        })?;
        bar.finish_and_clear();
        let ending = self.working("ending what is still open");
        pipeline.finish(watcher);
        drop(ending);
        if let Some(filter) = &filter {
            tell_unsupported(filter);
            let asked = pipeline.stats().frames + filter.rejected();
            incomplete |= asked == 0 && !filter.unsupported().is_empty();
        }
        let stats = timeline.stats();
        Ok(Reading {
            pipeline,
            inputs: timeline.per_input().map(|(name, stats)| (name.to_owned(), stats.clone())).collect(),
            digests: BTreeMap::new(),
            warnings: stats.warnings.iter().map(ToString::to_string).collect(),
            capture: stats,
            late: 0,
            incomplete,
            filtered: filter.map_or(0, |f| f.rejected() + f.unsupported().values().sum::<u64>()),
        })
    }

    /// Says what of the inputs nothing is read of.
    fn tell_unread(&self, inputs: &Inputs) {
        for error in inputs.unreadable.iter().take(UNREADABLE_TOLD) {
            eprintln!("undercurrent: {}", with_causes(error));
        }
        let more = inputs.unreadable.len().saturating_sub(UNREADABLE_TOLD);
        if more > 0 {
            eprintln!("undercurrent: {more} more files cannot be read");
        }
        if self.quiet {
            return;
        }
        if let [first, rest @ ..] = inputs.other_logs.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            eprintln!(
                "undercurrent: {}{more}: not read; of Zeek's logs conn, open_conn, dns, ssl, http and quic are",
                first.display()
            );
        }
        if inputs.unknown > 0 {
            let files = text::counted(inputs.unknown, "file");
            eprintln!("undercurrent: {files} in the folders are neither captures nor logs: not read");
        }
        if inputs.repeated > 0 {
            let files = text::counted(inputs.repeated, "file");
            eprintln!("undercurrent: {files} named more than once: read once");
        }
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
        for warning in &reading.warnings {
            eprintln!("undercurrent: {warning}");
        }
        if reading.capture.warnings_dropped > 0 {
            eprintln!("undercurrent: {} more warnings", reading.capture.warnings_dropped);
        }
        if reading.late > 0 {
            let records = text::counted(reading.late, "record");
            eprintln!(
                "undercurrent: {records} came later than could be waited for: sort the logs by time first"
            );
        }
        let nothing = reading.capture.frames == 0 && reading.stats().flow.created == 0;
        if nothing && !reading.incomplete && reading.pipeline.store().hosts().is_empty() {
            eprintln!("undercurrent: the inputs hold neither packets nor connections");
        }
        if reading.capture.frames > 0 && reading.pipeline.store().hosts().is_empty() {
            eprintln!("undercurrent: no monitored host was seen: name the monitored networks with --local");
        }
    }
}

impl Reading {
    /// Counts files that could not be read.
    fn leave_out(&mut self, files: u64) {
        if files > 0 {
            *self.capture.skipped.entry("unreadable_input").or_default() += files;
            self.incomplete = true;
        }
    }

    pub(super) fn stats(&self) -> Stats {
        self.pipeline.stats()
    }
}

/// The counters of logs in the shape of those of captures.
fn counters(stats: &RecordStats) -> CaptureStats {
    CaptureStats {
        frames: stats.packets,
        skipped: stats.skipped.clone(),
        truncated_inputs: stats.truncated_inputs,
        warnings_dropped: stats.warnings_dropped,
        ..CaptureStats::default()
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

/// The name of a file without its folder.
pub(super) fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

//! `replay`: score captures offline.

mod flows;
mod outputs;
mod report;
mod schedule;
mod summary;
mod watcher;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::detect::{Finding, Scores, Severity};
use crate::export::findings::{Scored, TableStyle, write_json, write_jsonl, write_table};
use crate::export::metrics::{MetricsHistory, render_text};
use crate::export::rita::pair_row;
use crate::export::scored::{channel_row, host_row};
use crate::export::summary::{RunSummary, Summary, findings_in_short};
use crate::export::table::TableWriter;
use crate::export::{ExportError, OutFile};
use crate::features::rita::RitaPairs;
use crate::sensor::Measure;
use crate::time::Span;

use super::args::{Format, OutputArgs, ReplayArgs};
use super::models::Loaded;
use super::session::{Reading, Settings};
use super::{Failure, clock, models};
use flows::FlowFile;
use outputs::Outputs;
use schedule::Schedule;
use watcher::{Passes, Watcher};

pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let mut settings = Settings::new(&args.common)?;
    settings.digest = args.summary.is_some() || args.outputs.report.is_some();
    let allowlist = settings.take_allowlist(&args.allowlist)?;
    let loaded = models::load(args.models.as_deref(), allowlist, &settings.config.detect)?;
    outputs::check_apart(&args.common.inputs, &args.outputs, args.summary.as_deref()).map_err(failure)?;
    let summary = args.summary.as_deref().map(OutFile::create).transpose().map_err(failure)?;
    let replayed = Replay {
        settings: &settings,
        inputs: &args.common.inputs,
        names: &BTreeMap::new(),
        loaded,
        models: args.models.as_deref(),
        outputs: &args.outputs,
        score_every_s: args.score_every,
    }
    .run()?;
    if let Some(out) = summary {
        replayed.summary(&args.outputs)?.write(out)?;
    }
    print(args.format, &replayed.scores.findings, &replayed.summary)
        .context("cannot write to standard output")?;
    Ok(exit_code(args.fail_on.map(Severity::from), &replayed))
}

/// A replay: all that decides its outcome, and which files it writes.
pub(super) struct Replay<'a> {
    pub(super) settings: &'a Settings,
    pub(super) inputs: &'a [PathBuf],
    /// What inputs are called in outputs, where that is not their path.
    pub(super) names: &'a BTreeMap<String, String>,
    pub(super) loaded: Loaded,
    /// Where the models come from; nothing for the shipped ones.
    pub(super) models: Option<&'a Path>,
    pub(super) outputs: &'a OutputArgs,
    pub(super) score_every_s: Option<u32>,
}

/// What a replay came to.
pub(super) struct Replayed {
    summary: Summary,
    scores: Scores,
    /// Whether something of the inputs was left out.
    incomplete: bool,
}

impl Replay<'_> {
    /// Reads, scores, and writes the files.
    pub(super) fn run(mut self) -> Result<Replayed, Failure> {
        let started = clock::instant();
        self.loaded.detector = self.loaded.detector.with_threads(self.settings.threads);
        let outputs = Outputs::create(self.outputs).map_err(failure)?;
        let mut watcher = self.watcher().map_err(failure)?;

        let reading = self.settings.read(self.inputs, &mut watcher)?;
        let scoring = self.settings.working("scoring");
        let mut scores = watcher.score(&self.loaded.detector, reading.pipeline.store());
        drop(scoring);
        let metrics = watcher.last_pass(&reading, &scores);
        let rita = watcher.rita.take();
        if let Some(passes) = watcher.finish(reading.stats().last, &scores.findings, metrics.as_ref())? {
            self.settings.warn_of_points(passes.points_dropped);
            for finding in scores.findings.iter_mut().filter(|_| self.score_every_s.is_some()) {
                finding.detected_at = passes.detected.get(&finding.id).copied();
            }
        }
        let summary = self.summary(&reading, &scores, rita.as_ref(), started.elapsed().as_secs_f64())?;
        if let Some(out) = outputs.report {
            out.finish_with(report::page(&summary, &scores, reading.pipeline.store())?.as_bytes())?;
        }
        if let (Some(out), Some(metrics)) = (outputs.metrics, metrics) {
            out.finish_with(render_text(&metrics)?.as_bytes())?;
        }
        write_hosts(outputs.hosts, &scores)?;
        write_channels(outputs.channels, &scores, rita.as_ref())?;
        write_pairs(outputs.rita, rita.as_ref())?;
        let incomplete = reading.incomplete;
        // The process is about to end, which is the quick way to give back the memory of many channels.
        std::mem::forget(reading.pipeline.into_store());
        Ok(Replayed { summary, scores, incomplete })
    }

    /// What the outputs that were asked for need while reading.
    fn watcher(&self) -> Result<Watcher<'_>, ExportError> {
        let Self { outputs, settings, loaded, .. } = self;
        let history = outputs.metrics_history.as_deref().map(MetricsHistory::create).transpose()?;
        let every = self.score_every_s.map(|seconds| Span::from_secs(seconds.into()));
        let measured = outputs.metrics.is_some() || history.is_some();
        let scheduled = every.is_some() || history.is_some();
        let max_flows = settings.config.flow.max_flows;
        Ok(Watcher {
            flows: FlowFile::create(outputs.flows.as_deref(), self.settings.seed)?,
            rita: (outputs.channels.is_some() || outputs.rita.is_some())
                .then(|| RitaPairs::new(settings.config.pipeline().local)),
            hosts: outputs.hosts.is_some() || outputs.report.is_some(),
            channels: outputs.channels.is_some(),
            measure: measured.then(|| Measure::new(&loaded.detector, &loaded.models, max_flows)),
            passes: scheduled.then(|| Passes::new(&loaded.detector, Schedule::new(every), history)),
        })
    }

    /// The run and its counters.
    fn summary(
        &self,
        reading: &Reading,
        scores: &Scores,
        rita: Option<&RitaPairs>,
        elapsed_s: f64,
    ) -> Result<Summary, Failure> {
        let run = RunSummary {
            system: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            seed: self.settings.seed.0,
            filter: self.settings.filter.clone(),
            netflow_ports: self.settings.netflow_ports.clone(),
            columns: self.settings.columns.as_ref().map(|map| map.text().to_owned()),
            score_every_s: self.score_every_s,
            models: self.models.map(|dir| dir.display().to_string()),
            configuration: self.settings.config.to_replay_json()?,
        };
        let inputs = summary::inputs(reading, self.names);
        let counters = summary::counters(reading, scores, rita, elapsed_s);
        Ok(Summary { run, inputs, models: self.loaded.models.clone(), ..counters })
    }
}

impl Replayed {
    /// The whole summary: with the findings in short, and the digests of the files that were written.
    pub(super) fn summary(&self, outputs: &OutputArgs) -> Result<Summary, Failure> {
        let (finding_list, findings_sha256) = findings_in_short(&self.scores.findings)?;
        Ok(Summary {
            findings_sha256,
            finding_list,
            outputs: summary::outputs(outputs)?,
            ..self.summary.clone()
        })
    }
}

/// What is wrong usage of an output ends with 2, what failed with 1.
fn failure(error: ExportError) -> Failure {
    if error.is_usage() { Failure::Usage(error.into()) } else { Failure::Run(error.into()) }
}

/// An input that was left out comes first: whether anything was found in it nobody knows.
fn exit_code(fail_on: Option<Severity>, replayed: &Replayed) -> ExitCode {
    if replayed.incomplete {
        return ExitCode::FAILURE;
    }
    let failed = fail_on.is_some_and(|least| replayed.scores.findings.iter().any(|f| f.severity >= least));
    if failed { ExitCode::from(3) } else { ExitCode::SUCCESS }
}

fn print(format: Format, findings: &[Finding], summary: &Summary) -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    match format {
        Format::Json => write_json(&mut out, findings)?,
        Format::Jsonl => write_jsonl(&mut out, findings)?,
        Format::Table => {
            let scored = Scored { hosts: summary.hosts, channels: summary.channels };
            write_table(&mut out, findings, scored, TableStyle::of_stdout())?;
        }
    }
    out.flush()
}

fn write_hosts(table: Option<TableWriter>, scores: &Scores) -> Result<(), ExportError> {
    let Some(mut table) = table else { return Ok(()) };
    for host in &scores.hosts {
        table.write_row(&host_row(host, scores))?;
    }
    table.finish()
}

fn write_channels(
    table: Option<TableWriter>,
    scores: &Scores,
    rita: Option<&RitaPairs>,
) -> Result<(), ExportError> {
    let Some(mut table) = table else { return Ok(()) };
    for scored in &scores.channels {
        let rita = rita.and_then(|pairs| pairs.pair(&scored.key, &scored.channel));
        table.write_row(&channel_row(scored, rita))?;
    }
    table.finish()
}

fn write_pairs(table: Option<TableWriter>, rita: Option<&RitaPairs>) -> Result<(), ExportError> {
    let Some(mut table) = table else { return Ok(()) };
    for pair in rita.iter().flat_map(|pairs| pairs.listed()) {
        table.write_row(&pair_row(&pair))?;
    }
    table.finish()
}

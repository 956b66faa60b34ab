//! `replay`: score captures offline.

mod flows;
mod outputs;
mod report;
mod schedule;
mod summary;
mod watcher;

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;

use crate::detect::{Finding, Scores, Severity};
use crate::export::ExportError;
use crate::export::findings::{Scored, TableStyle, write_json, write_jsonl, write_table};
use crate::export::metrics::{MetricsHistory, render_text};
use crate::export::scored::{channel_row, host_row};
use crate::export::table::TableWriter;
use crate::features::FeatureStore;
use crate::features::rita::RitaPairs;
use crate::sensor::Measure;
use crate::time::Span;

use super::args::{Format, ReplayArgs};
use super::models::Loaded;
use super::session::{Reading, Settings};
use super::{Failure, models};
use flows::FlowFile;
use outputs::Outputs;
use schedule::Schedule;
use watcher::{Passes, Watcher};

pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    #[expect(clippy::disallowed_methods, reason = "the time that a run takes is told, and decides nothing")]
    let started = Instant::now();
    let settings = Settings::new(&args.common)?;
    let mut allowlist = settings.config.allowlist().map_err(|e| Failure::Usage(e.into()))?;
    for file in &args.allowlist {
        allowlist.add_file(file).map_err(|e| Failure::Usage(e.into()))?;
    }
    let mut loaded = models::load(args.models.as_deref(), allowlist, &settings.config.detect)?;
    loaded.detector = loaded.detector.with_threads(settings.threads);
    let outputs = Outputs::create(args).map_err(failure)?;
    let mut watcher = watcher(args, &settings, &loaded).map_err(failure)?;

    let reading = settings.read(&args.common.inputs, &mut watcher)?;
    let store = reading.pipeline.store();
    let mut scores = watcher.score(&loaded.detector, store);
    let metrics = watcher.last_pass(&reading, &scores);
    let rita = watcher.rita.take();
    if let Some(passes) = watcher.finish(reading.stats().last, &scores.findings, metrics.as_ref())? {
        settings.warn_of_points(passes.points_dropped);
        for finding in scores.findings.iter_mut().filter(|_| args.score_every.is_some()) {
            finding.detected_at = passes.detected.get(&finding.id).copied();
        }
    }
    let elapsed_s = started.elapsed().as_secs_f64();
    let summary = summary::of(&reading, &scores, rita.as_ref(), loaded.models, elapsed_s);
    if let Some(out) = outputs.report {
        let page = report::page(&settings, &summary, &scores, &scores.thresholds)?;
        out.finish_with(page.as_bytes())?;
    }
    if let (Some(out), Some(metrics)) = (outputs.metrics, metrics) {
        out.finish_with(render_text(&metrics)?.as_bytes())?;
    }
    if let Some(out) = outputs.summary {
        summary.write(out)?;
    }
    write_hosts(outputs.hosts, &scores)?;
    write_channels(outputs.channels, &scores, rita.as_ref())?;
    print(args.format, &scores.findings, store).context("cannot write to standard output")?;
    let code = exit_code(args.fail_on.map(Severity::from), &reading, &scores);
    // The process ends, which is the quick way to give back the memory of many channels.
    std::mem::forget(reading.pipeline.into_store());
    Ok(code)
}

/// What is wrong usage of an output ends with 2, what failed with 1.
fn failure(error: ExportError) -> Failure {
    if error.is_usage() { Failure::Usage(error.into()) } else { Failure::Run(error.into()) }
}

/// What the outputs that were asked for need while reading.
fn watcher<'a>(
    args: &ReplayArgs,
    settings: &Settings,
    loaded: &'a Loaded,
) -> Result<Watcher<'a>, ExportError> {
    let history = args.metrics_history.as_deref().map(MetricsHistory::create).transpose()?;
    let every = args.score_every.map(|seconds| Span::from_secs(seconds.into()));
    let measured = args.metrics.is_some() || history.is_some();
    let scheduled = every.is_some() || history.is_some();
    let max_flows = settings.config.flow.max_flows;
    Ok(Watcher {
        flows: FlowFile::create(args.flows.as_deref())?,
        rita: args.channels.is_some().then(|| RitaPairs::new(settings.config.pipeline().local)),
        measure: measured.then(|| Measure::new(&loaded.detector, &loaded.models, max_flows)),
        hosts: args.hosts.is_some() || args.report.is_some(),
        passes: scheduled.then(|| Passes::new(&loaded.detector, Schedule::new(every), history)),
    })
}

/// An input that was left out comes first: whether anything was found in it nobody knows.
fn exit_code(fail_on: Option<Severity>, reading: &Reading, scores: &Scores) -> ExitCode {
    if reading.incomplete {
        return ExitCode::FAILURE;
    }
    let failed = fail_on.is_some_and(|least| scores.findings.iter().any(|f| f.severity >= least));
    if failed { ExitCode::from(3) } else { ExitCode::SUCCESS }
}

fn print(format: Format, findings: &[Finding], store: &FeatureStore) -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    match format {
        Format::Json => write_json(&mut out, findings)?,
        Format::Jsonl => write_jsonl(&mut out, findings)?,
        Format::Table => {
            let scored =
                Scored { hosts: store.hosts().len() as u64, channels: store.channels().len() as u64 };
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

//! `replay`: score captures offline.

use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::detect::{Scores, Severity};
use crate::export::ExportError;
use crate::export::findings::{Scored, TableStyle, write_json, write_jsonl, write_table};
use crate::export::rows::{flow_row, flow_schema};
use crate::export::scored::{channel_row, channel_schema, host_row, host_schema};
use crate::export::summary::{InputSummary, ModelSummary, Summary, peak_rss_bytes};
use crate::export::table::TableWriter;
use crate::flow::{FlowRecord, community_id, uid_text};

use super::args::{Format, ReplayArgs};
use super::session::{Reading, Settings};
use super::{Failure, models};

pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    #[expect(clippy::disallowed_methods, reason = "the time that a run takes is told, and decides nothing")]
    let started = Instant::now();
    let settings = Settings::new(&args.common)?;
    let mut allowlist = settings.config.allowlist().map_err(|e| Failure::Usage(e.into()))?;
    for file in &args.allowlist {
        allowlist.add_file(file).map_err(|e| Failure::Usage(e.into()))?;
    }
    let loaded = models::load(args.models.as_deref(), allowlist)?;

    let mut flows = FlowFile::create(args.flows.as_deref())?;
    let reading = settings.read(&args.common.inputs, &mut |record| flows.write(record), &mut |_| ())?;
    flows.finish()?;

    let scores = loaded.detector.score(reading.pipeline.store());
    write_rows(args, &scores)?;
    if let Some(path) = &args.summary {
        summary(&reading, &scores, loaded.models, started.elapsed().as_secs_f64()).write(path)?;
    }
    print(args.format, &scores)?;
    Ok(exit_code(args.fail_on.map(Severity::from), &reading, &scores))
}

/// An input that was left out comes first: whether anything was found in it nobody knows.
fn exit_code(fail_on: Option<Severity>, reading: &Reading, scores: &Scores) -> ExitCode {
    if reading.incomplete {
        return ExitCode::FAILURE;
    }
    let failed = fail_on.is_some_and(|least| scores.findings.iter().any(|f| f.severity >= least));
    if failed { ExitCode::from(3) } else { ExitCode::SUCCESS }
}

fn print(format: Format, scores: &Scores) -> std::io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    match format {
        Format::Json => write_json(&mut out, &scores.findings)?,
        Format::Jsonl => write_jsonl(&mut out, &scores.findings)?,
        Format::Table => {
            let scored = Scored { hosts: scores.hosts.len() as u64, channels: scores.channels.len() as u64 };
            write_table(&mut out, &scores.findings, scored, TableStyle::of_stdout())?;
        }
    }
    out.flush()
}

fn write_rows(args: &ReplayArgs, scores: &Scores) -> Result<(), ExportError> {
    if let Some(path) = &args.hosts {
        let mut table = TableWriter::create(path, &host_schema())?;
        for host in &scores.hosts {
            table.write_row(&host_row(host, scores))?;
        }
        table.finish()?;
    }
    if let Some(path) = &args.channels {
        let mut table = TableWriter::create(path, &channel_schema())?;
        for channel in &scores.channels {
            table.write_row(&channel_row(channel))?;
        }
        table.finish()?;
    }
    Ok(())
}

/// The file of `--flows`, written while reading. The first error is kept, and ends the run after reading.
struct FlowFile {
    table: Option<TableWriter>,
    error: Option<ExportError>,
}

impl FlowFile {
    fn create(path: Option<&Path>) -> Result<Self, ExportError> {
        let table = path.map(|path| TableWriter::create(path, &flow_schema())).transpose()?;
        Ok(Self { table, error: None })
    }

    fn write(&mut self, record: &FlowRecord) {
        if let (Some(table), None) = (&mut self.table, &self.error) {
            let uid = uid_text(record.uid);
            let community = community_id(&record.key);
            self.error = table.write_row(&flow_row(record, &uid, Some(&community))).err();
        }
    }

    fn finish(self) -> Result<(), ExportError> {
        match (self.error, self.table) {
            (Some(error), _) => Err(error),
            (None, Some(table)) => table.finish(),
            (None, None) => Ok(()),
        }
    }
}

fn summary(reading: &Reading, scores: &Scores, models: Vec<ModelSummary>, elapsed_s: f64) -> Summary {
    let stats = reading.stats();
    let store = reading.pipeline.store();
    let mut skipped: std::collections::BTreeMap<String, u64> =
        reading.capture.skipped.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect();
    skipped.extend(stats.decode.skipped.iter().filter(|(_, n)| *n > 0).map(|(r, n)| (r.to_owned(), n)));
    for (reason, count) in [
        ("filter", reading.filtered),
        ("channel_table_full", store.channels().refused()),
        ("channel_evicted", store.channels().evicted()),
        ("host_table_full", store.hosts().refused()),
        ("flow_evicted", stats.flow.evicted),
        ("inbound_unanswered", store.inbound_unanswered()),
        ("allowlisted_findings", scores.allowed as u64),
    ] {
        if count > 0 {
            skipped.insert(reason.to_owned(), count);
        }
    }
    Summary {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        inputs: reading
            .inputs
            .iter()
            .map(|(path, stats)| InputSummary { path: path.clone(), packets: stats.frames, sha256: None })
            .collect(),
        packets: stats.frames,
        bytes: stats.wire_bytes,
        first_packet: stats.first,
        last_packet: stats.last,
        flows: stats.flow.created,
        hosts: scores.hosts.len() as u64,
        channels: scores.channels.len() as u64,
        findings: scores.findings.len() as u64,
        decode_errors: stats.decode.errors.iter().map(|(layer, n)| (layer.to_owned(), n)).collect(),
        skipped,
        truncated_inputs: reading.capture.truncated_inputs,
        elapsed_s,
        packets_per_second: stats.frames as f64 / elapsed_s.max(1e-9),
        peak_rss_bytes: peak_rss_bytes(),
        models,
    }
}

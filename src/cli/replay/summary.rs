//! What `--summary` and the report tell of a run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use crate::capture::CaptureStats;
use crate::detect::Scores;
use crate::export::summary::{InputSummary, OutputSummary, Summary, peak_rss_bytes};
use crate::features::rita::RitaPairs;

use super::super::args::OutputArgs;
use super::super::digest;
use super::super::session::Reading;
use super::outputs::named;

/// What was read, with the names that inputs have where that is not their path.
pub(super) fn inputs(reading: &Reading, names: &BTreeMap<String, String>) -> Vec<InputSummary> {
    let summary = |(path, stats): &(String, CaptureStats)| {
        let digest = reading.digests.get(path);
        InputSummary {
            path: names.get(path).unwrap_or(path).clone(),
            packets: stats.frames,
            size_bytes: digest.map(|digest| digest.size_bytes),
            sha256: digest.map(|digest| digest.sha256.clone()),
        }
    };
    reading.inputs.iter().map(summary).collect()
}

/// The files that were written, with their digests.
pub(super) fn outputs(args: &OutputArgs) -> anyhow::Result<Vec<OutputSummary>> {
    let summary = |(flag, path): (&str, &Path)| {
        let digest = digest::of_file(path).with_context(|| path.display().to_string())?;
        Ok(OutputSummary {
            flag: flag.to_owned(),
            path: path.display().to_string(),
            sha256: digest.map(|digest| digest.sha256),
        })
    };
    named(args).into_iter().map(summary).collect()
}

/// The counters of a run that took `elapsed_s`.
pub(super) fn counters(
    reading: &Reading,
    scores: &Scores,
    rita: Option<&RitaPairs>,
    elapsed_s: f64,
) -> Summary {
    let stats = reading.stats();
    let store = reading.pipeline.store();
    let mut skipped: BTreeMap<String, u64> =
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
        ("rita_connections", rita.map_or(0, RitaPairs::dropped)),
    ] {
        if count > 0 {
            skipped.insert(reason.to_owned(), count);
        }
    }
    Summary {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        packets: stats.frames,
        bytes: stats.wire_bytes,
        first_packet: stats.first,
        last_packet: stats.last,
        flows: stats.flow.created,
        hosts: store.hosts().len() as u64,
        channels: store.channels().len() as u64,
        findings: scores.findings.len() as u64,
        decode_errors: stats.decode.errors.iter().map(|(layer, n)| (layer.to_owned(), n)).collect(),
        skipped,
        truncated_inputs: reading.capture.truncated_inputs,
        elapsed_s,
        packets_per_second: stats.frames as f64 / elapsed_s.max(1e-9),
        peak_rss_bytes: peak_rss_bytes(),
        ..Summary::default()
    }
}

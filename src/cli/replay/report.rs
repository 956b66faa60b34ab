//! The page of `--report`.

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::detect::Scores;
use crate::export::metrics::PerSeverity;
use crate::export::report::{HostRow, ReportData, render};
use crate::export::summary::Summary;

use super::super::session::Settings;

/// The page about a run.
pub(super) fn page(
    settings: &Settings,
    summary: &Summary,
    scores: &Scores,
    thresholds: &PerSeverity<f64>,
) -> anyhow::Result<String> {
    let hosts: Vec<HostRow> = scores.hosts.iter().map(host_row).collect();
    Ok(render(&ReportData {
        summary,
        findings: &scores.findings,
        hosts: &hosts,
        score_thresholds: thresholds,
        seed: settings.seed.0,
        config_digest: &config_digest(&settings.config)?,
    }))
}

fn host_row(scored: &crate::detect::HostScore) -> HostRow {
    let [c2, exfil] = scored.worst.map(|(score, p_value, channel)| channel.map(|_| (score, p_value)));
    let traffic = &scored.state.traffic;
    HostRow {
        host: scored.host,
        c2_score: c2.map(|(score, _)| score),
        c2_p_value: c2.map(|(_, p_value)| p_value),
        exfil_score: exfil.map(|(score, _)| score),
        exfil_p_value: exfil.map(|(_, p_value)| p_value),
        bytes_out: traffic.bytes_out,
        bytes_in: traffic.bytes_in,
        flows: scored.state.flows,
        peers: scored.peers as u64,
        first_seen: scored.state.first_seen.unwrap_or(scored.state.last_seen),
        last_seen: scored.state.last_seen,
    }
}

/// SHA-256 of the configuration as TOML; empty for the default one.
fn config_digest(config: &Config) -> anyhow::Result<String> {
    if *config == Config::default() {
        return Ok(String::new());
    }
    Ok(hex::encode(Sha256::digest(toml::to_string(config)?.as_bytes())))
}

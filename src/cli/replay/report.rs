//! The page of `--report`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::Config;
use crate::detect::Scores;
use crate::export::report::{CARDS, HostRow, ReportData, details_of, render};
use crate::export::summary::Summary;
use crate::features::FeatureStore;

/// The page about a run.
pub(super) fn page(summary: &Summary, scores: &Scores, store: &FeatureStore) -> anyhow::Result<String> {
    let hosts: Vec<HostRow> = scores.hosts.iter().map(host_row).collect();
    let first = scores.findings.get(..CARDS).unwrap_or(&scores.findings);
    Ok(render(&ReportData {
        summary,
        findings: &scores.findings,
        details: &details_of(first, scores, store),
        hosts: &hosts,
        score_thresholds: &scores.thresholds,
        settings: &changed(&summary.run.configuration)?,
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

/// The keys of a configuration that are not as shipped, with their values.
fn changed(configuration: &Value) -> anyhow::Result<Vec<(String, String)>> {
    let mut shipped = BTreeMap::new();
    leaves("", &Config::default().to_replay_json()?, &mut shipped);
    let mut now = BTreeMap::new();
    leaves("", configuration, &mut now);
    Ok(now.into_iter().filter(|(key, value)| shipped.get(key) != Some(value)).collect())
}

fn leaves(prefix: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                leaves(&name, value, out);
            }
        }
        _ => drop(out.insert(prefix.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_where_they_are_not_as_shipped() {
        let mut config = Config::default();
        assert_eq!(changed(&config.to_replay_json().unwrap()).unwrap(), []);
        config.detect.alerts_a_day = 3.5;
        config.local = vec!["10.9.0.0/16".parse().unwrap()];
        let told = [("detect.alerts_a_day", "3.5"), ("local", "[\"10.9.0.0/16\"]")];
        let told = told.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(changed(&config.to_replay_json().unwrap()).unwrap(), told);
    }
}

//! The JSON of `/api/v1`: findings and host rows in the shapes of `replay`.

use serde_json::{Value, json};

use super::served::Served;
use crate::addr::Addr;
use crate::detect::{Finding, HostScore};
use crate::export::scored::{channel_row, channel_schema, host_row, host_schema};
use crate::export::table::json_object;
use crate::time::Timestamp;

/// Findings that go on, highest score first.
pub(super) fn findings(served: &Served) -> String {
    array(served.verdicts.scores.findings.iter().map(finding))
}

/// All hosts, most suspicious first.
pub(super) fn hosts(served: &Served) -> String {
    let scores = &served.verdicts.scores;
    array(ranked(&scores.hosts).into_iter().map(|host| json_object(&host_schema(), &host_row(host, scores))))
}

/// A host with its channels that can be judged and its findings; nothing where it is not known.
pub(super) fn host(served: &Served, addr: Addr) -> Option<String> {
    let scores = &served.verdicts.scores;
    let host = scores.hosts.iter().find(|host| host.host == addr)?;
    let row = json_object(&host_schema(), &host_row(host, scores));
    let channels = scores.channels.iter().filter(|scored| scored.key.host == addr);
    let channels = channels.map(|scored| json_object(&channel_schema(), &channel_row(scored, None)));
    let findings = scores.findings.iter().filter(|finding| finding.host == addr);
    let members = format!(
        ",\"findings\":{},\"channels\":{}}}",
        array(findings.map(finding)).trim_end(),
        array(channels).trim_end()
    );
    Some(row.trim_end_matches('}').to_owned() + &members + "\n")
}

/// The sensor's own state, for `top` and for people.
pub(super) fn status(served: &Served, now: Timestamp) -> String {
    let metrics = &served.metrics;
    let dropped: u64 = metrics.dropped_packets.values().sum();
    let sensor = metrics.sensor.clone().unwrap_or_default();
    let body = json!({
        "version": metrics.version,
        "uptime_s": (now - served.started).as_secs_f64(),
        "ready": served.ready(now).is_ok(),
        "ready_reason": either(served.ready(now)),
        "interfaces": sensor.interfaces,
        "last_packet": sensor.last_packet.map(Timestamp::to_rfc3339),
        "last_scored": metrics.last_scored.map(Timestamp::to_rfc3339),
        "packets": metrics.packets,
        "packets_per_second": served.packets_per_second,
        "bytes": metrics.bytes,
        "bytes_per_second": served.bytes_per_second,
        "dropped_packets": metrics.dropped_packets,
        "dropped_packets_sum": dropped,
        "flows_active": metrics.flows_active,
        "flow_table_max_entries": metrics.flow_table_max_entries,
        "hosts": metrics.hosts_tracked,
        "channels": metrics.channels_tracked,
        "findings": served.verdicts.scores.findings.len(),
        "checkpoint_age_s": metrics.checkpoint_age.map(crate::time::Span::as_secs_f64),
        "resident_memory_bytes": sensor.process.resident_bytes,
        "troubles": served.troubles,
    });
    format!("{body}\n")
}

fn either(health: Result<String, String>) -> String {
    health.unwrap_or_else(|why| why)
}

/// Hosts by their worse score, the worst first; ties by address.
pub(super) fn ranked(hosts: &[HostScore]) -> Vec<&HostScore> {
    let worst = |host: &HostScore| host.worst.iter().map(|worst| worst.0).fold(0.0, f64::max);
    let mut ranked: Vec<&HostScore> = hosts.iter().collect();
    ranked.sort_by(|a, b| worst(b).total_cmp(&worst(a)).then(a.host.cmp(&b.host)));
    ranked
}

fn finding(finding: &Finding) -> String {
    serde_json::to_string(finding).unwrap_or_else(|_| Value::Null.to_string())
}

/// An array, an object a line.
fn array(objects: impl Iterator<Item = String>) -> String {
    let objects: Vec<String> = objects.collect();
    if objects.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", objects.join(",\n")) }
}

//! Findings in the shape of Suricata's EVE JSON, so that what reads `eve.json` reads them: an `alert` of a host, with the finding of
//! the contract under `undercurrent` (<https://docs.suricata.io/en/latest/output/eve/eve-json-format.html>).
//!
//! `alert` says what an alert needs; the keys are Suricata's: `signature_id` from [`SIGNATURE_BASE`] on, `severity` 1 (high or critical) to 3 (low).
//! An incident that is over is an `anomaly` of type `undercurrent`, since nothing new is to be alerted of.

use serde_json::{Value, json};

use crate::addr::Addr;
use crate::detect::{Behaviour, Finding, Kind, Severity};
use crate::time::Timestamp;

/// `signature_id` of the first behaviour; the others follow in the order of [`Behaviour::ALL`]. In the range that is
/// reserved for local use (<https://sidallocation.org>).
pub const SIGNATURE_BASE: usize = 1_970_000;

/// A line of a finding, without its end. `change` says why it is told, e.g. `new`.
pub fn alert(at: Timestamp, change: &str, finding: &Finding) -> Value {
    let peer = &finding.peer;
    let signature = format!("undercurrent {}: {}", category(finding.kind), finding.behaviour.title());
    let mut line = json!({
        "timestamp": timestamp(at),
        "event_type": "alert",
        "src_ip": finding.host.to_string(),
        "dest_ip": peer.ip.map(|ip| ip.to_string()),
        "dest_port": peer.port,
        "proto": peer.proto.to_uppercase(),
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": signature_id(finding.behaviour),
            "rev": 1,
            "signature": signature,
            "category": category(finding.kind),
            "severity": severity(finding.severity),
            "metadata": { "mitre_technique_id": finding.techniques },
        },
        "flow": {
            "bytes_toserver": finding.bytes_out,
            "bytes_toclient": finding.bytes_in,
            "start": timestamp(finding.first_seen),
        },
        "undercurrent": finding,
    });
    put(&mut line, "undercurrent", "change", change.into());
    if !peer.service.is_empty() {
        put(&mut line, "", "app_proto", peer.service.as_str().into());
    }
    if let (Some(name), "tls") = (&peer.name, peer.service.as_str()) {
        put(&mut line, "", "tls", json!({ "sni": name }));
    }
    line
}

/// The line of an incident that is over.
pub fn ended(
    at: Timestamp,
    id: &str,
    (kind, host): (Kind, Addr),
    (behaviour, severity): (Behaviour, Severity),
    last_seen: Timestamp,
) -> Value {
    json!({
        "timestamp": timestamp(at),
        "event_type": "anomaly",
        "src_ip": host.to_string(),
        "anomaly": { "type": "undercurrent", "event": format!("{} ended", behaviour.name()) },
        "undercurrent": {
            "id": id,
            "change": "end",
            "kind": kind,
            "host": host.to_string(),
            "behaviour": behaviour,
            "severity": severity,
            "last_seen": last_seen.to_rfc3339(),
        },
    })
}

/// Suricata's form of a time: `2025-01-01T08:00:03.120000+0000`.
fn timestamp(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    let micros = at.as_nanos().rem_euclid(1_000_000) / 1_000;
    text.strip_suffix('Z').map_or_else(|| text.clone(), |millis| format!("{millis}{micros:03}+0000"))
}

/// Suricata counts down: 1 is the gravest.
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Critical | Severity::High => 1,
        Severity::Medium => 2,
        Severity::Low => 3,
    }
}

const fn category(kind: Kind) -> &'static str {
    match kind {
        Kind::C2 => "Command and Control",
        Kind::Exfil => "Exfiltration",
    }
}

fn signature_id(behaviour: Behaviour) -> usize {
    SIGNATURE_BASE + Behaviour::ALL.iter().position(|b| *b == behaviour).unwrap_or_default()
}

/// Adds a member to the object `inside`, or to the line itself where that is empty.
fn put(line: &mut Value, inside: &str, key: &str, value: Value) {
    let object = if inside.is_empty() { Some(line) } else { line.get_mut(inside) };
    if let Some(object) = object.and_then(Value::as_object_mut) {
        object.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::beacon;

    #[test]
    fn an_alert_has_the_keys_that_readers_of_eve_look_at() {
        let finding = &beacon();
        let line = alert(Timestamp::from_nanos(1_735_718_403_120_456_000), "new", finding);
        assert_eq!(line["timestamp"], "2025-01-01T08:00:03.120456+0000");
        assert_eq!(line["event_type"], "alert");
        assert_eq!(line["src_ip"], finding.host.to_string());
        assert_eq!(line["proto"], finding.peer.proto.to_uppercase());
        assert_eq!(line["alert"]["action"], "allowed");
        assert_eq!(line["undercurrent"]["id"], finding.id);
        assert_eq!(line["undercurrent"]["change"], "new");
        assert!(line["alert"]["signature_id"].as_u64().unwrap() >= SIGNATURE_BASE as u64);
        assert!(!line.to_string().contains('\n'), "one line");
    }

    #[test]
    fn the_end_of_an_incident_is_no_alert() {
        let about = (Kind::C2, Addr::from_v4([10, 0, 0, 1]));
        let what = (Behaviour::Beacon, Severity::High);
        let line = ended(Timestamp::from_nanos(0), "ab", about, what, Timestamp::from_nanos(0));
        assert_eq!(line["event_type"], "anomaly");
        assert_eq!(line["undercurrent"]["change"], "end");
        assert_eq!(line["undercurrent"]["behaviour"], "beacon");
    }
}

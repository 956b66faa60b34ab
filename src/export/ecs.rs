//! Findings in the Elastic Common Schema (<https://www.elastic.co/docs/reference/ecs>), as an alert of an intrusion detection system.

use serde_json::{Value, json};

use crate::detect::{Finding, Severity};
use crate::time::Timestamp;

/// The version of the schema whose fields are used.
const VERSION: &str = "8.11.0";

/// A finding as an ECS document. `change` says why it is told, e.g. `new`.
pub fn alert(at: Timestamp, change: &str, finding: &Finding) -> Value {
    let peer = &finding.peer;
    let ended = change == "end";
    json!({
        "@timestamp": at.to_rfc3339(),
        "ecs": { "version": VERSION },
        "message": finding.evidence.first().map(|evidence| evidence.text.as_str()),
        "event": {
            "kind": "alert",
            "category": ["network", "intrusion_detection"],
            "type": [if ended { "end" } else { "info" }],
            "action": finding.behaviour.name(),
            "module": "undercurrent",
            "dataset": "undercurrent.finding",
            "id": finding.id,
            "severity": severity(finding.severity),
            "risk_score": (finding.score * 100.0).round(),
            "start": finding.first_seen.to_rfc3339(),
            "end": finding.last_seen.to_rfc3339(),
        },
        "source": { "ip": finding.host.to_string(), "bytes": finding.bytes_out },
        "destination": {
            "ip": peer.ip.map(|ip| ip.to_string()),
            "domain": peer.name,
            "port": peer.port,
            "bytes": finding.bytes_in,
        },
        "network": { "transport": peer.proto, "protocol": peer.service },
        "rule": { "name": format!("{}: {}", finding.kind.name(), finding.behaviour.title()), "ruleset": "undercurrent" },
        "threat": { "framework": "MITRE ATT&CK", "technique": { "id": finding.techniques } },
        "observer": { "product": "undercurrent", "type": "ids", "version": env!("CARGO_PKG_VERSION") },
        "undercurrent": { "change": change, "finding": finding },
    })
}

/// As Elastic Security numbers severities.
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::beacon;

    #[test]
    fn a_finding_has_the_fields_of_an_alert() {
        let document = alert(Timestamp::from_nanos(0), "new", &beacon());
        assert_eq!(document["@timestamp"], "1970-01-01T00:00:00.000Z");
        assert_eq!(document["event"]["kind"], "alert");
        assert_eq!(document["event"]["severity"], 73);
        assert_eq!(document["destination"]["domain"], "cdn.example.net");
        assert_eq!(document["undercurrent"]["finding"]["id"], beacon().id);
    }
}

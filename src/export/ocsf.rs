//! Findings in the Open Cybersecurity Schema Framework, as the class Detection Finding (<https://schema.ocsf.io/1.3.0/classes/detection_finding>).

use serde_json::{Value, json};

use crate::detect::{Finding, Severity};
use crate::time::Timestamp;

/// The version of the schema whose attributes are used.
const VERSION: &str = "1.3.0";
/// Findings.
const CATEGORY: u32 = 2;
/// Detection Finding.
const CLASS: u32 = 2004;

/// A finding as an OCSF event. `change` says why it is told, e.g. `new`.
pub fn detection_finding(at: Timestamp, change: &str, finding: &Finding) -> Value {
    let (activity, status) = match change {
        "new" => (1, 1),
        "update" => (2, 2),
        _ => (3, 4),
    };
    let peer = &finding.peer;
    let attacks: Vec<Value> =
        finding.techniques.iter().map(|id| json!({ "technique": { "uid": id }, "version": "16" })).collect();
    json!({
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity,
        "activity_id": activity,
        "status_id": status,
        "severity_id": severity(finding.severity),
        "time": at.as_millis(),
        "message": finding.evidence.first().map(|evidence| evidence.text.as_str()),
        "confidence_score": (finding.score * 100.0).round(),
        "metadata": {
            "version": VERSION,
            "product": { "name": "undercurrent", "vendor_name": "undercurrent", "version": env!("CARGO_PKG_VERSION") },
        },
        "finding_info": {
            "uid": finding.id,
            "title": format!("{}: {}", finding.kind.name(), finding.behaviour.title()),
            "types": [finding.behaviour.name()],
            "first_seen_time": finding.first_seen.as_millis(),
            "last_seen_time": finding.last_seen.as_millis(),
            "created_time": finding.detected_at.unwrap_or(at).as_millis(),
            "attacks": attacks,
        },
        "evidences": [{
            "src_endpoint": { "ip": finding.host.to_string() },
            "dst_endpoint": { "ip": peer.ip.map(|ip| ip.to_string()), "hostname": peer.name, "port": peer.port, "svc_name": peer.service },
        }],
        "unmapped": finding,
    })
}

const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::beacon;

    #[test]
    fn the_type_follows_from_class_and_activity() {
        for (change, type_uid, status) in [("new", 200_401, 1), ("update", 200_402, 2), ("end", 200_403, 4)] {
            let event = detection_finding(Timestamp::from_nanos(0), change, &beacon());
            assert_eq!(
                (event["type_uid"].as_u64(), event["status_id"].as_u64()),
                (Some(type_uid), Some(status))
            );
            assert_eq!(event["finding_info"]["uid"], beacon().id);
            assert_eq!(event["severity_id"], 4);
        }
    }
}

//! The forms in which findings are told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Event, Incident};
use crate::export::{ecs, eve, ocsf};

/// A form of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingFormat {
    /// Suricata's EVE JSON.
    #[default]
    Eve,
    /// Elastic Common Schema.
    Ecs,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
}

impl FindingFormat {
    /// An event in this form.
    pub fn render(self, event: &Event) -> Value {
        let Incident { kind, host, severity, behaviour, last_seen, .. } = event.incident;
        let change = event.change.name();
        match (self, &event.finding) {
            (Self::Eve, Some(finding)) if change != "end" => eve::alert(event.at, change, finding),
            (Self::Eve, _) => eve::ended(event.at, &event.id, (kind, host), (behaviour, severity), last_seen),
            (Self::Ecs, Some(finding)) => ecs::alert(event.at, change, finding),
            (Self::Ocsf, Some(finding)) => ocsf::detection_finding(event.at, change, finding),
            // The end of an incident of an earlier run: no more is known of it.
            (Self::Ecs, None) => json!({
                "@timestamp": event.at.to_rfc3339(),
                "event": { "kind": "alert", "module": "undercurrent", "id": event.id, "type": ["end"], "action": behaviour },
                "source": { "ip": host.to_string() },
                "undercurrent": { "change": change },
            }),
            (Self::Ocsf, None) => json!({
                "category_uid": 2, "class_uid": 2004, "activity_id": 3, "type_uid": 200_403, "status_id": 4, "severity_id": 1,
                "time": event.at.as_millis(),
                "metadata": { "version": "1.3.0", "product": { "name": "undercurrent", "vendor_name": "undercurrent" } },
                "finding_info": { "uid": event.id, "title": format!("{}: {}", kind.name(), behaviour.title()) },
            }),
        }
    }
}

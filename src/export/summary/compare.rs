//! Two summaries of what should be the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde_json::Value;

use super::{FindingSummary, InputSummary, ModelSummary, Summary};
use crate::export::text::printable;

/// Counters that depend on the inputs and the settings alone.
const COUNTERS: [&str; 11] = [
    "packets",
    "bytes",
    "first_packet",
    "last_packet",
    "flows",
    "hosts",
    "channels",
    "findings",
    "decode_errors",
    "skipped",
    "truncated_inputs",
];

/// What two runs differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What is not the same and does not have to be: version, system.
    pub notes: Vec<String>,
    /// What should be the same and is not, a line each: inputs, models, settings, counters, findings, files.
    pub differences: Vec<String>,
}

/// Compares a run with an earlier one that it repeats.
pub fn compare(earlier: &Summary, now: &Summary) -> Comparison {
    let mut all = Comparison::default();
    for (what, was, is) in
        [("version", &earlier.version, &now.version), ("system", &earlier.run.system, &now.run.system)]
    {
        if was != is {
            all.notes.push(changed(what, was, is));
        }
    }
    all.inputs(earlier, now);
    all.models(earlier, now);
    all.values("configuration", &earlier.run.configuration, &now.run.configuration);
    let counters = [earlier, now].map(|summary| serde_json::to_value(summary).unwrap_or_default());
    let [was, is] =
        counters.each_ref().map(|summary| move |key: &str| summary.get(key).unwrap_or(&Value::Null));
    for key in COUNTERS {
        all.values(key, was(key), is(key));
    }
    all.findings(earlier, now);
    all.outputs(earlier, now);
    all
}

impl Comparison {
    fn differ(&mut self, what: impl Display, was: impl Display, is: impl Display) {
        self.differences.push(changed(what, was, is));
    }

    /// Inputs in their order.
    fn inputs(&mut self, earlier: &Summary, now: &Summary) {
        if earlier.inputs.len() != now.inputs.len() {
            self.differ("inputs", earlier.inputs.len(), now.inputs.len());
        }
        for (was, is) in earlier.inputs.iter().zip(&now.inputs) {
            let what = format!("input {}", printable(&was.path));
            if was.sha256 != is.sha256 {
                self.differ(&what, content(was), content(is));
            }
            if was.packets != is.packets {
                self.differ(format_args!("{what}, packets"), was.packets, is.packets);
            }
        }
    }

    fn models(&mut self, earlier: &Summary, now: &Summary) {
        for (was, is) in earlier.models.iter().zip(&now.models) {
            if was.sha256 != is.sha256 {
                self.differ(format_args!("model {}", was.name), artifact(was), artifact(is));
            }
        }
    }

    /// Two values, key by key where they are objects.
    fn values(&mut self, what: &str, was: &Value, is: &Value) {
        if was == is {
            return;
        }
        let (Value::Object(was), Value::Object(is)) = (was, is) else {
            self.differ(what, shown(was), shown(is));
            return;
        };
        let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for key in keys {
            let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            self.values(&format!("{what}.{key}"), &of(was), &of(is));
        }
    }

    /// Findings by their ids, in the order in which they were made.
    fn findings(&mut self, earlier: &Summary, now: &Summary) {
        if earlier.findings_sha256 == now.findings_sha256 {
            return;
        }
        let before = self.differences.len();
        let now_by_id: BTreeMap<&str, &FindingSummary> = by_id(&now.finding_list);
        let earlier_by_id: BTreeMap<&str, &FindingSummary> = by_id(&earlier.finding_list);
        for was in &earlier.finding_list {
            match now_by_id.get(was.id.as_str()) {
                None => self.differences.push(format!("finding removed: {}", in_words(was))),
                Some(is) if is.sha256 != was.sha256 => self.finding(was, is),
                Some(_) => {}
            }
        }
        for is in now.finding_list.iter().filter(|is| !earlier_by_id.contains_key(is.id.as_str())) {
            self.differences.push(format!("finding added: {}", in_words(is)));
        }
        if self.differences.len() == before {
            self.differences.push("findings: the same ones in another order".to_owned());
        }
    }

    fn finding(&mut self, was: &FindingSummary, is: &FindingSummary) {
        let fields = [
            ("severity", was.severity.clone(), is.severity.clone()),
            ("behaviour", was.behaviour.clone(), is.behaviour.clone()),
            ("peer", was.peer.clone(), is.peer.clone()),
            ("score", was.score.to_string(), is.score.to_string()),
        ];
        let differing = fields.iter().filter(|(_, was, is)| was != is);
        let told: Vec<String> = differing.map(|(what, was, is)| changed(what, was, is)).collect();
        let told = if told.is_empty() { "its evidence or counters".to_owned() } else { told.join("; ") };
        self.differences.push(format!("finding changed: {}: {told}", in_words(was)));
    }

    fn outputs(&mut self, earlier: &Summary, now: &Summary) {
        for was in &earlier.outputs {
            let Some(is) = now.outputs.iter().find(|is| is.flag == was.flag) else { continue };
            if was.sha256 != is.sha256 && was.sha256.is_some() {
                let what = format!("{} {}, SHA-256", was.flag, printable(&was.path));
                self.differ(what, hash(was.sha256.as_ref()), hash(is.sha256.as_ref()));
            }
        }
    }
}

fn changed(what: impl Display, was: impl Display, is: impl Display) -> String {
    format!("{what}: {was}, now {is}")
}

fn content(input: &InputSummary) -> String {
    let size = input.size_bytes.map_or_else(|| "size unknown".to_owned(), |bytes| format!("{bytes} bytes"));
    format!("{size}, SHA-256 {}", hash(input.sha256.as_ref()))
}

fn artifact(model: &ModelSummary) -> String {
    format!("version {}, SHA-256 {}", printable(&model.version), model.sha256)
}

/// A value that is not there in words: a counter at 0 is left out.
fn shown(value: &Value) -> String {
    if value.is_null() { "nothing".to_owned() } else { value.to_string() }
}

fn hash(sha256: Option<&String>) -> &str {
    sha256.map_or("unknown", String::as_str)
}

fn by_id(findings: &[FindingSummary]) -> BTreeMap<&str, &FindingSummary> {
    findings.iter().map(|finding| (finding.id.as_str(), finding)).collect()
}

fn in_words(finding: &FindingSummary) -> String {
    let FindingSummary { id, host, peer, behaviour, severity, .. } = finding;
    printable(&format!("{id} ({severity}, {behaviour}, {host} to {peer})")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::summary::OutputSummary;

    fn finding(id: &str, score: f64, sha256: &str) -> FindingSummary {
        let text = |text: &str| text.to_owned();
        FindingSummary {
            id: text(id),
            host: text("10.0.0.1"),
            peer: text("cdn.example.net"),
            behaviour: text("beacon"),
            severity: text("high"),
            score,
            sha256: text(sha256),
        }
    }

    fn summary() -> Summary {
        Summary {
            version: "1.0.0".into(),
            inputs: vec![InputSummary {
                path: "a.pcap".into(),
                packets: 10,
                size_bytes: Some(900),
                sha256: Some("aa".into()),
            }],
            packets: 10,
            findings_sha256: "f".into(),
            finding_list: vec![finding("c2-1", 0.9, "1"), finding("c2-2", 0.8, "2")],
            models: vec![ModelSummary {
                name: "c2".into(),
                version: "1".into(),
                sha256: "cc".into(),
                ..ModelSummary::default()
            }],
            outputs: vec![OutputSummary {
                flag: "--hosts".into(),
                path: "hosts.csv".into(),
                sha256: Some("dd".into()),
            }],
            ..Summary::default()
        }
    }

    #[test]
    fn says_what_differs() {
        fn check(change: impl FnOnce(&mut Summary), expected: &[&str]) {
            let mut now = summary();
            change(&mut now);
            assert_eq!(compare(&summary(), &now).differences, expected);
        }
        check(|_| (), &[]);
        check(|now| now.elapsed_s = 9.0, &[]);
        check(|now| now.packets = 11, &["packets: 10, now 11"]);
        check(
            |now| now.skipped = BTreeMap::from([("filter".into(), 3)]),
            &["skipped.filter: nothing, now 3"],
        );
        check(
            |now| {
                now.inputs[0] = InputSummary {
                    sha256: Some("bb".into()),
                    size_bytes: Some(901),
                    ..now.inputs[0].clone()
                };
            },
            &["input a.pcap: 900 bytes, SHA-256 aa, now 901 bytes, SHA-256 bb"],
        );
        check(|now| now.inputs.clear(), &["inputs: 1, now 0"]);
        check(
            |now| now.models[0].sha256 = "ee".into(),
            &["model c2: version 1, SHA-256 cc, now version 1, SHA-256 ee"],
        );
        check(|now| now.outputs[0].sha256 = Some("ee".into()), &["--hosts hosts.csv, SHA-256: dd, now ee"]);
        check(
            |now| now.run.configuration = serde_json::json!({"flow": {"max_flows": 3}}),
            &["configuration: nothing, now {\"flow\":{\"max_flows\":3}}"],
        );
    }

    #[test]
    fn says_which_findings_differ() {
        fn check(findings: Vec<FindingSummary>, expected: &[&str]) {
            let now = Summary { findings_sha256: "g".into(), finding_list: findings, ..summary() };
            assert_eq!(compare(&summary(), &now).differences, expected);
        }
        let [one, two] = [finding("c2-1", 0.9, "1"), finding("c2-2", 0.8, "2")];
        check(
            vec![one.clone(), finding("c2-3", 0.7, "3")],
            &[
                "finding removed: c2-2 (high, beacon, 10.0.0.1 to cdn.example.net)",
                "finding added: c2-3 (high, beacon, 10.0.0.1 to cdn.example.net)",
            ],
        );
        check(
            vec![finding("c2-1", 0.95, "x"), two.clone()],
            &["finding changed: c2-1 (high, beacon, 10.0.0.1 to cdn.example.net): score: 0.9, now 0.95"],
        );
        check(
            vec![finding("c2-1", 0.9, "x"), two.clone()],
            &["finding changed: c2-1 (high, beacon, 10.0.0.1 to cdn.example.net): its evidence or counters"],
        );
        check(vec![two, one], &["findings: the same ones in another order"]);
    }

    #[test]
    fn another_version_or_system_is_no_difference_by_itself() {
        let mut now = Summary { version: "1.1.0".into(), ..summary() };
        now.run.system = "linux-aarch64".into();
        let comparison = compare(&summary(), &now);
        assert_eq!(comparison.differences, [""; 0]);
        assert_eq!(comparison.notes, ["version: 1.0.0, now 1.1.0", "system: , now linux-aarch64"]);
    }
}

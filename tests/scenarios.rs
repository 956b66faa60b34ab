//! The recorded scenarios: what their labels name is found, and what is benign is left in peace.
#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// One line of a `labels.csv`.
#[derive(Debug)]
struct Label {
    host: String,
    /// `ip:port`, `ip` or a domain.
    peer: String,
    kind: String,
    behaviour: String,
}

/// A folder of `captures/`.
struct Scenario {
    name: String,
    folder: PathBuf,
    labels: Vec<Label>,
}

fn scenarios() -> Vec<Scenario> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut scenarios: Vec<Scenario> = fs::read_dir(captures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("labels.csv").exists())
        .map(|folder| Scenario {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            labels: labels(&folder.join("labels.csv")),
            folder,
        })
        .collect();
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    scenarios
}

fn labels(path: &Path) -> Vec<Label> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows = reader.records().map(|row| row.unwrap());
    rows.map(|row| {
        let column = |index| row.get(index).unwrap().to_owned();
        Label { host: column(0), peer: column(1), kind: column(2), behaviour: column(3) }
    })
    .collect()
}

/// The findings of a scenario, the highest score first.
fn findings(scenario: &Scenario) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_undercurrent"))
        .args(["replay", "--quiet", "--format", "jsonl"])
        .arg(scenario.folder.join("capture.pcap.zst"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The peer of a finding in the ways in which a label may name it.
fn peer_names(finding: &Value) -> Vec<String> {
    let peer = &finding["peer"];
    let ip = peer["ip"].as_str().unwrap_or_default();
    let bracketed = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let name = peer["name"].as_str().unwrap_or_default();
    vec![format!("{bracketed}:{}", peer["port"]), ip.to_owned(), name.to_owned()]
}

fn names_incident(finding: &Value, label: &Label) -> bool {
    finding["host"] == *label.host
        && finding["kind"] == *label.kind
        && finding["behaviour"] == *label.behaviour
        && peer_names(finding).contains(&label.peer)
}

/// Fails with all complaints at once.
fn check(complain: impl Fn(&Scenario) -> Vec<String>) {
    let complaints: Vec<String> = scenarios()
        .iter()
        .flat_map(|scenario| complain(scenario).into_iter().map(|c| format!("{}: {c}", scenario.name)))
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_labelled_incident_is_found() {
    assert!(scenarios().iter().filter(|scenario| !scenario.labels.is_empty()).count() >= 10);
    check(|scenario| {
        let findings = findings(scenario);
        let missed = scenario.labels.iter().filter(|l| !findings.iter().any(|f| names_incident(f, l)));
        missed.map(|label| format!("not found: {label:?}")).collect()
    });
}

#[test]
fn nothing_benign_is_high_or_critical() {
    check(|scenario| {
        let grave = |finding: &Value| matches!(finding["severity"].as_str(), Some("high" | "critical"));
        let of_label = |finding: &Value| {
            let at_peer = |l: &Label| finding["host"] == *l.host && peer_names(finding).contains(&l.peer);
            scenario.labels.iter().any(at_peer)
        };
        let false_alarms = findings(scenario).into_iter().filter(|f| grave(f) && !of_label(f));
        false_alarms.map(|finding| format!("benign, but {finding}")).collect()
    });
}

/// What `make demo` shows first is the incident.
#[test]
fn the_first_finding_of_the_demo_is_the_incident() {
    let demo = scenarios().into_iter().find(|scenario| scenario.name == "office_day_incident").unwrap();
    let findings = findings(&demo);
    let (first, label) = (findings.first().unwrap(), demo.labels.first().unwrap());
    assert!(names_incident(first, label), "{first}");
}

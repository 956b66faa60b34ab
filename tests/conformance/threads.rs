//! The same capture gives the same bytes whatever the number of threads, and when it is read again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::replay::command;

const OUTPUTS: [(&str, &str); 4] = [
    ("--flows", "flows.csv"),
    ("--hosts", "hosts.jsonl"),
    ("--channels", "channels.csv"),
    ("--report", "report.html"),
];

/// Every output of a run, by name.
fn outputs(capture: &Path, threads: &str) -> BTreeMap<&'static str, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command();
    command.args(["--threads", threads]).arg(capture);
    for (flag, name) in OUTPUTS {
        command.arg(flag).arg(dir.path().join(name));
    }
    let findings = command.output().unwrap();
    assert_eq!(findings.status.code(), Some(0), "{}", String::from_utf8_lossy(&findings.stderr));
    OUTPUTS
        .iter()
        .map(|(_, name)| (*name, std::fs::read(dir.path().join(name)).unwrap()))
        .chain([("findings", findings.stdout)])
        .collect()
}

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path().join("capture.pcap.zst"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found
}

#[test]
fn threads_change_no_byte() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 10, "{scenarios:?}");
    for capture in scenarios {
        let alone = outputs(&capture, "1");
        assert!(alone["flows.csv"].len() > 1_000, "{}", capture.display());
        for threads in ["1", "2", "3"] {
            for (name, bytes) in outputs(&capture, threads) {
                assert!(bytes == alone[name], "{} with {threads} threads: {name}", capture.display());
            }
        }
    }
}

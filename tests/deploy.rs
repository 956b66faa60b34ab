//! What is in `deploy/` fits the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The worst exposure that the unit may have, in tenths.
const EXPOSURE_MAX: u32 = 20;

/// Files that start the program.
const STARTS: [&str; 4] = [
    "deploy/systemd/undercurrent.service",
    "deploy/debian/default",
    "deploy/container/compose.yaml",
    "deploy/kubernetes/daemonset.yaml",
];

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

#[test]
fn the_unit_is_hardened() {
    let analysis = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", &format!("--threshold={EXPOSURE_MAX}")])
        .arg(path("deploy/systemd/undercurrent.service"))
        .output();
    let Ok(analysis) = analysis else {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    };
    let report = String::from_utf8_lossy(&analysis.stdout);
    assert!(analysis.status.success(), "{report}{}", String::from_utf8_lossy(&analysis.stderr));
    assert!(report.contains("Overall exposure level"), "{report}");
}

/// The long flags in a text, comments left out.
fn flags(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(|line| line.split([' ', '"', '\'', ',', '[', ']', '=']));
    words.filter(|word| word.starts_with("--") && !word.starts_with("---"))
}

#[test]
fn the_program_has_the_flags_that_it_is_started_with() {
    let help =
        assert_cmd::Command::cargo_bin("undercurrent").unwrap().args(["watch", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for file in STARTS {
        let text = fs::read_to_string(path(file)).unwrap();
        // In the compose file, the commands of the other programs follow.
        let own = text.split("\n  prometheus:\n").next().unwrap();
        assert!(flags(own).count() > 0, "{file}");
        for flag in flags(own) {
            assert!(help.contains(&format!("{flag} ")), "{file}: {flag}");
        }
    }
}

#[test]
fn capabilities_are_no_more_than_the_one_that_captures() {
    for (file, needed) in [
        ("deploy/systemd/undercurrent.service", "CapabilityBoundingSet=CAP_NET_RAW\n"),
        ("deploy/container/compose.yaml", "cap_drop: [ALL]\n    cap_add: [NET_RAW]\n"),
        ("deploy/kubernetes/daemonset.yaml", "drop: [ALL]\n              add: [NET_RAW]\n"),
    ] {
        assert!(fs::read_to_string(path(file)).unwrap().contains(needed), "{file}");
    }
}

#[test]
fn files_that_are_mounted_or_packed_are_there() {
    let compose = fs::read_to_string(path("deploy/container/compose.yaml")).unwrap();
    let mounted = compose.lines().filter_map(|line| line.trim().strip_prefix("- .")).map(|rest| {
        let host = rest.split(':').next().unwrap();
        format!("deploy/container/.{host}")
    });
    let manifest = fs::read_to_string(path("Cargo.toml")).unwrap();
    let packed = manifest.lines().filter_map(|line| line.trim().strip_prefix("[\"")).filter_map(|line| {
        let file = line.split('"').next().unwrap();
        // The rest is made when the package is.
        (!file.starts_with("target/") && !file.contains('*')).then(|| file.to_owned())
    });
    let all: Vec<String> = mounted.chain(packed).collect();
    assert!(all.len() > 5, "{all:?}");
    for file in all {
        assert!(path(&file).exists(), "{file}");
    }
}

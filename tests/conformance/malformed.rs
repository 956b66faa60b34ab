//! A collection of malformed and adversarial captures beside the checkout, where there is one: reproducers of faults in other
//! programs, every block type of pcapng, crafted lies. `UNDERCURRENT_DATA` names the directory that it was unpacked to.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::replay::replay;

/// Most memory for all files in one run, bytes.
const MAX_RSS_BYTES: u64 = 300 << 20;

/// The captures and whether Wireshark opens each; nothing, said on standard error, where there is no collection.
fn captures() -> Option<Vec<(PathBuf, bool)>> {
    let Some(root) = root() else {
        eprintln!("skipped: no collection of malformed captures beside the checkout");
        return None;
    };
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).unwrap();
    let mut rows = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let [file, opens] =
        ["file", "opens"].map(|name| header.iter().position(|column| *column == name).unwrap());
    let malformed = rows.filter(|row| row[file].contains("/D_malformed/"));
    Some(malformed.map(|row| (root.join(row[file]), row[opens] == "ok")).collect())
}

fn root() -> Option<PathBuf> {
    if let Some(root) = std::env::var_os("UNDERCURRENT_DATA") {
        return Some(root.into());
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = checkout.join("../shared/data/unpack.sh");
    let to = checkout.join("target/shared-data");
    let unpacked =
        script.exists() && Command::new(script).arg(&to).status().is_ok_and(|status| status.success());
    unpacked.then_some(to)
}

#[test]
fn every_file_ends_as_promised() {
    for (path, opens_elsewhere) in captures().unwrap_or_default() {
        let outcome = replay(&[&path]);
        let name = path.display();
        match outcome.code {
            Some(0) => {
                let warned = outcome.stderr.contains(": byte ");
                let cut = outcome.number("/truncated_inputs") > 0;
                assert!(!cut || warned, "{name}: cut, and no warning: {}", outcome.stderr);
            }
            Some(1) => {
                assert!(!opens_elsewhere, "{name}: {}", outcome.stderr);
                let said = outcome.stderr.contains(&format!("{name}: byte "));
                assert!(said && outcome.stderr.lines().count() == 1, "{name}: {}", outcome.stderr);
            }
            code => panic!("{name}: ended with {code:?}: {}", outcome.stderr),
        }
    }
}

#[test]
fn all_files_in_one_run_are_read_in_bounded_memory() {
    let Some(captures) = captures() else { return };
    let paths: Vec<&Path> = captures.iter().map(|(path, _)| path.as_path()).collect();
    let outcome = replay(&paths);
    let unreadable = outcome.number("/skipped/unreadable_input");
    assert!(unreadable > 0 && outcome.number("/packets") > 100_000, "{}", outcome.stderr);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.number("/peak_rss_bytes") < MAX_RSS_BYTES, "{}", outcome.summary);
}

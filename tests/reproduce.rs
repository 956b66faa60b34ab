//! `reproduce`: a run is made again from its summary, elsewhere, and what differs is told.
#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A small capture with findings.
const TUNNEL: &str = "captures/iodine_tunnel/capture.pcap.zst";
const SHELL: &str = "captures/reverse_shell/capture.pcap.zst";

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run_in(folder: &Path, args: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_undercurrent"))
        .current_dir(folder)
        .env("UNDERCURRENT_DETECT__ALERTS_A_DAY", "2.5")
        .args(args)
        .output()
        .unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn capture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder with a capture and the summary of its replay.
fn replayed(extra: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(capture(TUNNEL), dir.path().join("tunnel.pcap.zst")).unwrap();
    let args = [&["replay", "--quiet", "--summary", "run.json", "tunnel.pcap.zst"], extra].concat();
    let outcome = run_in(dir.path(), &args);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{args:?}");
    dir
}

/// Changes the summary by hand.
fn edit(dir: &TempDir, change: impl FnOnce(&mut Value)) {
    let path = dir.path().join("run.json");
    let mut summary: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut summary);
    fs::write(&path, summary.to_string()).unwrap();
}

#[test]
fn a_run_with_every_setting_is_repeated_elsewhere_byte_for_byte() {
    let then = tempfile::tempdir().unwrap();
    let at = |name: &str| then.path().join(name);
    fs::create_dir(at("inputs")).unwrap();
    fs::copy(capture(TUNNEL), at("inputs/tunnel.pcap.zst")).unwrap();
    fs::copy(capture(SHELL), at("inputs/shell.pcap.zst")).unwrap();
    fs::write(at("known.allow"), "198.51.100.250  # ours\n").unwrap();
    fs::write(at("uc.toml"), "local = [\"10.0.0.0/8\"]\n[webhook]\nurl = \"https://hook.example/secret\"\n")
        .unwrap();
    let args = "replay --quiet --config uc.toml --local 10.0.0.0/8 --local 172.16.0.0/12 --local 192.168.0.0/16 --seed 7 \
        --filter ip --allowlist known.allow --score-every 60 --format jsonl --hosts hosts.csv --channels channels.parquet \
        --flows flows.jsonl --rita rita.csv --report report.html --metrics metrics.prom --metrics-history history.om --summary run.json inputs";
    let first = run_in(then.path(), &args.split_whitespace().collect::<Vec<_>>());
    assert_eq!((first.code, first.stderr.as_str()), (0, ""));
    assert!(!first.stdout.is_empty());
    let summary = fs::read_to_string(at("run.json")).unwrap();
    assert!(
        !summary.contains("secret"),
        "what a replay does not need may be secret, and is not in its summary"
    );

    // Elsewhere: other folders, other names, another number of threads, another environment.
    let now = tempfile::tempdir().unwrap();
    fs::create_dir(now.path().join("data")).unwrap();
    fs::rename(at("inputs/tunnel.pcap.zst"), now.path().join("data/1")).unwrap();
    fs::rename(at("inputs/shell.pcap.zst"), now.path().join("data/2")).unwrap();
    fs::copy(at("run.json"), now.path().join("earlier.json")).unwrap();
    let args = ["reproduce", "--threads", "3", "--inputs", "data", "--output", "again", "earlier.json"];
    let again = run_in(now.path(), &args);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{}", again.stdout);
    let findings = first.stdout.lines().count();
    let says = format!(
        "earlier.json: reproduced: {findings} findings of 2 inputs and 7 files are byte for byte the same\n"
    );
    assert_eq!(again.stdout, says);
    for (was, is) in
        [("hosts.csv", "hosts.csv"), ("report.html", "report.html"), ("history.om", "metrics-history.om")]
    {
        assert!(fs::read(at(was)).unwrap() == fs::read(now.path().join("again").join(is)).unwrap(), "{was}");
    }
    let quiet = run_in(now.path(), &["reproduce", "--quiet", "--inputs", "data", "earlier.json"]);
    assert_eq!((quiet.code, quiet.stdout.as_str()), (0, ""));
}

#[test]
fn models_are_found_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let benign = ["benign_browsing", "vendor_beacons_benign"]
        .map(|name| capture(&format!("captures/{name}/capture.pcap.zst")));
    let [browsing, vendor] = benign.each_ref().map(|path| path.to_str().unwrap());
    let trained =
        run_in(dir.path(), &["train", "--quiet", "--trees", "20", "--output", "own", browsing, vendor]);
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    let tunnel = capture(TUNNEL);
    let args = ["replay", "--quiet", "--models", "own", "--summary", "run.json", tunnel.to_str().unwrap()];
    assert_eq!(run_in(dir.path(), &args).code, 0);
    let same = run_in(dir.path(), &["reproduce", "run.json"]);
    assert_eq!(same.code, 0, "they are where they were: {}{}", same.stdout, same.stderr);
    fs::rename(dir.path().join("own"), dir.path().join("moved")).unwrap();
    let moved = run_in(dir.path(), &["reproduce", "--models", "moved", "run.json"]);
    assert_eq!(moved.code, 0, "{}{}", moved.stdout, moved.stderr);
    let shipped = run_in(dir.path(), &["reproduce", "run.json"]);
    assert_eq!(shipped.code, 1);
    for says in ["model c2: version 1, SHA-256 ", "model exfil: ", "not reproduced: "] {
        assert!(shipped.stdout.contains(says), "{}", shipped.stdout);
    }
}

#[test]
fn what_differs_is_told() {
    fn check(change: impl FnOnce(&mut Value), says: &[&str]) {
        let dir = replayed(&["--hosts", "hosts.csv"]);
        edit(&dir, change);
        let outcome = run_in(dir.path(), &["reproduce", "run.json"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (1, ""), "{says:?}: {}", outcome.stdout);
        for line in says {
            assert!(outcome.stdout.contains(line), "{}", outcome.stdout);
        }
    }
    check(
        |run| run["packets"] = json!(1),
        &["packets: 1, now 2711\n", "run.json: not reproduced: 1 difference\n"],
    );
    check(
        |run| run["run"]["filter"] = json!("not port 53"),
        &["skipped.filter: nothing, now ", "finding removed: "],
    );
    check(|run| run["outputs"][0]["sha256"] = json!("00"), &["--hosts hosts.csv, SHA-256: 00, now "]);
    check(
        |run| {
            run["findings_sha256"] = json!("00");
            run["finding_list"][0]["sha256"] = json!("00");
            run["finding_list"][0]["score"] = json!(0.5);
        },
        &["finding changed: ", "score: 0.5, now 0."],
    );
    check(
        |run| {
            run["findings_sha256"] = json!("00");
            run["finding_list"].as_array_mut().unwrap().remove(0);
        },
        &["finding added: "],
    );
}

#[test]
fn another_version_alone_is_a_note() {
    let dir = replayed(&[]);
    edit(&dir, |run| run["version"] = json!("0.0.1"));
    let outcome = run_in(dir.path(), &["reproduce", "run.json"]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.stdout.starts_with("note: version: 0.0.1, now "), "{}", outcome.stdout);
}

#[test]
fn another_input_under_the_same_name_is_told() {
    let dir = replayed(&[]);
    fs::copy(capture(SHELL), dir.path().join("tunnel.pcap.zst")).unwrap();
    let outcome = run_in(dir.path(), &["reproduce", "run.json"]);
    assert_eq!(outcome.code, 1);
    for says in ["input tunnel.pcap.zst: ", " bytes, SHA-256 ", "finding removed: ", "finding added: "] {
        assert!(outcome.stdout.contains(says), "{says}: {}", outcome.stdout);
    }
}

#[test]
fn what_cannot_be_repeated_says_why() {
    let dir = replayed(&[]);
    fs::write(dir.path().join("notes.json"), "hello").unwrap();
    fs::write(dir.path().join("old.json"), "{\"version\": \"0.1.0\", \"packets\": 3}").unwrap();
    let check = |args: &str, code: i32, says: &str| {
        let args: Vec<&str> = args.split_whitespace().collect();
        let outcome = run_in(dir.path(), &args);
        assert_eq!(outcome.code, code, "{args:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(says), "{args:?} says {:?}, not {says:?}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{args:?}");
    };
    check("reproduce none.json", 1, "cannot read the summary none.json: No such file");
    check("reproduce notes.json", 1, "notes.json is no summary of a replay");
    check("reproduce old.json", 1, "old.json does not say how the run was made");
    check("reproduce", 2, "<SUMMARY>");
    check("reproduce --inputs nowhere run.json", 1, "nowhere: no such file or folder");
    fs::rename(dir.path().join("tunnel.pcap.zst"), dir.path().join("elsewhere")).unwrap();
    check("reproduce run.json", 1, "cannot find the input tunnel.pcap.zst (SHA-256 ");
    edit(&dir, |run| run["run"]["configuration"]["flow"]["max_flow"] = json!(3));
    check(
        "reproduce --inputs elsewhere run.json",
        2,
        "run.json: the configuration in it does not fit this version: unknown field `max_flow`",
    );
    edit(&dir, |run| run["inputs"][0]["sha256"] = Value::Null);
    edit(&dir, |run| run["run"]["configuration"]["flow"] = json!({}));
    check("reproduce run.json", 1, "tunnel.pcap.zst was no file and cannot be read again");
}

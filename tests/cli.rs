//! The program as its users call it: exit codes, messages, and outputs that do not depend on how an input comes in.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails here has found something"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A small capture with a DNS tunnel.
const TUNNEL: &str = "iodine_tunnel";

/// What a run gave.
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn findings(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn capture(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(scenario).join("capture.pcap.zst")
}

/// The scenario as plain pcap.
fn plain(scenario: &str) -> Vec<u8> {
    zstd::decode_all(fs::File::open(capture(scenario)).unwrap()).unwrap()
}

fn run_in(folder: &Path, args: &[&str], stdin: &[u8]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_undercurrent"))
        .current_dir(folder)
        .args(args)
        .write_stdin(stdin)
        .output()
        .unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(args: &[&str]) -> Outcome {
    run_in(Path::new("."), args, b"")
}

/// A folder with the tunnel as `tunnel.pcap` and inputs that are no captures.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(dir.path().join(name), content).unwrap();
    write("tunnel.pcap", &plain(TUNNEL));
    write("notes.txt", b"hello\n");
    write("empty.pcap", b"");
    write("wrong.toml", b"[flow]\nmax_flow = 3\n");
    write("typed.toml", b"[flow]\nmax_flows = \"many\"\n");
    write("wrong.allow", b"# fine\n\nnot an entry\n");
    fs::create_dir(dir.path().join("folder")).unwrap();
    fs::create_dir(dir.path().join("models")).unwrap();
    fs::write(dir.path().join("models/c2.ucmodel"), b"no model").unwrap();
    dir
}

#[test]
fn failures_have_their_exit_code_and_say_what_is_wrong() {
    let dir = folder();
    for (args, code, says) in [
        // 1: an input could not be read, or the run failed.
        ("replay none.pcap", 1, "none.pcap: cannot be opened: No such file"),
        ("replay folder", 1, "folder: holds no capture, log or export that is read here"),
        (
            "replay notes.txt",
            1,
            "notes.txt: byte 0: neither a log nor flows that are read here begin like this",
        ),
        ("replay empty.pcap", 1, "empty.pcap: byte 0: it is empty"),
        ("replay --models nowhere tunnel.pcap", 1, "nowhere/c2.ucmodel; `undercurrent train` writes models"),
        ("replay --models models tunnel.pcap", 1, "models/c2.ucmodel"),
        (
            "replay --summary folder tunnel.pcap",
            1,
            "cannot write folder (give the name of a file, not of a folder)",
        ),
        (
            "replay --report nowhere/report.html tunnel.pcap",
            1,
            "nowhere/report.html (create the folder first)",
        ),
        ("train --output out none.pcap", 1, "none.pcap"),
        // 2: wrong usage or configuration.
        ("", 2, "Usage: undercurrent"),
        ("replay", 2, "<INPUT>..."),
        ("replay --nonsense tunnel.pcap", 2, "--nonsense"),
        ("replay --format xml tunnel.pcap", 2, "jsonl"),
        ("replay --threads 0 tunnel.pcap", 2, "--threads"),
        ("replay --local 10.0.0.0/99 tunnel.pcap", 2, "not an address or a network such as 10.0.0.0/8"),
        ("replay --filter nonsense tunnel.pcap", 2, "nonsense"),
        ("replay --hosts hosts.xlsx tunnel.pcap", 2, ".csv, .jsonl or .parquet"),
        ("replay --hosts same.csv --flows same.csv tunnel.pcap", 2, "give each output a file of its own"),
        ("replay --summary tunnel.pcap tunnel.pcap", 2, "tunnel.pcap is an input as well"),
        ("replay --fail-on severe tunnel.pcap", 2, "critical"),
        ("replay --config none.toml tunnel.pcap", 2, "none.toml"),
        (
            "replay --config wrong.toml tunnel.pcap",
            2,
            "wrong.toml: line 2, column 1: unknown key `flow.max_flow`",
        ),
        ("replay --allowlist none.allow tunnel.pcap", 2, "none.allow"),
        ("replay --allowlist wrong.allow tunnel.pcap", 2, "wrong.allow, line 3"),
        ("check-config wrong.toml", 2, "did you mean `flow.max_flows`?"),
        ("check-config typed.toml", 2, "line 2"),
        ("completions tcsh", 2, "bash"),
    ] {
        let args: Vec<&str> = args.split_whitespace().collect();
        let outcome = run_in(dir.path(), &args, b"");
        assert_eq!(outcome.code, code, "{args:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(says), "{args:?} says {:?}, not {says:?}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
}

#[test]
fn what_can_be_read_is_scored_beside_an_input_that_cannot() {
    let dir = folder();
    let alone = run_in(dir.path(), &["replay", "--format", "jsonl", "tunnel.pcap"], b"");
    let outcome = run_in(dir.path(), &["replay", "--format", "jsonl", "none.pcap", "tunnel.pcap"], b"");
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("none.pcap: cannot be opened: No such file"), "{}", outcome.stderr);
    assert!(!outcome.findings().is_empty());
    assert_eq!(outcome.stdout, alone.stdout);
}

#[test]
fn fail_on_asks_for_a_severity_or_above() {
    let (tunnel, benign) = (capture(TUNNEL), capture("benign_browsing"));
    let code = |severity: &str, input: &Path| {
        run(&["replay", "--quiet", "--format", "jsonl", "--fail-on", severity, input.to_str().unwrap()]).code
    };
    let found = run(&["replay", "--quiet", "--format", "jsonl", tunnel.to_str().unwrap()]);
    assert_eq!(found.code, 0);
    let worst = found.findings()[0]["severity"].as_str().unwrap().to_owned();
    let severities = ["low", "medium", "high", "critical"];
    let worst = severities.iter().position(|s| *s == worst).unwrap();
    for (rank, severity) in severities.iter().enumerate() {
        assert_eq!(code(severity, &tunnel), if rank <= worst { 3 } else { 0 }, "{severity}");
    }
    assert_eq!(code("high", &benign), 0);
}

#[test]
fn formats_hold_the_same_findings_highest_score_first() {
    let path = capture("reverse_shell");
    let path = path.to_str().unwrap();
    let of = |format: &str| run(&["replay", "--format", format, path]);
    let lines = of("jsonl");
    let findings = lines.findings();
    assert!(!findings.is_empty());
    assert_eq!(serde_json::from_str::<Vec<Value>>(&of("json").stdout).unwrap(), findings);
    let scores: Vec<f64> = findings.iter().map(|f| f["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let table = of("table");
    for finding in &findings {
        assert!(table.stdout.contains(finding["host"].as_str().unwrap()), "{}", table.stdout);
    }
    assert_eq!(table.stderr, "", "no progress where standard error is no terminal");
}

#[test]
fn a_capture_is_the_same_however_it_comes_in() {
    let dir = folder();
    let bytes = plain(TUNNEL);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    fs::write(dir.path().join("tunnel.pcap.gz"), gzip.finish().unwrap()).unwrap();
    fs::copy(capture(TUNNEL), dir.path().join("tunnel.pcap.zst")).unwrap();
    for (name, part) in ["first.pcap", "second.pcap"].into_iter().zip(halves(&bytes)) {
        fs::write(dir.path().join(name), part).unwrap();
    }

    let replay = |inputs: &[&str], stdin: &[u8]| {
        let args = [&["replay", "--format", "jsonl", "--flows", "flows.csv", "--hosts", "hosts.csv"], inputs]
            .concat();
        let outcome = run_in(dir.path(), &args, stdin);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{inputs:?}");
        let read = |name| fs::read_to_string(dir.path().join(name)).unwrap();
        (outcome.stdout, read("flows.csv"), read("hosts.csv"))
    };
    let expected = replay(&["tunnel.pcap"], b"");
    assert!(!expected.0.is_empty());
    assert!(replay(&["tunnel.pcap.gz"], b"") == expected, "gzip");
    assert!(replay(&["tunnel.pcap.zst"], b"") == expected, "zstd");
    assert!(replay(&["-"], &bytes) == expected, "standard input");
    assert!(replay(&["first.pcap", "second.pcap"], b"") == expected, "two parts");
    assert!(replay(&["second.pcap", "first.pcap"], b"") == expected, "two parts, the later one named first");
}

/// Two captures that hold the halves of a classic little-endian pcap.
fn halves(pcap: &[u8]) -> [Vec<u8>; 2] {
    let (header, mut rest) = pcap.split_at(24);
    let mut records = Vec::new();
    while !rest.is_empty() {
        let captured = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, after) = rest.split_at(16 + captured);
        records.push(record);
        rest = after;
    }
    let (first, second) = records.split_at(records.len() / 2);
    [first, second].map(|part| [&[header], part].concat().concat())
}

#[test]
fn a_cut_capture_is_read_warned_of_and_counted() {
    let dir = folder();
    let bytes = plain(TUNNEL);
    fs::write(dir.path().join("cut.pcap"), &bytes[..bytes.len() - 5]).unwrap();
    let args = ["replay", "--format", "jsonl", "--summary", "summary.json", "cut.pcap"];
    let outcome = run_in(dir.path(), &args, b"");
    assert_eq!(outcome.code, 0);
    assert!(outcome.stderr.contains("undercurrent: cut.pcap: byte "), "{}", outcome.stderr);
    assert_eq!(outcome.findings()[0]["behaviour"], "dns_tunnel");
    let summary: Value = serde_json::from_slice(&fs::read(dir.path().join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["truncated_inputs"], 1);
    let quiet = run_in(dir.path(), &[&args[..], &["--quiet"]].concat(), b"");
    assert_eq!((quiet.code, quiet.stderr.as_str(), quiet.stdout), (0, "", outcome.stdout));
}

#[test]
fn a_capture_without_monitored_hosts_is_no_error_and_says_what_to_do() {
    let dir = folder();
    let args = ["replay", "--local", "203.0.113.0/24", "--format", "jsonl", "tunnel.pcap"];
    let outcome = run_in(dir.path(), &args, b"");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
    assert!(outcome.stderr.contains("no monitored host was seen"), "{}", outcome.stderr);
}

#[test]
fn the_summary_has_what_the_contract_names() {
    let dir = folder();
    run_in(dir.path(), &["replay", "--summary", "summary.json", "tunnel.pcap"], b"");
    let summary: BTreeMap<String, Value> =
        serde_json::from_slice(&fs::read(dir.path().join("summary.json")).unwrap()).unwrap();
    for key in [
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
        "elapsed_s",
        "packets_per_second",
        "peak_rss_bytes",
        "version",
        "models",
    ] {
        assert!(summary.contains_key(key), "{key}");
    }
    assert_eq!(summary["packets"], 2711);
    assert_eq!(summary["models"][0]["name"], "c2");
}

#[test]
fn outputs_are_byte_identical_whatever_the_threads() {
    let path = capture("staged_upload");
    let outputs = |threads: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut args = vec!["replay", "--format", "jsonl", "--threads", threads, path.to_str().unwrap()];
        args.extend(["--hosts", "hosts.csv", "--channels", "channels.csv", "--flows", "flows.csv"]);
        args.extend([
            "--rita",
            "rita.csv",
            "--report",
            "report.html",
            "--metrics",
            "metrics.prom",
            "--metrics-history",
            "history.om",
        ]);
        let outcome = run_in(dir.path(), &args, b"");
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        for (flag, ending) in [("--hosts", "jsonl"), ("--channels", "parquet"), ("--flows", "parquet")] {
            let file = format!("{}.{ending}", &flag[2..]);
            run_in(dir.path(), &["replay", "--threads", threads, flag, &file, path.to_str().unwrap()], b"");
        }
        let mut files: BTreeMap<String, Vec<u8>> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
            .collect();
        files.insert("standard output".into(), outcome.stdout.into_bytes());
        files
    };
    let one = outputs("1");
    assert_eq!(one.len(), 11, "{:?}", one.keys());
    assert!(one.values().all(|content| content.len() > 100));
    for threads in ["1", "2", "5"] {
        let others = outputs(threads);
        assert!(one.keys().eq(others.keys()), "{threads} threads: {:?}", others.keys());
        for (file, content) in &one {
            assert!(content == &others[file], "{file} differs with {threads} threads");
        }
    }
}

#[test]
fn what_is_allowed_is_no_finding_and_is_counted() {
    let dir = folder();
    let score_of_host = || {
        let hosts = fs::read_to_string(dir.path().join("hosts.jsonl")).unwrap();
        let rows = hosts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.filter_map(|row| row["c2_score"].as_f64()).fold(0.0, f64::max)
    };
    let found =
        run_in(dir.path(), &["replay", "--format", "jsonl", "--hosts", "hosts.jsonl", "tunnel.pcap"], b"");
    let score = score_of_host();
    let name = found.findings()[0]["peer"]["name"].as_str().unwrap().to_owned();
    let named = found.findings().iter().filter(|finding| finding["peer"]["name"] == *name).count();
    fs::write(dir.path().join("known.allow"), format!("*.{name}  # ours\n")).unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/uc.toml"), "[allowlist]\nfiles = [\"../known.allow\"]\n").unwrap();
    for allow in [["--allowlist", "known.allow"], ["--config", "etc/uc.toml"]] {
        let args = [
            &["replay", "--format", "jsonl", "--summary", "s.json", "--hosts", "hosts.jsonl", "tunnel.pcap"],
            &allow[..],
        ]
        .concat();
        let outcome = run_in(dir.path(), &args, b"");
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{allow:?}");
        assert!(!outcome.stdout.contains(&name), "{allow:?}");
        let summary: Value = serde_json::from_slice(&fs::read(dir.path().join("s.json")).unwrap()).unwrap();
        assert_eq!(outcome.findings().len() + named, found.findings().len(), "{allow:?}");
        assert_eq!(summary["skipped"]["allowlisted_findings"], named, "{allow:?}");
        assert!(score_of_host() < score, "{allow:?}");
    }
}

#[test]
fn the_printed_configuration_is_valid_and_changes_nothing() {
    let dir = folder();
    let printed = run(&["print-config"]);
    assert_eq!(printed.code, 0);
    fs::write(dir.path().join("printed.toml"), &printed.stdout).unwrap();
    let checked = run_in(dir.path(), &["check-config", "printed.toml"], b"");
    assert_eq!((checked.code, checked.stdout.as_str()), (0, "printed.toml: valid\n"));
    let plain = run_in(dir.path(), &["replay", "--format", "jsonl", "tunnel.pcap"], b"");
    let configured =
        run_in(dir.path(), &["replay", "--format", "jsonl", "--config", "printed.toml", "tunnel.pcap"], b"");
    assert_eq!(configured.stdout, plain.stdout);
}

#[test]
fn completions_and_the_man_page_know_every_verb() {
    let verbs =
        ["replay", "train", "evaluate", "simulate", "print-config", "check-config", "completions", "man"];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.code, 0);
        assert!(verbs.iter().all(|verb| script.stdout.contains(verb)), "{shell}");
    }
    let page = run(&["man"]).stdout;
    assert!(page.contains(".TH undercurrent 1"), "{page}");
    for verb in verbs {
        assert!(page.contains(&format!("UNDERCURRENT {}", verb.to_uppercase())), "{verb}");
    }
    for flag in ["channels", "fail\\-on", "cross\\-validate"] {
        assert!(page.contains(flag), "{flag}");
    }
}

//! `train`: what it writes can be used, and training goes on from it.
#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// What a run gave.
struct Outcome {
    code: i32,
    stderr: String,
}

fn capture(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(scenario).join("capture.pcap.zst")
}

fn run_in(folder: &Path, args: &[&str]) -> Outcome {
    let output =
        Command::new(env!("CARGO_BIN_EXE_undercurrent")).current_dir(folder).args(args).output().unwrap();
    Outcome { code: output.status.code().unwrap(), stderr: String::from_utf8(output.stderr).unwrap() }
}

#[test]
fn what_train_writes_replay_can_use() {
    let dir = tempfile::tempdir().unwrap();
    let (browsing, backup) = (capture("benign_browsing"), capture("vendor_beacons_benign"));
    let train = |output: &str, input: &[&Path]| {
        let inputs = input.iter().map(|path| path.to_str().unwrap());
        let args: Vec<&str> =
            ["train", "--quiet", "--trees", "20", "--output", output].into_iter().chain(inputs).collect();
        let outcome = run_in(dir.path(), &args);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        ["c2.ucmodel", "c2.json", "exfil.ucmodel", "exfil.json"]
            .map(|name| fs::read(dir.path().join(output).join(name)).unwrap())
    };
    let first = train("own", &[&browsing, &backup]);
    assert!(first == train("again", &[&browsing, &backup]), "training twice gives the same files");
    let manifest: Value = serde_json::from_slice(&first[1]).unwrap();
    assert_eq!((&manifest["name"], &manifest["trees"]), (&"c2".into(), &20.into()));
    let tunnel = capture("iodine_tunnel");
    let outcome = run_in(dir.path(), &["replay", "--quiet", "--models", "own", tunnel.to_str().unwrap()]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

#[test]
fn an_updated_model_is_that_of_one_training_on_all_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = ["benign_browsing", "vendor_beacons_benign", "benign_backup"].map(capture);
    let train = |update: bool, output: &str, inputs: &[PathBuf]| {
        let mut args = vec!["train", "--quiet", "--trees", "20", "--output", output];
        args.extend(update.then_some("--update"));
        args.extend(inputs.iter().map(|path| path.to_str().unwrap()));
        run_in(dir.path(), &args)
    };
    let files = |output: &str| {
        ["c2.ucmodel", "c2.json", "exfil.ucmodel", "exfil.json", "benign.ucrows"]
            .map(|name| fs::read(dir.path().join(output).join(name)).unwrap())
    };
    for (update, output, inputs) in
        [(false, "at_once", &inputs[..]), (false, "by_parts", &inputs[..2]), (true, "by_parts", &inputs[2..])]
    {
        let outcome = train(update, output, inputs);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    }
    assert!(files("at_once") == files("by_parts"));
    assert_eq!(train(true, "by_parts", &inputs[2..]).code, 0);
    assert!(files("at_once") == files("by_parts"), "a known input changes nothing");
    let nothing = train(true, "nowhere", &inputs[..1]);
    assert_eq!(nothing.code, 1);
    assert!(
        nothing.stderr.contains("nowhere/benign.ucrows, the benign rows that --update"),
        "{}",
        nothing.stderr
    );
    fs::write(dir.path().join("at_once/benign.ucrows"), "rows").unwrap();
    let other = train(true, "at_once", &inputs[..1]);
    assert!(other.code == 1 && other.stderr.contains("train anew"), "{}", other.stderr);
}

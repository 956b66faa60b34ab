//! `evaluate` over the recorded scenarios of the repository, against what `replay` says of each.

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::Output;

    use assert_cmd::Command;
    use serde_json::Value;

    fn run(args: &[&str]) -> Output {
        Command::cargo_bin("undercurrent").unwrap().args(args).output().unwrap()
    }

    fn scenarios() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
        let mut all: Vec<PathBuf> = root
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|p| p.join("labels.csv").exists())
            .collect();
        all.sort();
        all
    }

    fn captures() -> Vec<String> {
        scenarios().iter().map(|folder| folder.join("capture.pcap.zst").display().to_string()).collect()
    }

    fn evaluated(flags: &[&str]) -> Value {
        evaluate(&captures(), flags)
    }

    fn evaluate(captures: &[String], flags: &[&str]) -> Value {
        let mut args = vec!["evaluate", "--quiet", "--format", "json"];
        args.extend(flags);
        args.extend(captures.iter().map(String::as_str));
        let output = run(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Host, peer, kind and behaviour of each incident of a scenario, as its own file has them.
    fn labels(folder: &Path) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(folder.join("labels.csv")).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn every_label_is_reported_as_replay_finds_it() {
        let outcome = evaluated(&[]);
        let incidents = outcome["incidents"].as_array().unwrap();
        let mut expected = 0;
        for folder in scenarios() {
            let output = run(&[
                "replay",
                "--quiet",
                "--format",
                "jsonl",
                folder.join("capture.pcap.zst").to_str().unwrap(),
            ]);
            let findings: Vec<Value> = String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            for label in labels(&folder) {
                let [host, peer, kind, behaviour] = [0, 1, 2, 3].map(|at| label[at].as_str());
                let incident = incidents
                    .iter()
                    .find(|i| {
                        i["input"] == folder.file_name().unwrap().to_str().unwrap()
                            && i["behaviour"] == behaviour
                    })
                    .unwrap();
                let is_right = |finding: &&Value| {
                    let ip = finding["peer"]["ip"].as_str().unwrap_or_default();
                    let at = finding["peer"]["port"].as_u64().map(|port| format!("{ip}:{port}"));
                    let v6 = finding["peer"]["port"].as_u64().map(|port| format!("[{ip}]:{port}"));
                    let named = finding["peer"]["name"] == peer || ip == peer;
                    finding["host"] == host
                        && finding["kind"] == kind
                        && (named || at.as_deref() == Some(peer) || v6.as_deref() == Some(peer))
                };
                let by_replay = findings.iter().find(is_right);
                let by_evaluate = (incident["found"]["kind"] == kind).then(|| &incident["found"]["severity"]);
                assert_eq!(
                    by_evaluate,
                    by_replay.map(|finding| &finding["severity"]),
                    "{}",
                    folder.display()
                );
                assert_eq!((&incident["host"], &incident["peer"]), (&Value::from(host), &Value::from(peer)));
                expected += 1;
            }
        }
        assert_eq!(incidents.len(), expected);
        let overall: Vec<&Value> =
            outcome["groups"].as_array().unwrap().iter().filter(|row| row["group"] == "overall").collect();
        assert_eq!(overall.len(), 7, "the detector, its forest and five simpler rules");
        assert!(overall.iter().all(|row| row["incidents"] == expected));
    }

    #[test]
    fn one_file_of_labels_gives_the_same_and_threads_change_nothing() {
        let by_folder = evaluated(&[]);
        assert_eq!(by_folder, evaluated(&["--threads", "2"]));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut text = String::from("input,host,peer,kind,behaviour,start,end,local\n");
        for folder in scenarios() {
            let input = format!("{}/capture.pcap.zst", folder.file_name().unwrap().to_str().unwrap());
            for label in labels(&folder) {
                writeln!(text, "{input},{},", label.join(",")).unwrap();
            }
        }
        file.write_all(text.as_bytes()).unwrap();
        assert_eq!(by_folder, evaluated(&["--labels", file.path().to_str().unwrap()]));
    }

    /// A simulated working morning in a folder of its own, with its labels beside it.
    fn simulated_morning(folder: &Path, seed: usize, flags: &[&str]) -> String {
        let capture = folder.join(format!("morning{seed}/capture.pcap.zst"));
        std::fs::create_dir_all(capture.parent().unwrap()).unwrap();
        let (capture, seed) = (capture.display().to_string(), seed.to_string());
        let mut args = vec!["simulate", "--quiet", "--hosts", "11", "--length", "3h"];
        args.extend(["--start", "2026-03-02T09:00:00Z", "--seed", &seed, "--output", &capture]);
        args.extend(flags);
        let output = run(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        capture
    }

    #[test]
    fn cross_validation_scores_by_models_of_other_captures() {
        let folder = tempfile::tempdir().unwrap();
        let beacon = ["--behaviour", "beacon", "--interval", "60s", "--speech", "raw"];
        let mut captures: Vec<String> =
            (0..6).map(|seed| simulated_morning(folder.path(), seed, &[])).collect();
        captures.push(simulated_morning(folder.path(), 6, &beacon));
        let evaluated = |flags: &[&str]| evaluate(&captures, flags);
        let outcome = evaluated(&["--cross-validate", "3"]);
        assert_eq!((&outcome["inputs"], &outcome["unlabelled_inputs"]), (&Value::from(7), &Value::from(6)));
        assert_eq!(outcome["incidents"][0]["input"], "morning6");
        assert_eq!(outcome["incidents"][0]["note"], "every 60 s; raw");
        assert_ne!(outcome["calibration"], evaluated(&[])["calibration"], "other models give other p-values");
        assert_ne!(outcome["incidents"][0]["found"], Value::Null);
        let config = folder.path().join("strict.toml");
        fs::write(&config, "[detect]\nalerts_a_day = 1e-9\n").unwrap();
        let strict = evaluated(&["--cross-validate", "3", "--config", config.to_str().unwrap()]);
        assert_eq!(
            strict["incidents"][0]["found"],
            Value::Null,
            "the alert budget holds for trained models too"
        );
    }

    #[test]
    fn a_label_that_nothing_matches_is_a_miss() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/benign_browsing");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let text = "host,peer,kind,behaviour\n10.99.99.99,203.0.113.250:443,c2,beacon\n";
        file.write_all(text.as_bytes()).unwrap();
        let labels = file.path().to_str().unwrap();
        let output = run(&[
            "evaluate",
            "--format",
            "json",
            "--labels",
            labels,
            folder.join("capture.pcap.zst").to_str().unwrap(),
        ]);
        let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&outcome["incidents"][0]["channels"], &outcome["incidents"][0]["found"]),
            (&Value::from(0), &Value::Null)
        );
        assert_eq!(outcome["groups"][0]["recall_at_budget"], 0.0);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let bare = folder.path().join("bare.pcap");
        std::fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/icmp_tunnel/capture.pcap.zst"),
            &bare,
        )
        .unwrap();
        let bare = bare.to_str().unwrap();
        let bad = folder.path().join("bad.csv");
        std::fs::write(&bad, "host,peer,kind,behaviour\n10.0.0.1,203.0.113.1,worm,beacon\n").unwrap();
        let check = |args: &[&str], needle: &str| {
            let output = run(args);
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(message.contains(needle), "{message}");
        };
        check(&["evaluate", bare], "labels.csv");
        check(&["evaluate", "--labels", bad.to_str().unwrap(), bare], "line 2: kind \"worm\"");
        check(&["evaluate", "--budget=-1", bare], "alerts a day");
        check(&["evaluate", "--cross-validate", "1", bare], "2..=100");
        check(&["simulate", "--output", bare, "--behaviour", "party"], "beacon, long_connection");
        check(&["simulate", "--output", bare, "--behaviour", "beacon", "--jitter", "2"], "jitter is 2");
        check(&["simulate", "--output", bare, "--interval", "1h"], "--behaviour");
    }
}

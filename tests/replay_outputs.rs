//! Every output of `replay`: its columns, that other programs read it, that it is the same in every run, and what happens
//! where it cannot be written.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    /// An office morning with a beacon among eleven hosts.
    const OFFICE: &str = "captures/office_day_incident/capture.pcap.zst";
    /// A short one, for what depends on no traffic.
    const SMALL: &str = "captures/http_beacon/capture.pcap.zst";

    fn repository(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    fn replay(args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_undercurrent")).arg("replay").args(args).output().unwrap()
    }

    /// Runs with all outputs, and gives them by their names; standard output is `stdout`.
    fn all_outputs(capture: &str, extra: &[&str]) -> BTreeMap<String, Vec<u8>> {
        const OUTPUTS: [(&str, &str); 10] = [
            ("--hosts", "hosts.csv"),
            ("--channels", "channels.csv"),
            ("--flows", "flows.csv"),
            ("--rita", "rita.csv"),
            ("--report", "report.html"),
            ("--metrics", "metrics.txt"),
            ("--metrics-history", "history.om"),
            ("--summary", "summary.json"),
            ("--score-every", "600"),
            ("--format", "jsonl"),
        ];
        let dir = tempfile::tempdir().unwrap();
        let capture = repository(capture);
        let mut args = vec![capture.to_str().unwrap().to_owned()];
        for (flag, value) in OUTPUTS {
            let is_file = value.contains('.');
            let value = if is_file { dir.path().join(value).display().to_string() } else { value.to_owned() };
            args.extend([flag.to_owned(), value]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).chain(extra.iter().copied()).collect();
        let output = replay(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        };
        let mut files: BTreeMap<String, Vec<u8>> = fs::read_dir(dir.path()).unwrap().map(read).collect();
        files.insert("stdout".to_owned(), output.stdout);
        files
    }

    fn text(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
        String::from_utf8(files[name].clone()).unwrap()
    }

    /// The rows of a CSV file, each as a map of its columns.
    fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let names: BTreeSet<&str> = header.iter().collect();
        assert_eq!(names.len(), header.len(), "each column has a name of its own");
        let row = |record: csv::StringRecord| {
            header.iter().zip(&record).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        reader.records().map(|record| row(record.unwrap())).collect()
    }

    /// The summary without what depends on the machine.
    fn without_timing(summary: &[u8]) -> serde_json::Value {
        let mut json: serde_json::Value = serde_json::from_slice(summary).unwrap();
        for key in ["elapsed_s", "packets_per_second", "peak_rss_bytes"] {
            assert!(json.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
        // Outputs go into a folder of each run.
        for output in json["outputs"].as_array_mut().unwrap() {
            assert!(output.as_object_mut().unwrap().remove("path").is_some());
        }
        json
    }

    #[test]
    fn outputs_are_the_same_in_every_run_and_for_any_number_of_threads() {
        let expected = all_outputs(OFFICE, &["--threads", "1"]);
        for threads in ["1", "2", "4"] {
            let files = all_outputs(OFFICE, &["--threads", threads]);
            assert!(files.keys().eq(expected.keys()), "{:?}", files.keys());
            for (name, bytes) in &files {
                let same = match name.as_str() {
                    "summary.json" => without_timing(bytes) == without_timing(&expected[name]),
                    _ => *bytes == expected[name],
                };
                assert!(same, "{name} with {threads} threads");
            }
        }
    }

    #[test]
    fn rows_have_the_columns_of_the_contract() {
        fn check(csv: &str, columns: &str) {
            let row = rows(csv).swap_remove(0);
            for column in columns.split(' ') {
                assert!(row.contains_key(column), "{column}");
            }
        }
        let files = all_outputs(SMALL, &[]);
        check(
            &text(&files, "hosts.csv"),
            "host c2_score c2_p_value exfil_score exfil_p_value packets_out packets_in bytes_out bytes_in flows peers \
         first_seen last_seen",
        );
        check(
            &text(&files, "channels.csv"),
            "host peer_ip peer_name port proto service c2_score c2_p_value flows bytes_out bytes_in packets_out packets_in \
         first_seen last_seen total_duration_s rita_connections rita_bytes rita_duration_s rita_beacon_score rita_ts_score rita_ds_score rita_dur_score rita_hist_score",
        );
        check(
            &text(&files, "flows.csv"),
            "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state missed_bytes \
         history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes community_id",
        );
        check(
            &text(&files, "rita.csv"),
            "src dst fqdn proxy_ip connections open_connections bytes duration_s beacon_score ts_score ds_score dur_score hist_score",
        );
        for name in ["c2", "exfil"] {
            let manifest = fs::read(repository(&format!("models/{name}.json"))).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
            let features =
                manifest["features"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap());
            let features = features.collect::<Vec<_>>().join(" ");
            check(&text(&files, "hosts.csv"), &features);
            check(&text(&files, "channels.csv"), &features);
        }
    }

    #[test]
    fn every_monitored_end_of_a_flow_has_a_host_row() {
        let files = all_outputs(OFFICE, &["--local", "10.20.30.0/24"]);
        let hosts: BTreeSet<String> =
            rows(&text(&files, "hosts.csv")).into_iter().map(|row| row["host"].clone()).collect();
        let flows = rows(&text(&files, "flows.csv"));
        let ends = flows.iter().flat_map(|flow| [&flow["id.orig_h"], &flow["id.resp_h"]]);
        let local: BTreeSet<String> = ends.filter(|end| end.starts_with("10.20.30.")).cloned().collect();
        assert_eq!(hosts, local);
    }

    #[test]
    fn flows_as_a_log_of_zeek_are_read_back_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let capture = repository(SMALL).display().to_string();
        for (input, flag) in [(&capture, "conn.log"), (&capture, "packets.csv"), (&at("conn.log"), "log.csv")]
        {
            let output = replay(&["--quiet", "--flows", &at(flag), input]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let read = |name: &str| {
            let mut rows = rows(&fs::read_to_string(at(name)).unwrap());
            // What a log of connections alone does not tell.
            let unseen = ["community_id", "orig_wire_bytes", "resp_wire_bytes", "sni", "ja4"];
            for row in &mut rows {
                row.retain(|name, _| !unseen.contains(&name.as_str()));
            }
            rows.sort();
            rows
        };
        let expected = read("packets.csv");
        assert!(expected.len() > 10);
        assert_eq!(read("log.csv"), expected);
        let log = fs::read_to_string(at("conn.log")).unwrap();
        assert!(log.contains("#path\tconn\n#fields\tts\tuid\tid.orig_h\t"), "{log}");
        assert!(
            log.contains("#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\t"),
            "{log}"
        );
    }

    #[test]
    fn rita_scores_are_there_where_rita_gives_them() {
        let files = all_outputs(OFFICE, &[]);
        let channels = rows(&text(&files, "channels.csv"));
        let telemetry = channels
            .iter()
            .find(|row| row["peer_name"] == "telemetry.deskvendor.example" && row["host"] == "10.20.30.11");
        assert_eq!(telemetry.unwrap()["rita_beacon_score"], "1", "a report every 300 s to the second");
        let few = channels
            .iter()
            .filter(|row| row["flows"].parse::<u64>().unwrap() < 4 && row["peer_name"].is_empty());
        for row in few {
            assert_eq!(row["rita_beacon_score"], "", "{row:?}");
        }
    }

    #[test]
    fn findings_tell_when_they_were_made_where_passes_are_scheduled() {
        let capture = repository(OFFICE);
        let scheduled = all_outputs(OFFICE, &[]);
        let plain = replay(&[capture.to_str().unwrap(), "--format", "jsonl"]);
        let mut seen = 0;
        for (with, without) in
            text(&scheduled, "stdout").lines().zip(String::from_utf8_lossy(&plain.stdout).lines())
        {
            let mut with: serde_json::Value = serde_json::from_str(with).unwrap();
            let detected = with.as_object_mut().unwrap().remove("detected_at").unwrap();
            let between = with["first_seen"].as_str().unwrap()..=with["last_seen"].as_str().unwrap();
            assert!(detected.as_str().unwrap() >= *between.start(), "{with}");
            assert_eq!(with, serde_json::from_str::<serde_json::Value>(without).unwrap());
            seen += 1;
        }
        assert!(seen > 0);
    }

    #[test]
    fn prometheus_reads_the_metrics_and_their_history() {
        let files = all_outputs(OFFICE, &[]);
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        fs::write(at("history.om"), &files["history.om"]).unwrap();
        fs::write(at("metrics.txt"), &files["metrics.txt"]).unwrap();
        let promtool =
            |args: &[&str], input: fs::File| Command::new("promtool").args(args).stdin(input).output();
        let check = promtool(&["check", "metrics"], fs::File::open(at("metrics.txt")).unwrap());
        let Ok(check) = check else {
            eprintln!("skipped: promtool is not installed");
            return;
        };
        assert!(check.status.success() && check.stdout.is_empty() && check.stderr.is_empty(), "{check:?}");
        let (history, blocks) = (at("history.om"), at("blocks"));
        let null = || fs::File::open("/dev/null").unwrap();
        let made =
            promtool(&["tsdb", "create-blocks-from", "openmetrics", &history, &blocks], null()).unwrap();
        assert!(made.status.success(), "{made:?}");
        // It wants the log of a running server.
        fs::create_dir(dir.path().join("blocks/wal")).unwrap();
        let dump = promtool(&["tsdb", "dump", &blocks], null()).unwrap();
        let points = String::from_utf8_lossy(&dump.stdout);
        let packets: Vec<f64> = points
            .lines()
            .filter(|line| line.contains("undercurrent_capture_packets_total"))
            .map(|line| line.rsplit(' ').nth(1).unwrap().parse().unwrap())
            .collect();
        assert!(packets.len() > 20 && packets.is_sorted(), "{packets:?}");
        assert_eq!(packets.last(), Some(&83_711.0));
    }

    /// The exit code is `code`, the message has `expected`, and nothing is printed; in the folder is nothing but what of `whole` was
    /// finished before.
    #[track_caller]
    fn refused(flags: &[(&str, &str)], code: i32, expected: &str, whole: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let capture = repository(SMALL);
        let mut args = vec![capture.to_str().unwrap().to_owned()];
        for (flag, value) in flags {
            let value = if value.starts_with('/') {
                (*value).to_owned()
            } else {
                dir.path().join(value).display().to_string()
            };
            args.extend([(*flag).to_owned(), value]);
        }
        let output = replay(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| whole.iter().any(|whole| name == whole)), "{left:?}");
    }

    #[test]
    fn outputs_that_cannot_be_written_leave_nothing() {
        refused(&[("--hosts", "hosts.txt")], 2, "end the name in .csv, .jsonl or .parquet", &[]);
        refused(&[("--hosts", "x.csv"), ("--channels", "x.csv")], 2, "is the output of --hosts as well", &[]);
        refused(&[("--flows", "f.csv"), ("--report", "none/r.html")], 1, "create the folder first", &[]);
        for flag in ["--report", "--metrics", "--metrics-history", "--summary"] {
            refused(
                &[("--flows", "f.csv"), ("--hosts", "h.parquet"), (flag, "/dev/full")],
                1,
                "free some space",
                // The summary holds the hashes of the others, and comes last.
                if flag == "--summary" { &["f.csv", "h.parquet"] } else { &["f.csv"] },
            );
        }
        let capture = repository(SMALL);
        refused(&[("--summary", capture.to_str().unwrap())], 2, "is an input as well", &[]);
    }
}

//! Zeek logs as inputs, from outside: what comes out does not depend on how they come in, and is what stands in them.

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::Output;

    use assert_cmd::Command;
    use serde_json::Value;
    use tempfile::TempDir;

    const FIELDS: [&str; 20] = [
        "ts",
        "uid",
        "id.orig_h",
        "id.orig_p",
        "id.resp_h",
        "id.resp_p",
        "proto",
        "service",
        "duration",
        "orig_bytes",
        "resp_bytes",
        "conn_state",
        "missed_bytes",
        "history",
        "orig_pkts",
        "orig_ip_bytes",
        "resp_pkts",
        "resp_ip_bytes",
        "label",
        "detailedlabel",
    ];

    /// Rows of a `conn.log`, in the order in which Zeek writes them: a check-in a minute for four hours, visits to many servers at times
    /// that have no rhythm, one attempt without an answer.
    fn rows() -> Vec<(f64, Vec<String>)> {
        let mut rows = Vec::new();
        let row = |ts: f64, n: usize, resp: &str, cells: &str| {
            let mut row: Vec<String> = format!("{ts:.6} C{n:04}abcd 10.0.0.5 {} {resp}", 40_000 + n)
                .split(' ')
                .map(str::to_owned)
                .collect();
            row.extend(cells.split(' ').map(str::to_owned));
            row
        };
        for i in 0..240 {
            let ts = 1_700_000_000.25 + 60.0 * f64::from(i);
            let cells = "443 tcp ssl 1.500000 517 3210 SF 0 ShADadFf 9 985 8 3634 Malicious C&C";
            rows.push((ts + 1.5, row(ts, rows.len(), "198.51.100.7", cells)));
        }
        for i in 0..150_u32 {
            let ts = 1_700_000_000.5 + f64::from(i * i * 37 % 14_400);
            let cells = "443 tcp ssl 20.250000 2100 90000 SF 0 ShADadFf 60 5240 80 94184 Benign -";
            rows.push((ts + 20.25, row(ts, rows.len(), &format!("192.0.2.{}", i % 50), cells)));
        }
        let cells = "80 tcp - - - - S0 0 S 1 60 0 0 Benign -";
        rows.push((1_700_000_100.0, row(1_700_000_100.0, 999, "203.0.113.9", cells)));
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows
    }

    fn header(path: &str, fields: &str) -> String {
        format!(
            "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{path}\n#fields\t{fields}\n"
        )
    }

    fn tsv(rows: &[(f64, Vec<String>)]) -> String {
        let mut text = header("conn", &FIELDS.join("\t"));
        for (_, row) in rows {
            text += &row.join("\t");
            text.push('\n');
        }
        text + "#close\t2023-11-14-00-00-00\n"
    }

    fn json(rows: &[(f64, Vec<String>)]) -> String {
        let mut text = String::new();
        for (_, row) in rows {
            let cells: Vec<String> = FIELDS
                .iter()
                .zip(row)
                .filter(|(_, cell)| *cell != "-")
                .map(|(name, cell)| match cell.parse::<f64>() {
                    Ok(_) => format!("{name:?}:{cell}"),
                    Err(_) => format!("{name:?}:{cell:?}"),
                })
                .collect();
            writeln!(text, "{{{}}}", cells.join(",")).unwrap();
        }
        text
    }

    /// TLS names of the check-ins.
    fn ssl(rows: &[(f64, Vec<String>)]) -> String {
        let mut text = header("ssl", "ts\tuid\tid.orig_h\tid.resp_h\tversion\tserver_name\testablished");
        for (_, row) in rows.iter().filter(|(_, row)| row[4] == "198.51.100.7") {
            writeln!(text, "{}\t{}\t{}\t{}\tTLSv13\tcdn.example.net\tT", row[0], row[1], row[2], row[4])
                .unwrap();
        }
        text
    }

    /// Forty and more long names under one domain.
    fn dns() -> String {
        let fields = "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\ttrans_id\trtt\tquery\tqtype\trcode\tanswers";
        let mut text = header("dns", fields);
        for i in 0_u32..300 {
            let ts = 1_700_000_000.0 + 40.0 * f64::from(i);
            let name = format!("{:032x}{i:08x}.t.tunnel.example", u128::from(i) * 0x9e37_79b9_7f4a_7c15);
            writeln!(
                text,
                "{ts:.6}\tCd{i}\t10.0.0.5\t3{i}\t10.0.0.1\t53\tudp\t{i}\t0.010000\t{name}\t16\t0\tTXT 40 {name}"
            )
            .unwrap();
        }
        text
    }

    fn run(args: &[&str]) -> Output {
        Command::cargo_bin("undercurrent").unwrap().args(args).output().unwrap()
    }

    fn text(path: &Path) -> &str {
        path.to_str().unwrap()
    }

    fn written(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// Findings, hosts, channels and flows of some inputs, one after the other.
    fn outputs(inputs: &[&str], flags: &[&str], stdin: Option<&str>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let files = ["hosts.csv", "channels.csv", "flows.csv"].map(|name| dir.path().join(name));
        let [hosts, channels, flows] = files.each_ref().map(|file| text(file));
        let mut command = Command::cargo_bin("undercurrent").unwrap();
        command.args(["replay", "--quiet", "--format", "jsonl", "--hosts", hosts, "--channels", channels]);
        command.args(["--flows", flows]).args(flags).args(inputs);
        let output = command.write_stdin(stdin.unwrap_or_default()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let findings = String::from_utf8(output.stdout).unwrap();
        std::iter::once(findings).chain(files.iter().map(|file| fs::read_to_string(file).unwrap())).collect()
    }

    #[test]
    fn logs_are_the_same_however_they_come_in() {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows();
        let (text_of_all, half) = (tsv(&rows), rows.len() / 2);
        let plain = written(&dir, "conn.log", &text_of_all);
        let expected = outputs(&[text(&plain)], &[], None);
        assert!(expected[0].contains("198.51.100.7"), "the check-ins are found: {}", expected[0]);
        let check = |name: &str, inputs: &[&str], flags: &[&str], stdin: Option<&str>| {
            for (found, expected) in outputs(inputs, flags, stdin).iter().zip(&expected) {
                assert_eq!(found, expected, "{name}");
            }
        };
        check("threads", &[text(&plain)], &["--threads", "4"], None);
        check("standard input", &["-"], &[], Some(&text_of_all));
        let gz = written(&dir, "other-name", gzip(&text_of_all));
        check("gzip, no name", &[text(&gz)], &[], None);
        let zst = written(&dir, "conn.log.zst", zstd::encode_all(text_of_all.as_bytes(), 1).unwrap());
        check("zstd", &[text(&zst)], &[], None);
        let json = written(&dir, "conn.json", json(&rows));
        check("JSON", &[text(&json)], &[], None);
        let by_start = {
            let mut rows = rows.clone();
            rows.sort_by(|a, b| a.1[0].cmp(&b.1[0]));
            written(&dir, "by-start.log", tsv(&rows))
        };
        assert_eq!(outputs(&[text(&by_start)], &[], None)[0], expected[0], "in the order of starts");
        let parts = dir.path().join("rotated");
        written(&dir, "rotated/2023-11-14/conn.23:00:00-00:00:00.log.gz", gzip(&tsv(&rows[..half])));
        written(&dir, "rotated/2023-11-15/conn.00:00:00-01:00:00.log.gz", gzip(&tsv(&rows[half..])));
        check("rotated, in dated folders", &[text(&parts)], &[], None);
    }

    #[test]
    fn the_rows_of_a_log_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows();
        let log = written(&dir, "conn.log", tsv(&rows));
        let flows = outputs(&[text(&log)], &[], None).remove(3);
        let mut reader = csv::Reader::from_reader(flows.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let mut found: Vec<Vec<String>> = Vec::new();
        for record in reader.records() {
            let record = record.unwrap();
            let cell = |name: &&str| {
                let at = columns.iter().position(|column| column == *name).unwrap();
                match &record[at] {
                    "" => "-".to_owned(),
                    value if *name == "duration" => format!("{:.6}", value.parse::<f64>().unwrap()),
                    value => value.to_owned(),
                }
            };
            found.push(FIELDS[..18].iter().map(cell).collect());
        }
        found.sort();
        let mut expected: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row[..18].to_vec()).collect();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_and_tunnels_come_of_the_other_logs() {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows();
        for (name, log) in [("conn.log", tsv(&rows)), ("ssl.log", ssl(&rows)), ("dns.log", dns())] {
            written(&dir, &format!("logs/{name}"), log);
        }
        let folder = dir.path().join("logs");
        let findings = outputs(&[text(&folder)], &[], None).remove(0);
        let findings: Vec<Value> = findings.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let peer = |name: &str| findings.iter().find(|finding| finding["peer"]["name"] == name);
        assert_eq!(peer("cdn.example.net").unwrap()["behaviour"], "beacon", "{findings:?}");
        assert_eq!(peer("tunnel.example").unwrap()["behaviour"], "dns_tunnel", "{findings:?}");
    }

    #[test]
    fn all_outputs_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let log = written(&dir, "conn.log", tsv(&rows()));
        let names = ["r.html", "m.prom", "h.om", "s.json"].map(|name| dir.path().join(name));
        let [report, metrics, history, summary] = names.each_ref().map(|name| text(name));
        let output = run(&[
            "replay",
            "--quiet",
            "--report",
            report,
            "--metrics",
            metrics,
            "--metrics-history",
            history,
            "--summary",
            summary,
            text(&log),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let summary: Value = serde_json::from_str(&fs::read_to_string(summary).unwrap()).unwrap();
        assert_eq!((&summary["flows"], &summary["hosts"]), (&391.into(), &1.into()));
        assert_eq!(summary["packets"], 240 * 17 + 150 * 140 + 1);
        assert_eq!(summary["first_packet"], "2023-11-14T22:13:20.250Z");
        let history = fs::read_to_string(history).unwrap();
        assert!(history.lines().filter(|line| line.starts_with("undercurrent_hosts_tracked")).count() > 100);
        assert!(
            fs::read_to_string(metrics)
                .unwrap()
                .contains("undercurrent_flows_expired_total{reason=\"closed\"} 390")
        );
        assert!(fs::read_to_string(report).unwrap().contains("198.51.100.7"));
    }

    #[test]
    fn labels_in_the_log_are_enough_to_evaluate() {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows();
        written(&dir, "column/conn.log.labeled", tsv(&rows));
        // As IoT-23 has it: three columns in one, in the header and in each line.
        let joined = tsv(&rows)
            .lines()
            .map(|line| {
                match line
                    .rsplit_once('\t')
                    .and_then(|(rest, detail)| Some((rest.rsplit_once('\t')?, detail)))
                {
                    Some(((rest, label), detail))
                        if line.starts_with("#fields") || !line.starts_with('#') =>
                    {
                        let first = if line.starts_with('#') { "tunnel_parents" } else { "-" };
                        format!(
                            "{rest}\t{first}   {label}   {}\n",
                            detail.replace("detailedlabel", "detailed-label")
                        )
                    }
                    _ => format!("{line}\n"),
                }
            })
            .collect::<String>();
        written(&dir, "joined/conn.log.labeled", joined);
        for folder in ["column", "joined"] {
            let folder = dir.path().join(folder);
            let output = run(&["evaluate", "--quiet", "--format", "json", text(&folder)]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
            let incidents = outcome["incidents"].as_array().unwrap();
            assert_eq!(incidents.len(), 1, "{incidents:?}");
            assert_eq!(
                (&incidents[0]["peer"], &incidents[0]["behaviour"], &incidents[0]["kind"]),
                (&"198.51.100.7:443".into(), &"C&C".into(), &"c2".into())
            );
            assert_eq!(incidents[0]["found"]["behaviour"], "beacon");
        }
    }

    /// The same traffic as Argus tells of it.
    fn binetflow(rows: &[(f64, Vec<String>)]) -> String {
        let header = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n";
        let mut text = header.to_owned();
        for (_, row) in rows {
            // 1,700,000,000 s is 22:13:20 of that day.
            let seconds = row[0].parse::<f64>().unwrap() - 1_700_000_000.0 + 80_000.0;
            let (day, seconds) = if seconds < 86_400.0 { (14, seconds) } else { (15, seconds - 86_400.0) };
            let [hours, minutes] = [seconds / 3600.0, seconds % 3600.0 / 60.0].map(f64::floor);
            let number = |at: usize| row[at].parse::<u64>().unwrap_or_default();
            let (packets, bytes) =
                (number(14) + number(16), number(15) + number(17) + 14 * (number(14) + number(16)));
            writeln!(
                text,
                "2023/11/{day} {hours:02}:{minutes:02}:{:09.6},{},{},{},{},   ->,{},{},{},0,0,{packets},{bytes},{},flow=From-{}-{}",
                seconds % 60.0,
                if row[8] == "-" { "0.0" } else { &row[8] },
                row[6],
                row[2],
                row[3],
                row[4],
                row[5],
                if row[11] == "SF" { "FSPA_FSPA" } else { "S_" },
                number(15) + 14 * number(14),
                if row[18] == "Malicious" { "Botnet" } else { "Normal" },
                if row[18] == "Malicious" { "V1-TCP-CC1" } else { "V1" },
            )
            .unwrap();
        }
        text
    }

    #[test]
    fn binetflow_is_judged_and_evaluated_as_logs_are() {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows();
        let flows = written(&dir, "capture.binetflow.gz", gzip(&binetflow(&rows)));
        let log = written(&dir, "conn.log", tsv(&rows));
        let [[_, _, from_argus, _], [_, _, from_zeek, _]] =
            [&flows, &log].map(|input| <[String; 4]>::try_from(outputs(&[text(input)], &[], None)).unwrap());
        let column = |table: &str, name: &str| -> Vec<String> {
            let mut reader = csv::Reader::from_reader(table.as_bytes());
            let at = reader.headers().unwrap().iter().position(|column| column == name).unwrap();
            reader.records().map(|record| record.unwrap()[at].to_owned()).collect()
        };
        for name in
            ["host", "peer_ip", "port", "flows", "first_seen", "interval_regularity", "rita_beacon_score"]
        {
            assert_eq!(column(&from_argus, name), column(&from_zeek, name), "{name}");
        }
        let unknown = column(&from_argus, "port_mismatch");
        assert!(unknown.iter().all(String::is_empty), "Argus does not tell protocols");

        let output = run(&["evaluate", "--quiet", "--format", "json", text(&flows)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(outcome["incidents"][0]["behaviour"], "flow=From-Botnet-V1-TCP-CC1");
        assert_eq!(outcome["incidents"][0]["found"]["behaviour"], "beacon");
    }

    #[test]
    fn logs_can_be_trained_on() {
        let dir = tempfile::tempdir().unwrap();
        // The same traffic with ten servers, in each of two networks.
        for (network, server) in
            ["a", "b"].into_iter().flat_map(|network| (10..20).map(move |n| (network, n)))
        {
            // Two networks of the same content would count once.
            let net = if network == "a" { "198.51.100" } else { "203.0.113" };
            let log = tsv(&rows()).replace("198.51.100.7", &format!("{net}.{server}"));
            written(&dir, &format!("{network}/conn.{server}.log"), log);
        }
        let [a, b, models] = ["a", "b", "models"].map(|name| dir.path().join(name));
        let output = run(&["train", "--trees", "20", "--output", text(&models), text(&a), text(&b)]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{message}");
        let manifest = fs::read_to_string(models.join("c2.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let inputs = manifest["inputs"].as_array().unwrap();
        let files: Vec<&Value> = inputs.iter().map(|input| &input["file"]).collect();
        assert_eq!(files, ["a", "b"], "the logs of a folder are one network");
    }

    #[test]
    fn connections_until_the_end_of_time_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let log = written(&dir, "conn.log", tsv(&rows()).replace("\t20.250000\t", "\t1e12\t"));
        let output = run(&["replay", "--quiet", text(&log)]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let log = written(&dir, "conn.log", tsv(&rows()));
        let unlabelled = written(&dir, "dns.log", dns());
        let headless =
            written(&dir, "headless.log", tsv(&rows()).lines().skip(6).collect::<Vec<_>>().join("\n"));
        let weird = written(&dir, "weird.log", header("weird", "ts\tuid") + "1.0\tC\n");
        let cut = written(&dir, "cut.log", &tsv(&rows()).as_bytes()[..5000]);
        let flows = written(&dir, "flows.csv", "start,a,b,p\n1,10.0.0.1,192.0.2.7,tcp\n");
        let swapped = written(
            &dir,
            "swapped.toml",
            "[columns]\nts = \"a\"\nsrc = \"start\"\ndst = \"b\"\nproto = \"p\"\n",
        );
        let garbled = written(&dir, "garbled.log", header("conn", "ts\tuid\tproto") + "x\ty\tz\n");
        for (args, code, says) in [
            (
                vec!["replay", "--columns", text(&swapped), text(&flows)],
                1,
                "not one of its lines can be read; does the column map name the right columns",
            ),
            (
                vec!["replay", "--quiet", text(&garbled)],
                1,
                "not one of its lines can be read; take another copy",
            ),
            (vec!["replay", "nothing-*.log"], 1, "cannot be opened (a pattern that no file matches?)"),
            (vec!["replay", "--filter", "tcp", text(&log)], 2, "--filter looks at packets"),
            (vec!["replay", text(&headless)], 1, "begins without its header"),
            (
                vec!["replay", text(&weird), text(&log)],
                0,
                "weird.log: not read; of Zeek's logs conn, open_conn",
            ),
            (vec!["replay", text(&cut)], 0, "the log ends in the middle of a line"),
            (vec!["evaluate", text(&unlabelled)], 2, "and the logs have no column label"),
        ] {
            let output = run(&args);
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
            assert!(message.contains(says), "{args:?}: {message}");
        }
    }
}

//! Exports of softflowd and of nfdump's tools over loopback, against the captures that they were made from.
//!
//! The tools are Debian's (`scripts/install_deps.sh test` installs them). Where one is missing, what needs it says that it skips.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::net::UdpSocket;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Output};
    use std::time::Duration;

    use serde_json::Value;
    use tempfile::TempDir;

    /// Between two looks at what is waited for, and how many there are until a test gives up: a minute and what the looks take.
    const PAUSE: Duration = Duration::from_millis(50);
    const PATIENCE: u32 = 1200;

    /// Captures whose incidents show in the times and sizes of connections.
    const SCENARIOS: [&str; 3] = ["https_beacon_jitter", "https_bulk_upload", "ipv6_beacon"];

    /// Host, peer, port and behaviour of each finding.
    type Found = BTreeSet<(String, String, u64, String)>;

    fn is_there(tool: &str) -> bool {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .chain([PathBuf::from("/usr/sbin")])
            .any(|folder| folder.join(tool).is_file());
        if !found {
            eprintln!("skipped: {tool} is not installed");
        }
        found
    }

    fn output(command: &mut Command) -> Output {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// The capture of a scenario as other programs read it.
    fn capture(folder: &Path, scenario: &str) -> PathBuf {
        let compressed =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(scenario).join("capture.pcap.zst");
        let plain = folder.join(format!("{scenario}.pcap"));
        let mut file = fs::File::create(&plain).unwrap();
        zstd::stream::copy_decode(fs::File::open(compressed).unwrap(), &mut file).unwrap();
        plain
    }

    fn replay(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_undercurrent"));
        command.args(["replay", "--no-progress", "--format", "jsonl"]).args(arguments);
        command
    }

    fn found(lines: &[u8]) -> Found {
        let finding = |line: &str| {
            let finding: Value = serde_json::from_str(line).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let peer = &finding["peer"];
            (
                text(&finding["host"]),
                text(&peer["ip"]),
                peer["port"].as_u64().unwrap(),
                text(&finding["behaviour"]),
            )
        };
        String::from_utf8_lossy(lines).lines().map(finding).collect()
    }

    /// Packets of a run.
    fn packets(summary: &Path) -> u64 {
        let summary: Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
        summary["packets"].as_u64().unwrap()
    }

    /// The value of a metric of a sensor.
    fn metric(url: &str, name: &str) -> Option<f64> {
        let body = ureq::get(format!("{url}metrics")).call().ok()?.body_mut().read_to_string().ok()?;
        body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// A sensor that listens for exports.
    struct Sensor {
        child: Child,
        folder: TempDir,
    }

    impl Sensor {
        fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let log = fs::File::create(folder.path().join("log")).unwrap();
            let child = Command::new(env!("CARGO_BIN_EXE_undercurrent"))
                .args(["watch", "--netflow", "127.0.0.1:0", "--web.listen-address", "127.0.0.1:0", "--state"])
                .arg(folder.path().join("state"))
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            Self { child, folder }
        }

        fn log(&self) -> String {
            fs::read_to_string(self.folder.path().join("log")).unwrap()
        }

        /// What stands behind some words in the log, up to the end of the line.
        fn said(&mut self, words: &str) -> String {
            self.wait_for(words, |sensor| {
                let log = sensor.log();
                let line = log.lines().find_map(|line| Some(line.split_once(words)?.1.to_owned()));
                line.filter(|_| log.ends_with('\n'))
            })
        }

        fn wait_for<T>(&mut self, what: &str, so: impl Fn(&Self) -> Option<T>) -> T {
            for _ in 0..PATIENCE {
                if let Some(found) = so(self) {
                    return found;
                }
                let ended = self.child.try_wait().unwrap();
                assert!(ended.is_none(), "waiting for {what}: it ended\n{}", self.log());
                std::thread::park_timeout(PAUSE);
            }
            panic!("{what}: not within reason\n{}", self.log());
        }

        /// Has it end, and gives what it found.
        fn stop(mut self) -> Found {
            let pid = self.child.id().to_string();
            output(Command::new("kill").arg(&pid));
            assert!(self.child.wait().unwrap().success(), "{}", self.log());
            let lines =
                fs::read_to_string(self.folder.path().join("state/findings.jsonl")).unwrap_or_default();
            let finding = |line: &str| {
                let line: Value = serde_json::from_str(line).unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let behaviour = text(&line["undercurrent"]["behaviour"]);
                (
                    text(&line["src_ip"]),
                    text(&line["dest_ip"]),
                    line["dest_port"].as_u64().unwrap(),
                    behaviour,
                )
            };
            lines.lines().map(finding).collect()
        }
    }

    impl Drop for Sensor {
        fn drop(&mut self) {
            // It has ended where all went well.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Has softflowd export a capture, and gives how many records it sent.
    fn softflowd(capture: &Path, to: &str, arguments: &[&str]) -> f64 {
        let folder = capture.parent().unwrap();
        let ran = output(
            Command::new("softflowd")
                .env("PATH", "/usr/sbin:/usr/bin:/bin")
                .args(["-d", "-a", "-6", "-n", to])
                .args(arguments)
                .arg("-p")
                .arg(folder.join("softflowd.pid"))
                .arg("-c")
                .arg("none")
                .arg("-r")
                .arg(capture),
        );
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        let records = said
            .split_once("Flows exported: ")
            .and_then(|(_, rest)| rest.split_once('(')?.1.split_once(" records")?.0.parse().ok());
        records.unwrap_or_else(|| panic!("{said}"))
    }

    #[test]
    fn softflowd_exports_what_the_capture_holds() {
        if !is_there("softflowd") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        for scenario in SCENARIOS {
            let capture = capture(folder.path(), scenario);
            let expected = found(&output(&mut replay(&[capture.to_str().unwrap()])).stdout);
            assert!(!expected.is_empty());
            let forms: [&[&str]; 4] = [&["-v", "5"], &["-v", "9"], &["-v", "10"], &["-v", "10", "-b"]];
            for arguments in forms {
                if scenario == "ipv6_beacon" && arguments == ["-v", "5"] {
                    // v5 has no room for its addresses.
                    continue;
                }
                let mut sensor = Sensor::start();
                let address = sensor.said("listening for NetFlow and IPFIX at ");
                let url = sensor.said("serving at ");
                let sent = softflowd(&capture, &address, arguments);
                sensor.wait_for("all that was sent", |_| {
                    let taken = metric(&url, "undercurrent_netflow_flows_total")?;
                    (taken >= sent).then_some(())
                });
                assert_eq!(metric(&url, "undercurrent_netflow_lost_total{unit=\"flows\"}"), Some(0.0));
                assert_eq!(sensor.stop(), expected, "{scenario} {arguments:?}");
            }
        }
    }

    #[test]
    fn nfdumps_tools_tell_what_the_capture_holds() {
        if !["nfpcapd", "nfreplay", "nfdump"].into_iter().all(is_there) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        for scenario in ["https_beacon_jitter", "https_bulk_upload"] {
            let capture = capture(folder.path(), scenario);
            let summary = folder.path().join("summary.json");
            let at = |path: &Path| path.to_str().unwrap().to_owned();
            let of_capture =
                output(&mut replay(&[&at(&capture), "--filter", "ip", "--summary", &at(&summary)]));
            let expected = (found(&of_capture.stdout), packets(&summary));
            let flows = folder.path().join(scenario);
            fs::create_dir(&flows).unwrap();
            output(
                Command::new("nfpcapd").arg("-r").arg(&capture).arg("-l").arg(&flows).args(["-e", "300,60"]),
            );

            let csv = folder.path().join("flows.csv");
            let exported = output(Command::new("nfdump").arg("-R").arg(&flows).args(["-B", "-o", "csv"]));
            fs::write(&csv, exported.stdout).unwrap();
            let of_csv = output(&mut replay(&[&at(&csv), "--summary", &at(&summary)]));
            assert_eq!((found(&of_csv.stdout), packets(&summary)), expected, "{scenario}: CSV");
            assert_eq!(String::from_utf8_lossy(&of_csv.stderr), "", "{scenario}: its summary is passed over");

            let mut sensor = Sensor::start();
            let address = sensor.said("listening for NetFlow and IPFIX at ");
            let url = sensor.said("serving at ");
            let port = address.rsplit(':').next().unwrap().to_owned();
            let records = output(Command::new("nfdump").arg("-R").arg(&flows).args(["-q", "-o", "fmt:%sa"]));
            let sent = String::from_utf8_lossy(&records.stdout).lines().count();
            let mut files: Vec<PathBuf> =
                fs::read_dir(&flows).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            for file in files {
                output(Command::new("nfreplay").arg("-r").arg(file).args([
                    "-H",
                    "127.0.0.1",
                    "-p",
                    &port,
                    "-v",
                    "9",
                ]));
            }
            sensor.wait_for("all that was sent", |_| {
                let taken = metric(&url, "undercurrent_netflow_flows_total")?;
                (taken >= sent as f64).then_some(())
            });
            assert_eq!(sensor.stop(), expected.0, "{scenario}: NetFlow v9");
        }
    }

    /// The datagrams that have come to a socket.
    fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = vec![0; 65_535];
        std::iter::from_fn(|| {
            let length = socket.recv(&mut buffer).ok()?;
            Some(buffer[..length].to_vec())
        })
        .collect()
    }

    #[test]
    fn a_file_of_messages_tells_what_the_capture_holds() {
        if !is_there("softflowd") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let capture = capture(folder.path(), "https_beacon_jitter");
        let expected = found(&output(&mut replay(&[capture.to_str().unwrap()])).stdout);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        softflowd(&capture, &address, &["-v", "10", "-A", "milli"]);
        let messages = received(&socket);
        let file = folder.path().join("flows.ipfix");
        fs::write(&file, messages.concat()).unwrap();
        let compressed = folder.path().join("flows.ipfix.zst");
        fs::write(&compressed, zstd::encode_all(&messages.concat()[..], 1).unwrap()).unwrap();
        for file in [file, compressed] {
            let of_file = output(&mut replay(&["--threads", "2", file.to_str().unwrap()]));
            assert_eq!(found(&of_file.stdout), expected, "{}", file.display());
        }
    }
}

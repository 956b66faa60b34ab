//! A sensor as a child process, and those who ask it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use pcap::Capture;
use undercurrent::capture::{Block, Timeline};
use undercurrent::time::Timestamp;

use super::network::{FAR, NEAR};

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(50);
/// Looks until a test gives up: two minutes and what the looks take. Only a fault takes so long; a machine that is slow, or stands still for some
/// seconds, does not.
const PATIENCE: u32 = 2400;

/// Looks until the end must have come: five seconds.
const END: u32 = 100;

/// A running sensor. Each test has a network namespace of its own, so that the port is free.
pub(crate) struct Sensor {
    child: Child,
    folder: PathBuf,
    address: &'static str,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Sensor {
    /// Starts one with its state and its log in `folder`, and waits until it captures.
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let mut sensor = Self::spawn(folder, args);
        sensor.wait_for("it captures", |sensor| {
            sensor.get("/readyz").is_some_and(|answer| answer.status == 200)
        });
        sensor
    }

    /// Starts one.
    pub(crate) fn spawn(folder: &Path, args: &[&str]) -> Self {
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_undercurrent"))
            .args(["watch", "--interface", FAR, "--state"])
            .arg(folder.join("state"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, folder: folder.to_owned(), address: "127.0.0.1:9909" }
    }

    /// Asks for a path; nothing where nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        self.ask(path, "")
    }

    /// Asks with further header lines.
    pub(crate) fn ask(&self, path: &str, headers: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: sensor\r\n{headers}Connection: close\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
    }

    /// The value of a series; nothing where there is none.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let body = self.get("/metrics")?.body;
        let line =
            body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned));
        line?.parse().ok()
    }

    /// Waits until something is so.
    pub(crate) fn wait_for(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        for _ in 0..PATIENCE {
            if so(self) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("waiting until {what}: the sensor ended with {status}\n{}", self.log());
            }
            std::thread::park_timeout(PAUSE);
        }
        panic!("{what}: not within reason\n{}", self.log());
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits for its end, which must come within five seconds of a signal.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        for _ in 0..END {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::park_timeout(PAUSE);
        }
        panic!("the sensor does not end within five seconds\n{}", self.log());
    }

    /// What the operating system says of each of its threads (`/proc/PID/task/TID/status`).
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap()).collect()
    }

    /// What it has said so far, earlier runs in the same folder included.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// A file of its state.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.folder.join("state").join(name)
    }

    /// The lines of its findings file, less one that is being written.
    pub(crate) fn findings(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.state("findings.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Whether its findings file tells of a DNS tunnel.
    pub(crate) fn has_told_of_tunnel(&self) -> bool {
        self.findings().iter().any(|line| line["undercurrent"]["behaviour"] == "dns_tunnel")
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends every frame of a recorded scenario, as fast as it goes. Gives how many those were.
pub(crate) fn send(scenario: &str) -> u64 {
    send_between(scenario, Timestamp::MIN, Timestamp::from_nanos(i64::MAX))
}

/// Sends the frames that were recorded from a time on until before another.
pub(crate) fn send_between(scenario: &str, from: Timestamp, until: Timestamp) -> u64 {
    let mut sender = Capture::from_device(NEAR).unwrap().open().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(scenario).join("capture.pcap.zst");
    let mut timeline = Timeline::open(&[path]).unwrap();
    let (mut block, mut sent) = (Block::default(), 0);
    while timeline.next_block(&mut block).unwrap() {
        for frame in block.frames.iter().filter(|frame| frame.ts >= from && frame.ts < until) {
            // What the recording has cut off is sent as zeros.
            let mut bytes = block.bytes(frame).to_vec();
            bytes.resize(frame.wire_len as usize, 0);
            sender.sendpacket(bytes).unwrap();
            sent += 1;
        }
    }
    sent
}

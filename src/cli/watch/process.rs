//! What the operating system says of this process. Files are opened once, so that a sandbox that comes later does not shut them.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};

use crate::export::metrics::ProcessState;
use crate::time::Timestamp;

/// Ticks a second in `/proc/PID/stat`: Linux's `USER_HZ`, the same on all of its architectures that are in use.
const TICKS_A_SECOND: f64 = 100.0;
/// Columns of `/proc/PID/stat` behind the name (proc(5)): user and system time, counted from the state.
const UTIME: usize = 11;

/// Reads the state of this process.
#[derive(Debug)]
pub(super) struct Process {
    start: Timestamp,
    stat: Option<File>,
    status: Option<File>,
}

impl Process {
    /// Of a process that was started now.
    pub(super) fn started(start: Timestamp) -> Self {
        Self { start, stat: File::open("/proc/self/stat").ok(), status: File::open("/proc/self/status").ok() }
    }

    /// When it was started.
    pub(super) const fn start(&self) -> Timestamp {
        self.start
    }

    /// Its state; nothing of what cannot be read.
    pub(super) fn state(&mut self) -> ProcessState {
        let stat = text_of(self.stat.as_mut());
        let status = text_of(self.status.as_mut());
        ProcessState {
            start: Some(self.start),
            cpu_s: stat.as_deref().and_then(cpu_s),
            resident_bytes: status.as_deref().and_then(resident_bytes),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as u64),
        }
    }
}

fn text_of(file: Option<&mut File>) -> Option<String> {
    let file = file?;
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

fn cpu_s(stat: &str) -> Option<f64> {
    // The name may hold blanks and parentheses; the last one ends it.
    let (_, behind) = stat.rsplit_once(')')?;
    let columns: Vec<&str> = behind.split_whitespace().collect();
    let ticks =
        columns.get(UTIME..=UTIME + 1)?.iter().map(|ticks| ticks.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(ticks as f64 / TICKS_A_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_whatever_the_name() {
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_s(stat), Some(2.0));
        assert_eq!(cpu_s("12 (a) S 1"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2048 * 1024));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }
}

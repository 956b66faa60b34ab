//! The findings file: JSON Lines, only ever appended to, rotated by size and age. What cannot be written waits, and is written when
//! it can be; what finds no room to wait is counted as lost.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::time::{Span, Timestamp};

/// Lines that wait for a disk that is full, at most.
const WAITING_MAX: usize = 1000;
/// Bytes read at once in search of the last line's end.
const TAIL_BYTES: u64 = 64 * 1024;
/// Bytes of the first line that are looked at for its time.
const HEAD_BYTES: u64 = 4096;
/// Files of one second, at most.
const SAME_NAME_MAX: u32 = 1000;

/// Where findings go, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// The file.
    pub file: PathBuf,
    /// Bytes from which on the file is set aside and a new one begun.
    pub max_bytes: u64,
    /// Hours of packet time after which it is.
    pub max_age_h: u32,
    /// Files set aside that are kept; older ones are removed.
    pub keep: usize,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { file: PathBuf::from("findings.jsonl"), max_bytes: 100_000_000, max_age_h: 24 * 7, keep: 12 }
    }
}

/// A findings file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the findings file {}; {waiting} lines wait", path.display())]
pub struct JournalError {
    /// The file.
    pub path: PathBuf,
    /// Lines that are kept until it can be.
    pub waiting: usize,
    /// Why.
    pub source: io::Error,
}

/// The findings file. It is opened for each write, so that it may be renamed or removed at any time.
#[derive(Debug)]
pub struct Journal {
    config: JournalConfig,
    waiting: VecDeque<String>,
    written: u64,
    lost: u64,
}

impl Journal {
    /// A journal in `config.file`. Nothing is opened yet.
    pub const fn new(config: JournalConfig) -> Self {
        Self { config, waiting: VecDeque::new(), written: 0, lost: 0 }
    }

    /// Takes other settings.
    pub fn configure(&mut self, config: JournalConfig) {
        self.config = config;
    }

    /// Lines written.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Lines lost.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Lines that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Appends lines, and those that wait before them. `at` is the packet time, which decides on rotation.
    ///
    /// # Errors
    /// Where not all could be written: the others wait.
    pub fn append(
        &mut self,
        at: Timestamp,
        lines: impl IntoIterator<Item = String>,
    ) -> Result<(), JournalError> {
        self.waiting.extend(lines);
        let excess = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..excess);
        self.lost += excess as u64;
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.write(at).map_err(|source| JournalError {
            path: self.config.file.clone(),
            waiting: self.waiting.len(),
            source,
        })
    }

    /// Counts what still waits as lost: the run is over.
    pub fn give_up(&mut self) {
        self.lost += self.waiting.len() as u64;
        self.waiting.clear();
    }

    fn write(&mut self, at: Timestamp) -> io::Result<()> {
        let (mut file, mut len) = self.open()?;
        if self.is_to_rotate(&file, len, at)? {
            drop(file);
            self.rotate(at)?;
            (file, len) = self.open()?;
        }
        while let Some(line) = self.waiting.front() {
            if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
                // Half a line would spoil the next one.
                let _ = file.set_len(len);
                return Err(error);
            }
            len += line.len() as u64 + 1;
            self.waiting.pop_front();
            self.written += 1;
        }
        file.sync_data()
    }

    /// Opens the file at its end, which is the end of a line: a run that was killed may have left half of one.
    fn open(&self) -> io::Result<(File, u64)> {
        let mut file =
            File::options().read(true).append(true).create(true).mode(0o640).open(&self.config.file)?;
        let len = file.metadata()?.len();
        let whole = end_of_last_line(&mut file, len)?;
        if whole < len {
            file.set_len(whole)?;
        }
        Ok((file, whole))
    }

    fn is_to_rotate(&self, file: &File, len: u64, at: Timestamp) -> io::Result<bool> {
        if len == 0 {
            return Ok(false);
        }
        let age = Span::from_secs(i64::from(self.config.max_age_h) * 3600);
        let began = time_of_first_line(file)?;
        Ok(len >= self.config.max_bytes || began.is_some_and(|began| at - began >= age))
    }

    fn rotate(&self, at: Timestamp) -> io::Result<()> {
        let stamp: String = at.to_rfc3339().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let stamp = stamp.split('.').next().unwrap_or(&stamp);
        let aside = |number: u32| {
            let number = if number == 0 { String::new() } else { format!(".{number}") };
            self.beside(&format!("-{stamp}Z{number}"))
        };
        let free = (0..SAME_NAME_MAX).map(aside).find(|path| !path.exists());
        fs::rename(&self.config.file, free.unwrap_or_else(|| aside(0)))?;
        self.remove_old()
    }

    /// Removes files that were set aside, but for the newest.
    fn remove_old(&self) -> io::Result<()> {
        let (prefix, suffix) = self.name_parts();
        let (prefix, suffix) = (format!("{prefix}-"), suffix);
        let folder = self.config.file.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new("."));
        let mut aside: Vec<PathBuf> = fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&prefix) && name.ends_with(&suffix)
            })
            .collect();
        aside.sort();
        let excess = aside.len().saturating_sub(self.config.keep);
        aside.iter().take(excess).try_for_each(fs::remove_file)
    }

    /// The file's name with something put before its ending.
    fn beside(&self, inserted: &str) -> PathBuf {
        let (stem, ending) = self.name_parts();
        self.config.file.with_file_name(format!("{stem}{inserted}{ending}"))
    }

    /// Stem and ending, with its dot.
    fn name_parts(&self) -> (String, String) {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let ending = part(self.config.file.extension());
        let ending = if ending.is_empty() { ending } else { format!(".{ending}") };
        (part(self.config.file.file_stem()), ending)
    }
}

/// Where the last whole line ends.
fn end_of_last_line(file: &mut File, len: u64) -> io::Result<u64> {
    let mut end = len;
    while end > 0 {
        let begin = end.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(begin))?;
        let mut tail = Vec::new();
        Read::by_ref(file).take(end - begin).read_to_end(&mut tail)?;
        if let Some(newline) = tail.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + newline as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// The time that the first line begins with, in EVE's form; nothing where there is none.
fn time_of_first_line(file: &File) -> io::Result<Option<Timestamp>> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    reader.take(HEAD_BYTES).read_until(b'\n', &mut line)?;
    let text = String::from_utf8_lossy(&line);
    let time = text.split_once("\"timestamp\":\"").and_then(|(_, rest)| rest.get(..19));
    Ok(time.and_then(|time| Timestamp::parse_rfc3339(&format!("{time}Z"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_secs_nanos(1_735_718_400 + hours * 3600, 0)
    }

    fn line(hours: i64, n: usize) -> String {
        format!("{{\"n\":{n},\"timestamp\":\"{}\"}}", at(hours))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn journal(folder: &Path, config: &JournalConfig) -> Journal {
        Journal::new(JournalConfig { file: folder.join("findings.jsonl"), ..config.clone() })
    }

    #[test]
    fn half_a_line_of_a_killed_run_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("findings.jsonl");
        for (before, kept) in [("", ""), ("{}\n", "{}\n"), ("{}\n{\"ha", "{}\n"), ("{\"half", "")] {
            fs::write(&file, before).unwrap();
            let mut journal = journal(folder.path(), &JournalConfig::default());
            journal.append(at(0), [line(0, 1)]).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{kept}{}\n", line(0, 1)));
        }
    }

    #[test]
    fn a_file_is_set_aside_by_size_and_by_age_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let config = JournalConfig { max_bytes: 90, max_age_h: 24, keep: 2, ..JournalConfig::default() };
        let mut journal = journal(folder.path(), &config);
        for n in 0..3 {
            journal.append(at(0), [line(0, n)]).unwrap();
        }
        assert_eq!(names(folder.path()), ["findings-20250101T080000Z.jsonl", "findings.jsonl"]);
        journal.append(at(24), [line(24, 3)]).unwrap();
        assert_eq!(names(folder.path()).len(), 3, "by age");
        journal.append(at(48), [line(48, 4)]).unwrap();
        let left = ["findings-20250102T080000Z.jsonl", "findings-20250103T080000Z.jsonl", "findings.jsonl"];
        assert_eq!(names(folder.path()), left);
        assert_eq!((journal.written(), journal.lost()), (5, 0));
    }

    #[test]
    fn what_cannot_be_written_waits_and_is_counted_when_it_finds_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let mut journal = journal(&missing, &JournalConfig::default());
        for n in 0..WAITING_MAX + 3 {
            journal.append(at(0), [line(0, n)]).unwrap_err();
        }
        assert_eq!((journal.waiting(), journal.lost()), (WAITING_MAX, 3));
        fs::create_dir(&missing).unwrap();
        journal.append(at(0), []).unwrap();
        let text = fs::read_to_string(missing.join("findings.jsonl")).unwrap();
        assert_eq!(text.lines().count(), WAITING_MAX);
        assert!(text.starts_with(&line(0, 3)), "the oldest are lost");
        assert_eq!(journal.written(), WAITING_MAX as u64);
    }
}

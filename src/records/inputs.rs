//! What the inputs are: captures, logs, exports, or folders of them.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::RecordError;
use super::columns::ColumnMap;
use super::kind::LogKind;
use super::lines::Lines;
use super::netflow::is_messages;
use super::source::{Format, Parser};
use crate::capture::{CaptureError, CaptureFile, Input};
use crate::seed::Seed;
use crate::time::Timestamp;

/// Bytes of an input that are looked at.
const HEAD_BYTES: usize = 64 * 1024;
/// Lines of a log that are looked at, to know when it begins.
const HEAD_LINES: usize = 64;
/// Files of a folder.
const FILES_MAX: usize = 100_000;
/// Folders in folders.
const DEPTH_MAX: usize = 8;

/// Inputs by what they are.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Captures, and what is neither known as a log: opening it will tell.
    pub captures: Vec<PathBuf>,
    /// Logs of which something is read.
    pub logs: Vec<LogFile>,
    /// Files of IPFIX messages.
    pub exports: Vec<PathBuf>,
    /// Other logs of the same program, by path.
    pub other_logs: Vec<PathBuf>,
    /// Files of folders that are neither captures nor logs.
    pub unknown: u64,
    /// Files of folders that the operating system does not give.
    pub unreadable: Vec<CaptureError>,
    /// How often a file was named that was named before: each is read once.
    pub repeated: u64,
    seen: BTreeSet<PathBuf>,
    columns: Option<Arc<ColumnMap>>,
}

/// A log that was looked at.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// Its path.
    pub path: PathBuf,
    /// Which log.
    pub kind: LogKind,
    /// Which column is what, where the user says.
    columns: Option<Arc<ColumnMap>>,
    /// When it begins: the earliest time at which anything in its first lines was known.
    pub(super) begin: Timestamp,
}

/// What a file is.
enum Sniffed {
    Log(LogKind, Timestamp),
    /// Its columns are not those of the map.
    OtherColumns(String),
    OtherLog,
    HeadlessLog,
    /// By its name a log, by its content none that is read.
    Text,
    Export,
    NoLog,
    /// The operating system does not give it.
    Unreadable(io::Error),
}

impl LogFile {
    /// The format of the log, which begins with this line.
    pub(super) fn format(&self, first_line: &[u8]) -> Format {
        Format::of(first_line, self.columns.as_deref()).ok().flatten().unwrap_or(Format::Json)
    }
}

impl Inputs {
    /// Looks into the inputs, all files of a folder for the folder. With a column map, CSV is what it describes.
    ///
    /// # Errors
    /// Where a folder cannot be listed or holds nothing that can be read, a log has no header, or captures, logs and exports come together.
    pub fn of(paths: &[PathBuf], columns: Option<&Arc<ColumnMap>>) -> Result<Self, RecordError> {
        let mut inputs = Self { columns: columns.cloned(), ..Self::default() };
        for path in paths {
            if path.is_dir() {
                inputs.add_folder(path)?;
            } else if inputs.is_new(path) {
                inputs.add_file(path)?;
            }
        }
        inputs.are_of_one_kind()?;
        Ok(inputs)
    }

    fn are_of_one_kind(&self) -> Result<(), RecordError> {
        let first = |what, path: Option<&PathBuf>| path.map(|path| format!("{} is {what}", path.display()));
        let kinds = [
            first("a capture", self.captures.first()),
            first("a log", self.logs.first().map(|log| &log.path)),
            first("a file of IPFIX", self.exports.first()),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(one), Some(other)) => Err(RecordError::Mixed { one, other }),
            _ => Ok(()),
        }
    }

    /// Whether logs are to be read.
    pub fn are_logs(&self) -> bool {
        self.captures.is_empty() && !(self.logs.is_empty() && self.other_logs.is_empty())
    }

    /// Whether a file was not named before; counted where it was.
    fn is_new(&mut self, path: &Path) -> bool {
        let new = self.seen.insert(identity(path));
        self.repeated += u64::from(!new);
        new
    }

    fn add_log(&mut self, path: PathBuf, kind: LogKind, begin: Timestamp) {
        self.logs.push(LogFile { path, kind, columns: self.columns.clone(), begin });
    }

    fn add_file(&mut self, path: &Path) -> Result<(), RecordError> {
        match sniff(path, self.columns.as_deref()) {
            Sniffed::Log(kind, begin) => self.add_log(path.to_owned(), kind, begin),
            Sniffed::OtherColumns(reason) => {
                return Err(RecordError::Columns { input: path.display().to_string(), reason });
            }
            Sniffed::OtherLog => self.other_logs.push(path.to_owned()),
            Sniffed::Text => return Err(RecordError::Unknown { input: path.display().to_string() }),
            Sniffed::HeadlessLog => return Err(RecordError::NoHeader { input: path.display().to_string() }),
            Sniffed::Export => self.exports.push(path.to_owned()),
            // What cannot be read is told when it is opened.
            Sniffed::NoLog | Sniffed::Unreadable(_) => self.captures.push(path.to_owned()),
        }
        Ok(())
    }

    /// Inputs of which something is read.
    fn read(&self) -> usize {
        self.captures.len() + self.logs.len() + self.exports.len()
    }

    /// Of a folder, what is no capture, no log and no export is left out.
    fn add_folder(&mut self, folder: &Path) -> Result<(), RecordError> {
        let before = (self.read(), self.repeated);
        for path in files_of(folder)? {
            if !self.is_new(&path) {
                continue;
            }
            match sniff(&path, self.columns.as_deref()) {
                Sniffed::Log(kind, begin) => self.add_log(path, kind, begin),
                Sniffed::OtherLog => self.other_logs.push(path),
                Sniffed::Export => self.exports.push(path),
                Sniffed::NoLog if CaptureFile::open(&path).is_ok() => self.captures.push(path),
                Sniffed::HeadlessLog | Sniffed::NoLog | Sniffed::Text | Sniffed::OtherColumns(_) => {
                    self.unknown += 1;
                }
                Sniffed::Unreadable(source) => {
                    self.unreadable.push(CaptureError::Open { input: path.display().to_string(), source });
                }
            }
        }
        if (self.read(), self.repeated) != before {
            return Ok(());
        }
        Err(match self.unreadable.pop() {
            Some(error) => error.into(),
            None => RecordError::Nothing { folder: folder.display().to_string() },
        })
    }
}

/// The files of a folder and of the folders in it, in the order of their paths. Hidden ones and links to folders are left out.
///
/// # Errors
/// Where a folder cannot be listed, or there are too many files.
pub fn files_of(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let failed = |at: &Path, source| RecordError::Folder { folder: at.display().to_string(), source };
    let mut waiting = vec![(folder.to_owned(), 0)];
    let mut files = Vec::new();
    while let Some((at, depth)) = waiting.pop() {
        for entry in std::fs::read_dir(&at).map_err(|source| failed(&at, source))? {
            let entry = entry.map_err(|source| failed(&at, source))?;
            let kind = entry.file_type().map_err(|source| failed(&at, source))?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                if depth < DEPTH_MAX {
                    waiting.push((path, depth + 1));
                }
            } else if path.is_file() {
                files.push(path);
            }
            if files.len() > FILES_MAX {
                return Err(RecordError::TooMany { folder: folder.display().to_string(), most: FILES_MAX });
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn sniff(path: &Path, columns: Option<&ColumnMap>) -> Sniffed {
    let head = match head_of(path) {
        Ok(head) => head,
        Err(error) => return Sniffed::Unreadable(error),
    };
    let Ok(mut input) = Input::from_reader("head", Cursor::new(head)) else { return Sniffed::NoLog };
    let mut head = vec![0; HEAD_BYTES];
    let (read, _) = input.fill(&mut head);
    head.truncate(read);
    if is_messages(&head) {
        return Sniffed::Export;
    }
    let Ok(plain) = Input::from_reader("head", Cursor::new(head)) else { return Sniffed::NoLog };
    let mut lines = Lines::of(plain);
    let Some(first) = lines.next_line() else { return Sniffed::NoLog };
    let format = match Format::of(first.bytes, columns) {
        Ok(Some(format)) => format,
        Ok(None) if is_headless(path, first.bytes) => return Sniffed::HeadlessLog,
        Ok(None) if is_named_as_text(path) && !first.bytes.is_empty() => return Sniffed::Text,
        Ok(None) => return Sniffed::NoLog,
        Err(reason) => return Sniffed::OtherColumns(reason),
    };
    let mut parser = Parser::new(format, path, Seed::REPLAY);
    let mut begin: Option<Timestamp> = None;
    let mut line = Some(first);
    for _ in 0..HEAD_LINES {
        let Some(read) = line.filter(|line| line.whole) else { break };
        if let Ok(Some(entry)) = parser.parse(read.bytes) {
            begin = Some(begin.map_or(entry.end(), |begin| begin.min(entry.end())));
        }
        line = lines.next_line();
    }
    parser.kind().map_or(Sniffed::OtherLog, |kind| Sniffed::Log(kind, begin.unwrap_or(Timestamp::MIN)))
}

/// The first bytes of an input as they lie on disk. Standard input keeps them for whoever reads it; other inputs that are no files
/// are not looked at, and count as captures.
fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        return io::stdin().lock().fill_buf().map(<[u8]>::to_vec);
    }
    let mut head = Vec::new();
    if path.is_file() {
        std::fs::File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// The same for each name of a file: its path without links. What is no file is known by its name.
pub fn identity(path: &Path) -> PathBuf {
    let file = path.is_file().then(|| path.canonicalize().ok()).flatten();
    file.unwrap_or_else(|| path.to_owned())
}

/// Whether the name of a file says that it is text.
fn is_named_as_text(path: &Path) -> bool {
    const ENDINGS: [&str; 8] = [".log", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".binetflow"];
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    ENDINGS.iter().any(|ending| name.contains(ending))
}

/// Whether a file by its name is a log of which the beginning is missing: columns between tabs, a time first.
fn is_headless(path: &Path, first: &[u8]) -> bool {
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".log"));
    let cells = || first.split(|byte| *byte == b'\t');
    let time = |cell| std::str::from_utf8(cell).ok().and_then(super::value::time);
    // A cluster's logs may name the node before the time.
    named && cells().take(2).any(|cell| time(cell).is_some()) && cells().count() > 6
}

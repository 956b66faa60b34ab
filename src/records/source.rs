//! One log, read line by line.

use std::path::Path;
use std::sync::Arc;

use super::column::Column;
use super::columns::ColumnMap;
use super::csv::Csv;
use super::inputs::LogFile;
use super::kind::{ByFileName, LogKind};
use super::lines::Lines;
use super::names::{Named, named};
use super::row::{BadLine, Row};
use super::tsv::Tsv;
use super::{RecordError, RecordStats, conn, dns, json};
use crate::capture::{CaptureError, End};
use crate::decode::app::AppInfo;
use crate::flow::{DnsEvent, FlowRecord, Unseen};
use crate::seed::Seed;
use crate::time::Timestamp;

/// What a line of a log tells.
#[derive(Debug)]
pub(super) enum Entry {
    /// A connection that ended, and what the log says of its protocols.
    Flow(FlowRecord, Option<Arc<AppInfo>>),
    /// The messages of one DNS transaction, at least one.
    Dns(Vec<DnsEvent>),
    Named(Named),
    /// A connection that was open when it was told of.
    Open(FlowRecord, Option<Arc<AppInfo>>),
}

impl Entry {
    /// When it began: logs are merged by this.
    pub(super) fn begin(&self) -> Timestamp {
        match self {
            Self::Flow(record, _) | Self::Open(record, _) => record.first,
            Self::Dns(events) => events.first().map_or(Timestamp::MIN, |event| event.ts),
            Self::Named(named) => named.at,
        }
    }

    /// When all of it was known.
    pub(super) fn end(&self) -> Timestamp {
        match self {
            Self::Flow(record, _) | Self::Open(record, _) => record.last,
            Self::Dns(events) => events.last().map_or(Timestamp::MIN, |event| event.ts),
            Self::Named(named) => named.at,
        }
    }
}

/// How lines are read.
#[derive(Debug)]
pub(super) enum Format {
    Tsv(Tsv),
    Json,
    Csv(Csv),
}

impl Format {
    /// The format of a log that begins with this line; nothing for what is no log. With a map, all but Zeek's logs are what it describes.
    pub(super) fn of(first_line: &[u8], columns: Option<&ColumnMap>) -> Result<Option<Self>, String> {
        let text = std::str::from_utf8(first_line).ok();
        match (Self::of_zeek(first_line), text, columns) {
            (Some(zeek), _, _) => Ok(Some(zeek)),
            (None, Some(text), Some(columns)) => Csv::of_map(columns, text).map(|csv| Some(Self::Csv(csv))),
            (None, text, _) => Ok(text.and_then(Csv::of_header).map(Self::Csv)),
        }
    }

    fn of_zeek(first_line: &[u8]) -> Option<Self> {
        let headers: [&[u8]; 2] = [b"#separator", b"#fields"];
        if headers.iter().any(|header| first_line.starts_with(header)) {
            return Some(Self::Tsv(Tsv::default()));
        }
        let object =
            first_line.first() == Some(&b'{') && std::str::from_utf8(first_line).is_ok_and(is_log_line);
        object.then_some(Self::Json)
    }
}

/// Whether a line is an object with the columns that all logs have.
fn is_log_line(line: &str) -> bool {
    json::row(line).is_ok_and(|row| row.text(Column::Ts).is_some() && row.text(Column::OrigH).is_some())
}

/// Turns the lines of one log into entries.
#[derive(Debug)]
pub(super) struct Parser {
    format: Format,
    /// Which log it is; nothing before that is known, and for logs of which nothing is used.
    kind: Option<LogKind>,
    /// What the name of the file says where its columns may be those of another log.
    by_file_name: ByFileName,
    seed: Seed,
    services: Services,
}

impl Parser {
    /// For the log at a path.
    pub(super) fn new(format: Format, path: &Path, seed: Seed) -> Self {
        let by_file_name = LogKind::by_file_name(path);
        Self { format, kind: None, by_file_name, seed, services: Services::default() }
    }

    pub(super) fn kind(&self) -> Option<LogKind> {
        self.kind
    }

    /// Whether the header names a column; nobody knows of a format without one.
    pub(super) fn has(&self, column: Column) -> bool {
        match &self.format {
            Format::Tsv(tsv) => tsv.has(column),
            Format::Csv(csv) => csv.has(column),
            Format::Json => false,
        }
    }

    /// Reads a line; nothing where it tells nothing.
    pub(super) fn parse(&mut self, line: &[u8]) -> Result<Option<Entry>, BadLine> {
        let parsed = match self.row(line) {
            Ok(Some((kind, row, no_services))) => {
                let (seed, mut services) = (self.seed, std::mem::take(&mut self.services));
                let entry = entry(kind, &row, no_services, seed, &mut services);
                self.services = services;
                entry
            }
            Ok(None) => Ok(None),
            Err(bad) => Err(bad),
        };
        parsed.map_err(|bad| match &self.format {
            Format::Csv(csv) => csv.in_its_words(bad),
            Format::Tsv(_) | Format::Json => bad,
        })
    }

    /// The row of a line, the log that it belongs to, and whether that has no column for services; nothing for what is no row of a
    /// log that is used.
    pub(super) fn row<'a>(&mut self, line: &'a [u8]) -> Result<Option<(LogKind, Row<'a>, bool)>, BadLine> {
        let line = std::str::from_utf8(line).map_err(|_| BadLine::Encoding)?;
        if line.is_empty() {
            return Ok(None);
        }
        match &mut self.format {
            Format::Tsv(tsv) if line.starts_with('#') => {
                tsv.take_header(line);
                self.kind = match tsv.path() {
                    Some(path) => LogKind::by_name(path),
                    None => self.by_file_name.or_by(|| LogKind::by_columns(|column| tsv.has(column))),
                };
                Ok(None)
            }
            Format::Tsv(tsv) => {
                // Not even the number of columns matters of a log that is not used.
                let Some(kind) = self.kind else { return Ok(None) };
                Ok(Some((kind, tsv.row(line)?, !tsv.has(Column::Service))))
            }
            Format::Json => {
                let row = json::row(line)?;
                let kind = match row.text(Column::Path) {
                    Some(path) => LogKind::by_name(path),
                    None => self
                        .by_file_name
                        .or_by(|| LogKind::by_columns(|column| row.text(column).is_some()).or(self.kind)),
                };
                self.kind = kind.or(self.kind);
                Ok(kind.map(|kind| (kind, row, false)))
            }
            Format::Csv(csv) => {
                // The first line is the header, which is known.
                let is_first = self.kind.replace(LogKind::Conn).is_none();
                if is_first && csv.has_header() || csv.is_over(line) {
                    return Ok(None);
                }
                let no_services = !csv.has(Column::Service);
                Ok(Some((LogKind::Conn, csv.row(line)?, no_services)))
            }
        }
    }
}

fn entry(
    kind: LogKind,
    row: &Row<'_>,
    no_services: bool,
    seed: Seed,
    services: &mut Services,
) -> Result<Option<Entry>, BadLine> {
    Ok(match kind {
        LogKind::Conn | LogKind::OpenConn => {
            let mut record = conn::flow(row, seed)?;
            let service = services.of(row, record.key.proto);
            if no_services || service.is_none() && !conn::is_readable(&record) {
                record.unseen = record.unseen.or(Unseen::SERVICE);
            }
            Some(match kind {
                LogKind::OpenConn => Entry::Open(record, service),
                _ => Entry::Flow(record, service),
            })
        }
        LogKind::Dns => Some(dns::messages(row)?).filter(|events| !events.is_empty()).map(Entry::Dns),
        LogKind::Ssl | LogKind::Quic | LogKind::Http => Some(Entry::Named(named(kind, row, seed)?)),
    })
}

/// The services of a log share their memory: there are few.
#[derive(Debug, Default)]
struct Services {
    known: Vec<Arc<AppInfo>>,
}

impl Services {
    /// Services that are remembered.
    const MAX: usize = 64;

    fn of(&mut self, row: &Row<'_>, protocol: u8) -> Option<Arc<AppInfo>> {
        let text = row.text(Column::Service)?;
        let port = row.port(Column::RespP).ok().flatten().unwrap_or_default();
        let service = conn::service(text, protocol, port);
        let is_it =
            |info: &&Arc<AppInfo>| info.service == service && info.logged_service.as_deref() == Some(text);
        if let Some(known) = self.known.iter().find(is_it) {
            return Some(Arc::clone(known));
        }
        let info = Arc::new(conn::logged_service(text, service)?);
        if self.known.len() < Self::MAX {
            self.known.push(Arc::clone(&info));
        }
        Some(info)
    }
}

/// A log that is open.
pub(super) struct Source {
    lines: Lines,
    parser: Parser,
    /// The next entry.
    pub(super) head: Option<Entry>,
    pub(super) stats: RecordStats,
}

impl Source {
    /// Opens a log and reads it up to its first entry.
    pub(super) fn open(log: &LogFile, seed: Seed) -> Result<Self, RecordError> {
        let mut lines = Lines::open(&log.path)?;
        let first = lines.next_line();
        let format = first.as_ref().map_or(Format::Json, |line| log.format(line.bytes));
        let mut parser = Parser::new(format, &log.path, seed);
        let read = first.map(|line| (line.number, line.whole, parser.parse(line.bytes)));
        let mut source = Self { lines, parser, head: None, stats: RecordStats::default() };
        if let Some((number, whole, parsed)) = read {
            source.settle(number, whole, parsed);
        }
        source.advance()?;
        Ok(source)
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    /// Gives the next entry, and reads the one behind it.
    pub(super) fn take(&mut self) -> Result<Option<Entry>, RecordError> {
        let head = self.head.take();
        self.advance()?;
        Ok(head)
    }

    fn advance(&mut self) -> Result<(), RecordError> {
        while self.head.is_none() {
            let Some(line) = self.lines.next_line() else { return self.end() };
            let (number, whole) = (line.number, line.whole);
            let parsed = self.parser.parse(line.bytes);
            self.settle(number, whole, parsed);
        }
        self.count();
        Ok(())
    }

    /// Takes what a line came to.
    fn settle(&mut self, number: u64, whole: bool, parsed: Result<Option<Entry>, BadLine>) {
        match parsed {
            Ok(entry) => self.head = entry,
            Err(_) if !whole => self.truncated("the log ends in the middle of a line"),
            Err(bad) => {
                self.stats.skip("bad_line", 1);
                self.stats.warn(self.lines.name(), number, bad.to_string());
            }
        }
    }

    fn count(&mut self) {
        match &self.head {
            Some(Entry::Flow(record, _)) => {
                self.stats.flows += 1;
                let counters = &record.counters;
                self.stats.packets =
                    self.stats.packets.saturating_add(counters.orig_pkts.saturating_add(counters.resp_pkts));
            }
            Some(Entry::Dns(events)) => self.stats.dns_messages += events.len() as u64,
            Some(Entry::Named(_)) => self.stats.names += 1,
            // It counts once it is known to be open still.
            Some(Entry::Open(..)) | None => {}
        }
    }

    /// Says why there are no more lines, the first time.
    fn end(&mut self) -> Result<(), RecordError> {
        let Some(end) = self.lines.take_end() else { return Ok(()) };
        self.stats.skip("long_line", self.lines.too_long());
        if self.lines.too_long() > 0 {
            let reason = format!("{} lines of over a megabyte were passed over", self.lines.too_long());
            self.stats.warn(self.lines.name(), self.lines.number(), reason);
        }
        match end {
            End::Complete => {}
            End::CutShort => self.truncated("the compressed stream ends here, too early"),
            End::Damaged(damage) => {
                self.stats.skip(damage.kind, 1);
                self.stats.warn(self.lines.name(), self.lines.number(), damage.reason);
            }
            End::Failed(source) => {
                let input = self.lines.name().to_owned();
                return Err(CaptureError::Read { input, offset: self.lines.bytes_read(), source }.into());
            }
        }
        Ok(())
    }

    /// A compressed log may end too early in the middle of a line: that is one input that is cut.
    fn truncated(&mut self, reason: &str) {
        self.stats.truncated_inputs = 1;
        self.stats.warn(self.lines.name(), self.lines.number(), reason.to_owned());
    }
}

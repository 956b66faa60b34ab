//! Several logs as one timeline.
//!
//! Zeek writes a connection when it has ended, and its start is what the line begins with: neither starts nor ends are in
//! order, and rotated files overlap. Logs are merged by the start of their next lines; what comes of it is put into the order in which a
//! sensor would have known it, that is by ends, as far as [`REORDER`] things go.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::facts::is_ntp;
use super::inputs::LogFile;
use super::kind::LogKind;
use super::names::Names;
use super::open::OpenConnections;
use super::reorder::Reorder;
use super::source::{Entry, Source};
use super::{Record, RecordError, RecordSource, RecordStats, Told};
use crate::decode::app::{AppInfo, Service};
use crate::decode::proto;
use crate::flow::{DnsEvent, FlowRecord, Unseen};
use crate::seed::Seed;
use crate::time::Timestamp;

/// Connections and DNS messages that wait for earlier ones. Zeek writes a connection up to some minutes after its last packet; of
/// a log in the order of starts, all open connections wait.
const REORDER: usize = 1 << 17;
/// Logs open at once. Those beyond wait; what they tell may then come late.
const OPEN_MAX: usize = 256;
/// Records given out at once.
const BATCH: usize = 512;

/// What waits for its turn.
#[derive(Debug)]
enum Pending {
    Flow(FlowRecord, Option<Arc<AppInfo>>),
    Dns(DnsEvent),
}

/// Reads logs as one timeline.
pub struct RecordTimeline {
    files: Vec<File>,
    /// Files not yet begun, the earliest first.
    waiting: VecDeque<(Timestamp, usize)>,
    /// The begin of the next entry of every open file.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    reorder: Reorder<Pending>,
    names: Names,
    /// Where a log tells of open connections.
    open: Option<OpenConnections>,
    still_open: u64,
    /// What the logs that are there do not tell of connections.
    nameless: Nameless,
    newest: Timestamp,
    late: u64,
    seed: Seed,
}

/// Services of which no log tells the names.
#[derive(Clone, Copy, Debug)]
struct Nameless {
    tls: bool,
    http: bool,
}

struct File {
    log: LogFile,
    bytes_total: Option<u64>,
    state: State,
}

enum State {
    Waiting,
    Open(Box<Source>),
    Done(RecordStats),
}

impl RecordSource for RecordTimeline {
    fn next_batch(&mut self, batch: &mut Vec<Record>) -> Result<bool, RecordError> {
        batch.clear();
        while batch.len() < BATCH {
            if !self.reorder.is_full() && self.read_one()? {
                continue;
            }
            let Some((at, pending)) = self.reorder.pop() else { break };
            self.late += u64::from(at < self.newest);
            self.newest = self.newest.max(at);
            batch.push(Record { at, what: self.told(pending) });
        }
        Ok(!batch.is_empty())
    }

    fn bytes_total(&self) -> Option<u64> {
        self.files.iter().map(|file| file.bytes_total).sum()
    }

    fn bytes_read(&self) -> u64 {
        let of = |file: &File| match &file.state {
            State::Waiting => 0,
            State::Open(source) => source.bytes_read(),
            State::Done(_) => file.bytes_total.unwrap_or_default(),
        };
        self.files.iter().map(of).sum()
    }

    fn stats(&self) -> RecordStats {
        let mut stats = RecordStats::default();
        for (_, one) in self.per_input() {
            stats.add(&one);
        }
        stats.skip("names_forgotten", self.names.forgotten());
        stats.skip("open_conn_forgotten", self.open.as_ref().map_or(0, OpenConnections::forgotten));
        stats.flows += self.still_open;
        stats
    }

    fn per_input(&self) -> Vec<(String, RecordStats)> {
        let of = |file: &File| {
            let stats = match &file.state {
                State::Waiting => RecordStats::default(),
                State::Open(source) => source.stats.clone(),
                State::Done(stats) => stats.clone(),
            };
            (file.log.path.display().to_string(), stats)
        };
        self.files.iter().map(of).collect()
    }

    fn late(&self) -> u64 {
        self.late
    }
}

impl RecordTimeline {
    /// Reads these logs, the earliest first.
    pub fn new(logs: Vec<LogFile>, seed: Seed) -> Self {
        let has = |kind: LogKind| logs.iter().any(|log| log.kind == kind);
        let nameless = Nameless { tls: !has(LogKind::Ssl) && !has(LogKind::Quic), http: !has(LogKind::Http) };
        let open = has(LogKind::OpenConn).then(|| OpenConnections::new(seed));
        let mut waiting: Vec<(Timestamp, usize)> = logs.iter().map(|log| log.begin).zip(0..).collect();
        waiting.sort_unstable();
        let file = |log: LogFile| {
            let metadata = log.path.metadata().ok().filter(std::fs::Metadata::is_file);
            File { bytes_total: metadata.map(|metadata| metadata.len()), state: State::Waiting, log }
        };
        Self {
            files: logs.into_iter().map(file).collect(),
            waiting: waiting.into(),
            heads: BinaryHeap::new(),
            reorder: Reorder::new(REORDER),
            names: Names::new(seed),
            open,
            still_open: 0,
            nameless,
            newest: Timestamp::MIN,
            late: 0,
            seed,
        }
    }

    /// Reads an entry; false where there are no more.
    fn read_one(&mut self) -> Result<bool, RecordError> {
        while self.next_is_due() {
            self.begin_next()?;
        }
        let Some(Reverse((_, index))) = self.heads.pop() else { return Ok(self.read_open()) };
        let Some(File { state, .. }) = self.files.get_mut(index) else { return Ok(false) };
        let State::Open(source) = state else { return Ok(false) };
        let entry = source.take()?;
        match &source.head {
            Some(next) => self.heads.push(Reverse((next.begin(), index))),
            None => *state = State::Done(std::mem::take(&mut source.stats)),
        }
        match entry {
            Some(Entry::Flow(record, service)) => {
                if let Some(open) = &mut self.open {
                    open.ended(record.uid(self.seed));
                }
                self.reorder.push(record.last, Pending::Flow(record, service));
            }
            Some(Entry::Open(record, service)) => {
                if let Some(open) = &mut self.open {
                    open.take(record, service);
                }
            }
            Some(Entry::Dns(events)) => {
                for event in events {
                    self.reorder.push(event.ts, Pending::Dns(event));
                }
            }
            Some(Entry::Named(named)) => self.names.learn(named),
            None => {}
        }
        Ok(true)
    }

    /// Once all logs are read: takes the connections that are open still; false where there are none.
    fn read_open(&mut self) -> bool {
        let rest = self.open.as_mut().map(OpenConnections::rest).unwrap_or_default();
        let found = !rest.is_empty();
        for (record, service) in rest {
            self.still_open += 1;
            self.reorder.push(record.last, Pending::Flow(record, service));
        }
        found
    }

    fn next_is_due(&self) -> bool {
        let Some((begin, _)) = self.waiting.front() else { return false };
        match self.heads.peek() {
            None => true,
            Some(Reverse((head, _))) => begin <= head && self.heads.len() < OPEN_MAX,
        }
    }

    fn begin_next(&mut self) -> Result<(), RecordError> {
        let Some((_, index)) = self.waiting.pop_front() else { return Ok(()) };
        let Some(file) = self.files.get_mut(index) else { return Ok(()) };
        let mut source = Source::open(&file.log, self.seed)?;
        match &source.head {
            Some(head) => {
                self.heads.push(Reverse((head.begin(), index)));
                file.state = State::Open(Box::new(source));
            }
            None => file.state = State::Done(std::mem::take(&mut source.stats)),
        }
        Ok(())
    }

    /// A record whose turn has come, with what other logs say of it.
    fn told(&mut self, pending: Pending) -> Told {
        let (mut record, service) = match pending {
            Pending::Dns(event) => return Told::Dns(event),
            Pending::Flow(record, service) => (record, service),
        };
        let named = self.names.take(record.uid(self.seed));
        record.app = match named.map(|named| self.over(record.key.proto, named)) {
            None if service.is_none() && is_ntp(&record) => {
                let logged_service = (!record.unseen.has(Unseen::SERVICE)).then(Arc::default);
                Some(self.names.share(AppInfo {
                    service: Service::Ntp,
                    logged_service,
                    ..AppInfo::default()
                }))
            }
            None => service,
            // Without a column for it, nobody said that there is no protocol.
            Some(named) if record.unseen.has(Unseen::SERVICE) => Some(named),
            Some(named) => Some(self.both(service.as_deref(), &named)),
        };
        let spoken = record.app.as_ref().map_or(Service::Unknown, |app| app.service);
        let nameless = match spoken {
            Service::Tls | Service::Quic => self.nameless.tls,
            Service::Http => self.nameless.http,
            _ => false,
        };
        if nameless {
            record.unseen = record.unseen.or(Unseen::NAMES);
        }
        Told::whole(record)
    }

    /// What `ssl.log` tells of a connection over UDP is DTLS.
    fn over(&mut self, protocol: u8, named: Arc<AppInfo>) -> Arc<AppInfo> {
        if protocol != proto::UDP || named.service != Service::Tls {
            return named;
        }
        self.names.share(AppInfo { service: Service::Stun, ..(*named).clone() })
    }

    /// What `conn.log` and the log of the protocol say together.
    fn both(&mut self, logged: Option<&AppInfo>, named: &AppInfo) -> Arc<AppInfo> {
        let service = logged.map(|app| app.service).filter(|service| *service != Service::Unknown);
        let logged_service = logged.and_then(|app| app.logged_service.clone());
        self.names.share(AppInfo {
            service: service.unwrap_or(named.service),
            logged_service: Some(logged_service.unwrap_or_default()),
            ..named.clone()
        })
    }
}

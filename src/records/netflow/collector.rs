//! Datagrams of any number of exporters to the conversations that they tell of.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;

use foldhash::quality::SeedableRandomState;
use hashbrown::HashMap;
use netflow_parser::scoped_parser::{ScopingInfo, extract_scoping_info};

use super::conversations::Conversations;
use super::session::{Session, Taken};
use crate::flow::Config;
use crate::records::Record;
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// Exporters and observation domains that are told apart.
const SESSIONS_MAX: usize = 256;
/// Datagrams between looks for conversations that have ended.
const DATAGRAMS_A_SWEEP: u64 = 32;
/// How far a flow may end after its export came: clocks differ.
const AHEAD_MAX: Span = Span::from_secs(3600);
/// Notices that wait to be told.
const NOTICES_MAX: usize = 16;

/// What a collector counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectorStats {
    /// Datagrams, or messages of a file.
    pub datagrams: u64,
    /// Records of flows that were taken.
    pub flows: u64,
    /// Flows that never came, by the numbers of v5's and IPFIX's datagrams.
    pub lost_flows: u64,
    /// Datagrams that never came, by the numbers of v9's.
    pub lost_datagrams: u64,
    /// What was left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Exporters and observation domains that are known now.
    pub exporters: u64,
    /// Templates that are known now.
    pub templates: u64,
    /// Conversations that are followed now.
    pub conversations: u64,
}

/// Something that a person should know of an exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is new.
    Begun(String),
    /// It does not look at all packets.
    Sampled(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Begun(text) | Self::Sampled(text)) = self;
        f.write_str(text)
    }
}

/// Collects `NetFlow` v5, v9 and IPFIX. What it makes of a sequence of datagrams is a function of them and of the seed.
#[derive(Debug)]
pub struct Collector {
    sessions: HashMap<Exporter, Session, SeedableRandomState>,
    pub(super) conversations: Conversations,
    begun: u32,
    counts: CollectorStats,
    /// What was lost by exporters that were forgotten.
    lost_before: (u64, u64),
    notices: VecDeque<Notice>,
}

/// Who exports: a transport session and an observation domain (RFC 7011, section 3.1; RFC 3954 calls it source). Templates and sequence
/// numbers hold for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Exporter {
    address: SocketAddr,
    version: &'static str,
    domain: u32,
}

impl Collector {
    /// A collector that ends conversations as flow tables of these settings do.
    pub fn new(config: &Config, seed: Seed) -> Self {
        Self {
            sessions: HashMap::with_hasher(seed.hasher()),
            conversations: Conversations::new(config.clone(), seed),
            begun: 0,
            counts: CollectorStats::default(),
            lost_before: (0, 0),
            notices: VecDeque::new(),
        }
    }

    /// Takes a datagram that came at a time; the conversations that have ended by now, or go on, are added to `out`.
    pub fn take(&mut self, from: SocketAddr, came: Timestamp, datagram: &[u8], out: &mut Vec<Record>) {
        self.take_message(from, Some(came), datagram, out);
    }

    /// The same for a message of which nothing is known but what it says itself.
    pub(super) fn take_message(
        &mut self,
        from: SocketAddr,
        came: Option<Timestamp>,
        datagram: &[u8],
        out: &mut Vec<Record>,
    ) {
        self.counts.datagrams += 1;
        let Some(exporter) = exporter_of(from, datagram) else { return self.skip("malformed_datagram", 1) };
        let Some(taken) = self.session(exporter).map(|session| session.take(datagram)) else { return };
        self.skip("malformed_datagram", u64::from(taken.malformed));
        self.skip("untold_record", taken.untold);
        self.skip("no_template", taken.no_template);
        if let Some(interval) = taken.sampling {
            self.notice(Notice::Sampled(format!(
                "{exporter} looks at one of {interval} packets: short connections are missed, packets and bytes are those that it saw"
            )));
        }
        let came = came.or(taken.exported).unwrap_or(Timestamp::MIN);
        self.take_pieces(&taken, came, out);
        if self.counts.datagrams.is_multiple_of(DATAGRAMS_A_SWEEP) {
            self.conversations.sweep(out);
        }
    }

    fn take_pieces(&mut self, taken: &Taken, came: Timestamp, out: &mut Vec<Record>) {
        for piece in &taken.pieces {
            if piece.last - came > AHEAD_MAX {
                self.skip("future_flow", 1);
            } else if self.conversations.take(piece, out) {
                self.counts.flows += 1;
            } else {
                self.skip("duplicate_flow", 1);
            }
        }
    }

    /// Latest time of any flow; the earliest time of all before the first.
    pub fn now(&self) -> Timestamp {
        self.conversations.now()
    }

    /// Lets the clock of the flows go on, and adds to `out` what is due by then.
    pub fn advance(&mut self, to: Timestamp, out: &mut Vec<Record>) {
        self.conversations.advance(to);
        self.conversations.sweep(out);
    }

    /// Ends so many conversations at most, as at the end of the input; nothing is added where none is left.
    pub fn finish(&mut self, most: usize, out: &mut Vec<Record>) {
        self.conversations.finish(most, out);
    }

    /// The counters.
    pub fn stats(&self) -> CollectorStats {
        let (mut flows, mut datagrams) = self.lost_before;
        let mut templates = 0;
        for session in self.sessions.values() {
            let lost = session.lost();
            flows += lost.0;
            datagrams += lost.1;
            templates += session.templates();
        }
        let mut stats = CollectorStats {
            lost_flows: flows,
            lost_datagrams: datagrams,
            exporters: self.sessions.len() as u64,
            templates,
            conversations: self.conversations.len() as u64,
            ..self.counts.clone()
        };
        if self.conversations.evicted > 0 {
            stats.skipped.insert("conversation_evicted", self.conversations.evicted);
        }
        stats
    }

    /// Things that a person should know, each once.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// What is known of an exporter. Of too many, the one that was silent longest is forgotten.
    fn session(&mut self, exporter: Exporter) -> Option<&mut Session> {
        if !self.sessions.contains_key(&exporter) {
            if self.sessions.len() >= SESSIONS_MAX {
                self.forget_one();
            }
            self.notice(Notice::Begun(format!("{exporter} has begun to export")));
            self.sessions.insert(exporter, Session::new(self.begun));
            self.begun = self.begun.wrapping_add(1);
        }
        let heard = self.counts.datagrams;
        let session = self.sessions.get_mut(&exporter)?;
        session.heard = heard;
        Some(session)
    }

    fn forget_one(&mut self) {
        let silent = self.sessions.iter().min_by_key(|(_, session)| session.heard);
        let Some(exporter) = silent.map(|(exporter, _)| *exporter) else { return };
        if let Some(session) = self.sessions.remove(&exporter) {
            let (flows, datagrams) = session.lost();
            self.lost_before = (self.lost_before.0 + flows, self.lost_before.1 + datagrams);
            self.skip("exporter_forgotten", 1);
        }
    }

    fn skip(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.counts.skipped.entry(reason).or_default() += count;
        }
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push_back(notice);
        }
    }
}

/// Who sent a datagram; nothing where it is none that is read.
fn exporter_of(address: SocketAddr, datagram: &[u8]) -> Option<Exporter> {
    let (version, domain) = match extract_scoping_info(datagram) {
        ScopingInfo::V9 { source_id } => ("NetFlow v9", source_id),
        ScopingInfo::IPFix { observation_domain_id } => ("IPFIX", observation_domain_id),
        // Type and number of the engine (v5).
        ScopingInfo::Legacy if datagram.get(..2) == Some(&[0, 5]) => {
            ("NetFlow v5", u32::from(u16::from_be_bytes([*datagram.get(20)?, *datagram.get(21)?])))
        }
        _ => return None,
    };
    Some(Exporter { address, version, domain })
}

impl fmt::Display for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, domain {})", self.address, self.version, self.domain)
    }
}

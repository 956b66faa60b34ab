//! Labelled captures that never were: benign hosts, incidents among them, or an incident in a real capture.
//!
//! Every frame is whole: lengths, checksums, sequence numbers, TLS handshakes with server names, DNS before connections. Bulk payload is zeros
//! and is not written unless asked for, as in a capture of headers, so that 100 GB of upload are a small file; the length
//! on the wire is kept. The same scenario gives the same bytes on every run, and the benign traffic of a seed is the same whatever
//! incidents are added. What is held is one small state a source and open connection, never a list of frames.
//!
//! | module | holds |
//! |---|---|
//! | `scenario` | what is to be simulated |
//! | `stage` | the queue of all sources in the order of time |
//! | `frame`, `payload` | bytes |
//! | `conversation`, `quic`, `datagrams` | one connection, one exchange |
//! | `network`, `pace` | who is where, and how often things happen |
//! | `benign`, `incident` | what hosts do |
//! | `base` | a real capture below an incident |

mod base;
mod benign;
mod conversation;
mod datagrams;
mod frame;
mod incident;
mod network;
mod pace;
mod payload;
mod quantity;
mod quic;
mod random;
mod scenario;
mod stage;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use quantity::{parse_bytes, parse_span};
pub use scenario::{Behaviour, Incident, Scenario, ScenarioError, Speech};

use crate::capture::write::PcapWriter;
use crate::capture::{CaptureError, LinkType};
use crate::time::Timestamp;
use base::Base;
use network::Host;
use random::Random;
use stage::Stage;

/// A simulation that failed.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The scenario cannot be.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The capture below could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The capture below has another link layer.
    #[error("{path} is no Ethernet capture (link type {link}): an incident cannot be merged into it")]
    LinkType {
        /// Which capture.
        path: PathBuf,
        /// Its first other link type.
        link: u16,
    },
    /// The capture below has no frame of the host.
    #[error("no IPv4 frame of {host} is in the capture: name a host that is with --host")]
    NoHost {
        /// Which host.
        host: Ipv4Addr,
    },
    /// There is no host to have the incident.
    #[error("an incident in a capture needs a host of the capture: name it with --host")]
    HostNeeded,
    /// The output could not be written.
    #[error("cannot write the capture: {0}")]
    Write(#[from] std::io::Error),
    /// A fault of the program: a frame that no packet can hold.
    #[error("a frame is longer than an IPv4 packet can be")]
    FrameTooLong,
}

/// How a label names a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEnd {
    /// Address, and port where there are ports.
    Addr(IpAddr, Option<u16>),
    /// Domain of a DNS tunnel.
    Name(String),
}

/// What was simulated of one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedLabel {
    /// The host.
    pub host: IpAddr,
    /// The far ends.
    pub peers: Vec<PeerEnd>,
    /// What it does.
    pub behaviour: Behaviour,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// The parameters that the scenario names.
    pub note: String,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// Frames written.
    pub frames: u64,
    /// A label an incident.
    pub labels: Vec<SimulatedLabel>,
}

/// Where frames go beside the scenario itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Captures that incidents are merged into, instead of a simulated network.
    pub into: Vec<PathBuf>,
    /// Whether bulk payload is written out, as zeros.
    pub whole: bool,
}

const ETHERNET: LinkType = LinkType(1);

/// Simulates a scenario and writes it as classic pcap (Ethernet, nanoseconds).
///
/// With [`Options::into`] the incidents happen in the time of the given captures, on hosts of theirs; hosts, start and duration of the
/// scenario do not count.
///
/// # Errors
/// [`SimulateError`].
pub fn simulate(
    scenario: &Scenario,
    options: &Options,
    out: &mut dyn Write,
) -> Result<Simulated, SimulateError> {
    scenario.check()?;
    let base = if options.into.is_empty() { None } else { Some(Base::scan(&options.into, scenario)?) };
    let (start, end) = match &base {
        Some(base) => base.range(),
        None => (scenario.start, scenario.start + scenario.duration),
    };
    let mut sources = match &base {
        Some(_) => pace::Sources::new(),
        None => benign::sources(scenario.hosts, start, scenario.seed),
    };
    let mut labels = Vec::new();
    let mut free = free_hosts(scenario);
    for (number, incident) in (0..).zip(&scenario.incidents) {
        let host = match (&base, incident.host) {
            (Some(base), Some(ip)) => base.host(ip)?,
            (Some(_), None) => return Err(SimulateError::HostNeeded),
            (None, Some(ip)) => Host::at(ip),
            (None, None) => Host::simulated(free.next().unwrap_or_default()),
        };
        let (of_incident, label) = incident::place(incident, number, host, (start, end), scenario.seed);
        sources.extend(of_incident);
        labels.push(label);
    }
    let stage = Stage::new(PcapWriter::new(out, ETHERNET)?, options.whole);
    let end = match base {
        Some(base) => {
            sources.push((start, Box::new(base.into_source()?)));
            end + crate::time::Span::from_nanos(1)
        }
        None => end,
    };
    Ok(Simulated { frames: stage::run(stage, sources, end)?, labels })
}

/// Hosts for incidents that name none, in an order of the seed; without those that others name.
fn free_hosts(scenario: &Scenario) -> impl Iterator<Item = u16> {
    let taken: Vec<Ipv4Addr> = scenario.incidents.iter().filter_map(|incident| incident.host).collect();
    let mut order: Vec<u16> = (0..scenario.hosts.max(1)).collect();
    let mut random = Random::new(scenario.seed, u64::MAX);
    for last in (1..order.len()).rev() {
        order.swap(last, random.index(last + 1));
    }
    order.into_iter().filter(move |index| !taken.iter().any(|ip| Host::simulated(*index).end.ip == *ip))
}

/// Writes labels as `evaluate` reads them.
///
/// # Errors
/// Those of the writer below.
pub fn write_labels(out: &mut dyn Write, labels: &[SimulatedLabel]) -> std::io::Result<()> {
    writeln!(out, "host,peer,kind,behaviour,start,end,note")?;
    for label in labels {
        let peers: Vec<String> = label.peers.iter().map(PeerEnd::to_string).collect();
        let (kind, behaviour) = (label.behaviour.kind(), label.behaviour.name());
        let (start, end) = (label.start.to_rfc3339(), label.end.to_rfc3339());
        let (host, peers, note) = (label.host, peers.join(" "), &label.note);
        writeln!(out, "{host},{peers},{kind},{behaviour},{start},{end},{note}")?;
    }
    Ok(())
}

impl std::fmt::Display for PeerEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Addr(ip, None) => ip.fmt(f),
            Self::Addr(ip, Some(port)) => SocketAddr::new(*ip, *port).fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

//! The flags of `simulate`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::simulate;
use crate::time::{Span, Timestamp};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct SimulateArgs {
    /// The capture: .pcap, .pcap.gz or .pcap.zst
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Its labels, as `evaluate` reads them [default: labels.csv beside the capture]
    #[arg(long, value_name = "FILE.csv")]
    pub(super) labels: Option<PathBuf>,
    /// A scenario of several incidents (TOML: hosts, seed, start, duration, [[incidents]] with the flags below as keys)
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["behaviour", "hosts", "seed", "start", "length"])]
    pub(super) scenario: Option<PathBuf>,
    #[arg(long, value_parser = parse_behaviour, value_name = "BEHAVIOUR", help = behaviour_help())]
    pub(super) behaviour: Option<simulate::Behaviour>,
    /// Between two check-ins, signs of life or chunks, e.g. 60s or 4h
    #[arg(long, value_name = "TIME", value_parser = parse_time_span, requires = "behaviour")]
    pub(super) interval: Option<Span>,
    /// Share of the interval by which each one is longer or shorter, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "behaviour")]
    pub(super) jitter: f64,
    /// Share of the check-ins that do not happen, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "behaviour")]
    pub(super) missed: f64,
    /// Share of the check-ins that nobody answers or that are refused, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "behaviour")]
    pub(super) failing: f64,
    /// When the incident begins, after the start of the capture
    #[arg(long, value_name = "TIME", value_parser = parse_time_span, requires = "behaviour")]
    pub(super) after: Option<Span>,
    /// How long the incident lasts [default: to the end]
    #[arg(long, value_name = "TIME", value_parser = parse_time_span, requires = "behaviour")]
    pub(super) duration: Option<Span>,
    /// What a tunnel carries or an upload sends, e.g. 500kB or 10GB
    #[arg(long, value_name = "BYTES", value_parser = parse_byte_count, requires = "behaviour")]
    pub(super) bytes: Option<u64>,
    /// Peers of the incident, one after another
    #[arg(long, value_name = "N", default_value_t = 1, requires = "behaviour")]
    pub(super) destinations: u16,
    /// How many of the peers never answer
    #[arg(long, value_name = "N", default_value_t = 0, requires = "behaviour")]
    pub(super) dead: u16,
    /// Talk to each peer for so long before the next; without it, to one after another
    #[arg(long, value_name = "TIME", value_parser = parse_time_span, requires = "behaviour")]
    pub(super) rotation: Option<Span>,
    /// Awake for so long, then asleep
    #[arg(long, value_name = "TIME", value_parser = parse_time_span, requires = "asleep")]
    pub(super) awake: Option<Span>,
    /// Asleep for so long, then awake again
    #[arg(long, value_name = "TIME", value_parser = parse_time_span, requires = "awake")]
    pub(super) asleep: Option<Span>,
    /// Act in office hours only: Monday to Friday, 8 to 18 o'clock
    #[arg(long, requires = "behaviour")]
    pub(super) office_hours: bool,
    /// Talk over IPv6
    #[arg(long, requires = "behaviour")]
    pub(super) ipv6: bool,
    /// Hosts that staged data is handed over before it leaves
    #[arg(long, value_name = "N", default_value_t = 1, requires = "behaviour")]
    pub(super) hops: u16,
    /// Upload to destinations that benign hosts use too
    #[arg(long, requires = "behaviour")]
    pub(super) known: bool,
    /// What the incident speaks: TLS, unless it is interactive
    #[arg(long, value_enum, requires = "behaviour")]
    pub(super) speech: Option<SpeechArg>,
    /// The compromised host [default: one of the simulated hosts]
    #[arg(long, value_name = "ADDRESS", requires = "behaviour")]
    pub(super) host: Option<Ipv4Addr>,
    /// Merge the incident into this capture, repeatable, instead of simulating benign hosts
    #[arg(long, value_name = "CAPTURE", conflicts_with_all = ["hosts", "start", "length"])]
    pub(super) into: Vec<PathBuf>,
    /// Benign hosts
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) hosts: u16,
    /// First moment of the capture, RFC 3339 [default: a Monday]
    #[arg(long, value_name = "TIME", value_parser = parse_start)]
    pub(super) start: Option<Timestamp>,
    /// Length of the capture
    #[arg(long, value_name = "TIME", value_parser = parse_time_span, default_value = "24h")]
    pub(super) length: Span,
    /// Seed of everything that is random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Write bulk payload too, as zeros; without, it is cut as in a capture of headers
    #[arg(long)]
    pub(super) whole: bool,
    /// Print errors only
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SpeechArg {
    /// TLS on port 443, to a server name
    Tls,
    /// TLS on port 443 to an address, without a name
    TlsWithoutName,
    /// HTTP on port 80
    Http,
    /// TLS over QUIC on port 443, to a server name
    Quic,
    /// Messages over a WebSocket on port 80
    Websocket,
    /// Nothing known, on a port of its own, to an address
    Raw,
}

impl From<SpeechArg> for simulate::Speech {
    fn from(arg: SpeechArg) -> Self {
        match arg {
            SpeechArg::Tls => Self::Tls,
            SpeechArg::TlsWithoutName => Self::TlsWithoutName,
            SpeechArg::Http => Self::Http,
            SpeechArg::Quic => Self::Quic,
            SpeechArg::Websocket => Self::Websocket,
            SpeechArg::Raw => Self::Raw,
        }
    }
}

fn behaviour_help() -> String {
    let names: Vec<&str> = simulate::Behaviour::ALL.iter().map(|behaviour| behaviour.name()).collect();
    format!("What the compromised host does: {}; nothing without it", names.join(", "))
}

fn parse_behaviour(text: &str) -> Result<simulate::Behaviour, String> {
    let all = simulate::Behaviour::ALL;
    all.into_iter()
        .find(|behaviour| behaviour.name() == text)
        .ok_or_else(|| format!("not one of {}", all.map(simulate::Behaviour::name).join(", ")))
}

fn parse_time_span(text: &str) -> Result<Span, String> {
    simulate::parse_span(text).ok_or_else(|| "not a length of time such as 90s, 4h or 5d".to_owned())
}

fn parse_byte_count(text: &str) -> Result<u64, String> {
    simulate::parse_bytes(text).ok_or_else(|| "not an amount of data such as 64kB or 10GB".to_owned())
}

fn parse_start(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "not a time such as 2026-03-02T00:00:00Z".to_owned())
}

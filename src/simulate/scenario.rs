//! What is to be simulated: a benign network, and incidents in it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::quantity::{parse_bytes, parse_span};
use crate::time::{Span, Timestamp};

/// What an incident does, by the names of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Calls home every interval.
    Beacon,
    /// Holds one connection open, with a sign of life every interval.
    LongConnection,
    /// Carries bytes in the names and answers of DNS.
    DnsTunnel,
    /// Carries bytes in the payload of ICMP echo.
    IcmpTunnel,
    /// Is driven by somebody at the far end.
    Interactive,
    /// Sends much, one destination after another.
    BulkUpload,
    /// Sends a little every interval.
    SlowDrip,
    /// Pulls from inside first, then sends.
    StagedUpload,
}

impl Behaviour {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Beacon,
        Self::LongConnection,
        Self::DnsTunnel,
        Self::IcmpTunnel,
        Self::Interactive,
        Self::BulkUpload,
        Self::SlowDrip,
        Self::StagedUpload,
    ];

    /// The name in labels and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::LongConnection => "long_connection",
            Self::DnsTunnel => "dns_tunnel",
            Self::IcmpTunnel => "icmp_tunnel",
            Self::Interactive => "interactive",
            Self::BulkUpload => "bulk_upload",
            Self::SlowDrip => "slow_drip",
            Self::StagedUpload => "staged_upload",
        }
    }

    /// Which detector should find it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Beacon | Self::LongConnection | Self::DnsTunnel | Self::IcmpTunnel | Self::Interactive => {
                "c2"
            }
            Self::BulkUpload | Self::SlowDrip | Self::StagedUpload => "exfil",
        }
    }
}

/// What an incident speaks over TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// TLS on port 443, to a server name.
    #[default]
    Tls,
    /// TLS on port 443 to an address: no name, no DNS.
    TlsWithoutName,
    /// HTTP on port 80.
    Http,
    /// TLS over QUIC on port 443, to a server name.
    Quic,
    /// Messages over a WebSocket on port 80.
    Websocket,
    /// Nothing that anybody knows, on a port of its own, to an address.
    Raw,
}

impl Speech {
    /// The name in scenarios and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::TlsWithoutName => "tls_without_name",
            Self::Http => "http",
            Self::Quic => "quic",
            Self::Websocket => "websocket",
            Self::Raw => "raw",
        }
    }
}

/// One incident. Without a value, what the behaviour usually does is taken.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What it does.
    pub behaviour: Behaviour,
    /// The host; one is chosen where there is none.
    #[serde(default)]
    pub host: Option<Ipv4Addr>,
    /// When it begins, after the start of the simulation.
    #[serde(default, deserialize_with = "span")]
    pub after: Option<Span>,
    /// How long it lasts; until the end of the simulation where there is nothing.
    #[serde(default, deserialize_with = "span")]
    pub duration: Option<Span>,
    /// Between two check-ins, signs of life or chunks.
    #[serde(default, deserialize_with = "span")]
    pub interval: Option<Span>,
    /// Share of the interval by which each one is longer or shorter, 0 to 1.
    #[serde(default)]
    pub jitter: f64,
    /// Share of the check-ins that do not happen, 0 to 1.
    #[serde(default)]
    pub missed: f64,
    /// Share of the check-ins that nobody answers or that are refused, 0 to 1.
    #[serde(default)]
    pub failing: f64,
    /// What is spoken; nothing known by an interactive session, TLS by others, where there is nothing.
    #[serde(default)]
    pub speech: Option<Speech>,
    /// Bytes that a tunnel carries or an upload sends, in all.
    #[serde(default, deserialize_with = "bytes")]
    pub bytes: Option<u64>,
    /// Peers, one after another.
    #[serde(default = "one")]
    pub destinations: u16,
    /// How many of the peers never answer: the first ones.
    #[serde(default)]
    pub dead: u16,
    /// How long each peer is talked to before the next, and after the last the first; in turn where there is nothing.
    #[serde(default, deserialize_with = "span")]
    pub rotation: Option<Span>,
    /// Whether the peers of an upload are ones that benign hosts use too.
    #[serde(default)]
    pub known: bool,
    /// How long the host is awake before it sleeps.
    #[serde(default, deserialize_with = "span")]
    pub awake: Option<Span>,
    /// How long it sleeps then.
    #[serde(default, deserialize_with = "span")]
    pub asleep: Option<Span>,
    /// Whether it works in office hours only: Monday to Friday, 8 to 18 o'clock.
    #[serde(default)]
    pub office_hours: bool,
    /// Whether host and peers talk over IPv6.
    #[serde(default)]
    pub ipv6: bool,
    /// Hosts that staged data is handed over within the network before it leaves; 1 is the one that sends it out.
    #[serde(default = "one")]
    pub hops: u16,
}

impl Incident {
    /// The usual incident of a behaviour.
    pub const fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            host: None,
            after: None,
            duration: None,
            interval: None,
            jitter: 0.0,
            missed: 0.0,
            failing: 0.0,
            speech: None,
            bytes: None,
            destinations: 1,
            dead: 0,
            rotation: None,
            known: false,
            awake: None,
            asleep: None,
            office_hours: false,
            ipv6: false,
            hops: 1,
        }
    }
}

/// All of a simulation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Seed of everything. The benign traffic of a seed is the same whatever the incidents.
    pub seed: u64,
    /// Benign hosts.
    pub hosts: u16,
    /// First moment.
    #[serde(deserialize_with = "time")]
    pub start: Timestamp,
    /// Length.
    #[serde(deserialize_with = "required_span")]
    pub duration: Span,
    /// Incidents, each on a host of its own unless it names one.
    pub incidents: Vec<Incident>,
}

impl Default for Scenario {
    /// A Monday of 20 hosts without an incident.
    fn default() -> Self {
        Self {
            seed: 1,
            hosts: 20,
            start: Timestamp::from_secs_nanos(1_772_409_600, 0),
            duration: Span::from_secs(86_400),
            incidents: Vec::new(),
        }
    }
}

/// A scenario that cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// No TOML, or keys or values that do not fit. The message says where.
    #[error("{0}")]
    Toml(String),
    /// A share that is none.
    #[error("{name} is {value}: a share is from 0 to 1")]
    Share {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: f64,
    },
    /// A number out of bounds.
    #[error("{name} is {value}: it must be from {least} to {most}")]
    Bounds {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A time that is repeated and would never end.
    #[error("{0} is less than a millisecond")]
    Span(&'static str),
    /// A host that never sleeps, or never wakes up.
    #[error("awake and asleep belong together: give both or neither")]
    HalfADay,
    /// More incidents than hosts to have them.
    #[error("{incidents} incidents on {hosts} hosts: name their hosts, or simulate more hosts")]
    TooManyIncidents {
        /// Incidents.
        incidents: usize,
        /// Hosts.
        hosts: u16,
    },
}

impl Scenario {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`ScenarioError`], naming the place or the value.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|e| ScenarioError::Toml(e.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Whether it can be simulated.
    ///
    /// # Errors
    /// [`ScenarioError`], naming the value.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let bounds = |name, value: u64, least, most| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(ScenarioError::Bounds { name, value, least, most })
            }
        };
        bounds("hosts", u64::from(self.hosts), 0, u64::from(super::network::MAX_HOSTS))?;
        for incident in &self.incidents {
            let shares =
                [("jitter", incident.jitter), ("missed", incident.missed), ("failing", incident.failing)];
            for (name, value) in shares {
                if !(0.0..=1.0).contains(&value) {
                    return Err(ScenarioError::Share { name, value });
                }
            }
            bounds("destinations", u64::from(incident.destinations), 1, 1_000)?;
            bounds("dead", u64::from(incident.dead), 0, u64::from(incident.destinations))?;
            bounds("hops", u64::from(incident.hops), 1, 8)?;
            let spans = [
                ("interval", incident.interval),
                ("rotation", incident.rotation),
                ("awake", incident.awake),
                ("asleep", incident.asleep),
            ];
            for (name, span) in spans {
                if span.is_some_and(|span| span < Span::from_millis(1)) {
                    return Err(ScenarioError::Span(name));
                }
            }
            if incident.awake.is_some() != incident.asleep.is_some() {
                return Err(ScenarioError::HalfADay);
            }
        }
        let unplaced = self.incidents.iter().filter(|incident| incident.host.is_none()).count();
        if unplaced > usize::from(self.hosts.max(1)) {
            return Err(ScenarioError::TooManyIncidents { incidents: unplaced, hosts: self.hosts });
        }
        Ok(())
    }
}

const fn one() -> u16 {
    1
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Span>, D::Error> {
    required_span(from).map(Some)
}

fn required_span<'de, D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
    let text = String::deserialize(from)?;
    parse_span(&text)
        .ok_or_else(|| D::Error::custom(format!("{text:?} is no length of time such as 90s, 4h or 5d")))
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(from)?;
    let amount = parse_bytes(&text);
    amount
        .map(Some)
        .ok_or_else(|| D::Error::custom(format!("{text:?} is no amount of data such as 64kB or 10GB")))
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    Timestamp::parse_rfc3339(&text)
        .ok_or_else(|| D::Error::custom(format!("{text:?} is no time such as 2026-03-02T00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_scenario() {
        let text = "seed = 7\nhosts = 200\nduration = \"24h\"\nstart = \"2026-03-02T00:00:00Z\"\n\
            [[incidents]]\nbehaviour = \"beacon\"\ninterval = \"60s\"\njitter = 0.3\nmissed = 0.2\n\
            [[incidents]]\nbehaviour = \"bulk_upload\"\nbytes = \"10GB\"\nhost = \"10.20.0.12\"\ndestinations = 5\n";
        let scenario = Scenario::from_toml(text).unwrap();
        assert_eq!((scenario.seed, scenario.hosts, scenario.start), (7, 200, Scenario::default().start));
        assert_eq!(scenario.incidents[0].interval, Some(Span::from_secs(60)));
        assert_eq!(scenario.incidents[1].bytes, Some(10_000_000_000));
        assert_eq!((scenario.incidents[1].destinations, scenario.incidents[1].known), (5, false));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let check = |text: &str, needle: &str| {
            let message = Scenario::from_toml(text).unwrap_err().to_string();
            assert!(message.contains(needle), "{message}");
        };
        let incident = |rest: &str| format!("[[incidents]]\nbehaviour = \"beacon\"\n{rest}");
        check("colour = 1", "colour");
        check("hosts = 30000", "hosts is 30000");
        check("duration = \"long\"", "long");
        check(&incident("jitter = 1.5"), "jitter is 1.5");
        check(&incident("interval = \"0s\""), "millisecond");
        check(&incident("destinations = 0"), "destinations");
        check(&incident("dead = 2"), "dead is 2");
        check(&incident("hops = 9"), "hops is 9");
        check(&incident("awake = \"2h\""), "asleep");
        check(&incident("rotation = \"0s\""), "rotation");
        check(&incident("bytes = \"many\""), "many");
        check("[[incidents]]\nbehaviour = \"party\"", "party");
        check(&format!("hosts = 1\n{}\n{}", incident(""), incident("")), "2 incidents on 1 hosts");
    }

    #[test]
    fn names_are_those_that_are_read() {
        for behaviour in Behaviour::ALL {
            let text = format!("[[incidents]]\nbehaviour = \"{}\"", behaviour.name());
            assert_eq!(Scenario::from_toml(&text).unwrap().incidents[0].behaviour, behaviour);
        }
    }
}

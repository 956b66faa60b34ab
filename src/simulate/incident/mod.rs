//! Incidents: what a compromised host does, and the label that says so.

mod beacon;
mod session;
mod tunnel;
mod upload;

use super::benign::known_name;
use super::conversation::Protocol;
use super::network::{Host, Service};
use super::pace::Sources;
use super::payload::base32;
use super::random::Random;
use super::scenario::{Behaviour, Incident, Speech};
use super::{PeerEnd, SimulatedLabel};
use crate::time::{Span, Timestamp};

/// An incident with everything that was left open decided.
struct Placed {
    behaviour: Behaviour,
    host: Host,
    from: Timestamp,
    until: Timestamp,
    interval: Span,
    jitter: f64,
    missed: f64,
    failing: f64,
    bytes: u64,
    peers: Vec<Service>,
    random: Random,
}

/// The sources of an incident of a simulation from `start` to `end`, and its label. `number` tells incidents apart.
pub(super) fn place(
    incident: &Incident,
    number: u64,
    host: Host,
    (start, end): (Timestamp, Timestamp),
    seed: u64,
) -> (Sources, SimulatedLabel) {
    // Streams of benign hosts are far below.
    let mut random = Random::new(seed, 1 << 48 | number);
    let from = start + incident.after.unwrap_or(Span::ZERO);
    let until = incident.duration.map_or(end, |duration| (from + duration).min(end));
    let peers = (0..u64::from(incident.destinations)).map(|nth| peer(incident, nth, &mut random)).collect();
    let mut placed = Placed {
        behaviour: incident.behaviour,
        host,
        from,
        until,
        interval: incident.interval.unwrap_or(usual_interval(incident.behaviour)),
        jitter: incident.jitter,
        missed: incident.missed,
        failing: incident.failing,
        bytes: incident.bytes.unwrap_or(usual_bytes(incident.behaviour)),
        peers,
        random,
    };
    let speech = incident.speech.unwrap_or(match placed.behaviour {
        Behaviour::Interactive => Speech::Raw,
        _ => Speech::Tls,
    });
    for peer in &mut placed.peers {
        speak(speech, peer, &mut placed.random);
    }
    let label = placed.label();
    let sources = match placed.behaviour {
        Behaviour::Beacon => beacon::sources(placed),
        Behaviour::LongConnection => session::held_open(placed),
        Behaviour::Interactive => session::interactive(placed),
        Behaviour::DnsTunnel => tunnel::dns(placed),
        Behaviour::IcmpTunnel => tunnel::icmp(placed),
        Behaviour::BulkUpload => upload::bulk(placed),
        Behaviour::SlowDrip => upload::drip(placed),
        Behaviour::StagedUpload => upload::staged(placed),
    };
    (sources, label)
}

const fn usual_interval(behaviour: Behaviour) -> Span {
    match behaviour {
        Behaviour::DnsTunnel | Behaviour::IcmpTunnel => Span::from_secs(2),
        Behaviour::Interactive => Span::from_secs(25),
        Behaviour::SlowDrip => Span::from_secs(900),
        Behaviour::Beacon | Behaviour::LongConnection | Behaviour::BulkUpload | Behaviour::StagedUpload => {
            Span::from_secs(60)
        }
    }
}

const fn usual_bytes(behaviour: Behaviour) -> u64 {
    match behaviour {
        Behaviour::DnsTunnel => 500_000,
        Behaviour::IcmpTunnel => 2_000_000,
        Behaviour::SlowDrip => 200_000_000,
        Behaviour::BulkUpload | Behaviour::StagedUpload => 2_000_000_000,
        Behaviour::Beacon | Behaviour::LongConnection | Behaviour::Interactive => 0,
    }
}

/// A peer that nobody else talks to, or one that benign hosts know.
fn peer(incident: &Incident, nth: u64, random: &mut Random) -> Service {
    if incident.known {
        return Service::https(&known_name(nth));
    }
    let mut bytes = [0; 5];
    random.fill(&mut bytes);
    Service::https(&format!("{}.example", base32(&bytes)))
}

/// Makes a peer speak.
fn speak(speech: Speech, peer: &mut Service, random: &mut Random) {
    match speech {
        Speech::Tls => {}
        Speech::TlsWithoutName => {
            peer.protocol = Protocol::Tls(None);
            peer.name = None;
        }
        Speech::Http => {
            peer.port = 80;
            peer.protocol = Protocol::Http(peer.name.clone().unwrap_or_default());
        }
        Speech::Raw => {
            peer.port = 4_000 + u16::try_from(random.below(50_000)).unwrap_or_default();
            peer.protocol = Protocol::Raw;
            peer.name = None;
        }
    }
}

impl Placed {
    fn label(&self) -> SimulatedLabel {
        let end = |service: &Service| match self.behaviour {
            Behaviour::DnsTunnel => PeerEnd::Name(service.name.as_deref().unwrap_or_default().to_owned()),
            Behaviour::IcmpTunnel => PeerEnd::Addr(service.ip, None),
            _ => PeerEnd::Addr(service.ip, Some(service.port)),
        };
        SimulatedLabel {
            host: self.host.end.ip,
            peers: self.peers.iter().map(end).collect(),
            behaviour: self.behaviour,
            start: self.from,
            end: self.until,
        }
    }

    /// Seconds that the incident lasts; at least one.
    fn seconds(&self) -> f64 {
        (self.until - self.from).as_secs_f64().max(1.0)
    }
}

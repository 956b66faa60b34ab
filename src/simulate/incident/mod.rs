//! Incidents: what a compromised host does, and the label that says so.

mod beacon;
mod schedule;
mod session;
mod tunnel;
mod upload;

use super::benign::known_name;
use super::conversation::Protocol;
use super::network::{Host, Over, Service};
use super::pace::Sources;
use super::payload::base32;
use super::random::Random;
use super::scenario::{Behaviour, Incident, Speech};
use super::{PeerEnd, SimulatedLabel};
use crate::time::{Span, Timestamp};
use schedule::Schedule;

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
    dead: usize,
    rotation: Option<Span>,
    schedule: Schedule,
    hops: u16,
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
    let host = if incident.ipv6 { host.over_ipv6() } else { host };
    let schedule = Schedule::new(incident, from);
    let from = schedule.next(from);
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
        dead: usize::from(incident.dead),
        rotation: incident.rotation,
        schedule,
        hops: incident.hops,
        random,
    };
    let speech = incident.speech.unwrap_or(match placed.behaviour {
        Behaviour::Interactive => Speech::Raw,
        _ => Speech::Tls,
    });
    for peer in &mut placed.peers {
        speak(speech, peer, &mut placed.random);
    }
    let label = placed.label(note(incident));
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

/// The parameters by which incidents of one behaviour differ, without a comma.
fn note(incident: &Incident) -> String {
    let seconds = |span: Span| format!("{} s", span.as_secs_f64());
    let share = |name: &str, value: f64| (value > 0.0).then(|| format!("{name} {value}"));
    [
        incident.interval.map(|interval| format!("every {}", seconds(interval))),
        share("jitter", incident.jitter),
        share("missed", incident.missed),
        share("failing", incident.failing),
        incident.bytes.map(|bytes| format!("{bytes} B")),
        incident.duration.map(|duration| format!("for {}", seconds(duration))),
        (incident.destinations > 1).then(|| format!("{} destinations", incident.destinations)),
        (incident.dead > 0).then(|| format!("{} dead", incident.dead)),
        incident.rotation.map(|rotation| format!("another every {}", seconds(rotation))),
        incident.known.then(|| "known".to_owned()),
        incident.speech.filter(|speech| *speech != Speech::Tls).map(|speech| speech.name().to_owned()),
        incident.asleep.map(|asleep| format!("asleep for {}", seconds(asleep))),
        incident.office_hours.then(|| "office hours".to_owned()),
        incident.ipv6.then(|| "IPv6".to_owned()),
        (incident.hops > 1).then(|| format!("{} hops", incident.hops)),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("; ")
}

/// A peer that nobody else talks to, or one that benign hosts know.
fn peer(incident: &Incident, nth: u64, random: &mut Random) -> Service {
    let service = if incident.known {
        Service::https(&known_name(nth))
    } else {
        let mut bytes = [0; 5];
        random.fill(&mut bytes);
        Service::https(&format!("{}.example", base32(&bytes)))
    };
    if incident.ipv6 { service.over_ipv6() } else { service }
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
        Speech::Quic => peer.over = Over::Quic,
        Speech::Websocket => {
            peer.port = 80;
            peer.protocol = Protocol::WebSocket(peer.name.clone().unwrap_or_default());
        }
        Speech::Raw => {
            peer.port = 4_000 + u16::try_from(random.below(50_000)).unwrap_or_default();
            peer.protocol = Protocol::Raw;
            peer.name = None;
        }
    }
}

impl Placed {
    fn label(&self, note: String) -> SimulatedLabel {
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
            note,
        }
    }

    /// The peer that is talked to at `now`, the `nth` time, and whether it answers.
    fn peer_at(&self, now: Timestamp, nth: usize) -> Option<(&Service, bool)> {
        let turn = match self.rotation {
            Some(rotation) => {
                usize::try_from((now - self.from).as_nanos() / rotation.as_nanos().max(1)).ok()?
            }
            None => nth,
        };
        let index = turn.checked_rem(self.peers.len())?;
        self.peers.get(index).map(|peer| (peer, index >= self.dead))
    }

    /// When something happens next that happened at `now`: after an interval with its jitter, awake. Nothing when the incident is over.
    fn next(&mut self, now: Timestamp, interval: Span) -> Option<Timestamp> {
        let next = self.schedule.next(now + self.random.jittered(interval, self.jitter));
        (next < self.until).then_some(next)
    }

    /// Seconds that the incident lasts; at least one.
    fn seconds(&self) -> f64 {
        (self.until - self.from).as_secs_f64().max(1.0)
    }
}

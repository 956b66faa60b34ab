//! Benign hosts: people, the programs on their machines, and the jobs of servers. They look like covert channels where real ones do.

mod jobs;
mod people;
mod programs;

use super::network::Host;
use super::pace::Sources;
use super::random::Random;
use crate::time::{Span, Timestamp};

/// Names of the file-sharing service that people upload to; an incident with a known destination uses them too.
pub(super) const KNOWN_DESTINATIONS: u64 = 50;

/// A known destination.
pub(super) fn known_name(index: u64) -> String {
    format!("files{}.cloudshare.example", index % KNOWN_DESTINATIONS)
}

/// What a host is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Desktop,
    Server,
    Build,
    Mail,
}

impl Role {
    /// Of every hundred hosts, ten are servers, two build software, and one carries mail.
    const fn of(index: u16) -> Self {
        match index % 100 {
            7 => Self::Mail,
            23 | 61 => Self::Build,
            _ if index % 10 == 9 => Self::Server,
            _ => Self::Desktop,
        }
    }
}

/// What the sources of one host share.
struct Machine {
    host: Host,
    index: u16,
    start: Timestamp,
    seed: u64,
    streams: u64,
    /// How much later than the others its user works.
    shift: Span,
}

impl Machine {
    /// The next stream of random numbers of this host.
    fn random(&mut self) -> Random {
        self.streams += 1;
        Random::new(self.seed, u64::from(self.index) << 16 | self.streams)
    }
}

/// All benign sources of the first `hosts` hosts.
pub(super) fn sources(hosts: u16, start: Timestamp, seed: u64) -> Sources {
    let mut all = Sources::new();
    for index in 0..hosts {
        let mut machine =
            Machine { host: Host::simulated(index), index, start, seed, streams: 0, shift: Span::ZERO };
        machine.shift = Span::from_secs_f64(machine.random().between(-1.5, 1.5) * 3600.0);
        programs::add(&mut machine, &mut all);
        match Role::of(index) {
            Role::Desktop => people::add(&mut machine, &mut all),
            Role::Server => jobs::add_server(&mut machine, &mut all),
            Role::Build => jobs::add_build(&mut machine, &mut all),
            Role::Mail => jobs::add_mail(&mut machine, &mut all),
        }
    }
    all
}

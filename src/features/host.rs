//! What is remembered of one monitored host.

use serde::{Deserialize, Serialize};

use crate::features::Holding;
use crate::features::channel::Traffic;
use crate::time::Timestamp;

/// The state of one monitored host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Host {
    /// First packet; nothing before the first report or DNS message.
    pub first_seen: Option<Timestamp>,
    /// Last packet.
    pub last_seen: Timestamp,
    /// All traffic.
    pub traffic: Traffic,
    /// Traffic with peers that are not monitored.
    pub external: Traffic,
    /// Flows that the host took part in.
    pub flows: u64,
    /// Flows with peers that are not monitored.
    pub external_flows: u64,
    /// IP bytes that the host received from monitored peers.
    pub pulled_inside: u64,
    /// DNS answers with addresses that the host received.
    pub dns_answers: u64,
    /// What it may hold of an asset's data.
    pub holding: Option<Holding>,
}

impl Host {
    /// A host of which nothing is known.
    pub const NONE: &'static Self = &Self {
        first_seen: None,
        last_seen: Timestamp::from_nanos(0),
        traffic: Traffic::NONE,
        external: Traffic::NONE,
        flows: 0,
        external_flows: 0,
        pulled_inside: 0,
        dns_answers: 0,
        holding: None,
    };

    /// Takes packets from `first` to `last`.
    pub fn see(&mut self, first: Timestamp, last: Timestamp) {
        self.first_seen = Some(self.first_seen.map_or(first, |seen| seen.min(first)));
        self.last_seen = self.last_seen.max(last);
    }

    /// Takes a report of a flow from `first` to `last` with traffic that is new.
    pub fn report(&mut self, first: Timestamp, last: Timestamp, new: &Traffic, internal: bool, opens: bool) {
        self.see(first, last);
        self.flows += u64::from(opens);
        self.traffic.add(new);
        if internal {
            self.pulled_inside += new.bytes_in;
        } else {
            self.external.add(new);
            self.external_flows += u64::from(opens);
        }
    }
}

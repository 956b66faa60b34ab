//! A real capture below an incident: when it is, how its hosts are reached, and its frames as a source among others.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use etherparse::{EtherType, Ethernet2HeaderSlice, Ipv4HeaderSlice};

use super::frame::Endpoint;
use super::network::Host;
use super::stage::{Source, Stage};
use super::{ETHERNET, Scenario, SimulateError};
use crate::capture::{Block, Timeline};
use crate::time::Timestamp;

/// What a first reading tells.
pub(super) struct Base {
    paths: Vec<PathBuf>,
    first: Timestamp,
    last: Timestamp,
    /// Hardware addresses of hosts that have incidents, and of their gateways.
    hosts: BTreeMap<Ipv4Addr, ([u8; 6], [u8; 6])>,
    /// Who answers the DNS questions of these hosts.
    resolvers: BTreeMap<Ipv4Addr, Endpoint>,
}

impl Base {
    /// Reads the captures once, for their range of time and the hosts of the scenario's incidents.
    pub(super) fn scan(paths: &[PathBuf], scenario: &Scenario) -> Result<Self, SimulateError> {
        let mut base = Self {
            paths: paths.to_vec(),
            first: Timestamp::MIN,
            last: Timestamp::MIN,
            hosts: BTreeMap::new(),
            resolvers: BTreeMap::new(),
        };
        let wanted: Vec<Ipv4Addr> = scenario.incidents.iter().filter_map(|incident| incident.host).collect();
        let mut timeline = Timeline::open(paths)?;
        let mut block = Block::default();
        let mut seen = false;
        while timeline.next_block(&mut block)? {
            for frame in &block.frames {
                if frame.link != ETHERNET {
                    let path = paths.first().cloned().unwrap_or_default();
                    return Err(SimulateError::LinkType { path, link: frame.link.0 });
                }
                if !seen {
                    (base.first, base.last, seen) = (frame.ts, frame.ts, true);
                }
                base.first = base.first.min(frame.ts);
                base.last = base.last.max(frame.ts);
                base.learn(block.bytes(frame), &wanted);
            }
        }
        Ok(base)
    }

    /// First and last moment.
    pub(super) fn range(&self) -> (Timestamp, Timestamp) {
        (self.first, self.last)
    }

    /// A host of the capture as it sends.
    pub(super) fn host(&self, ip: Ipv4Addr) -> Result<Host, SimulateError> {
        let (mac, gateway) = self.hosts.get(&ip).copied().ok_or(SimulateError::NoHost { host: ip })?;
        let end = Endpoint { mac, ip: ip.into(), port: 0 };
        Ok(Host { end, gateway, resolver: self.resolvers.get(&ip).copied() })
    }

    /// The frames of the captures, as a source.
    pub(super) fn into_source(self) -> Result<impl Source, SimulateError> {
        Ok(Frames { timeline: Timeline::open(&self.paths)?, block: Block::default(), at: 0 })
    }

    fn learn(&mut self, bytes: &[u8], wanted: &[Ipv4Addr]) {
        let Ok(link) = Ethernet2HeaderSlice::from_slice(bytes) else { return };
        if link.ether_type() != EtherType::IPV4 {
            return;
        }
        let rest = bytes.get(link.slice().len()..).unwrap_or_default();
        let Ok(ip) = Ipv4HeaderSlice::from_slice(rest) else { return };
        let source = ip.source_addr();
        if !wanted.contains(&source) {
            return;
        }
        let outside = !ip.destination_addr().is_private() && !ip.destination_addr().is_multicast();
        // The next hop of what leaves; of anything, until something has left.
        if outside || !self.hosts.contains_key(&source) {
            self.hosts.entry(source).or_insert((link.source(), link.destination()));
            if let Some(known) = self.hosts.get_mut(&source).filter(|_| outside) {
                *known = (link.source(), link.destination());
            }
        }
        let udp = rest.get(ip.slice().len()..).unwrap_or_default();
        if ip.protocol() == etherparse::IpNumber::UDP && udp.get(2..4) == Some(&[0, 53]) {
            let end = Endpoint { mac: link.destination(), ip: ip.destination_addr().into(), port: 53 };
            self.resolvers.entry(source).or_insert(end);
        }
    }
}

/// Copies captured frames as their time comes.
struct Frames {
    timeline: Timeline,
    block: Block,
    at: usize,
}

impl Source for Frames {
    fn act(&mut self, _: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        if let Some(frame) = self.block.frames.get(self.at) {
            stage.copy(frame.ts, frame.wire_len, self.block.bytes(frame));
            self.at += 1;
        }
        while self.at >= self.block.frames.len() {
            self.at = 0;
            match self.timeline.next_block(&mut self.block) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    stage.fail(error.into());
                    return None;
                }
            }
        }
        self.block.frames.get(self.at).map(|frame| frame.ts)
    }
}

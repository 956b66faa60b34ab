//! The simulated network: monitored hosts behind one gateway, a resolver, and an outside of names with addresses.
//!
//! Monitored hosts are in 10.20.0.0/16. The outside has addresses of the benchmark range 198.18.0.0/15 (RFC 2544) and names under
//! `.example` (RFC 2606), so that nothing points at anybody. Over IPv6 the same addresses are the last 32 bits of unique local ones
//! (`fd00:20::/96`, RFC 4193) and of ones for documentation (`2001:db8::/96`, RFC 3849).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::conversation::{Conversation, Ending, Plan, Protocol, Turn};
use super::datagrams::{Carrier, Datagram, Datagrams};
use super::frame::Endpoint;
use super::payload::{dns_message, record};
use super::quic;
use super::random::Random;
use super::stage::{Source, Stage};
use crate::seed::Seed;
use crate::time::{Span, Timestamp};

/// Most monitored hosts.
pub(super) const MAX_HOSTS: u16 = 20_000;

/// How long a host remembers an address.
const TTL: Span = Span::from_secs(300);

/// A monitored host with what it needs to reach others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    /// Its own end, without a port.
    pub(super) end: Endpoint,
    /// The gateway's hardware address.
    pub(super) gateway: [u8; 6],
    /// The resolver; nothing where the host asks none.
    pub(super) resolver: Option<Endpoint>,
}

/// The far end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// Its name; nothing where it is reached by address alone, without asking DNS.
    pub(super) name: Option<Arc<str>>,
    pub(super) ip: IpAddr,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// What carries it. QUIC carries TLS.
    pub(super) over: Over,
}

/// What carries a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Tcp,
    Quic,
}

/// What a connection carries beside its ends.
pub(super) struct Talk {
    pub(super) turns: Box<dyn Iterator<Item = Turn>>,
    /// Bytes a second of bulk data.
    pub(super) rate: f64,
    pub(super) ending: Ending,
}

impl Talk {
    /// Turns at the pace of an office line, closed by both sides.
    pub(super) fn new(turns: impl Iterator<Item = Turn> + 'static) -> Self {
        Self { turns: Box::new(turns), rate: 6e6, ending: Ending::Close }
    }

    pub(super) fn at_rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }
}

impl Host {
    /// Host number `index` of the simulated network.
    pub(super) fn simulated(index: u16) -> Self {
        let [high, low] = (index + 10).to_be_bytes();
        let resolver =
            Endpoint { mac: [2, 0, 10, 20, 0, 2], ip: Ipv4Addr::new(10, 20, 0, 2).into(), port: 53 };
        Self {
            end: Endpoint {
                mac: [2, 0, 10, 20, high, low],
                ip: Ipv4Addr::new(10, 20, high, low).into(),
                port: 0,
            },
            gateway: [2, 0, 10, 20, 0, 1],
            resolver: Some(resolver),
        }
    }

    /// A host of the simulated network at an address of the user's choice.
    pub(super) fn at(ip: Ipv4Addr) -> Self {
        let [_, b, c, d] = ip.octets();
        let usual = Self::simulated(0);
        Self { end: Endpoint { mac: [2, 0, 10, b, c, d], ip: ip.into(), port: 0 }, ..usual }
    }

    /// The same host over IPv6; it asks its resolver over IPv6 too.
    pub(super) fn over_ipv6(self) -> Self {
        let inside = |end: Endpoint| Endpoint { ip: last_bits_of([0xfd00, 0x20], end.ip), ..end };
        Self { end: inside(self.end), resolver: self.resolver.map(inside), ..self }
    }

    /// Another host inside, `nth` addresses before this one, or after it where there is no room.
    pub(super) fn neighbour(&self, nth: u8) -> Self {
        const FIRST: u8 = 10;
        let [.., own] = bytes_of(self.end.ip);
        let last = if own >= nth.saturating_add(FIRST) { own - nth } else { own.saturating_add(nth) };
        let mut mac = self.end.mac;
        let [.., end_of_mac] = &mut mac;
        *end_of_mac = last;
        let end = Endpoint { mac, ip: with_last(self.end.ip, last), port: 0 };
        Self { end, ..*self }
    }

    /// The file server beside a host: the third address of its /24, or the fourth.
    pub(super) fn file_server(of: IpAddr) -> IpAddr {
        let [.., last] = bytes_of(of);
        with_last(of, if last == 3 { 4 } else { 3 })
    }

    /// The far end of an address: behind the gateway.
    pub(super) fn far(&self, ip: impl Into<IpAddr>, port: u16) -> Endpoint {
        Endpoint { mac: self.gateway, ip: ip.into(), port }
    }

    /// Connects: asks for the name first where the host has not lately. Gives when the connection begins.
    pub(super) fn connect(
        &self,
        service: &Service,
        talk: Talk,
        at: Timestamp,
        random: &mut Random,
        stage: &mut Stage<'_>,
    ) -> Timestamp {
        let mut begin = at;
        if let (Some(name), Some(_)) = (&service.name, self.resolver)
            && stage.must_ask(&self.end, name, at, TTL)
        {
            let (kind, answer) = match service.ip {
                IpAddr::V4(ip) => (record::A, ip.octets().to_vec()),
                IpAddr::V6(ip) => (record::AAAA, ip.octets().to_vec()),
            };
            begin = self.ask(name, kind, Some(vec![answer]), at, random, stage) + Span::from_millis(1);
        }
        let client = Endpoint { port: stage.port(self.end.ip), ..self.end };
        let plan = Plan {
            client,
            server: self.far(service.ip, service.port),
            protocol: service.protocol.clone(),
            rtt: rtt_of(service.ip),
            turns: talk.turns,
            rate: talk.rate,
            ending: talk.ending,
        };
        let of_its_own = Random::new(random.below(u64::MAX), 0);
        let source: Box<dyn Source> = match service.over {
            Over::Tcp => Box::new(Conversation::new(plan, of_its_own)),
            Over::Quic => Box::new(quic::connection(plan, of_its_own)),
        };
        stage.start(begin, source);
        begin
    }

    /// Asks the resolver; without answers it says that there is nothing. Gives when the answer is there.
    pub(super) fn ask(
        &self,
        name: &str,
        kind: u16,
        answers: Option<Vec<Vec<u8>>>,
        at: Timestamp,
        random: &mut Random,
        stage: &mut Stage<'_>,
    ) -> Timestamp {
        let Some(resolver) = self.resolver else { return at };
        let id = u16::try_from(random.below(1 << 16)).unwrap_or_default();
        let pause = Span::from_secs_f64(random.between(0.0006, 0.03));
        let question = Datagram { head: dns_message(id, name, kind, None), ..Datagram::default() };
        let answers = answers.unwrap_or_default();
        let head = dns_message(id, name, kind, Some(&answers));
        let answer = Datagram { after: pause, from_peer: true, head, ..Datagram::default() };
        let client = Endpoint { port: stage.port(self.end.ip), ..self.end };
        let both = [question, answer].into_iter();
        stage.start(at, Box::new(Datagrams::new(client, resolver, Carrier::Udp, Box::new(both))));
        at + pause
    }
}

impl Service {
    /// HTTP on port 80 under a name.
    pub(super) fn http(name: &str) -> Self {
        Self { port: 80, protocol: Protocol::Http(name.into()), ..Self::https(name) }
    }

    /// TLS on port 443 under a name.
    pub(super) fn https(name: &str) -> Self {
        let name: Arc<str> = name.into();
        Self {
            ip: address_of(&name).into(),
            port: 443,
            protocol: Protocol::Tls(Some(Arc::clone(&name))),
            name: Some(name),
            over: Over::Tcp,
        }
    }

    /// What nobody knows, at an address.
    pub(super) const fn raw(ip: IpAddr, port: u16) -> Self {
        Self { name: None, ip, port, protocol: Protocol::Raw, over: Over::Tcp }
    }

    /// The same over IPv6.
    pub(super) fn over_ipv6(self) -> Self {
        Self { ip: last_bits_of([0x2001, 0xdb8], self.ip), ..self }
    }
}

/// The IPv6 address that begins with two groups and ends in an IPv4 address; one of IPv6 as it is.
fn last_bits_of([first, second]: [u16; 2], ip: IpAddr) -> IpAddr {
    let IpAddr::V4(ip) = ip else { return ip };
    let [a, b, c, d] = ip.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Ipv6Addr::new(first, second, 0, 0, 0, 0, high, low).into()
}

/// The last four bytes of an address.
const fn bytes_of(ip: IpAddr) -> [u8; 4] {
    match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => {
            let [.., a, b, c, d] = ip.octets();
            [a, b, c, d]
        }
    }
}

/// The address with another last byte.
fn with_last(ip: IpAddr, last: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Ipv4Addr::new(a, b, c, last).into()
        }
        IpAddr::V6(ip) => {
            let mut bytes = ip.octets();
            let [.., end] = &mut bytes;
            *end = last;
            Ipv6Addr::from(bytes).into()
        }
    }
}

/// The address of a name outside.
pub(super) fn address_of(name: &str) -> Ipv4Addr {
    // The addresses are the same whatever the seed of the run.
    let hash = Seed(0).hash_of(&name);
    let [_, _, _, _, a, b, c, d] = hash.to_be_bytes();
    Ipv4Addr::new(198, 18 + (a & 1), b ^ c, 1 + d % 254)
}

/// From the capture to an address and back: 8 to 90 ms, always the same.
fn rtt_of(ip: IpAddr) -> Span {
    // Of the address alone: the hash of the family with it would be another.
    let hash = match ip {
        IpAddr::V4(ip) => Seed(0).hash_of(&ip),
        IpAddr::V6(ip) => Seed(0).hash_of(&ip),
    };
    Span::from_nanos(8_000_000 + i64::from(u32::try_from(hash % 82_000_000).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_where_they_belong() {
        for index in [0, 1, 245, 246, MAX_HOSTS - 1] {
            let host = Host::simulated(index);
            assert_eq!(bytes_of(host.end.ip)[..2], [10, 20]);
            assert_ne!(Some(host.end.ip), host.resolver.map(|r| r.ip));
            let (six, beside) = (host.over_ipv6(), host.neighbour(3));
            assert_eq!((six.end.ip.is_ipv6(), bytes_of(six.end.ip)), (true, bytes_of(host.end.ip)));
            assert_ne!(beside.end.ip, host.end.ip);
            assert_eq!(beside.over_ipv6().end.ip, six.neighbour(3).end.ip);
        }
        for name in ["a.example", "b.example", ""] {
            let [first, second, ..] = address_of(name).octets();
            assert!(first == 198 && (second == 18 || second == 19));
        }
    }
}

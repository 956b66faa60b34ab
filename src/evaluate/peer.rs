//! How a label names the other end of an incident.

use std::fmt;
use std::net::IpAddr;

use crate::addr::Addr;
use crate::decode::app::registered_domain;
use crate::detect::Finding;
use crate::features::{Channel, ChannelKey, peer_address, peer_name};

/// One peer of a label: `ip`, `ip:port`, `[v6]:port` or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerPattern {
    /// An address, on one port or on any.
    Addr {
        /// The address.
        ip: Addr,
        /// The port; any where there is none.
        port: Option<u16>,
    },
    /// A name, and all names under it.
    Name(String),
}

impl PeerPattern {
    /// Reads one peer. Nothing where it is neither an address nor a name.
    pub fn parse(text: &str) -> Option<Self> {
        let addr = |ip: &str, port: Option<u16>| {
            ip.parse::<IpAddr>().ok().map(|ip| Self::Addr { ip: Addr::from(ip), port })
        };
        if let Some((ip, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
            return match rest.strip_prefix(':') {
                Some(port) => addr(ip, Some(port.parse().ok()?)),
                None if rest.is_empty() => addr(ip, None),
                None => None,
            };
        }
        if let Some(whole) = addr(text, None) {
            return Some(whole);
        }
        if let Some((ip, port)) = text.rsplit_once(':') {
            return addr(ip, Some(port.parse().ok()?));
        }
        let is_name = text.contains(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        is_name.then(|| Self::Name(text.trim_end_matches('.').to_ascii_lowercase()))
    }

    /// Whether a channel leads to this peer. An address also stands for the DNS channels through it.
    pub fn is_of_channel(&self, key: &ChannelKey, channel: &Channel) -> bool {
        self.is(Some(peer_address(key, channel)), Some(key.port), peer_name(key, channel).map(|name| &**name))
    }

    /// Whether a finding is about this peer.
    pub fn is_of_finding(&self, finding: &Finding) -> bool {
        self.is(finding.peer.ip, finding.peer.port, finding.peer.name.as_deref())
    }

    fn is(&self, ip: Option<Addr>, port: Option<u16>, name: Option<&str>) -> bool {
        match self {
            Self::Addr { ip: wanted, port: on } => ip == Some(*wanted) && (on.is_none() || *on == port),
            // A DNS channel bears the registered domain of the names asked for.
            Self::Name(wanted) => name.is_some_and(|name| {
                name == wanted || is_under(name, wanted) || name == registered_domain(wanted)
            }),
        }
    }
}

fn is_under(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

impl fmt::Display for PeerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr { ip, port: None } => ip.fmt(f),
            Self::Addr { ip, port: Some(port) } if ip.is_v4() => write!(f, "{ip}:{port}"),
            Self::Addr { ip, port: Some(port) } => write!(f, "[{ip}]:{port}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["10.0.0.1", "10.0.0.1:443", "2001:db8::1", "[2001:db8::1]:53", "tunnel.example"] {
            assert_eq!(PeerPattern::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(PeerPattern::parse("[fd00::1]").unwrap().to_string(), "fd00::1");
        assert_eq!(PeerPattern::parse("Tunnel.Example.").unwrap().to_string(), "tunnel.example");
    }

    #[test]
    fn refuses_what_is_no_peer() {
        for text in ["", "10.0.0.1:", "10.0.0.1:99999", "[fd00::1]x", "10.0.0", "a b", "(private)", "host:80"]
        {
            assert_eq!(PeerPattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ports_and_names_are_compared() {
        let check = |pattern: &str, port: u16, name: Option<&str>, expected: bool| {
            let ip = Addr::from_v4([10, 0, 0, 1]);
            let found = PeerPattern::parse(pattern).unwrap().is(Some(ip), Some(port), name);
            assert_eq!(found, expected, "{pattern} {port} {name:?}");
        };
        check("10.0.0.1", 443, None, true);
        check("10.0.0.1:443", 443, Some("a.example"), true);
        check("10.0.0.1:443", 80, None, false);
        check("10.0.0.2", 443, None, false);
        check("evil.example", 443, Some("evil.example"), true);
        check("evil.example", 443, Some("c2.evil.example"), true);
        check("c2.evil.example", 53, Some("evil.example"), true);
        check("evil.example", 443, Some("notevil.example"), false);
        check("evil.example", 443, None, false);
    }
}

//! Syslog: one message a finding (RFC 5424), over UDP (RFC 5426) or to the local socket.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use anyhow::{Context as _, bail};

use crate::detect::Severity;
use crate::sensor::{Event, FindingFormat, SyslogConfig};

use super::{Note, Sink, Waiting};

/// Facility local0.
const FACILITY: u8 = 16;
/// Bytes of a message, at most: what fits into a UDP datagram. A longer one is told without its evidence.
const MESSAGE_BYTES_MAX: usize = 60_000;

#[derive(Debug)]
pub(in super::super) struct Target {
    address: Address,
    format: FindingFormat,
}

#[derive(Debug)]
enum Address {
    Udp(String),
    Unix(String),
}

impl Target {
    pub(super) fn new(config: &SyslogConfig) -> anyhow::Result<Self> {
        let address = match config.address.split_once("://") {
            Some(("udp", address)) if address.contains(':') => Address::Udp(address.to_owned()),
            Some(("unix", path)) if !path.is_empty() => Address::Unix(path.to_owned()),
            _ => bail!("syslog.address {:?} is neither udp://HOST:PORT nor unix:///dev/log", config.address),
        };
        Ok(Self { address, format: config.format })
    }
}

pub(super) struct Syslog {
    target: Target,
    waiting: Waiting,
}

impl Syslog {
    pub(super) fn new(target: Target) -> Self {
        Self { target, waiting: Waiting::default() }
    }
}

impl Sink for Syslog {
    fn take(&mut self, note: &Note) -> u64 {
        self.waiting.take(note)
    }

    fn flush(&mut self) -> (u64, anyhow::Result<()>) {
        let Self { target: Target { address, format }, waiting } = self;
        waiting.flush(|event| address.send(message(*format, event).as_bytes()))
    }

    fn waiting(&self) -> usize {
        self.waiting.0.len()
    }

    fn turn_to(&mut self, target: super::Target) {
        if let super::Target::Syslog(target) = target {
            self.target = target;
        }
    }
}

impl Address {
    fn send(&self, message: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Udp(address) => UdpSocket::bind("[::]:0")
                .or_else(|_| UdpSocket::bind("0.0.0.0:0"))
                .and_then(|socket| socket.send_to(message, address))
                .with_context(|| format!("cannot send to syslog at udp://{address}")),
            Self::Unix(path) => UnixDatagram::unbound()
                .and_then(|socket| socket.send_to(message, path))
                .with_context(|| format!("cannot send to syslog at unix://{path}")),
        }
        .map(drop)
    }
}

/// `<PRI>1 TIMESTAMP - undercurrent - CHANGE - JSON`.
fn message(format: FindingFormat, event: &Event) -> String {
    let severity = match event.incident.severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
    };
    let head = format!(
        "<{}>1 {} - undercurrent - {} - ",
        FACILITY * 8 + severity,
        event.at.to_rfc3339(),
        event.change.name()
    );
    let whole = format!("{head}{}", format.render(event));
    if whole.len() <= MESSAGE_BYTES_MAX {
        return whole;
    }
    format!("{head}{}", format.render(&Event { finding: None, ..event.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::detect::{Behaviour, Kind};
    use crate::sensor::{Change, Incident};
    use crate::time::Timestamp;

    #[test]
    fn a_message_says_how_grave_it_is() {
        let at = Timestamp::from_nanos(0);
        let incident = Incident {
            kind: Kind::C2,
            host: Addr::from_v4([10, 0, 0, 1]),
            severity: Severity::High,
            behaviour: Behaviour::Beacon,
            detected_at: at,
            told_at: at,
            last_seen: at,
        };
        let event = Event { change: Change::End, at, id: "ab".to_owned(), incident, finding: None };
        let text = message(FindingFormat::Eve, &event);
        assert!(text.starts_with("<131>1 1970-01-01T00:00:00.000Z - undercurrent - end - {"), "{text}");
    }

    #[test]
    fn addresses_are_checked() {
        let new = |address: &str| {
            Target::new(&SyslogConfig { address: address.to_owned(), ..SyslogConfig::default() })
        };
        assert!(new("udp://127.0.0.1:514").is_ok() && new("unix:///dev/log").is_ok());
        for wrong in ["127.0.0.1:514", "tcp://127.0.0.1:514", "udp://host", "unix://"] {
            assert!(new(wrong).is_err(), "{wrong}");
        }
    }
}

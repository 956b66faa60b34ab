//! Application fields that carry identity: DNS messages, TLS ClientHello, QUIC Initial, HTTP request heads.
//! Every reader is bounded, never panics on any bytes, and keeps nothing of the payload but the fields below.

mod dns;
mod dns_name;
#[cfg(test)]
mod fixtures;
mod http;
mod inspector;
mod ja4;
mod name;
mod pieces;
mod quic;
mod quic_keys;
mod reader;
mod signature;
mod tls;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use dns::{DnsMessage, parse_dns};
pub use inspector::{Inspector, Progress};
pub use name::registered_domain;
pub use quic_keys::seal_client_initial;

/// The application protocol of a flow, told from its payload (never from its port alone).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Service {
    /// Nothing known was seen.
    #[default]
    Unknown,
    /// DNS over UDP or TCP.
    Dns,
    /// TLS (Zeek: `ssl`).
    Tls,
    /// QUIC.
    Quic,
    /// HTTP/1.x or cleartext HTTP/2.
    Http,
    /// SSH.
    Ssh,
    /// FTP control.
    Ftp,
    /// SMTP.
    Smtp,
    /// NTP.
    Ntp,
    /// Message queue telemetry transport.
    Mqtt,
    /// Internet relay chat.
    Irc,
    /// SMB.
    Smb,
    /// Remote desktop.
    Rdp,
    /// DHCP.
    Dhcp,
    /// Multicast DNS, LLMNR, SSDP, NetBIOS name service: local discovery.
    Discovery,
    /// STUN / TURN / DTLS-SRTP media set-up.
    Stun,
    /// WireGuard, OpenVPN, IPsec NAT-T: declared VPNs.
    Vpn,
}

impl Service {
    /// The name in findings and channel rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Ftp => "ftp",
            Self::Smtp => "smtp",
            Self::Ntp => "ntp",
            Self::Mqtt => "mqtt",
            Self::Irc => "irc",
            Self::Smb => "smb",
            Self::Rdp => "rdp",
            Self::Dhcp => "dhcp",
            Self::Discovery => "discovery",
            Self::Stun => "stun",
            Self::Vpn => "vpn",
        }
    }

    /// The name in Zeek's `conn.log`, of a flow to this port; our own where Zeek has none. Zeek takes names that are
    /// asked for on the local network for DNS.
    pub const fn zeek_name(self, resp_port: u16) -> Option<&'static str> {
        match (self, resp_port) {
            (Self::Unknown, _) => None,
            (Self::Tls, _) => Some("ssl"),
            (Self::Discovery, 137 | 5353 | 5355) => Some("dns"),
            (other, _) => Some(other.name()),
        }
    }
}

/// What a flow's first payload bytes told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AppInfo {
    /// The protocol.
    pub service: Service,
    /// TLS or QUIC SNI, or HTTP Host without port: lower case, printable ASCII only, at most 255 bytes.
    pub name: Option<Arc<str>>,
    /// The port that stands beside an HTTP host.
    pub name_port: Option<u16>,
    /// JA4 fingerprint of the ClientHello (FoxIO, JA4 TLS client), e.g. `t13d1516h2_8daaf6152771_b186095e22b6`.
    pub ja4: Option<Arc<str>>,
    /// First ALPN protocol offered, e.g. `h2`.
    pub alpn: Option<Arc<str>>,
    /// HTTP request method.
    pub method: Option<Arc<str>>,
    /// Whether a TLS ClientHello was read whole and had no SNI.
    pub hello_without_sni: bool,
    /// What the log that the flow comes from calls its protocols, empty where it calls them nothing; nothing of a flow of
    /// packets.
    pub logged_service: Option<Arc<str>>,
}

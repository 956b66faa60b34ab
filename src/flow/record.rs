//! What is known of one connection: Zeek's `conn.log` row before formatting.

use std::num::NonZeroU128;
use std::sync::Arc;

use crate::addr::Addr;
use crate::decode::app::AppInfo;
use crate::decode::{Direction, Packet, proto};
use crate::flow::uid_of;
use crate::seed::Seed;
use crate::time::Timestamp;

/// The two ends and the protocol, originator first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// Originator's address.
    pub orig: Addr,
    /// Responder's address.
    pub resp: Addr,
    /// Originator's port (ICMP: type).
    pub orig_port: u16,
    /// Responder's port (ICMP: the answering type, or the code).
    pub resp_port: u16,
    /// IP protocol number.
    pub proto: u8,
}

/// Counters of both directions. All cumulative or all since the last report, as the holder says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets sent by the originator.
    pub orig_pkts: u64,
    /// Packets sent by the responder.
    pub resp_pkts: u64,
    /// IP bytes, headers included.
    pub orig_ip_bytes: u64,
    /// IP bytes, headers included.
    pub resp_ip_bytes: u64,
    /// Transport payload bytes on the wire, retransmissions included.
    pub orig_payload: u64,
    /// Transport payload bytes on the wire, retransmissions included.
    pub resp_payload: u64,
    /// Frame bytes, link layer included, as tshark counts conversations.
    pub orig_wire_bytes: u64,
    /// Frame bytes, link layer included, as tshark counts conversations.
    pub resp_wire_bytes: u64,
    /// Payload by which the originator ran ahead at most: what it sent beyond twice what it received, over any stretch of the flow.
    /// Nothing below 10 kB. Where only sums are known, the least that it can be.
    pub orig_surge: u64,
}

impl Counters {
    /// A surge of fewer bytes is a request, not data.
    pub const LEAST_SURGE: u64 = 10_000;

    /// Counts one packet.
    pub(super) fn add(&mut self, from: Direction, packet: &Packet) {
        let (pkts, ip_bytes, payload, wire_bytes) = match from {
            Direction::Orig => (
                &mut self.orig_pkts,
                &mut self.orig_ip_bytes,
                &mut self.orig_payload,
                &mut self.orig_wire_bytes,
            ),
            Direction::Resp => (
                &mut self.resp_pkts,
                &mut self.resp_ip_bytes,
                &mut self.resp_payload,
                &mut self.resp_wire_bytes,
            ),
        };
        *pkts += 1;
        *ip_bytes += u64::from(packet.ip_len);
        *payload += u64::from(packet.payload_len);
        *wire_bytes += u64::from(packet.wire_len);
    }

    /// Changes each counter by its counterpart.
    pub(super) fn each_with(&mut self, other: &Self, mut change: impl FnMut(&mut u64, u64)) {
        change(&mut self.orig_pkts, other.orig_pkts);
        change(&mut self.resp_pkts, other.resp_pkts);
        change(&mut self.orig_ip_bytes, other.orig_ip_bytes);
        change(&mut self.resp_ip_bytes, other.resp_ip_bytes);
        change(&mut self.orig_payload, other.orig_payload);
        change(&mut self.resp_payload, other.resp_payload);
        change(&mut self.orig_wire_bytes, other.orig_wire_bytes);
        change(&mut self.resp_wire_bytes, other.resp_wire_bytes);
        change(&mut self.orig_surge, other.orig_surge);
    }

    /// What was counted after `earlier`, an older copy of these counters.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        since.each_with(earlier, |now, then| *now = now.saturating_sub(then));
        since
    }
}

/// What the source of a record could not see. A packet sees all of it; the log of another program tells less. What depends on it
/// is missing, not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unseen(u16);

impl Unseen {
    /// All of it was seen.
    pub const NOTHING: Self = Self(0);
    /// When packets came inside the connection, who began its bursts, what changed from packet to packet.
    pub const PACING: Self = Self(1);
    /// Bytes of the link layer.
    pub const FRAMES: Self = Self(1 << 1);
    /// How many packets there were.
    pub const PACKETS: Self = Self(1 << 2);
    /// Bytes of IP. The counters hold the least that they can be.
    pub const IP_BYTES: Self = Self(1 << 3);
    /// Bytes of payload. The counters hold what the bytes of IP leave.
    pub const PAYLOAD: Self = Self(1 << 4);
    /// Which protocol was spoken.
    pub const SERVICE: Self = Self(1 << 5);
    /// What clients call the peer: TLS server names, HTTP hosts.
    pub const NAMES: Self = Self(1 << 6);
    /// Holes in the content.
    pub const MISSED: Self = Self(1 << 7);
    /// How the connection went. The state is what the counters say.
    pub const STATE: Self = Self(1 << 8);
    /// How it ended: it was open when it was told of.
    pub const END: Self = Self(1 << 9);

    /// Whether some of `what` was not seen.
    pub const fn has(self, what: Self) -> bool {
        self.0 & what.0 != 0
    }

    /// What was not seen in one or the other.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Zeek's `conn_state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnState {
    /// Attempt seen, no reply.
    S0,
    /// Established, not terminated.
    S1,
    /// Normal establishment and termination.
    SF,
    /// Attempt rejected.
    Rej,
    /// Established, close attempt by the originator seen, no reply.
    S2,
    /// Established, close attempt by the responder seen, no reply.
    S3,
    /// Established, originator aborted.
    Rsto,
    /// Responder reset.
    Rstr,
    /// Originator sent SYN then RST, no SYN-ACK seen.
    Rstos0,
    /// Responder sent SYN-ACK then RST, no SYN seen.
    Rstrh,
    /// Originator sent SYN then FIN, no SYN-ACK seen.
    Sh,
    /// Responder sent SYN-ACK then FIN, no SYN seen.
    Shr,
    /// No SYN seen, midstream traffic.
    #[default]
    Oth,
}

impl ConnState {
    /// All states.
    pub const ALL: [Self; 13] = [
        Self::S0,
        Self::S1,
        Self::SF,
        Self::Rej,
        Self::S2,
        Self::S3,
        Self::Rsto,
        Self::Rstr,
        Self::Rstos0,
        Self::Rstrh,
        Self::Sh,
        Self::Shr,
        Self::Oth,
    ];

    /// The value in Zeek's `conn.log`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::SF => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}

/// Zeek's `history`: at most 24 letters, upper case by the originator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    letters: [u8; 24],
    len: u8,
}

impl History {
    /// Adds a letter; letters past the bound are dropped.
    pub fn push(&mut self, letter: u8) {
        if let Some(slot) = self.letters.get_mut(usize::from(self.len)) {
            *slot = letter;
            self.len += 1;
        }
    }

    /// Whether a SYN was seen, of either side, alone or with an ACK.
    fn has_syn(&self) -> bool {
        self.letters.iter().any(|letter| matches!(letter.to_ascii_uppercase(), b'S' | b'H'))
    }

    /// The letters so far.
    pub fn as_str(&self) -> &str {
        let letters = self.letters.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(letters).unwrap_or_default()
    }
}

/// One connection, cumulative from its first packet.
#[derive(Clone, Debug, Default)]
pub struct FlowRecord {
    /// The ends, originator first.
    pub key: FlowKey,
    /// The unique id that a log says. Of connections in packets few are asked for theirs, so it is made then: see [`FlowRecord::uid`].
    pub told_uid: Option<NonZeroU128>,
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// Cumulative counters.
    pub counters: Counters,
    /// Zeek's `orig_bytes`: payload bytes by sequence numbers for TCP, by headers otherwise.
    pub orig_bytes: u64,
    /// Zeek's `resp_bytes`.
    pub resp_bytes: u64,
    /// Zeek's `missed_bytes`: content gaps by sequence numbers.
    pub missed_bytes: u64,
    /// Zeek's `conn_state`.
    pub state: ConnState,
    /// Zeek's `history`.
    pub history: History,
    /// What the payload told, once it is known.
    pub app: Option<Arc<AppInfo>>,
    /// Who sent the first payload: 0 nobody yet, 1 originator, 2 responder.
    pub first_speaker: u8,
    /// ICMP echo: requests whose payload (past the first 16 bytes) differs from the request before. Those since the last report.
    pub icmp_payload_changes: u32,
    /// ICMP echo: replies whose payload differs from the request with the same identifier and sequence number. Those since
    /// the last report.
    pub icmp_reply_mismatches: u32,
    /// ICMP: largest payload of one message of the originator, in bytes.
    pub icmp_payload_max: u32,
    /// What the source of the record could not see.
    pub unseen: Unseen,
}

impl FlowRecord {
    /// Zeek-style unique id: what a log says, or a hash of seed, key and start ([`uid_of`]). [`crate::flow::uid_text`] writes it.
    pub fn uid(&self, seed: Seed) -> u128 {
        self.told_uid.map_or_else(|| uid_of(seed, &self.key, self.first), NonZeroU128::get)
    }

    /// Whether the connection began before our eyes: not one of TCP of which no SYN was seen. What it said at its begin (TLS server
    /// name, the DNS answer before it) is only known then.
    pub fn begin_seen(&self) -> bool {
        self.key.proto != proto::TCP || self.history.has_syn()
    }
}

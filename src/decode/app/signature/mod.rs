//! Tells a protocol from the first bytes of a payload. A look at one or two bytes refuses most of what is not known.

mod tcp;
mod udp;

use crate::decode::app::Service;

pub(super) use tcp::{expects_hello, tcp};
pub(super) use udp::udp;

/// What the first bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// Nothing known.
    Nothing,
    /// The beginning of something that needs more bytes to tell.
    Prefix,
    /// This service, and nothing more to learn.
    Sure(Service),
    /// This service; a later payload may tell more, or better.
    Hint(Service),
    /// A TLS record with the beginning of a `ClientHello`.
    ClientHello,
    /// Perhaps an HTTP request.
    Request,
    /// A QUIC long-header packet.
    Quic,
}

/// NOTIFY and UPDATE (RFC 1996, RFC 2136) begin as queries do; on DNS's own port that is enough to name them.
fn is_dns_of_other_opcode(message: &[u8], resp_port: u16) -> bool {
    let [_, _, flags, rcode, 0, 1, 0, _, 0, _, 0, _, ..] = message else { return false };
    resp_port == 53 && matches!(flags >> 3 & 0x0f, 4 | 5) && rcode & 0x0f <= 11
}

/// OpenVPN's hard reset of either side: opcode 7 or 8, session id, perhaps a keyed hash, then packet ids (OpenVPN's
/// `ssl_pkt.h`). Its length depends on the hash: none, SHA-1, SHA-256, SHA-512; `tls-crypt` looks like the third.
fn is_openvpn_reset(message: &[u8]) -> bool {
    // The server's reset also acknowledges the client's: one packet id and a session id.
    let (len, acks) = match message.first() {
        Some(0x38) => (message.len(), 0),
        Some(0x40) => (message.len().saturating_sub(12), 1),
        _ => return false,
    };
    let replay_id = |at: usize| matches!(message.get(at..at + 4), Some([0 | 0x0f, 0, 0, 1]));
    match len {
        14 => message.get(9) == Some(&acks) && message.ends_with(&[0; 4]),
        42 | 54 | 86 => replay_id(9) || replay_id(len - 13),
        _ => false,
    }
}

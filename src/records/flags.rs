//! Zeek's state of a TCP connection of which only the flags are known that each end sent, in whatever order.

use crate::decode::TcpFlags;
use crate::flow::ConnState;

/// The state; nothing of the responder where it sent no packet.
pub(super) fn state_of(orig: TcpFlags, resp: Option<TcpFlags>) -> ConnState {
    use TcpFlags as F;
    match (orig.has(F::SYN), resp) {
        (false, _) => ConnState::Oth,
        (true, None) if orig.has(F::RST) => ConnState::Rstos0,
        (true, None) if orig.has(F::FIN) => ConnState::Sh,
        (true, None) => ConnState::S0,
        (true, Some(resp)) if !resp.has(F::SYN) && resp.has(F::RST) => ConnState::Rej,
        (true, Some(_)) if orig.has(F::RST) => ConnState::Rsto,
        (true, Some(resp)) if resp.has(F::RST) => ConnState::Rstr,
        (true, Some(resp)) => match (orig.has(F::FIN), resp.has(F::FIN)) {
            (true, true) => ConnState::SF,
            (true, false) => ConnState::S2,
            (false, true) => ConnState::S3,
            (false, false) => ConnState::S1,
        },
    }
}

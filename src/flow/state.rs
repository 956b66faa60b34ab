//! Zeek's `conn_state`, from the states of both sides (`scripts/base/protocols/conn/main.zeek`).

use crate::decode::proto;
use crate::flow::endpoint::Phase;
use crate::flow::tcp::Tcp;
use crate::flow::{ConnState, Counters, History};

/// The state of a TCP connection.
pub(super) fn of_tcp(tcp: &Tcp, history: &History) -> ConnState {
    use Phase::{Closed, Established, Inactive, Partial, Reset, SynSent};
    let (orig, resp) = (tcp.orig(), tcp.resp());
    let silent = |phase| matches!(phase, Inactive | Partial);
    match (orig.phase(), resp.phase()) {
        (SynSent, Reset) => ConnState::Rej,
        (Reset, Reset) if orig.size(resp) == 0 && resp.size(orig) == 0 => ConnState::Rej,
        (o, Reset) if silent(o) => ConnState::Rstrh,
        (_, Reset) => ConnState::Rstr,
        (Reset, r) if !silent(r) => ConnState::Rsto,
        (Reset, _) if is_aborted_attempt(history) => ConnState::Rstos0,
        (Closed, Closed) => ConnState::SF,
        (Closed, r) => {
            if silent(r) {
                ConnState::Sh
            } else {
                ConnState::S2
            }
        }
        (o, Closed) => {
            if silent(o) {
                ConnState::Shr
            } else {
                ConnState::S3
            }
        }
        (SynSent, Inactive) => ConnState::S0,
        (Established, Established) => ConnState::S1,
        _ => ConnState::Oth,
    }
}

/// The state of anything but TCP.
pub(super) fn of_datagrams(protocol: u8, counters: &Counters) -> ConnState {
    match (protocol, counters.orig_pkts > 0, counters.resp_pkts > 0) {
        (proto::UDP, true, true) => ConnState::SF,
        (proto::UDP, true, false) => ConnState::S0,
        (proto::UDP, false, true) => ConnState::Shr,
        _ => ConnState::Oth,
    }
}

/// Zeek's pattern `^?S[^HAFGIQ]*R.*`.
fn is_aborted_attempt(history: &History) -> bool {
    let letters = history.as_str();
    letters
        .strip_prefix('^')
        .unwrap_or(letters)
        .strip_prefix('S')
        .and_then(|rest| rest.chars().find(|letter| "HAFGIQR".contains(*letter)))
        == Some('R')
}

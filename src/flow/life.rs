//! How long a flow may be idle.

use crate::flow::Config;
use crate::flow::tcp::Tcp;
use crate::time::{Span, Timestamp};

/// Where a flow is in its life: what says how long it may be idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Life {
    /// No flow is here.
    #[default]
    Free,
    TcpAttempt,
    TcpOpen,
    TcpHalfClosed,
    TcpClosed,
    Udp,
    Icmp,
}

impl Life {
    /// Of a TCP flow.
    pub(super) fn of_tcp(tcp: &Tcp) -> Self {
        if tcp.is_closed() {
            Self::TcpClosed
        } else if tcp.is_closing() {
            Self::TcpHalfClosed
        } else if tcp.orig().is_inactive() || tcp.resp().is_inactive() {
            Self::TcpAttempt
        } else {
            Self::TcpOpen
        }
    }
}

/// How long a flow may be idle, by [`Life`]: looked up for every packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts([Span; 7]);

impl Timeouts {
    pub(super) fn new(config: &Config) -> Self {
        let mut timeouts = [Span::ZERO; 7];
        let lives = [
            (Life::TcpAttempt, config.tcp_attempt),
            (Life::TcpOpen, config.tcp_open),
            (Life::TcpHalfClosed, config.tcp_half_closed),
            (Life::TcpClosed, config.tcp_closed),
            (Life::Udp, config.udp),
            (Life::Icmp, config.icmp),
        ];
        for (life, timeout) in lives {
            if let Some(slot) = timeouts.get_mut(life as usize) {
                *slot = timeout;
            }
        }
        Self(timeouts)
    }

    /// Whether the time of a flow whose last packet came at `last` is up at `now`.
    #[inline]
    pub(super) fn is_over(&self, life: Life, last: Timestamp, now: Timestamp) -> bool {
        self.0.get(life as usize).is_none_or(|timeout| now - last >= *timeout)
    }
}

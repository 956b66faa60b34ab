//! Traffic without connections: UDP datagrams and ICMP echo, one after another.

use super::frame::{Endpoint, Frame, Transport};
use super::stage::{Source, Stage};
use crate::time::{Span, Timestamp};

/// A datagram or an echo message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Datagram {
    /// Pause before it.
    pub(super) after: Span,
    /// Whether the far end sends it.
    pub(super) from_peer: bool,
    /// First bytes of the payload.
    pub(super) head: Vec<u8>,
    /// Zero bytes after them.
    pub(super) zeros: u32,
    /// Sequence number of an echo.
    pub(super) seq: u16,
}

/// What carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// UDP.
    Udp,
    /// ICMP echo with this identifier; what the far end sends is a reply.
    Echo(u16),
}

/// Datagrams between two ends.
pub(super) struct Datagrams {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) carrier: Carrier,
    pub(super) rest: Box<dyn Iterator<Item = Datagram>>,
    /// The one that is due.
    pub(super) due: Option<Datagram>,
}

impl Datagrams {
    /// The first is sent when the source is started, whatever its pause.
    pub(super) fn new(
        client: Endpoint,
        server: Endpoint,
        carrier: Carrier,
        mut all: Box<dyn Iterator<Item = Datagram>>,
    ) -> Self {
        let due = all.next();
        Self { client, server, carrier, rest: all, due }
    }
}

impl Source for Datagrams {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        let datagram = self.due.take()?;
        let transport = match self.carrier {
            Carrier::Udp => Transport::Udp,
            Carrier::Echo(id) => Transport::Echo { request: !datagram.from_peer, id, seq: datagram.seq },
        };
        let (from, to, ttl) = if datagram.from_peer {
            (&self.server, &self.client, 52)
        } else {
            (&self.client, &self.server, 64)
        };
        stage.send(
            now,
            &Frame { from, to, transport, head: &datagram.head, zeros: datagram.zeros, id: 0, ttl },
        );
        self.due = self.rest.next();
        self.due.as_ref().map(|next| now + next.after)
    }
}

//! Follows the first payloads of one flow until its protocol and names are known.

use crate::decode::app::http;
use crate::decode::app::pieces::Pieces;
use crate::decode::app::quic::ClientInitial;
use crate::decode::app::signature::{self, Guess};
use crate::decode::app::tls::{self, Extent};
use crate::decode::app::{AppInfo, Service};
use crate::decode::{Direction, proto};

/// Payloads of a flow that are looked at.
const MAX_PAYLOADS: u8 = 12;

/// Where an [`Inspector`] is with its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Wants more payload.
    NeedMore,
    /// Will learn nothing more: take [`Inspector::into_info`] and drop it.
    Done,
}

/// Reads the first payload bytes of one flow until its protocol and names are known. At most 16 KiB of a
/// handshake split over segments are held, and only until it is complete; at most 12 payloads are looked at.
#[derive(Debug, Default)]
pub struct Inspector {
    info: AppInfo,
    payloads: u8,
    held: Option<Box<Held>>,
}

/// One side's bytes that wait for more.
#[derive(Debug)]
struct Held {
    from: Direction,
    kind: HeldKind,
}

#[derive(Debug)]
enum HeldKind {
    /// A stream; `start` is where its first message begins, once that was seen.
    Stream { start: Option<u32>, pieces: Pieces },
    /// A QUIC client's hello.
    Quic(ClientInitial),
}

/// What a look at some bytes says of the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// All is known.
    Done,
    /// These bytes are the beginning of what is wanted.
    Hold,
    /// These bytes tell nothing more; the next may.
    Pass,
}

impl Inspector {
    /// Looks at the next payload of the flow. `seq` is the TCP sequence number of its first byte (0 for UDP);
    /// `payload` is what was captured of it.
    pub fn feed(&mut self, proto: u8, resp_port: u16, from: Direction, seq: u32, payload: &[u8]) -> Progress {
        self.payloads = self.payloads.saturating_add(1);
        let step = match proto {
            proto::TCP => self.feed_segment(resp_port, from, seq, payload),
            proto::UDP => self.feed_datagram(resp_port, from, payload),
            _ => Step::Done,
        };
        if step == Step::Done || self.payloads >= MAX_PAYLOADS {
            self.held = None;
            Progress::Done
        } else {
            Progress::NeedMore
        }
    }

    /// What was learnt so far.
    pub fn into_info(self) -> AppInfo {
        self.info
    }

    fn feed_segment(&mut self, resp_port: u16, from: Direction, seq: u32, segment: &[u8]) -> Step {
        if let Some(held) = self.held.take_if(|held| held.from == from) {
            return self.go_on(held, resp_port, seq, segment);
        }
        let step = self.look_at(segment, resp_port);
        let overtaken = step == Step::Pass
            && self.payloads == 1
            && self.info.service == Service::Unknown
            && signature::expects_hello(resp_port);
        if self.held.is_none() && (step == Step::Hold || overtaken) {
            let mut pieces = Pieces::default();
            pieces.add(seq, segment);
            let start = (step == Step::Hold).then_some(seq);
            self.held = Some(Box::new(Held { from, kind: HeldKind::Stream { start, pieces } }));
        }
        step
    }

    /// Adds a segment to what is held and looks at the whole.
    fn go_on(&mut self, mut held: Box<Held>, resp_port: u16, seq: u32, segment: &[u8]) -> Step {
        let HeldKind::Stream { start, pieces } = &mut held.kind else { return Step::Done };
        if !pieces.add(seq, segment) {
            return if segment.is_empty() { self.keep(held) } else { Step::Done };
        }
        if start.is_none() && self.look_at(segment, resp_port) != Step::Pass {
            *start = Some(seq);
        }
        let Some(start) = *start else { return self.keep(held) };
        match self.look_at(&pieces.joined(start), resp_port) {
            Step::Hold => self.keep(held),
            step => step,
        }
    }

    fn keep(&mut self, held: Box<Held>) -> Step {
        self.held = Some(held);
        Step::Hold
    }

    /// Looks at the beginning of a stream.
    fn look_at(&mut self, stream: &[u8], resp_port: u16) -> Step {
        match signature::tcp(stream, resp_port) {
            Guess::ClientHello => {
                self.info.service = Service::Tls;
                step_after(tls::read_records(stream, &mut self.info), Step::Done)
            }
            Guess::Request => {
                let extent = http::read_head(stream, &mut self.info);
                if self.info.method.is_some() {
                    self.info.service = Service::Http;
                }
                step_after(extent, Step::Pass)
            }
            guess => self.settle(guess),
        }
    }

    fn feed_datagram(&mut self, resp_port: u16, from: Direction, datagram: &[u8]) -> Step {
        let guess = signature::udp(datagram, resp_port);
        if guess != Guess::Quic {
            return self.settle(guess);
        }
        self.info.service = Service::Quic;
        // The server's packets have other keys.
        if self.held.as_ref().is_some_and(|held| held.from != from) {
            return Step::Pass;
        }
        let mut client = match self.held.take().map(|held| held.kind) {
            Some(HeldKind::Quic(client)) => client,
            _ => ClientInitial::default(),
        };
        let extent = client.read(datagram, &mut self.info);
        if extent == Extent::Cut || (extent == Extent::Broken && client.has_begun()) {
            return self.keep(Box::new(Held { from, kind: HeldKind::Quic(client) }));
        }
        step_after(extent, Step::Pass)
    }

    /// Notes a service that has nothing to read. A hint gives way to certainty, not to another hint.
    fn settle(&mut self, guess: Guess) -> Step {
        match guess {
            Guess::Sure(service) => {
                self.info.service = service;
                Step::Done
            }
            Guess::Hint(service) => {
                if self.info.service == Service::Unknown {
                    self.info.service = service;
                }
                Step::Pass
            }
            Guess::Prefix => Step::Hold,
            _ => Step::Pass,
        }
    }
}

fn step_after(extent: Extent, if_broken: Step) -> Step {
    match extent {
        Extent::Whole => Step::Done,
        Extent::Cut => Step::Hold,
        Extent::Broken => if_broken,
    }
}

//! One TCP connection, sent segment by segment: handshake, TLS or HTTP or neither, turns of client and server, ending.

use std::collections::VecDeque;
use std::sync::Arc;

use super::frame::{Endpoint, Frame, MAX_PAYLOAD, Transport, flag};
use super::payload::{
    client_hello, http_request, http_response, tls_head, websocket_head, websocket_opening,
};
use super::random::Random;
use super::stage::{Source, Stage};
use crate::time::{Span, Timestamp};

/// What the ends say to each other once, after a pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Pause before it.
    pub(super) after: Span,
    /// Payload bytes of the client.
    pub(super) up: u64,
    /// Payload bytes of the server.
    pub(super) down: u64,
    /// Whether the server speaks first.
    pub(super) server_first: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Both sides close.
    Close,
    /// The server answers the first segment with a reset.
    Refused,
    /// Nobody answers.
    Unanswered,
}

/// What is spoken.
#[derive(Clone, Debug)]
pub(super) enum Protocol {
    /// TLS, to a server name or to none.
    Tls(Option<Arc<str>>),
    /// HTTP/1.1, to a host.
    Http(Arc<str>),
    /// Messages over a WebSocket, to a host.
    WebSocket(Arc<str>),
    /// Greetings of server and client, then what nobody can read: SSH, SMTP with STARTTLS.
    Greeted(&'static str, &'static str),
    /// Bytes that mean nothing to anybody else.
    Raw,
}

/// A connection that is to be.
pub(super) struct Plan {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) protocol: Protocol,
    /// From the capture to the server and back.
    pub(super) rtt: Span,
    /// What is said, in order.
    pub(super) turns: Box<dyn Iterator<Item = Turn>>,
    /// Bytes a second of bulk data, either way.
    pub(super) rate: f64,
    pub(super) ending: Ending,
}

/// Bytes of an ordinary segment, and of one of many that the network card is to cut.
const SEGMENT: u64 = 1460;
const OFFLOADED: u64 = MAX_PAYLOAD as u64;
/// Messages from this size on travel in offloaded segments.
pub(super) const BULK: u64 = 300_000;
/// Between two things that an end does without waiting for anything.
pub(super) const STEP: Span = Span::from_nanos(40_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// A frame in the near future.
struct Planned {
    at: Timestamp,
    from: Side,
    flags: u8,
    head: Vec<u8>,
    zeros: u32,
}

/// A message that is being sent.
struct Message {
    from: Side,
    head: Vec<u8>,
    left: u64,
    segment: u64,
    begun: bool,
    is_last: bool,
}

/// A connection that is under way.
pub(super) struct Conversation {
    plan: Plan,
    random: Random,
    /// Next sequence numbers of client and server.
    next: [u32; 2],
    queue: VecDeque<Planned>,
    messages: VecDeque<Message>,
    /// When the last planned frame goes out.
    at: Timestamp,
    opened: bool,
    closed: bool,
}

impl Conversation {
    pub(super) fn new(plan: Plan, mut random: Random) -> Self {
        let next = [random.below(1 << 32), random.below(1 << 32)]
            .map(|number| u32::try_from(number).unwrap_or_default());
        Self {
            plan,
            random,
            next,
            queue: VecDeque::new(),
            messages: VecDeque::new(),
            at: Timestamp::MIN,
            opened: false,
            closed: false,
        }
    }

    /// Plans what comes next; nothing is planned once all is said.
    fn refill(&mut self) {
        while self.queue.is_empty() && !self.closed {
            if !self.opened {
                self.open();
            } else if let Some(message) = self.messages.pop_front() {
                self.send_some(message);
            } else if let Some(turn) = self.plan.turns.next() {
                self.say(turn);
            } else {
                self.close();
            }
        }
    }

    fn open(&mut self) {
        self.opened = true;
        self.plan_frame(Span::ZERO, Side::Client, flag::SYN, Vec::new(), 0);
        match self.plan.ending {
            Ending::Unanswered => {
                // Two more attempts, as Linux and Windows make them.
                for pause in [1, 2] {
                    self.plan_frame(Span::from_secs(pause), Side::Client, flag::SYN, Vec::new(), 0);
                }
                self.closed = true;
                return;
            }
            Ending::Refused => {
                self.plan_frame(self.plan.rtt, Side::Server, flag::RST | flag::ACK, Vec::new(), 0);
                self.closed = true;
                return;
            }
            Ending::Close => {}
        }
        self.plan_frame(self.plan.rtt, Side::Server, flag::SYN | flag::ACK, Vec::new(), 0);
        self.plan_frame(STEP, Side::Client, flag::ACK, Vec::new(), 0);
        if let Protocol::Tls(name) = &self.plan.protocol {
            let hello = client_hello(name.as_deref(), &mut self.random);
            let certificate = 2_400 + self.random.below(2_000);
            self.queue_message(Side::Client, hello, 0, false);
            self.queue_message(Side::Server, tls_head(true, certificate), certificate, false);
            self.queue_message(Side::Client, tls_head(false, 53), 53, false);
        }
        if let Protocol::WebSocket(host) = &self.plan.protocol {
            let [request, grant] = websocket_opening(host);
            self.queue_message(Side::Client, request, 0, false);
            self.queue_message(Side::Server, grant, 0, true);
        }
        if let Protocol::Greeted(server, client) = self.plan.protocol {
            self.queue_message(Side::Server, server.as_bytes().to_vec(), 0, false);
            self.queue_message(Side::Client, client.as_bytes().to_vec(), 0, false);
            self.queue_message(Side::Client, Vec::new(), 1_500, false);
            self.queue_message(Side::Server, Vec::new(), 1_100, true);
        }
    }

    fn say(&mut self, turn: Turn) {
        self.at = self.at + turn.after;
        let both = [(Side::Client, turn.up), (Side::Server, turn.down)];
        let mut spoken: Vec<(Side, u64)> = both.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
        if turn.server_first {
            spoken.reverse();
        }
        let last = spoken.len();
        for (index, (from, bytes)) in (1..).zip(spoken) {
            let (head, rest) = self.head_of(from, bytes);
            self.queue_message(from, head, rest, index == last);
        }
    }

    /// The first bytes of a message of `bytes`, and how many come after them.
    fn head_of(&self, from: Side, bytes: u64) -> (Vec<u8>, u64) {
        const TLS_HEAD: u64 = 5;
        match (&self.plan.protocol, from) {
            (Protocol::Tls(_), _) => {
                let rest = bytes.saturating_sub(TLS_HEAD).max(1);
                (tls_head(false, rest), rest)
            }
            (Protocol::Http(host), Side::Client) => http_request(host, bytes),
            (Protocol::Http(_), Side::Server) => (http_response(bytes), bytes),
            (Protocol::WebSocket(_), _) => (websocket_head(from == Side::Client, bytes), bytes),
            (Protocol::Greeted(..), _) => (Vec::new(), bytes),
            (Protocol::Raw, _) => {
                let mut head = vec![0; usize::try_from(bytes.min(16)).unwrap_or_default()];
                // Nothing that a protocol begins with.
                head.iter_mut().zip(0x81..).for_each(|(byte, value)| *byte = value);
                let rest = bytes.saturating_sub(head.len() as u64);
                (head, rest)
            }
        }
    }

    fn queue_message(&mut self, from: Side, head: Vec<u8>, rest: u64, is_last: bool) {
        let segment = if rest >= BULK { OFFLOADED } else { SEGMENT };
        self.messages.push_back(Message { from, head, left: rest, segment, begun: false, is_last });
    }

    /// Plans two segments of a message and the acknowledgement of its receiver.
    fn send_some(&mut self, mut message: Message) {
        const FAST: f64 = 12.5e6;
        let rate = if message.left >= BULK || message.segment == OFFLOADED { self.plan.rate } else { FAST };
        let other = if message.from == Side::Client { Side::Server } else { Side::Client };
        // The server answers after a way there and back, the client at once.
        let mut pause = match message.from {
            _ if message.begun => Span::ZERO,
            Side::Server => self.plan.rtt,
            Side::Client => STEP,
        };
        message.begun = true;
        for _ in 0..2 {
            let head = std::mem::take(&mut message.head);
            let room = message.segment.saturating_sub(head.len() as u64);
            let zeros = message.left.min(room);
            message.left -= zeros;
            let bytes = head.len() as u64 + zeros;
            if bytes == 0 {
                break;
            }
            let push = if message.left == 0 { flag::PSH } else { 0 };
            let at = Span::from_secs_f64(pause.as_secs_f64() + bytes as f64 / rate.max(1.0));
            self.plan_frame(
                at,
                message.from,
                flag::ACK | push,
                head,
                u32::try_from(zeros).unwrap_or_default(),
            );
            pause = Span::ZERO;
        }
        let done = message.left == 0;
        if !done || message.is_last {
            let pause = if done && other == Side::Server { self.plan.rtt } else { STEP };
            self.plan_frame(pause, other, flag::ACK, Vec::new(), 0);
        }
        if !done {
            self.messages.push_front(message);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.plan_frame(STEP, Side::Client, flag::FIN | flag::ACK, Vec::new(), 0);
        self.plan_frame(self.plan.rtt, Side::Server, flag::FIN | flag::ACK, Vec::new(), 0);
        self.plan_frame(STEP, Side::Client, flag::ACK, Vec::new(), 0);
    }

    fn plan_frame(&mut self, after: Span, from: Side, flags: u8, head: Vec<u8>, zeros: u32) {
        self.at = self.at + after;
        self.queue.push_back(Planned { at: self.at, from, flags, head, zeros });
    }

    fn send(&mut self, planned: &Planned, stage: &mut Stage<'_>) {
        const TTL: [u8; 2] = [64, 52];
        let [client, server] = [&self.plan.client, &self.plan.server];
        let (from, to, own, other, ttl) = match planned.from {
            Side::Client => (client, server, 0, 1, TTL[0]),
            Side::Server => (server, client, 1, 0, TTL[1]),
        };
        let number = |side: usize| self.next.get(side).copied().unwrap_or_default();
        let ack = if planned.flags & flag::ACK == 0 { 0 } else { number(other) };
        let refusal = planned.flags & flag::RST != 0;
        let seq = if refusal { 0 } else { number(own) };
        let transport = Transport::Tcp { seq, ack, flags: planned.flags };
        stage.send(
            planned.at,
            &Frame { from, to, transport, head: &planned.head, zeros: planned.zeros, id: 0, ttl },
        );
        let counted = u32::from(planned.flags & (flag::SYN | flag::FIN) != 0);
        let bytes = u32::try_from(planned.head.len()).unwrap_or_default() + planned.zeros + counted;
        // A segment that nobody answered is sent again with the same number.
        let repeated = self.plan.ending == Ending::Unanswered && !self.queue.is_empty();
        if let Some(next) = self.next.get_mut(own).filter(|_| !repeated) {
            *next = next.wrapping_add(bytes);
        }
    }
}

impl Source for Conversation {
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp> {
        if !self.opened {
            self.at = now;
            self.refill();
        }
        if let Some(planned) = self.queue.pop_front() {
            self.send(&planned, stage);
        }
        self.refill();
        self.queue.front().map(|planned| planned.at)
    }
}

/// Splits bytes into turns that the client sends one after another, `pause` apart.
pub(super) fn upload_turns(total: u64, chunk: u64, pause: Span) -> impl Iterator<Item = Turn> {
    let chunk = chunk.max(1);
    (0..total.div_ceil(chunk)).map(move |nth| Turn {
        after: if nth == 0 { Span::ZERO } else { pause },
        up: chunk.min(total - nth * chunk),
        down: 250,
        server_first: false,
    })
}

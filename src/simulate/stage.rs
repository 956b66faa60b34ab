//! Where sources of traffic act: the queue that keeps them in the order of time, and the writer below it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::sync::Arc;

use super::SimulateError;
use super::frame::{Endpoint, Frame};
use crate::capture::write::PcapWriter;
use crate::time::{Span, Timestamp};

/// Something that sends frames: a user, a program, one connection. It holds what it needs for its next act, not a list of acts.
pub(super) trait Source {
    /// Acts at `now`: sends frames of that time, starts other sources. Gives when it acts next; nothing when it is done.
    fn act(&mut self, now: Timestamp, stage: &mut Stage<'_>) -> Option<Timestamp>;
}

/// Where frames go.
pub(super) type Sink<'a> = PcapWriter<&'a mut dyn std::io::Write>;

/// What sources act on.
pub(super) struct Stage<'a> {
    sink: Sink<'a>,
    buffer: Vec<u8>,
    /// Whether zero payload is written out.
    whole: bool,
    started: Vec<(Timestamp, Box<dyn Source>)>,
    ids: BTreeMap<IpAddr, u16>,
    ports: BTreeMap<IpAddr, u16>,
    /// Until when a host remembers the address of a name.
    resolved: BTreeMap<(IpAddr, Arc<str>), Timestamp>,
    /// Frames written so far.
    pub(super) frames: u64,
    error: Option<SimulateError>,
}

/// Names remembered by all hosts together, from which the expired ones are forgotten.
const REMEMBERED_NAMES: usize = 1 << 17;

impl<'a> Stage<'a> {
    pub(super) fn new(sink: Sink<'a>, whole: bool) -> Self {
        Self {
            sink,
            buffer: Vec::new(),
            whole,
            started: Vec::new(),
            ids: BTreeMap::new(),
            ports: BTreeMap::new(),
            resolved: BTreeMap::new(),
            frames: 0,
            error: None,
        }
    }

    /// Starts a source, at once where its time is past.
    pub(super) fn start(&mut self, at: Timestamp, source: Box<dyn Source>) {
        self.started.push((at, source));
    }

    /// Sends a frame.
    pub(super) fn send(&mut self, at: Timestamp, frame: &Frame<'_>) {
        let id = self.ids.entry(frame.from.ip).or_default();
        *id = id.wrapping_add(1);
        let frame = Frame { id: *id, ..*frame };
        let Some(wire_len) = frame.write(&mut self.buffer) else {
            self.fail(SimulateError::FrameTooLong);
            return;
        };
        if self.whole {
            self.buffer.resize(wire_len as usize, 0);
        }
        let written = self.sink.write(at, wire_len, &self.buffer);
        self.frames += 1;
        if let Err(error) = written {
            self.fail(error.into());
        }
    }

    /// Writes a frame that was captured elsewhere.
    pub(super) fn copy(&mut self, at: Timestamp, wire_len: u32, captured: &[u8]) {
        self.frames += 1;
        if let Err(error) = self.sink.write(at, wire_len, captured) {
            self.fail(error.into());
        }
    }

    /// A source port that the host has not used for long: those of the dynamic range in turn.
    pub(super) fn port(&mut self, host: IpAddr) -> u16 {
        const FIRST: u16 = 49_152;
        let port = self.ports.entry(host).or_insert(FIRST);
        *port = port.checked_add(1).unwrap_or(FIRST);
        *port
    }

    /// Whether the host must ask for the name at `now`; if so, it is taken to know it for `ttl` from then on.
    pub(super) fn must_ask(&mut self, host: &Endpoint, name: &Arc<str>, now: Timestamp, ttl: Span) -> bool {
        let until = self.resolved.entry((host.ip, Arc::clone(name))).or_insert(Timestamp::MIN);
        let must = *until <= now;
        if must {
            *until = now + ttl;
        }
        if self.resolved.len() > REMEMBERED_NAMES {
            self.resolved.retain(|_, until| *until > now);
        }
        must
    }

    pub(super) fn fail(&mut self, error: SimulateError) {
        self.error.get_or_insert(error);
    }
}

/// A source that waits. Ordered by time, then by when it was started.
struct Waiting {
    at: Timestamp,
    order: u64,
    source: Box<dyn Source>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Lets all sources act in the order of time, until none acts before `end`. What is held: one entry a source that is
/// still active. Gives the number of frames written.
pub(super) fn run(
    mut stage: Stage<'_>,
    sources: Vec<(Timestamp, Box<dyn Source>)>,
    end: Timestamp,
) -> Result<u64, SimulateError> {
    let mut queue: BinaryHeap<Reverse<Waiting>> = BinaryHeap::new();
    let mut order = 0;
    stage.started = sources;
    let mut now = Timestamp::MIN;
    loop {
        for (at, source) in stage.started.drain(..) {
            order += 1;
            queue.push(Reverse(Waiting { at: at.max(now), order, source }));
        }
        if let Some(error) = stage.error.take() {
            return Err(error);
        }
        let Some(Reverse(mut next)) = queue.pop().filter(|Reverse(next)| next.at < end) else {
            stage.sink.finish()?;
            return Ok(stage.frames);
        };
        now = next.at;
        if let Some(at) = next.source.act(now, &mut stage) {
            queue.push(Reverse(Waiting { at: at.max(now), ..next }));
        }
    }
}

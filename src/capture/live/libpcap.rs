//! libpcap, where there are no rings of our own: other systems, and link types that are not read from `AF_PACKET`.
//!
//! The handle never blocks: `pcap_next_ex` and `pcap_dispatch` wait for ever on a quiet link whatever their timeout, and
//! `pcap_breakloop` from another thread is seen only when a packet comes. So the wait is our own, on the descriptor.
//!
//! A handle outlives that its interface goes down. Where the interface is removed, a new one must be opened, which the
//! process may not be allowed to do any more: then capture ends with an error.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use pcap::{Active, Capture, Device, Packet, Precision};

use super::Poll;
use super::absence::Absence;
use super::config::Config;
use super::error::LiveError;
use super::losses::InterfaceLosses;
use super::stats::LiveStats;
use super::wait::wait;
use crate::capture::{BLOCK_BYTES, Block, FrameRef, LinkType};
use crate::time::Timestamp;

/// Milliseconds for which the kernel may gather packets before it wakes the reader.
const GATHER_MS: i32 = 50;
/// Frames taken in one call, so that a block stays small whatever waits.
const FRAMES_A_CALL: usize = 256;

/// One capture handle.
pub(super) struct Libpcap {
    interface: String,
    config: Config,
    handle: Option<Handle>,
    /// Whether the caller knows that nothing can be received.
    absence: Absence,
    stats: LiveStats,
    losses: InterfaceLosses,
}

struct Handle {
    capture: Capture<Active>,
    link: LinkType,
    /// The counters of the handle when they were last read: they have 32 bits.
    received: u32,
    dropped: u32,
}

impl Libpcap {
    /// Opens a handle where the interface is there and up.
    pub(super) fn open(interface: &str, config: &Config) -> Result<Self, LiveError> {
        let mut source = Self {
            interface: interface.to_owned(),
            config: config.clone(),
            handle: None,
            absence: Absence::default(),
            stats: LiveStats::default(),
            losses: InterfaceLosses::new(interface),
        };
        let is_up = source.is_up() == Some(true);
        if is_up {
            source.reopen(false)?;
        }
        source.absence = Absence::at_start(is_up);
        Ok(source)
    }

    /// Whether there is a handle.
    pub(super) const fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    /// Fills a block with what waits.
    pub(super) fn next_block(&mut self, block: &mut Block, timeout: Duration) -> Result<Poll, LiveError> {
        block.clear();
        let taken = self.take(block);
        if taken && block.frames.is_empty() && self.wait(timeout)? {
            self.take(block);
        }
        if !block.frames.is_empty() {
            return Ok(Poll::Frames);
        }
        self.look();
        // A handle that does not block is not told that its interface went down.
        match self.is_up() {
            Some(true) if taken && !self.absence.is_told() => return Ok(Poll::Idle),
            Some(true) => {
                self.reopen(taken)?;
                return Ok(self.absence.end());
            }
            Some(false) => {}
            None => self.handle = None,
        }
        if !taken {
            wait(None, timeout).map_err(|source| self.refused(source))?;
        }
        Ok(self.absence.begin(&mut self.stats))
    }

    /// The counters so far.
    pub(super) fn stats(&mut self) -> LiveStats {
        self.look();
        self.stats.interface_dropped_packets = self.losses.total();
        self.stats
    }

    /// Takes what waits without waiting itself. False where the handle is broken, or there is none.
    fn take(&mut self, block: &mut Block) -> bool {
        let Some(handle) = &mut self.handle else { return false };
        let (link, stats) = (handle.link, &mut self.stats);
        let capture = &mut handle.capture;
        while block.data.len() < BLOCK_BYTES {
            match capture.dispatch(Some(FRAMES_A_CALL), |packet| push(block, stats, link, &packet)) {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) => return !block.frames.is_empty(),
            }
        }
        true
    }

    /// Adds what libpcap counted since the last look.
    fn look(&mut self) {
        let Some(handle) = &mut self.handle else { return };
        let Ok(now) = handle.capture.stats() else { return };
        self.stats.offered_packets += u64::from(now.received.wrapping_sub(handle.received));
        self.stats.ring_dropped_packets += u64::from(now.dropped.wrapping_sub(handle.dropped));
        (handle.received, handle.dropped) = (now.received, now.dropped);
    }

    fn wait(&self, timeout: Duration) -> Result<bool, LiveError> {
        let fd = self.handle.as_ref().map(|handle| handle.capture.as_raw_fd());
        #[expect(unsafe_code, reason = "the pcap crate gives its descriptor as a number")]
        // SAFETY: the descriptor stays open as long as the handle, which is borrowed until the wait is over.
        let fd = fd.map(|fd| unsafe { BorrowedFd::borrow_raw(fd) });
        wait(fd, timeout).map_err(|source| self.refused(source))
    }

    /// Opens a new handle: the old one may be that of an interface of the same name that is gone. Where that is refused, as
    /// to a process that has given its rights up, one that still works goes on.
    fn reopen(&mut self, works: bool) -> Result<(), LiveError> {
        match Handle::open(&self.interface, &self.config) {
            Ok(handle) => self.handle = Some(handle),
            Err(_) if works => {}
            Err(error) => {
                return Err(LiveError::Pcap { interface: self.interface.clone(), reason: text_of(error) });
            }
        }
        Ok(())
    }

    /// Whether the interface is up; nothing where there is none.
    fn is_up(&self) -> Option<bool> {
        let devices = Device::list().unwrap_or_default();
        let device = devices.iter().find(|device| device.name == self.interface);
        device.map(|device| device.flags.is_up())
    }

    fn refused(&self, source: std::io::Error) -> LiveError {
        LiveError::System { interface: self.interface.clone(), step: "wait for packets", source }
    }
}

impl Handle {
    fn open(interface: &str, config: &Config) -> Result<Self, pcap::Error> {
        let int = |value: u64| i32::try_from(value).unwrap_or(i32::MAX);
        // Elsewhere times come in microseconds whatever is asked for.
        let precision = if cfg!(target_os = "linux") { Precision::Nano } else { Precision::Micro };
        let mut capture = Capture::from_device(interface)?
            .snaplen(int(config.snap_length.into()))
            .buffer_size(int(config.buffer_bytes))
            .promisc(config.promiscuous)
            .timeout(GATHER_MS)
            .precision(precision)
            .open()?
            .setnonblock()?;
        capture.filter(&config.filter, true)?;
        let link = LinkType(u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX));
        // Handles number IP without a header before it as the system does, files as 101 (LINKTYPE_RAW).
        let link = if link.0 == 12 || link.0 == 14 { LinkType(101) } else { link };
        Ok(Self { capture, link, received: 0, dropped: 0 })
    }
}

/// Copies one frame to the end of the block.
fn push(block: &mut Block, stats: &mut LiveStats, link: LinkType, packet: &Packet<'_>) {
    let nanos_a_unit = if cfg!(target_os = "linux") { 1 } else { 1_000 };
    let ts = packet.header.ts;
    #[cfg_attr(
        all(target_os = "linux", target_pointer_width = "64"),
        expect(clippy::useless_conversion, reason = "other systems have fewer bits")
    )]
    let ts = Timestamp::from_secs_nanos(ts.tv_sec.into(), i64::from(ts.tv_usec) * nanos_a_unit);
    let captured_len = u32::try_from(packet.data.len()).unwrap_or(u32::MAX);
    let wire_len = packet.header.len.max(captured_len);
    let offset = u32::try_from(block.data.len()).unwrap_or(u32::MAX);
    block.data.own().extend_from_slice(packet.data);
    block.frames.push(FrameRef { ts, offset, captured_len, wire_len, link });
    stats.packets += 1;
    stats.bytes += u64::from(wire_len);
}

fn text_of(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

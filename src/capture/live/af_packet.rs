//! A ring of Linux's `AF_PACKET` sockets, version 3: the kernel fills blocks of frames in shared memory, which are read where they
//! lie, or copied as a whole where the pipeline is behind.
//!
//! Everything that needs a capability is done by [`AfPacket::open`]. An interface that is removed and comes back is
//! bound to anew, which needs none: a socket alone is bound again; one in a fanout group cannot be, so that others
//! are opened ahead.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::absence::Absence;
use super::config::Config;
use super::error::LiveError;
use super::kernel_filter::{KernelFilter, keep};
use super::losses::InterfaceLosses;
use super::ring::Ring;
use super::stats::LiveStats;
use super::sys::{Link, Socket};
use super::wait::wait;
use super::{Poll, layout};
use crate::capture::{Block, LinkType};

/// Bytes of a block: what is handed over at a time. Half of a processor's second-level cache.
const BLOCK_BYTES: u32 = 256 * 1024;
/// After so many milliseconds the kernel hands over a block that is not full.
const RETIRE_MS: u32 = 20;
/// A ring that was emptied is left alone for so long at most before its thread asks to be woken: one wake-up then serves several blocks.
const REST_MAX: Duration = Duration::from_millis(10);
/// Bytes a second that no ring is filled faster than (25 Gbit/s and the kernel's headers), so that none is full after a rest.
const FASTEST: u64 = 4_000_000_000;
/// Times that a ring in a fanout group can lose its interface.
const SPARE_SOCKETS: usize = 32;
/// Blocks between two looks at the kernel's counters, which have 32 bits.
const BLOCKS_A_LOOK: u32 = 64;

/// The fanout group that the rings of an interface share; zero while none has joined.
pub(super) type Group = Arc<Mutex<u16>>;

/// One ring.
#[derive(Debug)]
pub(super) struct AfPacket {
    interface: String,
    config: Config,
    /// Nothing where the ring is alone on its interface.
    group: Option<Group>,
    socket: Socket,
    ring: Ring,
    /// Whether frames came since the last rest.
    busy: bool,
    bound: Option<Bound>,
    /// Whether the caller knows that nothing can be received.
    absence: Absence,
    spares: Vec<Socket>,
    /// Whether the socket is in the fanout group, where it cannot be bound to another interface.
    joined: bool,
    stats: LiveStats,
    /// Counted by one ring of an interface alone.
    losses: Option<InterfaceLosses>,
    blocks: u32,
}

/// What the socket receives from.
#[derive(Debug)]
struct Bound {
    index: u32,
    link: LinkType,
    filter: Option<crate::capture::Filter>,
}

impl AfPacket {
    /// Opens the sockets of a ring, and binds where the interface is there and up.
    pub(super) fn open(
        interface: &str,
        config: &Config,
        group: Option<Group>,
        counts_losses: bool,
    ) -> Result<Self, LiveError> {
        let socket = || Socket::open().map_err(|source| refused(interface, "open a packet socket", source));
        let first = socket()?;
        let ring = ring_of(&first, interface, config)?;
        let spares = if group.is_some() { SPARE_SOCKETS } else { 0 };
        let mut source = Self {
            interface: interface.to_owned(),
            config: config.clone(),
            group,
            socket: first,
            ring,
            busy: false,
            bound: None,
            absence: Absence::default(),
            spares: (0..spares).map(|_| socket()).collect::<Result<_, _>>()?,
            joined: false,
            stats: LiveStats::default(),
            losses: counts_losses.then(|| InterfaceLosses::new(interface)),
            blocks: 0,
        };
        source.absence = Absence::at_start(source.bind()?);
        Ok(source)
    }

    /// Whether the socket is bound to the interface.
    pub(super) const fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Fills a block with what the kernel hands over next.
    pub(super) fn next_block(&mut self, block: &mut Block, timeout: Duration) -> Result<Poll, LiveError> {
        block.clear();
        if self.take(block) {
            return Ok(Poll::Frames);
        }
        if self.bound.is_none() && self.bind()? {
            return Ok(self.absence.end());
        }
        let rest = rest(self.config.buffer_bytes);
        if std::mem::take(&mut self.busy) {
            self.wait_for(None, rest)?;
            if self.take(block) {
                return Ok(Poll::Frames);
            }
        }
        // For as long as its newest block is lent, the kernel says that there is something to read.
        let (socket, timeout) = if self.ring.has_lent() {
            (None, timeout.min(rest))
        } else {
            (Some(self.socket.as_fd()), timeout)
        };
        self.wait_for(socket, timeout)?;
        if self.take(block) {
            return Ok(Poll::Frames);
        }
        self.look();
        Ok(self.check_link())
    }

    /// The counters so far.
    pub(super) fn stats(&mut self) -> LiveStats {
        self.look();
        if let Some(losses) = &mut self.losses {
            self.stats.interface_dropped_packets = losses.total();
        }
        self.stats
    }

    /// Takes one block, if the kernel has handed over any.
    fn take(&mut self, block: &mut Block) -> bool {
        let Some(frames) = self.ring.take(&mut block.data) else { return false };
        self.busy = true;
        let link = self.bound.as_ref().map_or(LinkType(1), |bound| bound.link);
        self.stats.bytes += layout::append_frames(block, frames, link);
        self.stats.packets += block.frames.len() as u64;
        if let Some(filter) = self.bound.as_mut().and_then(|bound| bound.filter.as_mut()) {
            let before = block.frames.len();
            filter.apply(block);
            self.stats.filtered_packets += (before - block.frames.len()) as u64;
        }
        self.blocks += 1;
        if self.blocks.is_multiple_of(BLOCKS_A_LOOK) {
            self.look();
        }
        true
    }

    /// Adds what the kernel counted since the last look.
    fn look(&mut self) {
        if let Ok((offered, dropped)) = self.socket.take_statistics() {
            self.stats.offered_packets += u64::from(offered);
            self.stats.ring_dropped_packets += u64::from(dropped);
        }
    }

    /// Waits for a block, or without a socket for the time alone.
    fn wait_for(&self, socket: Option<BorrowedFd<'_>>, timeout: Duration) -> Result<(), LiveError> {
        wait(socket, timeout).map(drop).map_err(|e| self.refused("wait for packets", e))
    }

    /// Whether the interface is still what the socket is bound to.
    fn check_link(&mut self) -> Poll {
        // The error that the socket holds would end the next wait at once; what it means is looked up here.
        let _ = self.socket.take_error();
        let link = self.socket.link(&self.interface).ok();
        let index = self.bound.as_ref().map(|bound| bound.index);
        match link {
            Some(Link { index: now, up: true, .. }) if index == Some(now) => self.absence.end(),
            Some(Link { index: now, .. }) if index == Some(now) => self.absence.begin(&mut self.stats),
            _ => {
                self.bound = None;
                self.absence.begin(&mut self.stats)
            }
        }
    }

    /// Binds to the interface, if it is there and up. False where it is not, or a member of its old fanout group is
    /// still open.
    fn bind(&mut self) -> Result<bool, LiveError> {
        let Ok(Link { index, up: true, hardware }) = self.socket.link(&self.interface) else {
            return Ok(false);
        };
        let link = link_type(hardware)
            .ok_or_else(|| LiveError::Hardware { interface: self.interface.clone(), hardware })?;
        let filter = KernelFilter::compile(&self.config.filter, link, self.config.snap_length)?;
        if std::mem::take(&mut self.joined) {
            self.take_spare()?;
        }
        match self.attach(index) {
            Ok(()) => {}
            Err(error) if self.will_pass(&error) => return Ok(false),
            Err(error) => return Err(self.refused("bind a packet socket", error)),
        }
        self.socket.filter(&filter.program).map_err(|e| self.refused("attach the filter", e))?;
        self.bound = Some(Bound { index, link, filter: filter.rest });
        Ok(true)
    }

    /// Binds the socket, and lets nothing pass yet: a ring that is not in its group would get what the others get.
    fn attach(&mut self, index: u32) -> io::Result<()> {
        self.socket.filter(&keep(0))?;
        self.socket.bind(index)?;
        if self.config.promiscuous {
            self.socket.promiscuous(index)?;
        }
        if let Some(group) = &self.group {
            let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
            *group = self.socket.join(*group)?;
            self.joined = true;
        }
        Ok(())
    }

    /// Goes on with a socket that was never bound.
    fn take_spare(&mut self) -> Result<(), LiveError> {
        self.look();
        let none_left = || LiveError::NoSocketLeft { interface: self.interface.clone() };
        let spare = self.spares.pop().ok_or_else(none_left)?;
        self.ring = ring_of(&spare, &self.interface, &self.config)?;
        self.socket = spare;
        Ok(())
    }

    /// Whether binding may succeed later: the interface went away again, or its former group has members yet.
    fn will_pass(&self, error: &io::Error) -> bool {
        let gone = [libc::ENODEV, libc::ENXIO, libc::ENETDOWN];
        let waits_for_others =
            error.raw_os_error() == Some(libc::EINVAL) && self.spares.len() < SPARE_SOCKETS;
        error.raw_os_error().is_some_and(|code| gone.contains(&code)) || waits_for_others
    }

    fn refused(&self, step: &'static str, source: io::Error) -> LiveError {
        refused(&self.interface, step, source)
    }
}

/// How long a ring of so many bytes can be left alone.
fn rest(buffer_bytes: u64) -> Duration {
    REST_MAX.min(Duration::from_nanos(buffer_bytes.saturating_mul(1_000_000_000) / FASTEST))
}

/// Makes the ring of a socket.
fn ring_of(socket: &Socket, interface: &str, config: &Config) -> Result<Ring, LiveError> {
    let blocks = u32::try_from(config.buffer_bytes / u64::from(BLOCK_BYTES)).unwrap_or(u32::MAX);
    socket
        .ring(BLOCK_BYTES, blocks, RETIRE_MS)
        .map_err(|source| refused(interface, "make the ring (is capture.buffer_bytes too large?)", source))
}

fn refused(interface: &str, step: &'static str, source: io::Error) -> LiveError {
    let interface = interface.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied => LiveError::Permission { interface, source },
        _ => LiveError::System { interface, step, source },
    }
}

/// What frames of a hardware type (`ARPHRD_*`) begin with.
fn link_type(hardware: u16) -> Option<LinkType> {
    const RAW_IP: u16 = 519;
    const RADIOTAP: u16 = 803;
    let link = match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => 1,
        // Tunnels and point-to-point links, whose frames begin with the IP header.
        libc::ARPHRD_NONE
        | RAW_IP
        | libc::ARPHRD_TUNNEL
        | libc::ARPHRD_TUNNEL6
        | libc::ARPHRD_SIT
        | libc::ARPHRD_PPP => 101,
        libc::ARPHRD_IEEE80211 => 105,
        RADIOTAP => 127,
        _ => return None,
    };
    Some(LinkType(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_shorter_than_a_ring_takes_to_fill() {
        assert_eq!(rest(64 << 20), REST_MAX);
        assert!(rest(1 << 20) > Duration::ZERO);
        assert!(rest(1 << 20).as_secs_f64() * 3.2e9 < f64::from(1 << 20));
    }
}

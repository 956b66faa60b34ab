//! Frames from live interfaces, block by block, as those of capture files come.
//!
//! | file | what is there |
//! |---|---|
//! | `af_packet`, `sys`, `ring`, `layout`, `kernel_filter` | rings of Linux's `AF_PACKET` sockets, version 3 |
//! | `libpcap` | libpcap, everywhere else |
//! | `threads`, `queue` | a thread a ring, and the queue to the pipeline |
//! | `shed`, `conversation` | what is given up, and counted, while the pipeline cannot keep up |
//!
//! A source waits at most as long as it is asked to. An interface that is missing, down, or removed is waited for, and
//! that it went and came back is told. Packet times are the kernel's.

mod absence;
#[cfg(target_os = "linux")]
mod af_packet;
mod config;
mod conversation;
mod error;
#[cfg(target_os = "linux")]
mod kernel_filter;
#[cfg(target_os = "linux")]
mod layout;
mod libpcap;
mod losses;
mod queue;
#[cfg(target_os = "linux")]
mod ring;
mod shed;
mod stats;
#[cfg(target_os = "linux")]
mod sys;
mod threads;
mod wait;

use std::time::Duration;

pub use config::{Backend, Config};
pub use error::LiveError;
#[cfg(target_os = "linux")]
pub(super) use ring::Lent;
pub use stats::LiveStats;
pub use threads::{Capture, InterfaceStatus, LinkState, Opened};

use super::Block;

/// What came of waiting for frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The block has frames.
    Frames,
    /// Nothing came in the time given.
    Idle,
    /// The interface went down, was removed, or is not there. Told once.
    Down,
    /// The interface is there and up again.
    Back,
}

/// A ring or capture handle of one interface.
pub struct Source {
    interface: String,
    inner: Inner,
}

enum Inner {
    #[cfg(target_os = "linux")]
    Ring(Box<af_packet::AfPacket>),
    Libpcap(Box<libpcap::Libpcap>),
}

/// Opens an interface: a source for each of [`Config::workers`] rings, or one handle of libpcap.
///
/// On Linux this is all that needs a capability (`CAP_NET_RAW`).
///
/// # Errors
/// Where the settings are wrong, or the process may not capture. That there is no such interface is no error.
pub fn open(interface: &str, config: &Config) -> Result<Vec<Source>, LiveError> {
    config.check()?;
    let inner = match config.backend {
        Backend::Libpcap => libpcap(interface, config)?,
        #[cfg(target_os = "linux")]
        Backend::AfPacket => rings(interface, config)?,
        #[cfg(target_os = "linux")]
        Backend::Auto => match rings(interface, config) {
            Err(LiveError::Hardware { .. }) => libpcap(interface, config)?,
            other => other?,
        },
        #[cfg(not(target_os = "linux"))]
        Backend::AfPacket => return Err(LiveError::NotLinux),
        #[cfg(not(target_os = "linux"))]
        Backend::Auto => libpcap(interface, config)?,
    };
    Ok(inner.into_iter().map(|inner| Source { interface: interface.to_owned(), inner }).collect())
}

#[cfg(target_os = "linux")]
fn rings(interface: &str, config: &Config) -> Result<Vec<Inner>, LiveError> {
    let group = (config.workers > 1).then(|| af_packet::Group::new(config.fanout_group.into()));
    let open = |n| af_packet::AfPacket::open(interface, config, group.clone(), n == 0);
    (0..config.workers).map(|n| open(n).map(|ring| Inner::Ring(Box::new(ring)))).collect()
}

fn libpcap(interface: &str, config: &Config) -> Result<Vec<Inner>, LiveError> {
    Ok(vec![Inner::Libpcap(Box::new(libpcap::Libpcap::open(interface, config)?))])
}

impl Source {
    /// Name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Which backend serves the interface.
    pub fn backend(&self) -> Backend {
        match &self.inner {
            #[cfg(target_os = "linux")]
            Inner::Ring(_) => Backend::AfPacket,
            Inner::Libpcap(_) => Backend::Libpcap,
        }
    }

    /// Whether packets can come: the interface was there and up when it was last looked for.
    fn is_bound(&self) -> bool {
        match &self.inner {
            #[cfg(target_os = "linux")]
            Inner::Ring(ring) => ring.is_bound(),
            Inner::Libpcap(handle) => handle.is_open(),
        }
    }

    /// Replaces what is in `block` with the next frames, waiting for them for `timeout` at most.
    ///
    /// # Errors
    /// Where the operating system fails in a way that waiting does not mend.
    pub fn next_block(&mut self, block: &mut Block, timeout: Duration) -> Result<Poll, LiveError> {
        match &mut self.inner {
            #[cfg(target_os = "linux")]
            Inner::Ring(ring) => ring.next_block(block, timeout),
            Inner::Libpcap(handle) => handle.next_block(block, timeout),
        }
    }

    /// The counters since the source was opened.
    pub fn stats(&mut self) -> LiveStats {
        match &mut self.inner {
            #[cfg(target_os = "linux")]
            Inner::Ring(ring) => ring.stats(),
            Inner::Libpcap(handle) => handle.stats(),
        }
    }
}

//! Settings of live capture.

use serde::{Deserialize, Serialize};

use super::error::LiveError;
use crate::capture::Filter;

/// Bytes of memory that a ring is made of at least: a few blocks, so that the kernel fills one while others are read.
const BUFFER_MIN_BYTES: u64 = 1 << 20;
/// The kernel counts the bytes of a ring in 32 bits.
const BUFFER_MAX_BYTES: u64 = 2 << 30;
/// Bytes of a frame below which its headers are not whole.
const SNAP_MIN: u32 = 96;
/// libpcap's `MAXIMUM_SNAPLEN`.
const SNAP_MAX: u32 = 256 * 1024;
/// More rings than any machine of today can serve.
const WORKERS_MAX: usize = 64;
/// Blocks of 256 KiB in the queue: 1 GiB.
const QUEUE_MAX: usize = 4096;

/// Where frames come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// `af_packet` on Linux where the link type is one that it knows, else `libpcap`.
    #[default]
    Auto,
    /// Rings of Linux's `AF_PACKET` sockets, version 3.
    AfPacket,
    /// libpcap.
    Libpcap,
}

/// Settings of live capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where frames come from.
    pub backend: Backend,
    /// Bytes kept of a frame. Lengths on the wire are counted whole whatever it is.
    pub snap_length: u32,
    /// Bytes of each ring: what the kernel can hold while the program is busy.
    pub buffer_bytes: u64,
    /// Take frames that are not for this machine.
    pub promiscuous: bool,
    /// Rings of each interface, a thread each. Both directions of a flow come by the same ring.
    pub workers: usize,
    /// Processors that the threads of rings are pinned to, in turn; not pinned where empty.
    pub cpus: Vec<usize>,
    /// Fanout group of an interface's rings; zero has the kernel choose one that is free.
    pub fanout_group: u16,
    /// tcpdump expression that frames must fulfil; all where empty.
    pub filter: String,
    /// Blocks of frames (256 KiB) that may wait for the pipeline. What finds no place is shed and counted.
    pub queue_blocks: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            snap_length: 4096,
            buffer_bytes: 64 << 20,
            promiscuous: true,
            workers: 1,
            cpus: Vec::new(),
            fanout_group: 0,
            filter: String::new(),
            queue_blocks: 256,
        }
    }
}

impl Config {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Where a value is out of its bounds, or the filter is none.
    pub fn check(&self) -> Result<(), LiveError> {
        within("snap_length", self.snap_length.into(), SNAP_MIN.into(), SNAP_MAX.into())?;
        within("buffer_bytes", self.buffer_bytes, BUFFER_MIN_BYTES, BUFFER_MAX_BYTES)?;
        within("workers", self.workers as u64, 1, WORKERS_MAX as u64)?;
        within("queue_blocks", self.queue_blocks as u64, 1, QUEUE_MAX as u64)?;
        if !self.filter.is_empty() {
            Filter::compile(&self.filter)?;
        }
        Ok(())
    }
}

fn within(key: &'static str, value: u64, least: u64, most: u64) -> Result<(), LiveError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(LiveError::Config { key, value, least, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_checked() {
        assert!(Config::default().check().is_ok());
        let check = |change: fn(&mut Config), expected: &str| {
            let mut config = Config::default();
            change(&mut config);
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check(|c| c.snap_length = 10, "capture.snap_length is 10; it must be from 96 to 262144");
        check(|c| c.buffer_bytes = 0, "capture.buffer_bytes");
        check(|c| c.workers = 0, "capture.workers");
        check(|c| c.queue_blocks = 1 << 20, "capture.queue_blocks");
        check(|c| c.filter = "tcp prot 80".to_owned(), "syntax error");
    }
}

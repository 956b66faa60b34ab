//! What an interface lost before anybody could read it.

use std::fs;

/// Counters of an interface that stand for lost frames, as libpcap adds them up too. `rx_dropped` is none of them: it
/// counts frames of protocols that the host does not speak, which a capture has seen.
const COUNTERS: [&str; 2] = ["rx_missed_errors", "rx_fifo_errors"];

/// Adds up the losses of an interface that may be removed and come back with its counters at zero.
#[derive(Debug)]
pub(super) struct InterfaceLosses {
    interface: String,
    /// Sum of the counters when it was last read.
    seen: Option<u64>,
    total: u64,
}

impl InterfaceLosses {
    /// Counts from now on.
    pub(super) fn new(interface: &str) -> Self {
        let mut losses = Self { interface: interface.to_owned(), seen: None, total: 0 };
        losses.total();
        losses
    }

    /// Frames lost so far. Where the counters cannot be read, as they were.
    pub(super) fn total(&mut self) -> u64 {
        let read = |counter: &str| -> Option<u64> {
            let path = format!("/sys/class/net/{}/statistics/{counter}", self.interface);
            fs::read_to_string(path).ok()?.trim().parse().ok()
        };
        let now: Option<u64> = COUNTERS.into_iter().map(read).sum();
        self.observe(now);
        self.total
    }

    fn observe(&mut self, now: Option<u64>) {
        let Some(now) = now else { return };
        if let Some(seen) = self.seen {
            // Less than before: another interface by the same name.
            self.total += now.checked_sub(seen).unwrap_or(now);
        }
        self.seen = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_begin_again_add_up() {
        let mut losses = InterfaceLosses { interface: String::new(), seen: None, total: 0 };
        for (now, total) in [(Some(5), 0), (Some(7), 2), (None, 2), (Some(7), 2), (Some(1), 3), (Some(4), 6)]
        {
            losses.observe(now);
            assert_eq!(losses.total, total, "{now:?}");
        }
    }
}

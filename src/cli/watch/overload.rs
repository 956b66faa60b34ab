//! Says in the log what is lost for want of room or time: at once, and then once a minute for as long as it goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::export::metrics::MetricsSnapshot;
use crate::export::text;

/// Between two lines: a flood must not flood the log.
const EVERY: Duration = Duration::from_mins(1);

/// What can be lost: the name of the counter, and what it counts with what bounds it.
const LOSSES: [(&str, &str); 7] = [
    ("ring", "packets that the kernel dropped (more capture.workers, capture.buffer_bytes)"),
    ("shed", "packets that the pipeline had no time for (more --threads)"),
    ("flow_evicted", "connections ended early (flow.max_flows)"),
    ("host_table_full", "updates of hosts refused (features.max_hosts)"),
    ("host_evicted", "hosts forgotten (features.max_hosts)"),
    ("channel_table_full", "updates of channels refused (features.max_channels)"),
    ("channel_evicted", "channels forgotten (features.max_channels)"),
];

/// What has been told.
#[derive(Debug, Default)]
pub(super) struct Overload {
    told: BTreeMap<&'static str, u64>,
    last: Option<Instant>,
}

impl Overload {
    /// What is to be said of the counters of now, at this time by the clock; nothing where nothing was lost since the last time, or
    /// that was just now.
    pub(super) fn news(&mut self, metrics: &MetricsSnapshot, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now - last < EVERY) {
            return None;
        }
        let mut lost = Vec::new();
        for (name, what) in LOSSES {
            let count = count(metrics, name);
            let before = self.told.insert(name, count).unwrap_or_default();
            if count > before {
                lost.push(format!("{} {what}", text::count(count - before)));
            }
        }
        if lost.is_empty() {
            return None;
        }
        self.last = Some(now);
        Some(format!("lost: {}", lost.join("; ")))
    }
}

fn count(metrics: &MetricsSnapshot, name: &str) -> u64 {
    if name == "flow_evicted" {
        return metrics.flows_expired.get("evicted").copied().unwrap_or_default();
    }
    metrics
        .dropped_packets
        .get(name)
        .or_else(|| metrics.state_overflows.get(name))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_at_once_and_then_once_a_minute() {
        let mut metrics = MetricsSnapshot::default();
        let (mut overload, begin) = (Overload::default(), crate::cli::clock::instant());
        let mut at =
            |metrics: &MetricsSnapshot, seconds| overload.news(metrics, begin + Duration::from_secs(seconds));
        assert_eq!(at(&metrics, 0), None);
        metrics.dropped_packets.insert("filter".to_owned(), 9);
        assert_eq!(at(&metrics, 1), None, "left out, not lost");
        metrics.flows_expired.insert("evicted".to_owned(), 1200);
        metrics.dropped_packets.insert("ring".to_owned(), 3);
        let both = "lost: 3 packets that the kernel dropped (more capture.workers, capture.buffer_bytes); \
                    1,200 connections ended early (flow.max_flows)";
        assert_eq!(at(&metrics, 2).as_deref(), Some(both));
        metrics.state_overflows.insert("host_table_full".to_owned(), 5);
        assert_eq!(at(&metrics, 30), None, "not yet");
        let host = "lost: 5 updates of hosts refused (features.max_hosts)";
        assert_eq!(at(&metrics, 62).as_deref(), Some(host));
        assert_eq!(at(&metrics, 200), None, "nothing new");
    }
}

//! What the simpler rules need and the feature stage does not keep: collected from the flows that ended, in evaluations only.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Addr;
use crate::decode::proto;
use crate::features::rita::{RitaPairs, RitaScores};
use crate::features::{Channel, ChannelKey, LocalNetworks, Peer, is_unicast};
use crate::flow::FlowRecord;
use crate::time::{Span, Timestamp};

/// Flows that ended in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteCounts {
    /// Flows.
    pub flows: u32,
    /// Payload bytes that the host sent in them.
    pub bytes_out: u64,
    /// Payload bytes that the host received in them.
    pub bytes_in: u64,
}

/// The flows of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerFlows {
    /// By minute since 1970.
    pub ended: BTreeMap<i64, MinuteCounts>,
    /// Most payload bytes that the host sent in one flow.
    pub largest_upload: u64,
    /// Payload bytes that the host sent in all.
    pub bytes_out: u64,
    /// IP bytes that the host sent, by bucket of [`FlowObserver::BUCKET`] since 1970.
    pub volume: BTreeMap<i64, u64>,
}

/// What was seen of all flows. Bounded: what finds no room is counted.
#[derive(Debug)]
pub struct FlowObserver {
    local: LocalNetworks,
    minutes: BTreeSet<i64>,
    channels: BTreeMap<ChannelKey, PeerFlows>,
    hosts: BTreeMap<Addr, BTreeMap<i64, u64>>,
    rita: RitaPairs,
    entries: usize,
    dropped: u64,
}

/// Mean and standard deviation of what a host sends outside in a bucket, those without traffic between its first and its last
/// included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Volume {
    /// Mean, bytes.
    pub mean: f64,
    /// Standard deviation, bytes.
    pub deviation: f64,
}

const MINUTE: Span = Span::from_secs(60);

impl FlowObserver {
    /// Length of a bucket of volume.
    pub const BUCKET: Span = Span::from_secs(300);
    /// Minutes and buckets kept in all.
    const MAX_ENTRIES: usize = 1 << 23;
    /// Minutes or buckets that one flow is spread over; a flow of a longer time has a clock that cannot be believed, and counts where it ends.
    const MAX_STEPS: i64 = 7 * 24 * 60;

    /// Nothing seen yet.
    pub fn new(local: LocalNetworks) -> Self {
        Self {
            rita: RitaPairs::new(local.clone()),
            local,
            minutes: BTreeSet::new(),
            channels: BTreeMap::new(),
            hosts: BTreeMap::new(),
            entries: 0,
            dropped: 0,
        }
    }

    /// Takes a flow that ended.
    pub fn take(&mut self, record: &FlowRecord) {
        self.rita.add(record);
        let key = &record.key;
        let [orig_local, resp_local] =
            [key.orig, key.resp].map(|addr| self.local.contains(addr) && is_unicast(addr));
        if !(orig_local || resp_local) {
            return;
        }
        for minute in steps(record, MINUTE) {
            if self.has_room() && self.minutes.insert(minute) {
                self.entries += 1;
            }
        }
        if orig_local && resp_local || !is_unicast(if orig_local { key.resp } else { key.orig }) {
            return;
        }
        self.take_external(record, orig_local);
    }

    /// Minutes in which a flow of a monitored host was open.
    pub fn active_minutes(&self) -> u64 {
        self.minutes.len() as u64
    }

    /// The flows of a channel.
    pub fn flows_of(&self, key: &ChannelKey) -> Option<&PeerFlows> {
        self.channels.get(key)
    }

    /// RITA's scores of the pair that a channel belongs to.
    pub fn rita_of(&self, key: &ChannelKey, channel: &Channel) -> Option<RitaScores> {
        self.rita.scores(key, channel)
    }

    /// What each host usually sends outside.
    pub fn volumes(&self) -> BTreeMap<Addr, Volume> {
        self.hosts.iter().filter_map(|(host, buckets)| Some((*host, volume(buckets)?))).collect()
    }

    /// Entries that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped + self.rita.dropped()
    }

    fn take_external(&mut self, record: &FlowRecord, outbound: bool) {
        let (key, counters) = (&record.key, &record.counters);
        let (host, peer) = if outbound { (key.orig, key.resp) } else { (key.resp, key.orig) };
        let (payload_out, payload_in, ip_out) = if outbound {
            (counters.orig_payload, counters.resp_payload, counters.orig_ip_bytes)
        } else {
            (counters.resp_payload, counters.orig_payload, counters.resp_ip_bytes)
        };
        let portless = matches!(key.proto, proto::ICMP | proto::ICMPV6);
        let channel = ChannelKey {
            host,
            peer: Peer::Addr(peer),
            port: if portless { 0 } else { key.resp_port },
            proto: key.proto,
            outbound,
        };
        if !self.has_room() {
            return;
        }
        let flows = self.channels.entry(channel).or_default();
        let before = flows.ended.len() + flows.volume.len();
        let minute = flows.ended.entry(index_of(record.last, MINUTE)).or_default();
        minute.flows = minute.flows.saturating_add(1);
        minute.bytes_out += payload_out;
        minute.bytes_in += payload_in;
        flows.bytes_out += payload_out;
        flows.largest_upload = flows.largest_upload.max(payload_out);
        let buckets = self.hosts.entry(host).or_default();
        let before = before + buckets.len();
        let spread = steps(record, Self::BUCKET);
        let count = (spread.end() - spread.start() + 1).unsigned_abs().max(1);
        let (share, rest) = (ip_out / count, ip_out % count);
        for (nth, bucket) in (0_u64..).zip(spread) {
            let bytes = share + u64::from(nth < rest);
            *flows.volume.entry(bucket).or_default() += bytes;
            *buckets.entry(bucket).or_default() += bytes;
        }
        self.entries += (flows.ended.len() + flows.volume.len() + buckets.len()).saturating_sub(before);
    }

    fn has_room(&mut self) -> bool {
        let room = self.entries < Self::MAX_ENTRIES;
        self.dropped += u64::from(!room);
        room
    }
}

/// The steps since 1970 in which a flow was open.
fn steps(record: &FlowRecord, step: Span) -> std::ops::RangeInclusive<i64> {
    let (first, last) = (index_of(record.first, step), index_of(record.last, step));
    if (0..FlowObserver::MAX_STEPS).contains(&last.saturating_sub(first)) {
        first..=last
    } else {
        last..=last
    }
}

const fn index_of(at: Timestamp, step: Span) -> i64 {
    at.as_nanos().div_euclid(step.as_nanos())
}

fn volume(buckets: &BTreeMap<i64, u64>) -> Option<Volume> {
    let (first, last) = (buckets.first_key_value()?.0, buckets.last_key_value()?.0);
    let count = last.saturating_sub(*first).saturating_add(1) as f64;
    let sum = |power: i32| buckets.values().map(|bytes| (*bytes as f64).powi(power)).sum::<f64>();
    let mean = sum(1) / count;
    Some(Volume { mean, deviation: (sum(2) / count - mean * mean).max(0.0).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Counters, FlowKey};

    fn addr(last: u8) -> Addr {
        Addr::from_v4([10, 0, 0, last])
    }

    fn flow(orig: Addr, resp: Addr, from_s: i64, to_s: i64, sent: u64) -> FlowRecord {
        FlowRecord {
            key: FlowKey { orig, resp, orig_port: 40_000, resp_port: 443, proto: proto::TCP },
            first: Timestamp::from_secs_nanos(from_s, 0),
            last: Timestamp::from_secs_nanos(to_s, 0),
            counters: Counters { orig_payload: sent, orig_ip_bytes: sent, ..Counters::default() },
            ..FlowRecord::default()
        }
    }

    fn observed(flows: &[FlowRecord]) -> FlowObserver {
        let mut observer = FlowObserver::new(LocalNetworks::default());
        for record in flows {
            observer.take(record);
        }
        observer
    }

    const OUTSIDE: Addr = Addr::from_v4([203, 0, 113, 1]);

    fn channel(host: Addr) -> ChannelKey {
        ChannelKey { host, peer: Peer::Addr(OUTSIDE), port: 443, proto: proto::TCP, outbound: true }
    }

    #[test]
    fn a_flow_is_spread_over_its_time() {
        let observer = observed(&[flow(addr(1), OUTSIDE, 0, 899, 901), flow(addr(1), OUTSIDE, 900, 901, 50)]);
        let flows = observer.flows_of(&channel(addr(1))).unwrap();
        assert_eq!(flows.volume.values().copied().collect::<Vec<_>>(), [301, 300, 300, 50]);
        assert_eq!((flows.largest_upload, flows.bytes_out), (901, 951));
        assert_eq!(flows.ended.keys().copied().collect::<Vec<_>>(), [14, 15]);
        assert_eq!(observer.active_minutes(), 16);
        let volume = observer.volumes()[&addr(1)];
        assert!((volume.mean - 951.0 / 4.0).abs() < 1e-9 && volume.deviation > 100.0);
    }

    #[test]
    fn only_traffic_with_the_outside_is_kept() {
        let group = Addr::from_v4([224, 0, 0, 251]);
        let observer = observed(&[
            flow(addr(1), addr(2), 0, 10, 5),
            flow(addr(1), group, 0, 10, 5),
            flow(OUTSIDE, OUTSIDE, 600, 700, 5),
        ]);
        assert_eq!((observer.active_minutes(), observer.volumes().len()), (1, 0));
    }

    #[test]
    fn a_clock_that_jumps_cannot_fill_the_memory() {
        let observer = observed(&[flow(addr(1), OUTSIDE, 0, 3_000_000_000, 7)]);
        assert_eq!((observer.active_minutes(), observer.dropped()), (1, 0));
        assert_eq!(observer.flows_of(&channel(addr(1))).unwrap().volume.len(), 1);
    }
}

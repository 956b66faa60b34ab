//! What each host exchanged with the outside lately.

use std::collections::{BTreeMap, VecDeque};

use crate::addr::Addr;
use crate::features::{FeatureStore, Traffic};
use crate::time::{Span, Timestamp};

/// Totals of a host at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostTotals {
    /// Traffic with the outside.
    pub traffic: Traffic,
    /// Flows with the outside.
    pub flows: u64,
}

/// The newest window of all hosts: a few copies of their totals, the oldest about [`HostWindow::LENGTH`] old.
#[derive(Debug, Default)]
pub struct HostWindow {
    copies: VecDeque<(Timestamp, BTreeMap<Addr, HostTotals>)>,
}

impl HostWindow {
    /// Length of the window.
    pub const LENGTH: Span = Span::from_secs(300);
    /// Copies are at least this far apart: how exact the window's length is.
    pub const STEP: Span = Span::from_secs(60);

    /// Takes a copy of the totals at a time, if one is due.
    pub fn advance(&mut self, at: Timestamp, store: &FeatureStore) {
        // Where packet time was set back, what was copied then is not yet.
        while self.copies.pop_back_if(|(last, _)| *last > at).is_some() {}
        if self.copies.back().is_some_and(|(last, _)| at - *last < Self::STEP) {
            return;
        }
        let totals = store.hosts().collect_sorted(|_, host| {
            Some(HostTotals { traffic: host.external, flows: host.external_flows })
        });
        self.copies.push_back((at, totals.into_iter().collect()));
        self.forget(at);
    }

    /// When the window of a time begins: where the oldest copy that is needed was taken; nothing before the first.
    pub fn begin(&mut self, at: Timestamp) -> Option<Timestamp> {
        self.forget(at);
        self.copies.front().map(|(begin, _)| *begin)
    }

    /// What was added to a host's totals since the window began.
    pub fn since(&self, host: Addr, now: HostTotals) -> HostTotals {
        let before =
            self.copies.front().and_then(|(_, totals)| totals.get(&host)).copied().unwrap_or_default();
        HostTotals {
            traffic: now.traffic.since(&before.traffic),
            flows: now.flows.saturating_sub(before.flows),
        }
    }

    /// Drops copies that are older than the one the window begins with.
    fn forget(&mut self, at: Timestamp) {
        while self.copies.get(1).is_some_and(|(second, _)| at - *second >= Self::LENGTH) {
            self.copies.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Config, LocalNetworks};
    use crate::flow::{Counters, EndReason, FlowEvent, FlowKey, FlowRecord, FlowReport, ReportPhase};
    use crate::seed::Seed;

    fn host() -> Addr {
        Addr::from_v4([10, 0, 0, 1])
    }

    /// A store in which the host has sent `bytes` outside, in as many flows.
    fn store(bytes: u64) -> FeatureStore {
        let mut store = FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed::REPLAY);
        for _ in 0..bytes {
            let key = FlowKey { orig: host(), resp: Addr::from_v4([192, 0, 2, 1]), ..FlowKey::default() };
            let new = Counters { orig_ip_bytes: 1, ..Counters::default() };
            let record = FlowRecord { key, counters: new, ..FlowRecord::default() };
            let phase = ReportPhase::Final(EndReason::Idle);
            let report = FlowReport { phase, first: true, record, app_is_new: true, new };
            store.apply(std::iter::once(FlowEvent::Report(&report)));
        }
        store
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    #[test]
    fn the_window_is_five_minutes_long() {
        let mut window = HostWindow::default();
        let sent = |window: &HostWindow, bytes| {
            let traffic = Traffic { bytes_out: bytes, ..Traffic::default() };
            let since = window.since(host(), HostTotals { traffic, flows: bytes });
            assert_eq!(since.flows, since.traffic.bytes_out);
            since.flows
        };
        assert_eq!(sent(&window, 7), 7, "before the first copy all is new");
        for minute in 0..10 {
            // One byte more every half minute; the copies are a minute apart.
            for half in 0..2 {
                let bytes = minute * 2 + half;
                window.advance(at(i64::try_from(bytes).unwrap() * 30), &store(bytes));
            }
        }
        assert_eq!(window.begin(at(570)), Some(at(240)));
        assert_eq!(sent(&window, 19), 11);
        assert_eq!(window.begin(at(600)), Some(at(300)));
        assert_eq!(sent(&window, 20), 10);
        assert_eq!(window.begin(at(100_000)), Some(at(540)), "the newest copy is kept");
        assert_eq!(sent(&window, 3), 0, "a host that was forgotten and came back");
    }
}

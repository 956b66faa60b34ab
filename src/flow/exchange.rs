//! Bursts of activity inside a flow.

use crate::decode::Direction;
use crate::flow::lines::{FlowMut, Hot};
use crate::flow::{Counters, Exchange};
use crate::time::Timestamp;

/// Where a burst began that is not the first of its flow: what it has is what came since.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outset {
    start: Timestamp,
    orig_payload: u64,
    resp_payload: u64,
    packets: u64,
}

impl Outset {
    fn new(start: Timestamp, counted: &Counters) -> Self {
        Self {
            start,
            orig_payload: counted.orig_payload,
            resp_payload: counted.resp_payload,
            packets: counted.orig_pkts + counted.resp_pkts,
        }
    }
}

/// Begins the next burst with a packet of a side that comes at `start` and is not counted yet.
pub(super) fn begin(flow: &mut FlowMut<'_>, from: Direction, start: Timestamp) {
    let counted = flow.counters();
    flow.beside().set_outset(Outset::new(start, &counted));
    flow.hot.set(Hot::BURST, true);
    flow.hot.set(Hot::BURST_OPENS, false);
    flow.hot.set(Hot::BURST_BY_RESP, from == Direction::Resp);
}

/// Ends the burst that is going on, if one is, and gives it as an exchange.
pub(super) fn end(flow: &mut FlowMut<'_>) -> Option<Exchange> {
    if !flow.hot.has(Hot::BURST) {
        return None;
    }
    flow.hot.set(Hot::BURST, false);
    let opens_flow = flow.hot.has(Hot::BURST_OPENS);
    let first = Outset { start: flow.hot.first, ..Outset::default() };
    let outset = if opens_flow { first } else { flow.cold().map_or(first, |cold| cold.outset) };
    let now = Outset::new(outset.start, &flow.counters());
    let since = |now: u64, then: u64| u32::try_from(now.saturating_sub(then)).unwrap_or(u32::MAX);
    Some(Exchange {
        key: flow.key(),
        flow_first: flow.hot.first,
        start: outset.start,
        end: flow.hot.burst_end(),
        opens_flow,
        initiator: if flow.hot.has(Hot::BURST_BY_RESP) { Direction::Resp } else { Direction::Orig },
        orig_payload: since(now.orig_payload, outset.orig_payload),
        resp_payload: since(now.resp_payload, outset.resp_payload),
        packets: since(now.packets, outset.packets),
        answered: flow.is_answered(),
    })
}

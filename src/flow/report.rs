//! From the records of a flow to the report that the feature stage reads.

use crate::flow::slab::{FlowMut, Hot, Transport};
use crate::flow::{FlowEventKind, FlowRecord, FlowReport, ReportPhase, ids, state};
use crate::seed::Seed;
use crate::time::Timestamp;

/// Reports a flow. Where the flow goes on, `at` is when, and the next report counts from here.
pub(super) fn of(
    flow: &mut FlowMut<'_>,
    phase: ReportPhase,
    at: Option<Timestamp>,
    seed: Seed,
) -> FlowEventKind {
    let record = record(flow, seed);
    let reported = flow.cold.rare.as_ref().and_then(|rare| rare.reported);
    let new = reported.map_or(record.counters, |(_, counters)| record.counters.since(&counters));
    if let Some(at) = at {
        flow.cold.rare.get_or_insert_default().reported = Some((at, record.counters));
        flow.hot.clear(Hot::UNREPORTED);
    }
    FlowEventKind::Report(Box::new(FlowReport { phase, first: reported.is_none(), record, new }))
}

fn record(flow: &FlowMut<'_>, seed: Seed) -> FlowRecord {
    let (hot, warm, cold) = (&flow.hot, &flow.warm, &flow.cold);
    let mut record = FlowRecord {
        key: hot.key,
        uid: ids::uid(seed, &hot.key, hot.first),
        first: hot.first,
        last: hot.last,
        counters: hot.counters,
        orig_bytes: hot.counters.orig_payload,
        resp_bytes: hot.counters.resp_payload,
        missed_bytes: cold.rare.as_ref().map_or(0, |rare| rare.missed_bytes),
        state: state::of_datagrams(hot.key.proto, &hot.counters),
        history: warm.history,
        app: cold.app.info().cloned(),
        first_speaker: hot.first_speaker,
        orig_payload_max: hot.orig_payload_max,
        ..FlowRecord::default()
    };
    match &warm.transport {
        Transport::Tcp(tcp) => {
            record.orig_bytes = tcp.orig().size(tcp.resp());
            record.resp_bytes = tcp.resp().size(tcp.orig());
            record.state = state::of_tcp(tcp, &warm.history);
        }
        Transport::Icmp(echo) => {
            record.icmp_payload_changes = echo.payload_changes;
            record.icmp_reply_mismatches = echo.reply_mismatches;
        }
        Transport::Other => {}
    }
    record
}

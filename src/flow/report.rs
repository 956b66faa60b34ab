//! From the records of a flow to the report that the feature stage reads.

use crate::flow::compact::Letters;
use crate::flow::lines::{FlowMut, Hot, Transport};
use crate::flow::{FlowRecord, FlowReport, ReportPhase, state};
use crate::time::Timestamp;

/// Reports a flow. Where the flow goes on, `at` is when, and the next report counts from here.
pub(super) fn of(flow: &mut FlowMut<'_>, phase: ReportPhase, at: Option<Timestamp>) -> FlowReport {
    let record = record(flow);
    let (reported, app_reported) =
        flow.rare().map_or((None, false), |rare| (rare.reported, rare.app_reported));
    let new = reported.map_or(record.counters, |(_, counters)| record.counters.since(&counters));
    if let Some(at) = at {
        let mut beside = flow.beside();
        let rare = beside.rare();
        (rare.reported, rare.app_reported) = (Some((at, record.counters)), record.app.is_some());
        flow.hot.set(Hot::UNREPORTED, false);
        if let Transport::Icmp(echo) = &mut flow.stream.transport {
            echo.count_anew();
        }
    }
    let app_is_new = record.app.is_some() && !app_reported;
    FlowReport { phase, first: reported.is_none(), record, app_is_new, new }
}

fn record(flow: &FlowMut<'_>) -> FlowRecord {
    let (hot, rare) = (&flow.hot, flow.rare());
    let (key, counters) = (flow.key(), flow.counters());
    let history = flow.stream.history.history(rare.map_or_else(Letters::default, |rare| rare.earlier));
    let mut record = FlowRecord {
        key,
        first: hot.first,
        last: hot.last,
        counters,
        orig_bytes: counters.orig_payload,
        resp_bytes: counters.resp_payload,
        missed_bytes: rare.map_or(0, |rare| rare.missed_bytes),
        state: state::of_datagrams(key.proto, &counters),
        history,
        app: flow.cold().and_then(|cold| cold.app.info()).cloned(),
        first_speaker: hot.heard.first_speaker(),
        ..FlowRecord::default()
    };
    match &flow.stream.transport {
        Transport::Tcp(tcp) => {
            record.orig_bytes = tcp.orig().size(tcp.resp());
            record.resp_bytes = tcp.resp().size(tcp.orig());
            record.state = state::of_tcp(tcp, &history);
        }
        Transport::Icmp(echo) => {
            record.icmp_payload_changes = echo.payload_changes;
            record.icmp_reply_mismatches = echo.reply_mismatches;
            record.icmp_payload_max = echo.payload_max;
        }
        Transport::Other => {}
    }
    record
}

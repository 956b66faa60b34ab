//! Stores for the tests of what reads them.

use crate::addr::Addr;
use crate::decode::app::DnsMessage;
use crate::decode::proto;
use crate::features::{Config, FeatureStore, LocalNetworks};
use crate::flow::{
    ConnState, Counters, DnsEvent, EndReason, FlowEvent, FlowKey, FlowRecord, FlowReport, ReportPhase,
};
use crate::seed::Seed;
use crate::time::Timestamp;

/// A store after answered connections of monitored hosts to outside peers: numbers of host and peer, and the port.
pub(crate) fn store_of(connections: &[(u8, u8, u16)]) -> FeatureStore {
    store_after(connections.iter().copied().map(report))
}

/// A store after a monitored host sent so much payload to each of some outside peers.
pub(crate) fn store_of_uploads(payloads: &[u64]) -> FeatureStore {
    let upload = |(peer, payload): (u8, &u64)| {
        let report = report((1, peer, 443));
        FlowReport { new: Counters { orig_payload: *payload, ..report.new }, ..report }
    };
    store_after((1..).zip(payloads).map(upload))
}

/// A store after a monitored host called outside peers in vain, once a minute: number of the peer, port, attempts.
pub(crate) fn store_of_failures(attempts: &[(u8, u16, u32)]) -> FeatureStore {
    let call = |(peer, port, minute): (u8, u16, u32)| {
        let at = Timestamp::from_secs_nanos(60 * i64::from(minute), 0);
        let report = report((1, peer, port));
        let record = FlowRecord { first: at, last: at, state: ConnState::S0, ..report.record };
        FlowReport { record, new: Counters { orig_pkts: 1, ..Counters::default() }, ..report }
    };
    let calls =
        attempts.iter().flat_map(|&(peer, port, times)| (0..times).map(move |minute| (peer, port, minute)));
    store_after(calls.map(call))
}

/// A store after a monitored host asked for some names.
pub(crate) fn store_of_names(names: impl Iterator<Item = String>) -> FeatureStore {
    let question = |name: String| DnsEvent {
        ts: Timestamp::default(),
        client: Addr::from_v4([10, 0, 0, 1]),
        server: Addr::from_v4([10, 0, 0, 2]),
        server_port: 53,
        proto: proto::UDP,
        message_len: 60,
        message: DnsMessage { name: name.into(), qtype: 1, complete: true, ..DnsMessage::default() },
    };
    let questions: Vec<DnsEvent> = names.map(question).collect();
    let mut store = FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed::REPLAY);
    store.apply(questions.iter().map(FlowEvent::Dns));
    store
}

fn store_after(reports: impl Iterator<Item = FlowReport>) -> FeatureStore {
    let reports: Vec<FlowReport> = reports.collect();
    let mut store = FeatureStore::new(&Config::default(), LocalNetworks::default(), Seed::REPLAY);
    store.apply(reports.iter().map(FlowEvent::Report));
    store
}

fn report((host, peer, resp_port): (u8, u8, u16)) -> FlowReport {
    let (orig, resp) = (Addr::from_v4([10, 0, 0, host]), Addr::from_v4([192, 0, 2, peer]));
    let key = FlowKey { orig, resp, orig_port: 40_000, resp_port, proto: proto::TCP };
    FlowReport {
        phase: ReportPhase::Final(EndReason::Closed),
        first: true,
        app_is_new: true,
        record: FlowRecord { key, ..FlowRecord::default() },
        new: Counters { orig_pkts: 1, resp_pkts: 1, ..Counters::default() },
    }
}

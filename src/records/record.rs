//! What a record tells, as the events that packets give.

use super::{RecordError, RecordStats};
use crate::decode::Direction;
use crate::flow::{
    ConnState, DnsEvent, EndReason, Exchange, FlowEvent, FlowRecord, FlowReport, ReportPhase, Unseen,
};
use crate::time::Timestamp;

/// Where records come from, as one timeline.
pub trait RecordSource {
    /// Fills `batch` with the next records; false where there are no more.
    ///
    /// # Errors
    /// Where the operating system fails to give more of an input.
    fn next_batch(&mut self, batch: &mut Vec<Record>) -> Result<bool, RecordError>;

    /// Bytes of all inputs as they lie on disk; nothing where one is no regular file.
    fn bytes_total(&self) -> Option<u64>;

    /// Bytes read of [`Self::bytes_total`]. An input that is done counts as read whole.
    fn bytes_read(&self) -> u64;

    /// What reading has come to, all inputs together.
    fn stats(&self) -> RecordStats;

    /// What reading has come to, input by input.
    fn per_input(&self) -> Vec<(String, RecordStats)>;

    /// Records that came later than could be waited for: they count, but in the wrong order.
    fn late(&self) -> u64;
}

/// What a record tells, when all of it was known.
#[derive(Debug)]
pub struct Record {
    /// When: not earlier than the record before, unless it came later than could be waited for.
    pub at: Timestamp,
    /// What.
    pub what: Told,
}

/// What a record tells.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most are flows: a box for each would cost more than the room")]
pub enum Told {
    /// A connection: its one burst with its first report, and the report.
    Flow(Option<Exchange>, FlowReport),
    /// A DNS message.
    Dns(DnsEvent),
}

impl Record {
    /// The events of the record, for the feature stage.
    pub fn events(&self) -> impl Iterator<Item = FlowEvent<'_>> {
        let (first, second) = match &self.what {
            Told::Flow(exchange, report) => {
                (exchange.as_ref().map(FlowEvent::Exchange), Some(FlowEvent::Report(report)))
            }
            Told::Dns(dns) => (Some(FlowEvent::Dns(dns)), None),
        };
        first.into_iter().chain(second)
    }
}

impl Told {
    /// A connection that ended, of which all is told at once.
    pub(super) fn whole(record: FlowRecord) -> Self {
        let report = FlowReport {
            phase: ReportPhase::Final(reason(&record)),
            first: true,
            app_is_new: true,
            new: record.counters,
            record,
        };
        Self::Flow(Some(burst(&report.record)), report)
    }
}

/// A connection as the one burst that it is known as.
pub(super) fn burst(record: &FlowRecord) -> Exchange {
    let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let counters = &record.counters;
    Exchange {
        key: record.key,
        flow_first: record.first,
        start: record.first,
        end: record.last,
        opens_flow: true,
        initiator: Direction::Orig,
        orig_payload: narrow(counters.orig_payload),
        resp_payload: narrow(counters.resp_payload),
        packets: narrow(counters.orig_pkts.saturating_add(counters.resp_pkts)),
        answered: counters.resp_pkts > 0 || counters.resp_ip_bytes > 0,
    }
}

/// Why a connection ended.
pub(super) const fn reason(record: &FlowRecord) -> EndReason {
    use ConnState::{Oth, S0, S1, S2, S3};
    match record.state {
        _ if record.unseen.has(Unseen::END) => EndReason::EndOfInput,
        S0 | S1 | S2 | S3 | Oth => EndReason::Idle,
        _ => EndReason::Closed,
    }
}

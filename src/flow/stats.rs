//! What the flow stage counts of itself.

use std::ops::AddAssign;

use crate::flow::{EndReason, ReportPhase};

/// Counters of one table; tables add up with `+=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Flows begun.
    pub created: u64,
    /// Flows that ended because TCP closed or reset them.
    pub closed: u64,
    /// Flows that ended because nothing was seen for their idle time.
    pub idle: u64,
    /// Flows that were given up because the table was full.
    pub evicted: u64,
    /// Flows that were open at the end of the input.
    pub end_of_input: u64,
    /// Interim reports of open flows.
    pub interim_reports: u64,
    /// Flows of which only the first payload was looked at, because too many others waited for more.
    pub inspections_cut: u64,
}

impl Stats {
    /// Flows ended for a reason: `undercurrent_flows_expired_total`.
    pub const fn expired(&self, reason: EndReason) -> u64 {
        match reason {
            EndReason::Closed => self.closed,
            EndReason::Idle => self.idle,
            EndReason::Evicted => self.evicted,
            EndReason::EndOfInput => self.end_of_input,
        }
    }

    /// Counts a report of a flow that came as a record, and whether it is the first of the flow.
    pub fn count_record(&mut self, phase: ReportPhase, first: bool) {
        self.created += u64::from(first);
        match phase {
            ReportPhase::Interim => self.interim_reports += 1,
            ReportPhase::Final(reason) => self.count_end(reason),
        }
    }

    pub(super) fn count_end(&mut self, reason: EndReason) {
        *match reason {
            EndReason::Closed => &mut self.closed,
            EndReason::Idle => &mut self.idle,
            EndReason::Evicted => &mut self.evicted,
            EndReason::EndOfInput => &mut self.end_of_input,
        } += 1;
    }
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.closed += other.closed;
        self.idle += other.idle;
        self.evicted += other.evicted;
        self.end_of_input += other.end_of_input;
        self.interim_reports += other.interim_reports;
        self.inspections_cut += other.inspections_cut;
    }
}

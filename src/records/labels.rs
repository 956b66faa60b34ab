//! Labels that stand in the logs themselves: IoT-23's and Stratosphere's `conn.log.labeled`.

use std::collections::BTreeMap;

use super::column::Column;
use super::inputs::LogFile;
use super::kind::LogKind;
use super::lines::Lines;
use super::source::Parser;
use super::{RecordError, conn};
use crate::addr::Addr;
use crate::seed::Seed;
use crate::time::Timestamp;

/// Kinds of flows that are told apart.
const KINDS_MAX: usize = 1 << 18;
/// Bytes of a label that are looked at.
const LABEL_MAX: usize = 128;

/// What flows with one label have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelledEnds {
    /// Originator.
    pub orig: Addr,
    /// Responder.
    pub resp: Addr,
    /// The responder's port.
    pub resp_port: u16,
    /// IP protocol number.
    pub proto: u8,
    /// The label, such as `Malicious`; empty where a flow has none.
    pub label: String,
    /// The detailed label, such as `C&C`; empty where there is none.
    pub detail: String,
}

/// How many flows have a label, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelledFlows {
    /// How many.
    pub flows: u64,
    /// The first packet of any of them.
    pub first: Timestamp,
    /// The last packet of any of them.
    pub last: Timestamp,
}

/// The labels of some logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowLabels {
    /// By ends and label.
    pub of: BTreeMap<LabelledEnds, LabelledFlows>,
    /// Whether there is a column for labels, or any flow had one.
    pub any: bool,
    /// Flows that found no room.
    pub dropped: u64,
}

impl FlowLabels {
    /// Reads the labels of the connections in these logs. Lines that cannot be read are passed over: who reads the flows counts them.
    ///
    /// # Errors
    /// Where a log cannot be opened.
    pub fn read(logs: &[LogFile]) -> Result<Self, RecordError> {
        let mut labels = Self::default();
        for log in logs.iter().filter(|log| log.kind == LogKind::Conn) {
            labels.read_log(log)?;
        }
        Ok(labels)
    }

    fn read_log(&mut self, log: &LogFile) -> Result<(), RecordError> {
        let mut lines = Lines::open(&log.path)?;
        let mut parser: Option<Parser> = None;
        while let Some(line) = lines.next_line() {
            let parser =
                parser.get_or_insert_with(|| Parser::new(log.format(line.bytes), &log.path, Seed::REPLAY));
            let Ok(Some((LogKind::Conn, row, _))) = parser.row(line.bytes) else { continue };
            let Ok(flow) = conn::flow(&row, Seed::REPLAY) else { continue };
            let text = |column| row.text(column).unwrap_or_default().chars().take(LABEL_MAX).collect();
            let ends = LabelledEnds {
                orig: flow.key.orig,
                resp: flow.key.resp,
                resp_port: flow.key.resp_port,
                proto: flow.key.proto,
                label: text(Column::Label),
                detail: text(Column::DetailedLabel),
            };
            self.any |= !ends.label.is_empty() || parser.has(Column::Label);
            self.add(ends, flow.first, flow.last);
        }
        Ok(())
    }

    fn add(&mut self, ends: LabelledEnds, first: Timestamp, last: Timestamp) {
        if self.of.len() >= KINDS_MAX && !self.of.contains_key(&ends) {
            self.dropped += 1;
            return;
        }
        let flows = self.of.entry(ends).or_insert(LabelledFlows { flows: 0, first, last });
        flows.flows += 1;
        flows.first = flows.first.min(first);
        flows.last = flows.last.max(last);
    }
}

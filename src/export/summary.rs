//! What a run was and came to, as one JSON file (`--summary`): enough to run it again and compare (`reproduce`).

mod compare;
mod read;
mod run;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ExportError, OutFile};
use crate::time::Timestamp;

pub use compare::{Comparison, compare};
pub use read::SummaryError;
pub use run::{FindingSummary, OutputSummary, RunSummary, findings_in_short};

/// A run: its counters, and all that decides them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Version of the program.
    pub version: String,
    /// The settings of the run.
    pub run: RunSummary,
    /// What was read, in the order of the timeline.
    pub inputs: Vec<InputSummary>,
    /// Packets read.
    pub packets: u64,
    /// Their bytes on the wire, link layer included.
    pub bytes: u64,
    /// Time of the first packet.
    #[serde(serialize_with = "optional_time", deserialize_with = "time_or_nothing")]
    pub first_packet: Option<Timestamp>,
    /// Time of the last packet.
    #[serde(serialize_with = "optional_time", deserialize_with = "time_or_nothing")]
    pub last_packet: Option<Timestamp>,
    /// Connections.
    pub flows: u64,
    /// Monitored hosts that sent or received a packet.
    pub hosts: u64,
    /// Channels: (host, peer, service).
    pub channels: u64,
    /// Findings.
    pub findings: u64,
    /// SHA-256 of the findings as JSON Lines, in hex: what `replay --format jsonl` prints.
    pub findings_sha256: String,
    /// Each finding in short, in the same order.
    pub finding_list: Vec<FindingSummary>,
    /// Packets that could not be decoded whole, by layer.
    pub decode_errors: BTreeMap<String, u64>,
    /// What was left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Inputs that end in the middle of a packet.
    pub truncated_inputs: u64,
    /// Time that the run took, in seconds.
    #[serde(serialize_with = "millis")]
    pub elapsed_s: f64,
    /// Packets for each second of the run.
    #[serde(serialize_with = "whole")]
    pub packets_per_second: f64,
    /// Most memory that the process held, in bytes; nothing where the system does not say.
    pub peak_rss_bytes: Option<u64>,
    /// The models that scored.
    pub models: Vec<ModelSummary>,
    /// The files that were written, this one apart.
    pub outputs: Vec<OutputSummary>,
}

/// One input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputSummary {
    /// As the user named it; the file, where that was a folder.
    pub path: String,
    /// Packets read from it.
    pub packets: u64,
    /// Bytes of the file as it lies on disk. Nothing for standard input and pipes.
    pub size_bytes: Option<u64>,
    /// SHA-256 of the file, in hex, where it was computed.
    pub sha256: Option<String>,
}

/// One model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSummary {
    /// Name: `c2` or `exfil`.
    pub name: String,
    /// Version of the artifact.
    pub version: String,
    /// SHA-256 of the artifact, in hex.
    pub sha256: String,
    /// Features of a row.
    pub features: u64,
    /// Trees of each forest.
    pub trees: u64,
    /// Rows each tree was grown on.
    pub sample: u64,
    /// Benign rows it was trained on.
    pub training_rows: u64,
    /// Benign rows that p-values compare with.
    pub calibration_rows: u64,
}

impl Summary {
    /// Writes the summary, and finishes the file.
    ///
    /// # Errors
    ///
    /// As [`OutFile::finish`].
    pub fn write(&self, out: OutFile) -> Result<(), ExportError> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|e| ExportError::encode(out.path(), e.to_string()))?;
        json.push(b'\n');
        out.finish_with(&json)
    }
}

/// The most memory that this process has held, in bytes: `VmHWM` of `/proc/self/status` (proc(5)). Nothing on
/// systems without it.
pub fn peak_rss_bytes() -> Option<u64> {
    parse_peak(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn optional_time<S: Serializer>(ts: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match ts {
        Some(ts) => to.collect_str(ts),
        None => to.serialize_none(),
    }
}

fn time_or_nothing<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    match Timestamp::parse_rfc3339(&text) {
        Some(time) => Ok(Some(time)),
        None => Err(serde::de::Error::custom(format_args!("{text:?} is no RFC 3339 time"))),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn millis<S: Serializer>(seconds: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((seconds * 1e3).round() / 1e3)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn whole<S: Serializer>(rate: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(rate.round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_keys_of_the_contract() {
        let summary = Summary {
            first_packet: Timestamp::parse_rfc3339("2025-01-01T08:00:03.120Z"),
            decode_errors: BTreeMap::from([("ipv4".to_owned(), 2)]),
            elapsed_s: 1.234_56,
            packets_per_second: 1234.5,
            models: vec![ModelSummary {
                name: "c2".into(),
                version: "1".into(),
                sha256: "ab".into(),
                ..ModelSummary::default()
            }],
            ..Summary::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("summary.json");
        summary.write(OutFile::create(&path).unwrap()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for key in [
            "packets",
            "bytes",
            "first_packet",
            "last_packet",
            "flows",
            "hosts",
            "channels",
            "findings",
            "decode_errors",
            "skipped",
            "truncated_inputs",
            "elapsed_s",
            "packets_per_second",
            "peak_rss_bytes",
            "version",
            "models",
            "inputs",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["first_packet"], "2025-01-01T08:00:03.120Z");
        assert_eq!(json["last_packet"], serde_json::Value::Null);
        assert_eq!(json["decode_errors"]["ipv4"], 2);
        assert_eq!(json["elapsed_s"], 1.235);
        assert_eq!(json["models"][0]["sha256"], "ab");
    }

    #[test]
    fn reads_the_peak_of_memory() {
        fn check(status: &str, expected: Option<u64>) {
            assert_eq!(parse_peak(status), expected);
        }
        check("VmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nVmRSS: 5 kB\n", Some(1234 * 1024));
        check("VmHWM:\t x kB\n", None);
        check("", None);
    }
}

//! Findings, rows and counters to tables, files, metrics and pages. Decides nothing: what is written, and in which
//! order, comes from the stages before.
//!
//! | module | writes |
//! |---|---|
//! | [`findings`] | findings for people (table) and programs (JSON, JSON Lines) |
//! | [`eve`], [`ecs`], [`ocsf`] | findings in the shapes of Suricata, Elastic, and the Open Cybersecurity Schema Framework |
//! | [`evaluation`] | detection measured against labels |
//! | [`table`] | rows of typed columns as `.csv`, `.jsonl` or `.parquet` |
//! | [`columns`] | the reference page of all columns |
//! | [`rita`] | the schema of RITA's pairs |
//! | [`rows`] | the schema of flow rows: Zeek's `conn.log` |
//! | [`summary`] | the counters of a run |
//! | [`metrics`] | Prometheus metrics, their history in packet time, their reference page |
//! | [`markup`] | markup and text, kept apart by type |
//! | [`report`] | one self-contained HTML page |
//!
//! Files are written beside their final name and renamed when complete, so that a failed run leaves no half file.

pub mod columns;
pub mod ecs;
mod error;
pub mod evaluation;
pub mod eve;
mod file;
pub mod findings;
pub mod markup;
pub mod metrics;
pub mod ocsf;
pub mod report;
pub mod rita;
pub mod rows;
pub mod scored;
pub mod summary;
pub mod table;
pub mod text;

pub use error::ExportError;
pub use file::{OutFile, write_file};

#[cfg(test)]
mod samples;

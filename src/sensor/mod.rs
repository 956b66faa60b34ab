//! What makes a sensor of the pipeline: it judges again and again, follows findings, and remembers over restarts. Reads no
//! clock and starts no thread; `cli::watch` does.

mod book;
pub mod checkpoint;
mod config;
mod format;
mod journal;
mod judge;
mod measure;

pub use book::{Book, BookConfig, Change, Event, Incident};
pub use config::{
    AlertmanagerConfig, FindingsConfig, HostLabelKind, MetricsConfig, StateConfig, SyslogConfig,
    WebhookConfig,
};
pub use format::FindingFormat;
pub use journal::{Journal, JournalConfig, JournalError};
pub use judge::{Judge, JudgeConfig, Moment, Verdicts};
pub use measure::{Measure, count_packets, count_state};

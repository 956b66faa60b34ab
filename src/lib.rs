//! **undercurrent** finds covert command-and-control that lives long, and data that leaves, in network traffic.
//!
//! The modules are the stages of the data path, in the order in which a packet meets them:
//!
//! | stage | takes → gives | does not |
//! |---|---|---|
//! | [`capture`] | files → [`capture::Block`] of frames in time order | look into a frame |
//! | [`decode`] | frame → [`decode::Packet`], payload → application fields | keep state of a flow |
//! | [`flow`] | packets → [`flow::FlowEvent`]: connections with Zeek's meaning | know which host is monitored |
//! | [`records`] | logs of other programs → the same events | know which host is monitored |
//! | [`features`] | flow events → per-host and per-channel state → feature vectors | judge |
//! | [`model`] | float rows → scores, p-values, contributions | know what a network is |
//! | [`detect`] | vectors and scores → findings | read packets, write files |
//! | [`export`] | findings, rows, counters → tables, files, metrics, pages | decide anything |
//!
//! [`simulate`] makes labelled captures, [`evaluate`] measures detection on them, [`sandbox`] takes rights away from a live sensor. [`pipeline`] ties the stages together. Time is
//! packet time ([`time`]): no stage reads a clock.

pub mod addr;
pub mod capture;
pub mod cli;
pub mod config;
pub mod decode;
pub mod detect;
pub mod evaluate;
pub mod export;
pub mod features;
pub mod flow;
pub mod memory;
pub mod model;
pub mod pipeline;
pub mod records;
pub mod sandbox;
pub mod seed;
pub mod sensor;
pub mod serve;
pub mod simulate;
pub mod thread;
pub mod time;

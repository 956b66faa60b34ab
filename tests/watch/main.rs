//! The live sensor from outside: packets in over a pair of virtual interfaces, answers out over HTTP. Needs root; says that it skips
//! where it has no right to.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails here has found something"
)]

mod disk;
mod flood;
mod incident;
mod kills;
#[path = "../live/network.rs"]
#[expect(dead_code, reason = "shared with the tests of live capture, which use all of it")]
mod network;
mod reload;
mod rights;
mod sensor;
mod sinks;
mod web;

//! Frames to packets, from outside: cases by hand, etherparse as the oracle, and any bytes at all.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails here has found something"
)]

mod captures;
mod cases;
mod etherparse_oracle;
mod frames;
mod robustness;

//! Frames to packets, from outside: cases by hand, etherparse as the oracle, and any bytes at all.

mod captures;
mod cases;
mod etherparse_oracle;
mod frames;
mod robustness;

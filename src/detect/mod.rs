//! Vectors and scores to findings. Reads no packets and writes no files.

mod finding;

pub use finding::*;

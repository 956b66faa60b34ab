//! Why an input cannot be read at all, and the mark that damage leaves on what was read.

use std::io;

/// An input that could not be read: not even its header, or the operating system failed to give more of it.
///
/// Damage behind the header is no error: what comes before it stands, see [`super::CaptureStats`].
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file could not be opened.
    #[error("{input}: cannot be opened{}", if_a_pattern(input))]
    Open {
        /// Path of the input.
        input: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The input is a directory.
    #[error("{input}: is a directory; name the captures in it")]
    Directory {
        /// Path of the input.
        input: String,
    },
    /// The operating system failed to give more of the input.
    #[error("{input}: byte {offset}: cannot be read")]
    Read {
        /// Name of the input.
        input: String,
        /// Bytes that were read before, after decompression.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// The input begins like no format that is read here.
    #[error("{input}: byte 0: {reason}; {advice}")]
    UnknownFormat {
        /// Name of the input.
        input: String,
        /// What the input begins with.
        reason: String,
        /// What can be done about it.
        advice: &'static str,
    },
    /// The input begins like a capture, but its header cannot be read.
    #[error(
        "{input}: byte {offset}: {reason}; nothing can be read behind a damaged header, take another copy of the file"
    )]
    Header {
        /// Name of the input.
        input: String,
        /// Where the damage is, after decompression.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
}

/// A shell passes on what matches nothing as it stands.
fn if_a_pattern(input: &str) -> &'static str {
    if input.contains(['*', '?', '[']) { " (a pattern that no file matches?)" } else { "" }
}

/// A place behind which an input cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The key in [`super::CaptureStats::skipped`].
    pub(crate) kind: &'static str,
    /// One sentence for people.
    pub(crate) reason: String,
}

impl Damage {
    pub(super) fn new(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

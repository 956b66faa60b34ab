//! Why an output could not be written, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// An output that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The operating system refused.
    #[error("cannot write {}{}", path.display(), hint(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name of a row table does not say which format it is to have: wrong usage.
    #[error(
        "cannot tell the format of {}: end the name in .csv, .jsonl or .parquet{}",
        path.display(),
        if *zeek { ", or in .log for Zeek's" } else { "" }
    )]
    UnknownEnding {
        /// The file.
        path: PathBuf,
        /// Whether Zeek has a log of such rows.
        zeek: bool,
    },
    /// The file would be written over another output or an input: wrong usage.
    #[error("{} is {other} as well: give each output a file of its own", path.display())]
    Clash {
        /// The file.
        path: PathBuf,
        /// What else it is: `an input`, `the output of --hosts`.
        other: String,
    },
    /// The rows do not fit the schema or the format: a fault of the program.
    #[error("cannot write {}: {message}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
}

impl ExportError {
    /// Whether the user asked for something that cannot be (exit code 2), rather than something that failed (exit code 1).
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownEnding { .. } | Self::Clash { .. })
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn encode(path: &Path, message: impl Into<String>) -> Self {
        Self::Encode { path: path.to_owned(), message: message.into() }
    }
}

/// What the user can do, as the end of a sentence.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => " (create the folder first)",
        io::ErrorKind::PermissionDenied => " (choose a folder that you may write to)",
        io::ErrorKind::IsADirectory => " (give the name of a file, not of a folder)",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (free some space or choose another disk)"
        }
        io::ErrorKind::ReadOnlyFilesystem => " (choose a disk that is mounted read-write)",
        _ => "",
    }
}

//! A summary read back.

use std::path::{Path, PathBuf};

use super::Summary;

/// A summary that cannot be used to run again.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// The file could not be read.
    #[error("cannot read the summary {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no summary.
    #[error("{} is no summary of a replay; `undercurrent replay --summary FILE.json` writes one", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// The summary tells what came out, but not of what.
    #[error(
        "{} does not say how the run was made: it is of a version before 0.1.0; replay the inputs again with --summary",
        path.display()
    )]
    NoRun {
        /// Which file.
        path: PathBuf,
    },
}

impl Summary {
    /// Reads a file that [`Summary::write`] wrote. Keys of later versions are passed over.
    ///
    /// # Errors
    /// Where it cannot be read, is no summary, or one that does not hold the settings of its run.
    pub fn read(path: &Path) -> Result<Self, SummaryError> {
        let text =
            std::fs::read(path).map_err(|source| SummaryError::Read { path: path.to_owned(), source })?;
        let invalid = |source| SummaryError::Invalid { path: path.to_owned(), source };
        let summary: Self = serde_json::from_slice(&text).map_err(invalid)?;
        if summary.run.configuration.is_null() {
            return Err(SummaryError::NoRun { path: path.to_owned() });
        }
        Ok(summary)
    }
}

//! What can go wrong with a model.

use std::fmt::Display;

use thiserror::Error;

/// Why a model could not be trained, read or used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ModelError {
    /// The bytes do not begin as a model file does.
    #[error("not a model file: it does not begin with UCMODEL")]
    BadMagic,
    /// The file is of a format that this program does not read.
    #[error("model format {found} is not supported; this program reads format {supported}")]
    UnsupportedFormat {
        /// Format version in the file.
        found: u32,
        /// Format version that can be read.
        supported: u32,
    },
    /// The file ends too early.
    #[error(
        "model file ends in {what}: at byte {offset}, {needed} bytes are needed and {available} are left"
    )]
    Truncated {
        /// The part that was being read.
        what: &'static str,
        /// Where that part begins, in bytes from the start of the file.
        offset: usize,
        /// Bytes needed from there on.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// The bytes are not those that were written.
    #[error("model file is damaged: its SHA-256 does not match its content")]
    Checksum,
    /// The manifest is not the JSON it should be.
    #[error("model manifest cannot be read or written: {0}")]
    Manifest(String),
    /// A number or a structure that no trained model has.
    #[error("model is not valid: {what} is {value}, allowed is {allowed}")]
    Invalid {
        /// What is out of bounds.
        what: &'static str,
        /// What was found.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// The model was trained on other features than the program computes.
    #[error(
        "model {model} was trained on other features: feature {position} is {found} in the model and {expected} here; \
         train it again with this version"
    )]
    SchemaMismatch {
        /// Name of the model.
        model: String,
        /// First position that differs, counted from 0.
        position: usize,
        /// What the model has there.
        found: String,
        /// What was expected there.
        expected: String,
    },
    /// Too few rows to grow trees from.
    #[error("{rows} training rows are too few: a forest needs at least {needed}")]
    TooFewRows {
        /// Rows given.
        rows: usize,
        /// Rows needed.
        needed: usize,
    },
    /// The length of a row buffer is not a multiple of the number of features.
    #[error("{values} values are no whole number of rows of {features} features")]
    RowWidth {
        /// Values in the buffer.
        values: usize,
        /// Features of the model.
        features: usize,
    },
}

impl ModelError {
    /// An [`ModelError::Invalid`] with its values written out.
    pub(super) fn invalid(what: &'static str, value: impl Display, allowed: impl Display) -> Self {
        Self::Invalid { what, value: value.to_string(), allowed: allowed.to_string() }
    }
}

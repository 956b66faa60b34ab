//! Why flow records cannot be read at all.

use crate::capture::CaptureError;

/// An input that could not be read. Damage inside an input is no error: what is there of it stands, see [`super::RecordStats`].
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It could not be opened, or the operating system failed to give more of it.
    #[error(transparent)]
    Input(#[from] CaptureError),
    /// A folder could not be listed.
    #[error("{folder}: cannot be listed")]
    Folder {
        /// Its path.
        folder: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A folder holds nothing that is read here.
    #[error("{folder}: holds no capture, log or export that is read here; {ADVICE}")]
    Nothing {
        /// Its path.
        folder: String,
    },
    /// A file of text is none that is read here.
    #[error(
        "{input}: byte 0: neither a log nor flows that are read here begin like this; {ADVICE}. For CSV of other programs give --columns; text in UTF-16 must be converted to UTF-8 first"
    )]
    Unknown {
        /// Its path.
        input: String,
    },
    /// A folder holds too many files.
    #[error("{folder}: holds more than {most} files; name the ones that are to be read")]
    TooMany {
        /// Its path.
        folder: String,
        /// How many are read at most.
        most: usize,
    },
    /// The columns of a log are not named.
    #[error(
        "{input}: line 1: the log begins without its header (#separator, #fields …), so nobody knows its columns; take another copy of the file, or put the header of another one before it"
    )]
    NoHeader {
        /// Path of the input.
        input: String,
    },
    /// The columns of an input are not those of the column map.
    #[error("{input}: line 1: {reason}; the column map does not fit this file")]
    Columns {
        /// Path of the input.
        input: String,
        /// Which column is missing.
        reason: String,
    },
    /// Inputs of several kinds were given together.
    #[error("{one} and {other}: both may tell of the same traffic, so read one kind at a time")]
    Mixed {
        /// An input, and what it is.
        one: String,
        /// Another one.
        other: String,
    },
}

const ADVICE: &str = "captures are pcap or pcapng, logs Zeek's conn, open_conn, dns, ssl, http and quic in TSV or JSON, or flows of Argus, CICFlowMeter or nfdump in CSV, exports files of IPFIX messages, all also as .gz or .zst";

//! Which format an input has, told by its first bytes.

use super::classic::{Classic, HEADER_BYTES};
use super::error::CaptureError;
use super::input::{End, Input};
use super::pcapng::PcapNg;
use super::sniff::explain_unknown;
use super::walk::{Sink, Walk};

/// The state of a walk over one of the formats.
pub(super) enum Format {
    Classic(Classic),
    PcapNg(PcapNg),
}

impl Format {
    /// Reads the header of an input. Also gives what was read of the first record, and where that begins.
    pub(super) fn begin(input: &mut Input) -> Result<(Self, Vec<u8>, u64), CaptureError> {
        let mut head = [0; HEADER_BYTES];
        let (filled, end) = input.fill(&mut head);
        if end.is_some() {
            return Err(no_header(&input.name, head.get(..filled).unwrap_or_default(), end));
        }
        match Self::parse(&head) {
            Some(Ok(Self::Classic(format))) => Ok((Self::Classic(format), Vec::new(), HEADER_BYTES as u64)),
            // The section header is a block like any other, and walked as one.
            Some(Ok(format)) => Ok((format, head.to_vec(), 0)),
            Some(Err(reason)) => Err(CaptureError::Header { input: input.name.clone(), offset: 0, reason }),
            None => Err(no_header(&input.name, &head, None)),
        }
    }

    /// Takes all whole records of `data` from `from` on.
    pub(super) fn walk(&mut self, data: &[u8], from: usize, sink: &mut Sink<'_>) -> Walk {
        match self {
            Self::Classic(format) => format.walk(data, from, sink),
            Self::PcapNg(format) => format.walk(data, from, sink),
        }
    }

    fn parse(head: &[u8; HEADER_BYTES]) -> Option<Result<Self, String>> {
        let classic = Classic::parse(head).map(|parsed| parsed.map(Self::Classic));
        classic.or_else(|| PcapNg::parse(head).map(|parsed| parsed.map(Self::PcapNg)))
    }
}

/// Why there is no header in what an input begins with.
fn no_header(input: &str, head: &[u8], end: Option<End>) -> CaptureError {
    let (input, offset) = (input.to_owned(), head.len() as u64);
    let reason = match end {
        Some(End::Failed(source)) => return CaptureError::Read { input, offset, source },
        Some(End::Damaged(damage)) => damage.reason,
        Some(End::CutShort) => "the compressed stream ends before the file header does".to_owned(),
        Some(End::Complete) if is_capture_magic(head) => {
            format!("the file ends in its header, {} bytes of it there", head.len())
        }
        Some(End::Complete) | None => {
            let (reason, advice) = explain_unknown(head);
            return CaptureError::UnknownFormat { input, reason, advice };
        }
    };
    CaptureError::Header { input, offset, reason }
}

/// Whether a header that was cut would have been one of a capture.
fn is_capture_magic(head: &[u8]) -> bool {
    let mut padded = [0; HEADER_BYTES];
    padded.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
    Format::parse(&padded).is_some()
}

//! A file of IPFIX messages, one behind the other (RFC 5655).

use std::path::Path;

use crate::capture::{CaptureError, Damage, End, Input};

/// Bytes of the header of a message.
const HEADER_BYTES: usize = 16;

/// Reads the messages of a file, decompressed where it is gzip or zstd.
pub(super) struct MessageFile {
    input: Input,
    message: Vec<u8>,
    /// Bytes of the messages so far.
    offset: u64,
    end: Option<End>,
}

impl MessageFile {
    /// Opens a path.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        Ok(Self { input: Input::open(path)?, message: Vec::new(), offset: 0, end: None })
    }

    pub(super) fn name(&self) -> &str {
        &self.input.name
    }

    /// Bytes taken from the file, before decompression.
    pub(super) fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// Bytes of the messages so far, after decompression.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Why there are no more messages, once there are none.
    pub(super) fn take_end(&mut self) -> Option<End> {
        self.end.take()
    }

    /// The next message; nothing at the end.
    pub(super) fn next_message(&mut self) -> Option<&[u8]> {
        self.message.resize(HEADER_BYTES, 0);
        let (read, end) = self.input.fill(&mut self.message);
        if let Some(end) = end {
            self.end = Some(if read == 0 { end } else { cut_short(end) });
            return None;
        }
        let Some(length) = message_length(&self.message) else {
            let reason =
                format!("no IPFIX message begins at byte {}; what is behind it is not read", self.offset);
            self.end = Some(End::Damaged(Damage { kind: "damaged_message", reason }));
            return None;
        };
        self.message.resize(length, 0);
        let (_, end) = self.input.fill(self.message.get_mut(HEADER_BYTES..).unwrap_or_default());
        self.end = end.map(cut_short);
        if self.end.is_some() {
            return None;
        }
        self.offset += length as u64;
        Some(&self.message)
    }
}

/// In the middle of a message, the end of the file comes too early.
fn cut_short(end: End) -> End {
    match end {
        End::Complete => End::CutShort,
        other => other,
    }
}

/// The length of the message that begins here, header included; nothing where none does.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let [0, 10, high, low, ..] = bytes else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    (length >= HEADER_BYTES).then_some(length)
}

/// Whether bytes are the beginning of such a file: a message whose first set is one that there is, and behind it nothing or the next one.
pub(in crate::records) fn is_messages(head: &[u8]) -> bool {
    let Some(length) = message_length(head) else { return false };
    let set =
        head.get(HEADER_BYTES..HEADER_BYTES + 2).map(|id| id.iter().fold(0, |id, b| id << 8 | u16::from(*b)));
    let is_set = match set {
        None => length == HEADER_BYTES,
        Some(id) => matches!(id, 2 | 3) || id >= 256,
    };
    let next = head.get(length..).unwrap_or_default();
    is_set && (next.len() < 4 || message_length(next).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_first_messages() {
        let message = |set: u16, length: u16| {
            let mut message = vec![0, 10];
            message.extend(length.to_be_bytes());
            message.extend([0; 12]);
            message.extend(set.to_be_bytes());
            message.resize(length.into(), 0);
            message
        };
        assert!(is_messages(&message(2, 60)));
        assert!(is_messages(&[message(256, 60), message(2, 30)].concat()));
        assert!(!is_messages(&message(1, 60)), "no such set");
        assert!(!is_messages(&[message(2, 60), vec![7; 8]].concat()));
        assert!(!is_messages(&[0, 10, 0, 3]) && !is_messages(b"#separator") && !is_messages(&[]));
    }
}

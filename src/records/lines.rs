//! The lines of an input, in bounded memory.

use std::ops::Range;
use std::path::Path;

use memchr::memchr;

use crate::capture::{CaptureError, End, Input};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Bytes of a line at most; longer ones are passed over.
const LINE_MAX: usize = 1 << 20;

/// Reads lines of an input, decompressed where it is gzip or zstd.
pub(super) struct Lines {
    input: Input,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer.
    at: usize,
    /// Bytes of the next line that hold no end of line.
    scanned: usize,
    filled: usize,
    number: u64,
    /// Whether the rest of a line that is too long is passed over.
    skipping: bool,
    too_long: u64,
    end: Option<End>,
}

/// One line, without its end.
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    /// Whether the end of the line was there.
    pub(super) whole: bool,
}

impl Lines {
    /// Opens a path; `-` is standard input.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        Ok(Self::of(Input::open(path)?))
    }

    pub(super) fn of(input: Input) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            at: 0,
            scanned: 0,
            filled: 0,
            number: 0,
            skipping: false,
            too_long: 0,
            end: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.input.name
    }

    /// Bytes taken from the source so far, before decompression.
    pub(super) fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// The number of the newest line.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Lines that were passed over because they are too long.
    pub(super) fn too_long(&self) -> u64 {
        self.too_long
    }

    /// Why there are no more lines, once there are none.
    pub(super) fn take_end(&mut self) -> Option<End> {
        self.end.take()
    }

    /// The next line; nothing at the end.
    pub(super) fn next_line(&mut self) -> Option<Line<'_>> {
        let (range, whole) = self.find()?;
        self.number += 1;
        let bytes = self.buffer.get(range).unwrap_or_default();
        Some(Line { number: self.number, bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes), whole })
    }

    /// Where the next line lies in the buffer, and whether its end was there.
    fn find(&mut self) -> Option<(Range<usize>, bool)> {
        loop {
            let unread = self.buffer.get(self.at..self.filled).unwrap_or_default();
            let length = unread.len();
            if let Some(end) = memchr(b'\n', unread.get(self.scanned..).unwrap_or_default()) {
                let line = self.at..self.at + self.scanned + end;
                self.at = line.end + 1;
                self.scanned = 0;
                if !std::mem::take(&mut self.skipping) {
                    return Some((line, true));
                }
                self.number += 1;
                continue;
            }
            if self.end.is_some() {
                let rest = self.at..self.filled;
                self.at = self.filled;
                self.scanned = 0;
                return (!rest.is_empty() && !self.skipping).then_some((rest, false));
            }
            self.scanned = length;
            if length >= LINE_MAX {
                self.too_long += u64::from(!std::mem::replace(&mut self.skipping, true));
                self.at = self.filled;
                self.scanned = 0;
            }
            self.read_on();
        }
    }

    /// Moves what is unread to the front and reads behind it.
    fn read_on(&mut self) {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.at = 0;
        let wanted = self.filled + READ_BYTES;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let (read, end) = self.input.fill(self.buffer.get_mut(self.filled..wanted).unwrap_or_default());
        self.filled += read;
        self.end = end;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8]) -> Lines {
        Lines::of(Input::from_reader("test", Cursor::new(bytes.to_vec())).unwrap())
    }

    fn all(bytes: &[u8]) -> Vec<(u64, String, bool)> {
        let mut lines = lines(bytes);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line() {
            found.push((line.number, String::from_utf8_lossy(line.bytes).into_owned(), line.whole));
        }
        found
    }

    #[test]
    fn lines_have_numbers_and_no_ends() {
        let text = |n, text: &str, whole| (n, text.to_owned(), whole);
        assert_eq!(all(b""), []);
        assert_eq!(all(b"a\r\n\nb\n"), [text(1, "a", true), text(2, "", true), text(3, "b", true)]);
        assert_eq!(all(b"a\nbc"), [text(1, "a", true), text(2, "bc", false)]);
    }

    #[test]
    fn long_lines_are_passed_over_and_counted() {
        let mut bytes = vec![b'x'; 3 * LINE_MAX];
        bytes.extend(b"\nshort\n");
        let mut read = lines(&bytes);
        let line = read.next_line().unwrap();
        assert_eq!((line.number, line.bytes), (2, &b"short"[..]));
        assert!(read.next_line().is_none());
        assert_eq!(read.too_long(), 1);
        let mut read = lines(&vec![b'x'; 2 * LINE_MAX]);
        assert!(read.next_line().is_none());
        assert_eq!(read.too_long(), 1);
    }

    proptest! {
        /// Against the standard library.
        #[test]
        fn any_text_has_the_lines_of_the_standard_library(text in "[ab\n]{0,200}", length in 0_usize..300_000) {
            let text = format!("{}{text}", "y".repeat(length));
            let expected: Vec<&str> = text.lines().collect();
            let found = all(text.as_bytes());
            prop_assert_eq!(found.iter().map(|(_, line, _)| line.as_str()).collect::<Vec<_>>(), expected);
        }
    }
}

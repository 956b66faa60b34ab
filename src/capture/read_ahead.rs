//! A reader that is read ahead in a thread of its own, for compressed inputs: decompression takes longer than all that is done with the packets.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::thread::join;

/// Bytes that are handed over at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Gives what another reader gives, in the same order, with the same error at the end.
pub(super) struct ReadAhead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: io::Cursor<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl ReadAhead {
    /// Reads so many bytes ahead at most. Reading ends with the reader, at its first error, or when nobody takes any more.
    pub(super) fn begin(reader: Box<dyn Read + Send>, bytes: usize) -> Self {
        let (send, chunks) = sync_channel(bytes / CHUNK_BYTES);
        let thread = std::thread::spawn(move || hand_over(reader, &send));
        Self { chunks, chunk: io::Cursor::default(), thread: Some(thread) }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let bytes = self.chunk.read(buf)?;
            if bytes > 0 || buf.is_empty() {
                return Ok(bytes);
            }
            if let Ok(chunk) = self.chunks.recv() {
                self.chunk = io::Cursor::new(chunk?);
                continue;
            }
            self.thread.take().into_iter().for_each(join);
            return Ok(0);
        }
    }
}

fn hand_over(mut reader: Box<dyn Read + Send>, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
        let is_last = chunk.len() < CHUNK_BYTES;
        // What was read before an error goes before it. Where nobody takes it, nobody asks.
        if !chunk.is_empty() && to.send(Ok(chunk)).is_err() {
            return;
        }
        if let Err(error) = read {
            let _ = to.send(Err(error));
            return;
        }
        if is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn all_is_given_in_order_and_the_error_comes_behind_it() {
        for length in [0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7] {
            let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            for ahead in [0, CHUNK_BYTES, 1 << 30] {
                let mut given = Vec::new();
                let source = Box::new(io::Cursor::new(bytes.clone()));
                ReadAhead::begin(source, ahead).read_to_end(&mut given).unwrap();
                assert_eq!(given, bytes);
                let broken = io::Cursor::new(bytes.clone()).chain(Broken);
                let mut given = Vec::new();
                let error = ReadAhead::begin(Box::new(broken), ahead).read_to_end(&mut given).unwrap_err();
                assert_eq!((given.len(), error.kind()), (length, ErrorKind::UnexpectedEof));
            }
        }
    }

    #[test]
    fn reading_ends_when_nobody_takes_any_more() {
        let mut ahead = ReadAhead::begin(Box::new(io::repeat(7)), CHUNK_BYTES);
        ahead.read_exact(&mut [0; 10]).unwrap();
        let thread = ahead.thread.take().unwrap();
        drop(ahead);
        thread.join().unwrap();
    }

    /// Fails.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }
}

//! The memory that a packet socket shares with the kernel, block by block: lent where it lies, or copied
//! (<https://docs.kernel.org/networking/packet_mmap.html>).
#![expect(unsafe_code, reason = "memory that is shared with the kernel has no safe interface")]

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::capture::Bytes;

/// One in so many blocks of a ring are lent at most: the others are the kernel's to go on with.
const LENT_PART: usize = 4;

/// Where the words of `struct tpacket_block_desc` lie.
const STATUS_AT: usize = 8;
const FRAMES_AT: usize = 12;
const FIRST_AT: usize = 16;
const LEN_AT: usize = 20;

/// The memory shared with the kernel. A block belongs to one side at a time, by its status word, and on this side to one [`Lent`] or to
/// the [`Ring`], by the ring's mark of it.
#[derive(Debug)]
struct Memory {
    start: NonNull<u8>,
    block_bytes: usize,
    blocks: usize,
}

// SAFETY: a block is touched by one thread at a time: that which has it as `Lent`, and else that which has the `Ring`. What passes it on, the
// marks and the status words, is atomic.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    fn map(socket: BorrowedFd<'_>, block_bytes: usize, blocks: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        let (len, fd) = (block_bytes * blocks, socket.as_raw_fd());
        // SAFETY: a new mapping at a place of the kernel's choice touches no other memory.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd, 0) };
        match NonNull::new(start.cast()) {
            Some(at) if start != libc::MAP_FAILED => Ok(Self { start: at, block_bytes, blocks }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Where a block begins, by its number below that of the blocks.
    fn block(&self, number: usize) -> NonNull<u8> {
        assert!(number < self.blocks, "the mapping has {} blocks", self.blocks);
        // SAFETY: the number was checked, so that the address lies in the mapping.
        unsafe { self.start.add(number * self.block_bytes) }
    }

    fn status(&self, number: usize) -> &AtomicU32 {
        // SAFETY: the word lies in the mapping, which lives as long as the value, is aligned as its block is to a
        // page, and both sides access it atomically.
        unsafe { AtomicU32::from_ptr(self.block(number).as_ptr().add(STATUS_AT).cast()) }
    }

    /// A word of the head of a block that is ours.
    fn word(&self, number: usize, at: usize) -> u32 {
        // SAFETY: as for the status; the kernel leaves the block alone while it is ours.
        u32::from_ne_bytes(unsafe { self.block(number).as_ptr().add(at).cast::<[u8; 4]>().read() })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let len = self.block_bytes * self.blocks;
        // SAFETY: the mapping was made with this size, and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), len) };
    }
}

/// A block of the ring that is read where it lies, from the header of its first frame on. The kernel has it back when this is dropped.
#[derive(Debug)]
pub(in crate::capture) struct Lent {
    memory: Arc<Memory>,
    /// Whether it is lent.
    mark: Arc<AtomicBool>,
    number: usize,
    first: usize,
    len: usize,
}

impl Deref for Lent {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `first + len` is at most the size of a block, all of which is mapped; the block is lent to this value alone.
        unsafe {
            std::slice::from_raw_parts(self.memory.block(self.number).as_ptr().add(self.first), self.len)
        }
    }
}

impl DerefMut for Lent {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe {
            std::slice::from_raw_parts_mut(self.memory.block(self.number).as_ptr().add(self.first), self.len)
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.memory.status(self.number).store(libc::TP_STATUS_KERNEL, Ordering::Release);
        // Only now may the ring's owner look at the status again: before, it would say that the block is ours.
        self.mark.store(false, Ordering::Release);
    }
}

/// The blocks in the order in which the kernel hands them over.
#[derive(Debug)]
pub(super) struct Ring {
    memory: Arc<Memory>,
    /// Of each block, whether it is lent.
    marks: Box<[Arc<AtomicBool>]>,
    next: usize,
    lent_max: usize,
}

impl Ring {
    /// Maps the ring of a socket.
    pub(super) fn map(socket: BorrowedFd<'_>, block_bytes: usize, blocks: usize) -> io::Result<Self> {
        let memory = Arc::new(Memory::map(socket, block_bytes, blocks)?);
        Ok(Self {
            memory,
            marks: (0..blocks).map(|_| Arc::default()).collect(),
            next: 0,
            lent_max: blocks / LENT_PART,
        })
    }

    /// Whether any block is lent.
    pub(super) fn has_lent(&self) -> bool {
        Arc::strong_count(&self.memory) > 1
    }

    /// Lends the next block that the kernel has handed over, from the header of its first frame on; copies it and gives it back where many are lent.
    /// Gives the number of frames.
    pub(super) fn take(&mut self, out: &mut Bytes) -> Option<u32> {
        let (memory, number) = (&self.memory, self.next);
        let mark = self.marks.get(number)?;
        let is_handed_over = |status: u32| status & libc::TP_STATUS_USER != 0;
        if mark.load(Ordering::Acquire) || !is_handed_over(memory.status(number).load(Ordering::Acquire)) {
            return None;
        }
        let first = (memory.word(number, FIRST_AT) as usize).min(memory.block_bytes);
        let end = (memory.word(number, LEN_AT) as usize).min(memory.block_bytes);
        let frames = memory.word(number, FRAMES_AT);
        let len = end.saturating_sub(first);
        let lent = Lent { memory: Arc::clone(memory), mark: Arc::clone(mark), number, first, len };
        // One reference is the ring's, one that of this block.
        if Arc::strong_count(memory) - 2 < self.lent_max {
            mark.store(true, Ordering::Relaxed);
            out.borrow_from(lent);
        } else {
            out.own().extend_from_slice(&lent);
        }
        self.next = (number + 1) % self.marks.len();
        Some(frames)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    const BLOCK_BYTES: usize = 4096;
    const BLOCKS: u8 = 8;
    const FIRST: u32 = 48;

    /// A ring in a file, beside which the test does what the kernel does.
    fn ring() -> Ring {
        let file = tempfile::tempfile().unwrap();
        file.set_len((BLOCK_BYTES * usize::from(BLOCKS)) as u64).unwrap();
        Ring::map(file.as_fd(), BLOCK_BYTES, BLOCKS.into()).unwrap()
    }

    /// Hands a block over with three bytes in it, as many frames as its number, if the kernel has it.
    fn hand_over(memory: &Memory, number: u8, byte: u8) -> bool {
        let (number, frames) = (usize::from(number), u32::from(number));
        if memory.status(number).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0 {
            return false;
        }
        let mut head = [0; FIRST as usize + 3];
        for (at, word) in [(FRAMES_AT, frames), (FIRST_AT, FIRST), (LEN_AT, FIRST + 3)] {
            head[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        head[FIRST as usize..].fill(byte);
        // SAFETY: the block is the kernel's, which is this test.
        unsafe { memory.block(number).as_ptr().copy_from_nonoverlapping(head.as_ptr(), head.len()) };
        memory.status(number).store(libc::TP_STATUS_USER, Ordering::Release);
        true
    }

    #[test]
    fn a_quarter_of_the_blocks_is_lent_and_the_others_are_copied() {
        let mut ring = ring();
        let memory = Arc::clone(&ring.memory);
        ring.lent_max += 1; // The test has a reference too.
        let mut taken: Vec<Bytes> = Vec::new();
        for number in 0..4 {
            assert!(hand_over(&memory, number, 10 + number));
            let mut bytes = Bytes::default();
            assert_eq!(ring.take(&mut bytes), Some(number.into()));
            assert!(ring.take(&mut Bytes::default()).is_none(), "the next is the kernel's");
            taken.push(bytes);
        }
        let contents: Vec<&[u8]> = taken.iter().map(|bytes| &**bytes).collect();
        assert_eq!(contents, [[10; 3], [11; 3], [12; 3], [13; 3]]);
        // The first two are still ours, the others went back at once.
        assert_eq!([0, 1, 2, 3].map(|number| hand_over(&memory, number, 99)), [false, false, true, true]);
        assert!(ring.has_lent());
        drop(taken);
        assert!([0, 1].into_iter().all(|number| hand_over(&memory, number, 99)));
    }

    #[test]
    fn a_block_that_is_lent_is_not_lent_again() {
        let mut ring = ring();
        let memory = Arc::clone(&ring.memory);
        ring.lent_max += 1;
        (0..BLOCKS).for_each(|number| assert!(hand_over(&memory, number, 1)));
        let mut first = Bytes::default();
        assert_eq!(ring.take(&mut first), Some(0));
        (1..BLOCKS).for_each(|number| assert_eq!(ring.take(&mut Bytes::default()), Some(number.into())));
        // The kernel would not go past it either.
        assert_eq!(ring.take(&mut Bytes::default()), None);
        first.clear();
        assert_eq!(ring.take(&mut Bytes::default()), None, "the kernel has it");
        assert!(hand_over(&memory, 0, 2));
        assert_eq!(ring.take(&mut first), Some(0));
        assert_eq!(*first, [2; 3]);
    }

    #[test]
    fn what_is_lent_outlives_the_ring_and_can_be_written() {
        let mut ring = ring();
        hand_over(&ring.memory, 0, 7);
        let mut bytes = Bytes::default();
        ring.take(&mut bytes);
        drop(ring);
        bytes[0] = 8;
        assert_eq!(*bytes, [8, 7, 7]);
        bytes.own().push(1);
        assert_eq!(*bytes, [1]);
    }

    #[test]
    fn a_head_that_lies_does_not_lead_outside_of_the_block() {
        for (first, len) in [(u32::MAX, u32::MAX), (FIRST, u32::MAX), (100, 50)] {
            let mut ring = ring();
            hand_over(&ring.memory, 0, 7);
            for (at, word) in [(FIRST_AT, first), (LEN_AT, len)] {
                // SAFETY: as in `hand_over`.
                unsafe { ring.memory.block(0).as_ptr().add(at).cast::<[u8; 4]>().write(word.to_ne_bytes()) };
            }
            let mut bytes = Bytes::default();
            assert!(ring.take(&mut bytes).is_some());
            assert!(bytes.len() <= BLOCK_BYTES);
        }
    }
}

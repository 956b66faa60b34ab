//! The bounded queue of blocks between the threads of rings and the pipeline. No side ever waits for memory: blocks go
//! round.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::capture::Block;

/// Blocks in the order in which they were pushed.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    blocks: Mutex<Blocks>,
    pushed: Condvar,
}

#[derive(Debug)]
struct Blocks {
    waiting: VecDeque<Block>,
    free: Vec<Block>,
    /// Who may push yet.
    producers: usize,
}

impl Queue {
    /// A queue of so many blocks at most.
    pub(super) fn new(capacity: usize, producers: usize) -> Self {
        let blocks = Blocks { waiting: VecDeque::with_capacity(capacity), free: Vec::new(), producers };
        Self { capacity, blocks: Mutex::new(blocks), pushed: Condvar::new() }
    }

    /// Share of the queue that is taken, 0 to 1.
    pub(super) fn fill(&self) -> f64 {
        self.lock().waiting.len() as f64 / self.capacity as f64
    }

    /// Appends a block, and leaves an empty one in its place. False where the queue is full.
    pub(super) fn push(&self, block: &mut Block) -> bool {
        let mut blocks = self.lock();
        if blocks.waiting.len() >= self.capacity {
            return false;
        }
        let free = blocks.free.pop().unwrap_or_default();
        blocks.waiting.push_back(std::mem::replace(block, free));
        drop(blocks);
        self.pushed.notify_one();
        true
    }

    /// The oldest block. Nothing where none comes in the time given, or none can come any more.
    pub(super) fn pop(&self, timeout: Duration) -> Option<Block> {
        let nothing_yet = |blocks: &mut Blocks| blocks.waiting.is_empty() && blocks.producers > 0;
        let woken = self.pushed.wait_timeout_while(self.lock(), timeout, nothing_yet);
        woken.unwrap_or_else(PoisonError::into_inner).0.waiting.pop_front()
    }

    /// Takes the memory of a block back.
    pub(super) fn recycle(&self, mut block: Block) {
        block.clear();
        let mut blocks = self.lock();
        if blocks.free.len() < self.capacity {
            blocks.free.push(block);
        }
    }

    /// A producer is gone.
    pub(super) fn leave(&self) {
        self.lock().producers -= 1;
        self.pushed.notify_one();
    }

    /// Whether a block waits or may come.
    pub(super) fn is_open(&self) -> bool {
        let blocks = self.lock();
        blocks.producers > 0 || !blocks.waiting.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn block(byte: u8) -> Block {
        Block { data: vec![byte].into(), frames: Vec::new() }
    }

    #[test]
    fn blocks_come_out_in_order_and_a_full_queue_says_so() {
        let queue = Queue::new(2, 1);
        assert!(queue.push(&mut block(1)) && queue.push(&mut block(2)));
        let mut third = block(3);
        assert!(!queue.push(&mut third));
        assert_eq!((&*third.data, queue.fill()), (&[3][..], 1.0));
        assert_eq!(*queue.pop(LONG).unwrap().data, [1]);
        assert!(queue.push(&mut third));
        assert_eq!(*queue.pop(LONG).unwrap().data, [2]);
        assert_eq!(*queue.pop(LONG).unwrap().data, [3]);
        assert!(queue.pop(Duration::ZERO).is_none());
    }

    #[test]
    fn memory_goes_round() {
        let queue = Queue::new(2, 1);
        (0..3).for_each(|n| {
            queue.recycle(Block { data: Vec::with_capacity(100 + n).into(), frames: Vec::new() });
        });
        let mut first = block(1);
        queue.push(&mut first);
        assert!(first.data.is_empty() && first.data.own().capacity() >= 100);
        assert_eq!(queue.lock().free.len(), 1);
    }

    #[test]
    fn the_end_is_seen_once_all_producers_are_gone() {
        let queue = Queue::new(2, 2);
        queue.push(&mut block(1));
        queue.leave();
        std::thread::scope(|scope| {
            scope.spawn(|| queue.leave());
            assert!(queue.pop(LONG).is_some());
            assert!(queue.pop(LONG).is_none());
        });
        assert!(!queue.is_open());
    }
}

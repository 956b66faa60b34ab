//! Puts what was read into the order of time, as far as bounded memory goes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Timestamp;

/// A heap of things with their times. Things of one time keep the order in which they came.
#[derive(Debug)]
pub(super) struct Reorder<T> {
    /// Time, order of arrival, place in `slots`: things are large, and stay where they are.
    heap: BinaryHeap<Reverse<(Timestamp, u64, usize)>>,
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    arrived: u64,
    capacity: usize,
}

impl<T> Reorder<T> {
    /// Holds at most `capacity` things.
    pub(super) fn new(capacity: usize) -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), arrived: 0, capacity }
    }

    pub(super) fn is_full(&self) -> bool {
        self.heap.len() >= self.capacity
    }

    pub(super) fn push(&mut self, at: Timestamp, thing: T) {
        let place = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(place) {
            Some(slot) => *slot = Some(thing),
            None => self.slots.push(Some(thing)),
        }
        self.heap.push(Reverse((at, self.arrived, place)));
        self.arrived += 1;
    }

    /// The earliest thing.
    pub(super) fn pop(&mut self) -> Option<(Timestamp, T)> {
        let Reverse((at, _, place)) = self.heap.pop()?;
        self.free.push(place);
        Some((at, self.slots.get_mut(place)?.take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against sorting everything; things that come within the capacity of where they belong are in order.
        #[test]
        fn things_come_out_in_the_order_of_time(times in prop::collection::vec(0_i64..50, 0..200), capacity in 1_usize..60) {
            let mut reorder = Reorder::new(capacity);
            let (mut out, mut held) = (Vec::new(), 0_usize);
            for (nth, &time) in times.iter().enumerate() {
                if reorder.is_full() {
                    out.push(reorder.pop().unwrap().1);
                } else {
                    held += 1;
                }
                reorder.push(Timestamp::from_nanos(time), (time, nth));
                prop_assert!(held <= capacity);
            }
            while let Some((at, thing)) = reorder.pop() {
                prop_assert_eq!(at.as_nanos(), thing.0);
                out.push(thing);
            }
            prop_assert!(reorder.slots.len() <= capacity);
            let mut sorted: Vec<(i64, usize)> = times.iter().copied().zip(0..).collect();
            sorted.sort_unstable();
            if times.len() <= capacity {
                prop_assert_eq!(&out, &sorted);
            }
            out.sort_unstable();
            prop_assert_eq!(out, sorted);
        }
    }
}

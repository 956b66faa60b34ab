//! Work on many items by several threads, with the outcome of one.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs of items a thread, about: some items take far longer than others.
const RUNS: usize = 8;

/// What `work` makes of the items, in their order, by at most `threads` threads that take one run of items after the other; `least` items at least
/// are worth the start of a thread. `work` must make of a run what it makes of its items one by one.
pub(super) fn in_parts<'a, T: Sync, R: Send>(
    items: &'a [T],
    threads: usize,
    least: usize,
    work: impl Fn(&'a [T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let run = items.len().div_ceil(threads.max(1) * RUNS).max(least);
    if threads <= 1 || items.len() <= run {
        return work(items);
    }
    let runs: Vec<&'a [T]> = items.chunks(run).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(run) = runs.get(number) else { return done };
            done.push((number, work(run)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(runs.len())).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            match other.join() {
                Ok(runs) => done.extend(runs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    let mut all = Vec::with_capacity(done.iter().map(|(_, run)| run.len()).sum());
    for (_, run) in &mut done {
        all.append(run);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_items_whatever_the_threads() {
        const LEAST: usize = 16;
        for len in [0, 1, LEAST, LEAST + 1, 5 * LEAST + 7, 100 * LEAST] {
            let items: Vec<usize> = (0..len).collect();
            let doubled: Vec<usize> = items.iter().map(|n| 2 * n).collect();
            for threads in [0, 1, 2, 3, 16] {
                let work = |part: &[usize]| part.iter().map(|n| 2 * n).collect();
                assert_eq!(in_parts(&items, threads, LEAST, work), doubled, "{len} items, {threads} threads");
            }
        }
    }
}

//! Work on many rows by several threads, with the outcome of one.

/// Rows for which a thread is worth its start.
const LEAST_ROWS: usize = 4096;

/// What `work` makes of the items, which are dealt to at most `threads` threads in runs; in the order of the items. `work` must make of a
/// run what it makes of its items one by one.
pub(super) fn in_parts<'a, T: Sync, R: Send>(
    items: &'a [T],
    threads: usize,
    work: impl Fn(&'a [T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let run = items.len().div_ceil(threads.max(1)).max(LEAST_ROWS);
    if items.len() <= run {
        return work(items);
    }
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = items.chunks(run).skip(1).map(|part| scope.spawn(move || work(part))).collect();
        let mut all = work(items.get(..run).unwrap_or_default());
        for other in others {
            match other.join() {
                Ok(part) => all.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_items_whatever_the_threads() {
        for len in [0, 1, LEAST_ROWS, LEAST_ROWS + 1, 5 * LEAST_ROWS + 7] {
            let items: Vec<usize> = (0..len).collect();
            let doubled: Vec<usize> = items.iter().map(|n| 2 * n).collect();
            for threads in [0, 1, 2, 3, 16] {
                let work = |part: &[usize]| part.iter().map(|n| 2 * n).collect();
                assert_eq!(in_parts(&items, threads, work), doubled, "{len} items, {threads} threads");
            }
        }
    }
}

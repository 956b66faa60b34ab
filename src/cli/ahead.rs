//! Reading ahead: a thread reads, decompresses and parses what comes next, while the caller works on what it has. The order of what is read, and so
//! all output, is the same with and without it.

use std::sync::mpsc::sync_channel;

/// What is read ahead at most.
const AHEAD: usize = 4;

/// Something that was read, and the bytes of the inputs up to there.
#[derive(Debug, Default)]
pub(super) struct Read<T> {
    pub(super) item: T,
    pub(super) bytes: u64,
}

/// Whether to read on.
pub(super) enum Next<T> {
    /// With memory that can be used again.
    Go(T),
    Stop,
}

/// Reads with `next`, which fills what it is given and says whether there was anything, and hands all of it to `take` in order.
///
/// # Errors
/// That of `next`, once all before it is taken.
pub(super) fn read<T: Default + Send, E: Send>(
    in_a_thread: bool,
    mut next: impl FnMut(&mut T) -> Result<bool, E> + Send,
    mut take: impl FnMut(T) -> Next<T>,
) -> Result<(), E> {
    if !in_a_thread {
        let mut item = T::default();
        while next(&mut item)? {
            match take(item) {
                Next::Go(free) => item = free,
                Next::Stop => break,
            }
        }
        return Ok(());
    }
    std::thread::scope(|scope| {
        let (send, ready) = sync_channel::<T>(AHEAD);
        let (give_back, free) = sync_channel::<T>(AHEAD + 2);
        let reader = scope.spawn(move || {
            loop {
                let mut item = free.try_recv().unwrap_or_default();
                // Where nobody takes any more, reading ends.
                if !next(&mut item)? || send.send(item).is_err() {
                    return Ok(());
                }
            }
        });
        for item in &ready {
            match take(item) {
                // More than the channel holds is never on its way.
                Next::Go(free) => drop(give_back.try_send(free)),
                Next::Stop => break,
            }
        }
        drop(ready);
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads numbers up to a bound; an error behind it where asked for.
    fn run(in_a_thread: bool, bound: u64, fails: bool, stop_at: u64) -> (Vec<u64>, Result<(), String>) {
        let mut n = 0;
        let mut taken = Vec::new();
        let next = |item: &mut Vec<u64>| {
            n += 1;
            *item = vec![n];
            match n > bound {
                true if fails => Err("broken".to_owned()),
                done => Ok(!done),
            }
        };
        let outcome = read(in_a_thread, next, |item| {
            taken.extend(&item);
            if taken.len() as u64 == stop_at { Next::Stop } else { Next::Go(item) }
        });
        (taken, outcome)
    }

    #[test]
    fn all_is_taken_in_order_with_and_without_a_thread() {
        for in_a_thread in [false, true] {
            assert_eq!(run(in_a_thread, 100, false, 0), ((1..=100).collect(), Ok(())));
            assert_eq!(run(in_a_thread, 0, false, 0), (vec![], Ok(())));
            assert_eq!(run(in_a_thread, 7, true, 0), ((1..=7).collect(), Err("broken".to_owned())));
            assert_eq!(run(in_a_thread, 100, false, 5), ((1..=5).collect(), Ok(())));
        }
    }
}

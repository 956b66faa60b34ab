//! The end of a thread that whoever started it waits for.

use std::thread::JoinHandle;

/// Waits for a thread to end, and passes its panic on: a fault of a thread is one of whoever started it. Where that one panics already, a second
/// panic would abort the process and hide the first, so it is dropped.
pub fn join(thread: JoinHandle<()>) {
    if let Err(panic) = thread.join()
        && !std::thread::panicking()
    {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_is_passed_on_but_not_on_top_of_another() {
        struct JoinsAtTheEnd(Option<JoinHandle<()>>);
        impl Drop for JoinsAtTheEnd {
            fn drop(&mut self) {
                self.0.take().into_iter().for_each(join);
            }
        }
        let fails = || std::thread::spawn(|| panic!("of the thread"));
        let message = |outcome: std::thread::Result<()>| *outcome.unwrap_err().downcast::<&str>().unwrap();
        join(std::thread::spawn(|| ()));
        assert_eq!(message(catch_unwind(|| join(fails()))), "of the thread");
        let both = AssertUnwindSafe(|| {
            let _joins = JoinsAtTheEnd(Some(fails()));
            panic!("of its starter");
        });
        assert_eq!(message(catch_unwind(both)), "of its starter");
    }
}

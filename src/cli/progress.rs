//! The progress bar. It looks at the clock, as no stage may: it changes nothing but standard error.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Turns while something is done that nobody knows the length of; gone when it is dropped.
pub(super) struct Spinner(ProgressBar);

/// Says what is done once all is read.
pub(super) fn spinner(what: &'static str, wanted: bool) -> Spinner {
    Spinner(started(ProgressBar::no_length(), "{spinner} {msg}", wanted).with_message(what))
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar over the bytes of the inputs, with rate and time left; a spinner where the size is not known; nothing where
/// standard error is no terminal or the user wants none.
pub(super) fn bar(total: Option<u64>, wanted: bool) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{bar:32} {percent:>3} %  {binary_bytes_per_sec}  {eta} left  {msg}")
        }
        None => (ProgressBar::no_length(), "{spinner} {binary_bytes} read  {binary_bytes_per_sec}  {msg}"),
    };
    started(bar, template, wanted)
}

fn started(bar: ProgressBar, template: &str, wanted: bool) -> ProgressBar {
    if !wanted || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

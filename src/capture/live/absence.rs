//! Whether an interface is gone: each loss and each return is told once.

use super::Poll;
use super::stats::LiveStats;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Absence {
    told: bool,
    /// Whether it was not there when it was opened, and has not come since.
    since_start: bool,
}

impl Absence {
    /// Whether the interface was there when it was opened is known to the caller.
    pub(super) const fn at_start(is_there: bool) -> Self {
        Self { told: false, since_start: !is_there }
    }

    /// Whether the last that was told is that the interface is gone.
    pub(super) const fn is_told(&self) -> bool {
        self.told
    }

    /// The interface is gone: counts and tells it the first time.
    pub(super) const fn begin(&mut self, stats: &mut LiveStats) -> Poll {
        if self.told {
            return Poll::Idle;
        }
        self.told = true;
        stats.interface_losses += 1;
        Poll::Down
    }

    /// The interface is there: tells it where it was told, or known, to be gone.
    pub(super) fn end(&mut self) -> Poll {
        let Self { told, since_start } = std::mem::take(self);
        if told || since_start { Poll::Back } else { Poll::Idle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_returns_are_told_once() {
        let (mut absence, mut stats) = (Absence::default(), LiveStats::default());
        assert_eq!(absence.end(), Poll::Idle);
        for losses in 1..=2 {
            assert_eq!((absence.begin(&mut stats), absence.begin(&mut stats)), (Poll::Down, Poll::Idle));
            assert_eq!((stats.interface_losses, absence.is_told()), (losses, true));
            assert_eq!((absence.end(), absence.end()), (Poll::Back, Poll::Idle));
        }
    }

    #[test]
    fn what_was_missing_at_the_start_is_told_to_come_even_where_it_was_never_told_to_be_gone() {
        let mut absence = Absence::at_start(false);
        assert_eq!((absence.end(), absence.end()), (Poll::Back, Poll::Idle));
        assert_eq!(Absence::at_start(true).end(), Poll::Idle);
    }
}

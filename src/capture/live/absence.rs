//! Whether an interface is gone: each loss and each return is told once.

use super::Poll;
use super::stats::LiveStats;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Absence {
    told: bool,
}

impl Absence {
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

    /// The interface is there: tells it where it was told to be gone.
    pub(super) fn end(&mut self) -> Poll {
        if std::mem::take(&mut self.told) { Poll::Back } else { Poll::Idle }
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
}

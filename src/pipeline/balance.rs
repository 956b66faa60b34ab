//! Whether the calling thread should take a flow table from the threads beside it, or give one.

/// What is to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    /// A table from a thread beside: they have more to do.
    Take,
    /// A table to a thread beside: they have less to do.
    Give,
}

/// Who waits for whom, from request to request. What flows cost, and what is done beside them, differs from link to link: only how it goes can tell.
#[derive(Debug)]
pub(super) struct Balance {
    /// Requests for which the calling thread waited, less those for which another did.
    lag: i32,
    /// How large it may get. A shift interrupts the work, and the best share may lie between two tables: it doubles with each.
    patience: i32,
}

impl Default for Balance {
    fn default() -> Self {
        Self { lag: 0, patience: Self::LEAST_PATIENCE }
    }
}

impl Balance {
    const LEAST_PATIENCE: i32 = 16;
    const MOST_PATIENCE: i32 = 4096;

    /// Notes of a request whether the calling thread waited for its answer, and whether a thread beside had nothing to do before it came. Says what
    /// is to be moved, if it can be.
    pub(super) fn note(&mut self, waited: bool, was_waited_for: bool) -> Option<Shift> {
        self.lag += i32::from(waited) - i32::from(was_waited_for);
        if self.lag.abs() < self.patience {
            return None;
        }
        let shift = if self.lag > 0 { Shift::Take } else { Shift::Give };
        self.lag = 0;
        Some(shift)
    }

    /// There was a table to be moved.
    pub(super) fn shifted(&mut self) {
        self.patience = (2 * self.patience).min(Self::MOST_PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shifts of so many requests, where whoever has more than its share is waited for.
    fn shifts(requests: usize, best: f64) -> (i32, usize) {
        let (mut balance, mut kept, mut shifts) = (Balance::default(), 0, 0);
        for _ in 0..requests {
            let (waited, was_waited_for) = (f64::from(kept) < best, f64::from(kept) > best);
            match balance.note(waited, was_waited_for) {
                Some(Shift::Take) => kept += 1,
                Some(Shift::Give) if kept > 0 => kept -= 1,
                _ => continue,
            }
            balance.shifted();
            shifts += 1;
        }
        (kept, shifts)
    }

    #[test]
    fn the_best_share_is_found_and_kept() {
        assert_eq!(shifts(10_000, 0.0), (0, 0));
        assert_eq!(shifts(16 + 32, 2.0), (2, 2));
        assert_eq!(shifts(10_000, 2.0), (2, 2));
    }

    #[test]
    fn a_share_between_two_tables_is_changed_ever_more_seldom() {
        let (kept, shifts) = shifts(1_000_000, 1.5);
        assert!((1..=2).contains(&kept) && shifts < 260, "{kept} {shifts}");
    }

    #[test]
    fn waiting_now_and_then_moves_nothing() {
        let mut balance = Balance::default();
        assert!((0..1_000).all(|n| balance.note(n % 2 == 0, n % 2 == 1).is_none()));
        assert!((0..1_000).all(|_| balance.note(true, true).is_none()));
    }
}

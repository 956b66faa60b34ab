//! The average path length of a random binary search tree, by which path lengths are judged.

/// c(n) for every n up to a sample size, looked up instead of computed.
///
/// c(n) = 2 H(n - 1) - 2 (n - 1) / n is the mean depth at which a search among `n` keys ends without success (Liu, Ting
/// and Zhou 2008, equation 1). The harmonic number H is summed exactly; the paper's `ln(i) + 0.5772` is an
/// estimate of it that is off by 0.85 at n = 2 and by 0.004 at n = 256.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AveragePath(Vec<f64>);

impl AveragePath {
    /// The table for 0 to `most` rows.
    pub(super) fn up_to(most: usize) -> Self {
        let mut harmonic = 0.0;
        let mut table = vec![0.0; 2];
        for n in 2..=most {
            let others = (n - 1) as f64;
            harmonic += 1.0 / others;
            table.push(2.0 * harmonic - 2.0 * others / n as f64);
        }
        Self(table)
    }

    /// c(n); that of the largest sample where `n` is larger.
    pub(super) fn of(&self, n: u16) -> f64 {
        self.0.get(usize::from(n)).or(self.0.last()).copied().unwrap_or(0.0)
    }

    /// What is left of a path on average after `n` rows were split into two halves.
    pub(super) fn of_half(&self, n: u16) -> f64 {
        let half = n / 2;
        f64::midpoint(self.of(half), self.of(n - half))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "tests compare exact answers and make small data")]
mod tests {
    use super::*;

    #[test]
    fn is_the_recurrence_of_random_trees() {
        // c(n) also solves c(n) = 1 + mean over the n - 1 ways to split, weighted by the rows in each part.
        let c = AveragePath::up_to(64);
        assert_eq!([c.of(0), c.of(1), c.of(2)], [0.0, 0.0, 1.0]);
        for n in 2..=64_u16 {
            let parts: f64 = (1..n).map(|m| 2.0 * f64::from(m) * c.of(m) / f64::from(n)).sum();
            let expected = 1.0 + parts / f64::from(n - 1);
            assert!((c.of(n) - expected).abs() < 1e-9, "{n}: {} {expected}", c.of(n));
        }
    }

    #[test]
    fn grows_like_the_published_estimate() {
        let c = AveragePath::up_to(256);
        let estimate = 2.0 * (255.0_f64.ln() + 0.577_215_664_9) - 2.0 * 255.0 / 256.0;
        assert!((c.of(256) - estimate).abs() < 0.005);
        assert!(c.of(u16::MAX) == c.of(256));
        assert!(c.of_half(7) > c.of(3) && c.of_half(7) < c.of(4));
    }
}

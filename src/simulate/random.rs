//! Random numbers of a simulation: one stream a source, so that one more incident changes nothing of the rest.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::time::Span;

/// A stream of random numbers that depends on seed and stream number alone.
#[derive(Debug)]
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// Stream number `stream` of a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// From 0 to 1, without 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// Whether something of probability `p` happens.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// From `low` to `high`, evenly.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.random_range(0..bound) }
    }

    /// The same for an index.
    pub(super) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or_default()
    }

    /// Exponentially distributed seconds.
    pub(super) fn wait(&mut self, mean_s: f64) -> Span {
        let unit: f64 = Exp1.sample(&mut self.0);
        Span::from_secs_f64(unit * mean_s)
    }

    /// Log-normally distributed, by median and the standard deviation of the logarithm; at most a thousand medians.
    pub(super) fn size(&mut self, median: f64, sigma: f64) -> u64 {
        let normal: f64 = StandardNormal.sample(&mut self.0);
        whole((median * (sigma * normal).exp()).min(median * 1e3))
    }

    /// A time spread evenly by ± `jitter` (0 to 1) of itself.
    pub(super) fn jittered(&mut self, span: Span, jitter: f64) -> Span {
        let factor = 1.0 + jitter * self.between(-1.0, 1.0);
        Span::from_secs_f64(span.as_secs_f64() * factor)
    }

    /// Random bytes.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// The whole part of what is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` from float saturates")]
pub(super) const fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_and_differ() {
        let draw = |seed, stream| Random::new(seed, stream).below(u64::MAX);
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn distributions_have_their_means() {
        let mut random = Random::new(1, 1);
        let mean = |f: &mut dyn FnMut() -> f64| (0..20_000).map(|_| f()).sum::<f64>() / 20_000.0;
        assert!((mean(&mut || random.wait(10.0).as_secs_f64()) - 10.0).abs() < 0.5);
        let mut sizes: Vec<u64> = (0..2_001).map(|_| random.size(1_000.0, 1.0)).collect();
        sizes.sort_unstable();
        assert!((900..1_100).contains(&sizes[1_000]), "{}", sizes[1_000]);
        let jittered = |random: &mut Random| random.jittered(Span::from_secs(100), 0.3).as_secs_f64();
        assert!((0..1_000).all(|_| (70.0..=130.0).contains(&jittered(&mut random))));
        assert_eq!(random.below(0), 0);
    }
}

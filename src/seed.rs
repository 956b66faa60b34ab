//! The seed of every hash and of the forests: fixed in a replay, random in the live sensor.
//!
//! Attackers choose the keys of every table, so no table uses an unseeded hash; and no output depends on the order
//! of a table, so that two seeds differ only in which entry a full table gives up first.

use std::hash::BuildHasher;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use serde::{Deserialize, Serialize};

/// The seed of a run (`--seed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of a replay unless the user sets one.
    pub const REPLAY: Self = Self(1);

    /// A hasher for tables keyed by what packets say.
    pub fn hasher(self) -> SeedableRandomState {
        SeedableRandomState::with_seed(self.0, SharedSeed::global_fixed())
    }

    /// A 64-bit hash of a value under this seed, equal in every run and on every machine of one byte order.
    pub fn hash_of(self, value: &impl std::hash::Hash) -> u64 {
        self.hasher().hash_one(value)
    }
}

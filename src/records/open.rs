//! Connections that are still open: Zeek's `open_conn.log` repeats each of them, until it has ended and stands in `conn.log`.

use std::sync::Arc;

use foldhash::quality::SeedableRandomState;
use hashbrown::{HashMap, HashSet};

use crate::decode::app::AppInfo;
use crate::flow::{FlowRecord, Unseen};
use crate::seed::Seed;

/// Open connections that are remembered.
const OPEN_MAX: usize = 1 << 16;
/// Connections of a generation of which it is known that they have ended.
const ENDED_MAX: usize = 1 << 19;

/// What is known of open connections.
#[derive(Debug)]
pub(super) struct OpenConnections {
    of: HashMap<u128, Told, SeedableRandomState>,
    young: HashSet<u128, SeedableRandomState>,
    old: HashSet<u128, SeedableRandomState>,
    forgotten: u64,
    seed: Seed,
}

/// A connection, and what the log says of its protocols.
type Told = (FlowRecord, Option<Arc<AppInfo>>);

impl OpenConnections {
    pub(super) fn new(seed: Seed) -> Self {
        let ended = || HashSet::with_hasher(seed.hasher());
        Self { of: HashMap::with_hasher(seed.hasher()), young: ended(), old: ended(), forgotten: 0, seed }
    }

    /// A connection is told of as open. What is told last of it stands.
    pub(super) fn take(&mut self, record: FlowRecord, service: Option<Arc<AppInfo>>) {
        let uid = record.uid(self.seed);
        if self.young.contains(&uid) || self.old.contains(&uid) {
            return;
        }
        match self.of.get(&uid) {
            Some((known, _)) if known.last > record.last => {}
            None if self.of.len() >= OPEN_MAX => self.forgotten += 1,
            _ => {
                let unseen = record.unseen.or(Unseen::END);
                self.of.insert(uid, (FlowRecord { unseen, ..record }, service));
            }
        }
    }

    /// A connection has ended.
    pub(super) fn ended(&mut self, uid: u128) {
        self.of.remove(&uid);
        if self.young.len() >= ENDED_MAX {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(uid);
    }

    /// Those that are open still, in the order of their last packets.
    pub(super) fn rest(&mut self) -> Vec<Told> {
        let mut rest: Vec<Told> = self.of.drain().map(|(_, told)| told).collect();
        rest.sort_unstable_by_key(|(record, _)| (record.last, record.uid(self.seed)));
        rest
    }

    /// Open connections that found no room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU128;

    use super::*;
    use crate::time::Timestamp;

    fn record(uid: u128, last: i64) -> FlowRecord {
        FlowRecord {
            told_uid: NonZeroU128::new(uid),
            last: Timestamp::from_nanos(last),
            ..FlowRecord::default()
        }
    }

    #[test]
    fn what_was_told_last_of_what_has_not_ended_stands() {
        let mut open = OpenConnections::new(Seed(1));
        for (uid, last) in [(1, 10), (2, 10), (1, 30), (1, 20), (3, 5)] {
            open.take(record(uid, last), None);
        }
        open.ended(2);
        open.ended(4);
        open.take(record(4, 10), None);
        let rest: Vec<(u128, i64)> =
            open.rest().iter().map(|(record, _)| (record.uid(Seed(1)), record.last.as_nanos())).collect();
        assert_eq!(rest, [(3, 5), (1, 30)]);
        assert!(open.rest().is_empty());
    }

    #[test]
    fn open_connections_are_bounded() {
        let mut open = OpenConnections::new(Seed(1));
        (0..OPEN_MAX as u128 + 7).for_each(|uid| open.take(record(uid, 1), None));
        assert_eq!((open.rest().len(), open.forgotten()), (OPEN_MAX, 7));
    }
}

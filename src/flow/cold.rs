//! What few packets of few flows need, beside their records.

use std::hint::select_unpredictable;

use crate::flow::app::App;
use crate::flow::exchange::Outset;
use crate::flow::history::Rare;
use crate::memory::prefetch_at;

/// What is kept beside the record of a flow: one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Cold {
    pub(super) app: App,
    pub(super) rare: Option<Box<Rare>>,
    /// Where the burst that is going on began, if it is not the first.
    pub(super) outset: Outset,
}

/// Where that lies: one more than the place in [`Colds`], zero where nothing is kept, as of most flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ColdId(u32);

impl ColdId {
    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// What is kept beside the records of a table, close together.
#[derive(Debug, Default)]
pub(super) struct Colds {
    kept: Vec<Cold>,
    free: Vec<ColdId>,
    /// Stands in for what an id leads to that leads nowhere, of which there is none.
    nowhere: Cold,
}

impl Colds {
    #[inline]
    pub(super) fn get(&self, id: ColdId) -> Option<&Cold> {
        self.kept.get((id.0 as usize).checked_sub(1)?)
    }

    /// Asks for what is kept of a flow, if it is needed: without a branch, for which flows need it cannot be foretold. For the others, something is asked for that
    /// is there.
    #[inline]
    pub(super) fn prefetch(&self, id: ColdId, is_needed: bool) {
        let at = select_unpredictable(is_needed, id.0.wrapping_sub(1), 0);
        if let Some(cold) = self.kept.get(at as usize) {
            prefetch_at(cold, 0);
        }
    }

    /// What is kept of a flow, made where there is nothing yet.
    fn get_or_insert(&mut self, id: &mut ColdId) -> &mut Cold {
        if id.is_none() {
            *id = self.free.pop().unwrap_or_else(|| {
                self.kept.push(Cold::default());
                ColdId(u32::try_from(self.kept.len()).unwrap_or_default())
            });
        }
        let at = (id.0 as usize).wrapping_sub(1);
        self.kept.get_mut(at).unwrap_or(&mut self.nowhere)
    }

    /// Forgets what is kept of a flow.
    pub(super) fn remove(&mut self, id: ColdId) {
        if let Some(cold) = (id.0 as usize).checked_sub(1).and_then(|at| self.kept.get_mut(at)) {
            *cold = Cold::default();
            self.free.push(id);
        }
    }
}

/// The way to what is kept beside the record of one flow.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    id: &'a mut ColdId,
    colds: &'a mut Colds,
}

impl<'a> Beside<'a> {
    #[inline]
    pub(super) fn new(id: &'a mut ColdId, colds: &'a mut Colds) -> Self {
        Self { id, colds }
    }

    /// What the payload told, or who is reading it, made where nothing is known yet.
    pub(super) fn app_mut(&mut self) -> &mut App {
        &mut self.colds.get_or_insert(self.id).app
    }

    /// Notes where the burst that is going on began.
    pub(super) fn set_outset(&mut self, outset: Outset) {
        self.colds.get_or_insert(self.id).outset = outset;
    }

    /// What most flows never need, made where it is not there yet.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.colds.get_or_insert(self.id).rare.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_takes_a_cache_line_and_its_place_serves_again() {
        assert_eq!(size_of::<Cold>(), 64);
        let (mut colds, mut ids) = (Colds::default(), [ColdId::default(); 3]);
        for (missed, id) in (7..).zip(&mut ids) {
            Beside::new(id, &mut colds).rare().missed_bytes = missed;
        }
        let [first, mut second, _] = ids;
        let missed = |colds: &Colds, id| Some(colds.get(id)?.rare.as_ref()?.missed_bytes);
        assert_eq!(ids.map(|id| missed(&colds, id)), [Some(7), Some(8), Some(9)]);
        colds.remove(second);
        assert_eq!((missed(&colds, first), missed(&colds, second)), (Some(7), None));
        second = ColdId::default();
        Beside::new(&mut second, &mut colds).app_mut();
        assert_eq!((second, colds.kept.len()), (ids[1], 3));
        colds.remove(ColdId::default());
        assert!(colds.get(ColdId::default()).is_none() && colds.free.is_empty());
    }
}

//! When a channel was active: the recent bursts one by one, and its whole life at falling resolution.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;
use smallvec::SmallVec;

use crate::memory::prefetch;
use crate::time::{Span, Timestamp};

/// One burst of activity of a channel, as the flow stage's exchanges and, for DNS, queries tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// First packet.
    pub start: Timestamp,
    /// Payload bytes that the monitored host sent, saturating.
    pub bytes_out: u32,
    /// Payload bytes that the peer sent, saturating.
    pub bytes_in: u32,
    /// Whether it opened a connection (else it happened inside one).
    pub opens_flow: bool,
    /// Whether the peer sent the first packet of a burst inside an open connection.
    pub peer_driven: bool,
}

/// An [`Activity`] in sixteen bytes: its start to four nanoseconds, what kind it is in the two bits below.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(from = "Activity", into = "Activity")]
struct Kept {
    start_and_kind: i64,
    bytes_out: u32,
    bytes_in: u32,
}

impl Kept {
    const OPENS_FLOW: i64 = 1;
    const PEER_DRIVEN: i64 = 2;
    const KIND: i64 = Self::OPENS_FLOW | Self::PEER_DRIVEN;

    fn start(self) -> Timestamp {
        Timestamp::from_nanos(self.start_and_kind & !Self::KIND)
    }
}

impl From<Activity> for Kept {
    fn from(burst: Activity) -> Self {
        let opens_flow = i64::from(burst.opens_flow) * Self::OPENS_FLOW;
        let kind = opens_flow | (i64::from(burst.peer_driven) * Self::PEER_DRIVEN);
        let start_and_kind = (burst.start.as_nanos() & !Self::KIND) | kind;
        Self { start_and_kind, bytes_out: burst.bytes_out, bytes_in: burst.bytes_in }
    }
}

impl From<Kept> for Activity {
    fn from(kept: Kept) -> Self {
        Self {
            start: kept.start(),
            bytes_out: kept.bytes_out,
            bytes_in: kept.bytes_in,
            opens_flow: kept.start_and_kind & Kept::OPENS_FLOW != 0,
            peer_driven: kept.start_and_kind & Kept::PEER_DRIVEN != 0,
        }
    }
}

/// The most recent bursts in order of their start. Bounded: the oldest goes first. Most channels have one burst only, which needs
/// no memory of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecentActivity {
    bursts: SmallVec<[Kept; 1]>,
}

impl RecentActivity {
    /// Bursts kept. The statistics of regularity hardly gain from more.
    pub const CAPACITY: usize = 64;
    /// Bursts for which there is room when the second comes.
    const SECOND_ROOM: usize = 3;

    /// Adds a burst; bursts may come out of order, since one is told when it ends.
    pub fn insert(&mut self, burst: Activity) {
        let burst = Kept::from(burst);
        let at = self.bursts.iter().rposition(|b| b.start() <= burst.start()).map_or(0, |i| i + 1);
        if self.bursts.len() < Self::CAPACITY {
            if self.bursts.len() == 1 {
                self.bursts.reserve_exact(Self::SECOND_ROOM);
            }
            self.bursts.insert(at, burst);
        } else if at > 0 {
            self.bursts.remove(0);
            self.bursts.insert(at - 1, burst);
        }
    }

    /// The bursts, oldest first; their starts are told to four nanoseconds.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Activity> {
        self.bursts.iter().map(|kept| Activity::from(*kept))
    }

    /// Asks for the newest burst, behind which the next will go.
    pub(super) fn approach(&self) {
        if let Some(newest) = self.bursts.last() {
            prefetch(newest, size_of::<Kept>());
        }
        // Where there is no room, all move.
        if self.bursts.len() == self.bursts.capacity()
            && let Some(oldest) = self.bursts.first()
        {
            prefetch(oldest, size_of::<Kept>());
        }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.bursts.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.bursts.is_empty()
    }
}

/// Activity over a channel's whole life in 64 bins that double in width as the life grows: from seconds to weeks in a
/// fixed number of bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LifeHistogram {
    origin: Timestamp,
    /// Bin width is `1 s << log2_width`.
    log2_width: u32,
    #[serde(with = "BigArray")]
    counts: [u16; Self::BINS],
}

impl LifeHistogram {
    /// Number of bins.
    pub const BINS: usize = 64;

    /// How long a connection must be open to be marked as activity by itself.
    pub const fn open_worth_marking() -> Span {
        Span::from_secs(60)
    }

    /// An empty histogram that begins at `origin`.
    pub fn new(origin: Timestamp) -> Self {
        Self { origin, log2_width: 0, counts: [0; Self::BINS] }
    }

    /// Of bursts since `origin`.
    fn of(origin: Timestamp, recent: &RecentActivity) -> Self {
        let mut life = Self::new(origin);
        recent.iter().for_each(|burst| life.add(burst.start));
        life
    }

    /// Counts one burst. A time before the origin counts in the first bin.
    pub fn add(&mut self, at: Timestamp) {
        let bin = self.bin_of(at);
        if let Some(count) = self.counts.get_mut(bin) {
            *count = count.saturating_add(1);
        }
    }

    /// Marks all bins from `from` to `to` as active at least once: an open connection.
    pub fn mark(&mut self, from: Timestamp, to: Timestamp) {
        let last = self.bin_of(to.max(from));
        let first = self.bin_of(from);
        for count in self.counts.iter_mut().take(last + 1).skip(first) {
            *count = (*count).max(1);
        }
    }

    /// Width of a bin.
    pub fn bin_width(&self) -> Span {
        Span::from_secs(1_i64 << self.log2_width)
    }

    /// Begin of each bin, and the bursts in it.
    pub fn bins(&self) -> impl Iterator<Item = (Timestamp, u16)> {
        let begins = std::iter::successors(Some(self.origin), |begin| Some(*begin + self.bin_width()));
        begins.zip(self.counts)
    }

    /// Bursts a bin, from the origin on.
    pub fn counts(&self) -> &[u16; Self::BINS] {
        &self.counts
    }

    /// Share of the time from the origin to `now` with activity, 0 to 1, in parts no shorter than `resolution`: what is active once an
    /// hour is active all the time at a resolution of an hour.
    pub fn share_active(&self, now: Timestamp, resolution: Span) -> f64 {
        let elapsed = usize::try_from(self.bins_until(now)).unwrap_or(usize::MAX).clamp(1, Self::BINS);
        let lived = self.counts.get(..elapsed).unwrap_or_default();
        let width = resolution.as_nanos().div_euclid(self.bin_width().as_nanos()) + 1;
        let width = usize::try_from(width).unwrap_or(usize::MAX).clamp(1, elapsed);
        let parts = lived.chunks(width);
        let count = parts.len() as f64;
        parts.filter(|part| part.iter().any(|count| *count > 0)).count() as f64 / count
    }

    fn bins_until(&self, at: Timestamp) -> i64 {
        ((at - self.origin).as_nanos() / self.bin_width().as_nanos()).saturating_add(1)
    }

    /// The bin of a time, doubling the width until there is one. Ends: after 34 doublings 64 bins hold all of 64-bit
    /// nanoseconds.
    fn bin_of(&mut self, at: Timestamp) -> usize {
        loop {
            let bin = self.bins_until(at).max(1) - 1;
            match usize::try_from(bin) {
                Ok(bin) if bin < Self::BINS => return bin,
                _ => self.double(),
            }
        }
    }

    fn double(&mut self) {
        self.log2_width += 1;
        let mut folded = [0_u16; Self::BINS];
        for (slot, pair) in folded.iter_mut().zip(self.counts.chunks_exact(2)) {
            *slot = pair.iter().fold(0_u16, |sum, c| sum.saturating_add(*c));
        }
        self.counts = folded;
    }
}

/// When a channel was active: as long as few bursts tell it, these, and of most channels they are all there ever are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) enum Life {
    /// No second burst yet.
    #[default]
    Unknown,
    /// Since then; the bursts that are kept tell the rest.
    Since(Timestamp),
    /// More bursts than [`Life::FEW`], or connections that were open for long.
    Long(Box<LifeHistogram>),
}

impl Life {
    /// Bursts that tell a life by themselves.
    const FEW: usize = 8;

    /// Counts a burst, which is one of the recent ones by now. `first_seen` is where a life begins that had not begun.
    pub(super) fn add(&mut self, first_seen: Timestamp, recent: &RecentActivity, start: Timestamp) {
        match self {
            Self::Unknown if recent.len() > 1 => *self = Self::Since(first_seen),
            Self::Since(origin) if recent.len() > Self::FEW => {
                *self = Self::Long(Box::new(LifeHistogram::of(*origin, recent)));
            }
            Self::Unknown | Self::Since(_) => {}
            Self::Long(life) => life.add(start),
        }
    }

    /// Marks an open connection.
    pub(super) fn mark(
        &mut self,
        first_seen: Timestamp,
        recent: &RecentActivity,
        from: Timestamp,
        to: Timestamp,
    ) {
        let mut life = match std::mem::take(self) {
            Self::Unknown => Box::new(LifeHistogram::new(first_seen)),
            Self::Since(origin) => Box::new(LifeHistogram::of(origin, recent)),
            Self::Long(life) => life,
        };
        life.mark(from, to);
        *self = Self::Long(life);
    }

    /// The whole of it, where there is any.
    pub(super) fn histogram(&self, recent: &RecentActivity) -> Option<Cow<'_, LifeHistogram>> {
        match self {
            Self::Unknown => None,
            Self::Since(origin) => Some(Cow::Owned(LifeHistogram::of(*origin, recent))),
            Self::Long(life) => Some(Cow::Borrowed(life)),
        }
    }

    /// Asks for what [`Life::add`] will change, where it lies apart.
    pub(super) fn approach(&self) {
        if let Self::Long(life) = self {
            prefetch(&**life, size_of::<LifeHistogram>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    fn burst(secs: i64) -> Activity {
        Activity { start: at(secs), bytes_out: 0, bytes_in: 0, opens_flow: true, peer_driven: false }
    }

    #[test]
    fn bursts_are_kept_in_order_and_bounded() {
        let mut recent = RecentActivity::default();
        for i in 0..200 {
            // Pairs arrive swapped.
            recent.insert(burst(i ^ 1));
        }
        let starts: Vec<i64> = recent.iter().map(|b| b.start.as_secs()).collect();
        assert_eq!(starts, (136..200).collect::<Vec<_>>());
        recent.insert(burst(5));
        assert_eq!(recent.iter().next().unwrap().start, at(136), "older than all that is held: dropped");
    }

    #[test]
    fn sixteen_bytes_keep_what_a_burst_was() {
        assert_eq!(size_of::<Kept>(), 16);
        for (start, opens_flow, peer_driven) in [
            (0, true, false),
            (-8, false, true),
            (i64::MAX - 3, true, true),
            (1_735_689_600_000_000_004, false, false),
        ] {
            let start = Timestamp::from_nanos(start);
            let burst = Activity { start, bytes_out: u32::MAX, bytes_in: 7, opens_flow, peer_driven };
            assert_eq!(Activity::from(Kept::from(burst)), burst);
            let later = Activity { start: Timestamp::from_nanos(start.as_nanos() + 3), ..burst };
            assert_eq!(Activity::from(Kept::from(later)), burst);
        }
    }

    #[test]
    fn a_life_of_any_length_fits() {
        let mut life = LifeHistogram::new(at(0));
        for hour in 0..24 * 21 {
            life.add(at(hour * 3600));
        }
        assert_eq!(life.counts().iter().map(|c| u32::from(*c)).sum::<u32>(), 24 * 21);
        assert!(life.share_active(at(24 * 21 * 3600), Span::ZERO) > 0.9);
        life.add(Timestamp::from_nanos(i64::MAX));
        life.add(Timestamp::MIN);
        assert!(life.share_active(Timestamp::from_nanos(i64::MAX), Span::ZERO) <= 1.0);
    }

    #[test]
    fn activity_is_shared_out_at_the_resolution_asked_for() {
        let mut life = LifeHistogram::new(at(0));
        for hour in 0..24 {
            life.add(at(hour * 3600));
        }
        let (fine, coarse) = (Span::ZERO, Span::from_secs(3600));
        assert!(life.share_active(at(23 * 3600), fine) < 0.7);
        assert!(life.share_active(at(23 * 3600), coarse) > 0.95);
    }

    #[test]
    fn few_bursts_tell_a_life_as_its_histogram_does() {
        // A connection that was open for long comes before the bursts are many, or after.
        for marked in [3, 9] {
            let (mut recent, mut life, mut plain) = (RecentActivity::default(), Life::default(), None);
            for (nth, secs) in
                [7, 900, 3, 40, 5_000, 5_001, 6_000, 6_100, 6_200, 9_000, 9_500].into_iter().enumerate()
            {
                recent.insert(burst(secs));
                life.add(at(7), &recent, at(secs));
                let told = plain.get_or_insert_with(|| LifeHistogram::new(at(7)));
                told.add(at(secs));
                if nth == marked {
                    life.mark(at(7), &recent, at(8_000), at(9_000));
                    told.mark(at(8_000), at(9_000));
                }
                let counts = life.histogram(&recent).map(|life| *life.counts());
                assert_eq!(counts, (nth > 0).then_some(*told.counts()), "after {nth}");
                let is_long = nth >= marked.min(Life::FEW);
                assert_eq!(matches!(life, Life::Long(_)), is_long, "after {nth}");
            }
        }
        let mut open = Life::default();
        open.mark(at(7), &RecentActivity::default(), at(8_000), at(9_000));
        let life = open.histogram(&RecentActivity::default()).unwrap();
        assert!(life.share_active(at(9_000), Span::ZERO) < 0.2);
    }

    #[test]
    fn an_open_connection_fills_its_bins() {
        let mut life = LifeHistogram::new(at(0));
        life.mark(at(0), at(600));
        assert!(life.share_active(at(600), Span::ZERO) > 0.99);
        assert!(life.share_active(at(1200), Span::ZERO) < 0.6);
    }
}

//! When scheduled scoring passes found the labels, and how much had left by then.

use serde::Serialize;

use super::Label;
use crate::detect::Scores;
use crate::features::Channel;
use crate::time::{Span, Timestamp};

/// The first pass that found a label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// Seconds of packet time since the incident's first packet.
    pub after_s: f64,
    /// IP bytes that the host had sent on the channels that the label names.
    pub bytes_out: u64,
    /// Bursts on them: check-ins, where they are a beacon's.
    pub bursts: u64,
}

/// Watches the scoring passes over one input for its labels.
#[derive(Debug)]
pub struct Detections<'a> {
    labels: &'a [Label],
    first: Vec<Option<Detection>>,
}

impl<'a> Detections<'a> {
    /// Nothing found yet.
    pub fn new(labels: &'a [Label]) -> Self {
        Self { labels, first: vec![None; labels.len()] }
    }

    /// Whether a later pass can tell anything.
    pub fn are_complete(&self) -> bool {
        self.first.iter().all(Option::is_some)
    }

    /// Takes a scoring pass at a time. A label is found where a finding of its kind, of whatever severity, names its host and a peer of it.
    pub fn take(&mut self, at: Timestamp, scores: &Scores) {
        for (label, first) in self.labels.iter().zip(&mut self.first).filter(|(_, first)| first.is_none()) {
            let is_it =
                |finding: &crate::detect::Finding| finding.kind == label.kind && label.names_finding(finding);
            if scores.findings.iter().any(is_it) {
                *first = Some(detection(label, at, scores));
            }
        }
    }

    /// By label; nothing for one that no pass found.
    pub fn into_firsts(self) -> Vec<Option<Detection>> {
        self.first
    }
}

fn detection(label: &Label, at: Timestamp, scores: &Scores) -> Detection {
    let named = || {
        let of_label = scores.channels.iter().filter(|row| label.names_channel(&row.key, &row.channel));
        of_label.map(|row| &row.channel)
    };
    let begin = named().map(|channel| channel.first_seen).min();
    let begin = begin.max(label.start).unwrap_or(at);
    Detection {
        after_s: (at - begin).max(Span::ZERO).as_secs_f64(),
        bytes_out: named().map(|channel| channel.traffic.bytes_out).sum(),
        bursts: named().map(Channel::activities).sum(),
    }
}

/// Detections of one labelled behaviour in scheduled passes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DetectionTimes {
    /// Incidents.
    pub incidents: usize,
    /// Of these, those that a pass found.
    pub found: usize,
    /// Of these, those found within the first hour of the incident.
    pub within_hour: usize,
    /// Of these, those found within the first day.
    pub within_day: usize,
    /// Median of those that were found, as the fields of [`Detection`].
    pub median: Option<Detection>,
}

impl DetectionTimes {
    /// Of the incidents of a behaviour.
    pub(super) fn of<'a>(incidents: impl Iterator<Item = &'a Option<Detection>>) -> Self {
        const HOUR_S: f64 = 3600.0;
        const DAY_S: f64 = 86_400.0;
        let all: Vec<&Option<Detection>> = incidents.collect();
        let found: Vec<Detection> = all.iter().filter_map(|detection| **detection).collect();
        let within = |limit: f64| found.iter().filter(|detection| detection.after_s <= limit).count();
        Self {
            incidents: all.len(),
            found: found.len(),
            within_hour: within(HOUR_S),
            within_day: within(DAY_S),
            median: median(&found),
        }
    }
}

/// The lower median of each field.
fn median(found: &[Detection]) -> Option<Detection> {
    let middle = found.len().checked_sub(1)? / 2;
    let mut times: Vec<f64> = found.iter().map(|detection| detection.after_s).collect();
    times.sort_unstable_by(f64::total_cmp);
    let of = |field: fn(&Detection) -> u64| {
        let mut values: Vec<u64> = found.iter().map(field).collect();
        values.sort_unstable();
        values.get(middle).copied()
    };
    Some(Detection {
        after_s: times.get(middle).copied()?,
        bytes_out: of(|detection| detection.bytes_out)?,
        bursts: of(|detection| detection.bursts)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_those_of_what_was_found() {
        let found = |after_s, bytes_out| Some(Detection { after_s, bytes_out, bursts: 1 });
        let all = [found(60.0, 9), None, found(90_000.0, 5), found(4000.0, 7)];
        let times = DetectionTimes::of(all.iter());
        assert_eq!((times.incidents, times.found, times.within_hour, times.within_day), (4, 3, 1, 2));
        assert_eq!(times.median, Some(Detection { after_s: 4000.0, bytes_out: 7, bursts: 1 }));
        assert_eq!(DetectionTimes::of([None].iter()).median, None);
    }
}

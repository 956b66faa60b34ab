//! From benign captures to models: which rows, which of them are held out, and what is written down of them.

use serde::{Deserialize, Serialize};

use crate::features::{ChannelView, FeatureStore, vector_of};
use crate::model::{Calibrations, Model, ModelError, Params, Provenance, TrainingInput};
use crate::time::Timestamp;

use super::rows::{extent_of, rows_of};
use super::severity::can_alert;
use super::{Kind, can_judge, features_of, questions_of, specs_of};

/// The judged rows of one benign capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenignCapture {
    /// File name.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Its last packet.
    pub last: Option<Timestamp>,
    /// Monitored hosts, and the minutes for which they were watched.
    extent: [u32; 2],
    /// Whether p-values compare with it and no forest learns from it.
    only_calibrates: bool,
    /// Rows by detector in the order of [`Kind::ALL`], one after the other.
    rows: [Vec<f32>; 2],
    /// By row, whether it can be an alert if only it is odd enough.
    can_alert: [Vec<bool>; 2],
}

/// Rows of one capture that are kept, and that p-values compare with.
const ROWS_PER_CAPTURE: usize = 2048;
/// Rows of one capture that forests learn from: a capture of a thousand alike channels is no more evidence than one of some dozen.
const LEARNED_PER_CAPTURE: usize = 256;
/// The fewest monitored hosts of the networks that are calibrated together. Among fewer than four nobody's peer is rare; from there on,
/// the more hosts there are, the smaller is the share of the channels that are odd: among ten hosts a custom that three in ten have is one host's alone
/// every eighth time, among twenty hardly ever.
const GROUPS: [u32; 10] = [0, FEWEST_OF_TIMES, 6, 10, 16, 26, 42, 70, 110, 180];
/// The least minutes of the networks of a group that are calibrated together. What is regular is always there at first, and few hosts have been seen to
/// talk to anyone: of 800 channels of 200 hosts 140 are as odd after three hours as one is after a day.
const TIMES: [u32; 6] = [0, 45, 120, 300, 600, 1080];
/// Hosts from which networks are told apart by the time for which they were watched.
const FEWEST_OF_TIMES: u32 = 4;
/// Rows from which a group has a calibration of its own.
const FEWEST_OF_GROUP: usize = 200;

/// Folds of the calibration.
const FOLDS: usize = 5;

impl BenignCapture {
    /// The rows that pass the evidence gates, evenly thinned out to a bound.
    pub fn new(file: String, sha256: String, last: Option<Timestamp>, store: &FeatureStore) -> Self {
        let rows = rows_of(store);
        let kept = Kind::ALL.map(|kind| -> Vec<&ChannelView<'_>> {
            let judged: Vec<_> = rows.iter().filter(|row| can_judge(kind, row)).collect();
            let step = judged.len().div_ceil(ROWS_PER_CAPTURE).max(1);
            judged.into_iter().step_by(step).collect()
        });
        let [c2, exfil] = &kept;
        let vectors = |kind: Kind, kept: &[&ChannelView<'_>]| {
            kept.iter().flat_map(|row| vector_of(features_of(kind), row)).collect()
        };
        let can_alert =
            |kind: Kind, kept: &[&ChannelView<'_>]| kept.iter().map(|row| can_alert(kind, row)).collect();
        Self {
            file,
            sha256,
            last,
            extent: extent_of(&rows),
            only_calibrates: false,
            rows: [vectors(Kind::C2, c2), vectors(Kind::Exfil, exfil)],
            can_alert: [can_alert(Kind::C2, c2), can_alert(Kind::Exfil, exfil)],
        }
    }

    /// The same, to compare with and not to learn from.
    #[must_use]
    pub fn to_calibrate(self) -> Self {
        Self { only_calibrates: true, ..self }
    }

    /// Of rows by detector.
    #[cfg(test)]
    pub(super) fn of_rows(file: String, sha256: String, rows: [Vec<f32>; 2]) -> Self {
        let can_alert = Kind::ALL.map(|_| vec![true]);
        Self { file, sha256, last: None, extent: [1, 0], only_calibrates: false, rows, can_alert }
    }

    pub(super) fn rows(&self, kind: Kind) -> &[f32] {
        let [c2, exfil] = &self.rows;
        match kind {
            Kind::C2 => c2,
            Kind::Exfil => exfil,
        }
    }

    /// Whether each row can be an alert.
    pub(super) fn can_alert(&self, kind: Kind) -> &[bool] {
        let [c2, exfil] = &self.can_alert;
        match kind {
            Kind::C2 => c2,
            Kind::Exfil => exfil,
        }
    }

    /// The rows that forests learn from where they learn from the capture: evenly thinned out.
    fn learned(&self, kind: Kind) -> impl Iterator<Item = f32> {
        let step = self.row_count(kind).div_ceil(LEARNED_PER_CAPTURE).max(1);
        self.rows(kind).chunks(features_of(kind).len()).step_by(step).flatten().copied()
    }

    fn row_count(&self, kind: Kind) -> usize {
        self.rows(kind).len() / features_of(kind).len()
    }
}

/// Trains the model of a detector on all captures, and calibrates it by cross-conformal prediction (Vovk 2015): captures,
/// not rows, are dealt into folds; each fold is scored by a forest of the others; p-values compare with all of these scores.
/// So no row is compared with scores of rows that its forest had seen, and none is lost to calibration. Captures that only calibrate are scored by
/// the forest of all others. Networks of about the same number of hosts, watched for about as long, have a calibration of their own.
///
/// # Errors
/// Where there are too few rows to train on.
pub fn train(
    kind: Kind,
    captures: &[&BenignCapture],
    params: Params,
    version: &str,
    notes: &str,
) -> Result<Model, ModelError> {
    let used: Vec<&BenignCapture> = captures.iter().copied().filter(|c| c.row_count(kind) > 0).collect();
    let taught: Vec<&BenignCapture> = used.iter().copied().filter(|c| !c.only_calibrates).collect();
    let trained = |left_out: Option<usize>, provenance: Provenance| {
        let others = taught.iter().enumerate().filter(|(index, _)| Some(index % FOLDS) != left_out);
        let rows: Vec<f32> = others.flat_map(|(_, capture)| capture.learned(kind)).collect();
        Model::train(kind.name(), &specs_of(kind), &questions_of(kind), &rows, &[], params, provenance)
    };
    let mut benign = Benign::default();
    for fold in 0..FOLDS.min(taught.len()) {
        let model = trained(Some(fold), Provenance::default())?;
        for capture in taught.iter().skip(fold).step_by(FOLDS) {
            benign.take(kind, &model, capture);
        }
    }
    let newest = used.iter().filter_map(|c| c.last).max();
    let provenance = Provenance {
        version: version.to_owned(),
        trained_at: newest.map(Timestamp::to_rfc3339).unwrap_or_default(),
        inputs: used
            .iter()
            .map(|c| TrainingInput {
                file: c.file.clone(),
                sha256: c.sha256.clone(),
                rows: c.row_count(kind),
            })
            .collect(),
        notes: notes.to_owned(),
    };
    let model = trained(None, provenance)?;
    for capture in used.iter().filter(|capture| capture.only_calibrates) {
        benign.take(kind, &model, capture);
    }
    let of_all = benign.of_all();
    let groups = benign.groups(&of_all);
    Ok(model.calibrated_by(of_all).with_groups(groups))
}

/// Scores of benign rows that the forests had not seen, by the group of their networks and the time for which those were watched.
#[derive(Default)]
struct Benign {
    groups: [[Scored; TIMES.len()]; GROUPS.len()],
}

#[derive(Default)]
struct Scored {
    scores: Vec<f32>,
    can_alert: Vec<bool>,
}

impl Scored {
    fn calibrations(&self) -> Calibrations {
        Calibrations::fit(&self.scores, &self.can_alert)
    }

    /// Calibrations where there are enough rows for them.
    fn own(&self) -> Option<Calibrations> {
        (self.scores.len() >= FEWEST_OF_GROUP).then(|| self.calibrations())
    }

    fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for part in parts {
            sum.scores.extend(&part.scores);
            sum.can_alert.extend(&part.can_alert);
        }
        sum
    }
}

impl Benign {
    fn take(&mut self, kind: Kind, model: &Model, capture: &BenignCapture) {
        let place = |from: &[u32], value: u32| from.partition_point(|from| *from <= value).saturating_sub(1);
        let [hosts, minutes] = capture.extent;
        let time = if hosts < FEWEST_OF_TIMES { 0 } else { place(&TIMES, minutes) };
        let group = self.groups.get_mut(place(&GROUPS, hosts)).and_then(|times| times.get_mut(time));
        let Some(Scored { scores, can_alert }) = group else { return };
        can_alert.extend(capture.can_alert(kind));
        let start = scores.len();
        scores.resize(start + capture.row_count(kind), 0.0);
        model.score_rows(capture.rows(kind), scores.get_mut(start..).unwrap_or_default());
    }

    fn of_all(&self) -> Calibrations {
        Scored::sum(self.groups.as_flattened()).calibrations()
    }

    /// Calibrations by hosts and minutes: those of the group whatever the time where a time has too few rows, those of all where the group has
    /// too few. A time that compares with the same rows as the one before is left out.
    fn groups(&self, of_all: &Calibrations) -> Vec<([u32; 2], Calibrations)> {
        let of_group = |(from, times): (u32, &[Scored; TIMES.len()])| {
            let whole = Scored::sum(times).own().unwrap_or_else(|| of_all.clone());
            let own = TIMES.into_iter().zip(times);
            let mut own: Vec<_> = own
                .map(|(minutes, scored)| ([from, minutes], scored.own().unwrap_or_else(|| whole.clone())))
                .collect();
            own.dedup_by(|later, before| later.1 == before.1);
            own
        };
        GROUPS.into_iter().zip(&self.groups).flat_map(of_group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(rows: usize, score: f32) -> Scored {
        Scored { scores: vec![score; rows], can_alert: vec![true; rows] }
    }

    #[test]
    fn a_time_of_few_rows_compares_with_its_group_and_a_group_of_few_with_all() {
        let mut benign = Benign::default();
        benign.groups[2][0] = scored(300, 0.9);
        benign.groups[2][5] = scored(10, 0.1);
        benign.groups[3][1] = scored(20, 0.5);
        let groups = benign.groups(&benign.of_all());
        let rows = |from: [u32; 2]| {
            groups.iter().find(|(known, _)| *known == from).map(|(_, calibrations)| calibrations.all.len())
        };
        assert_eq!([[GROUPS[2], TIMES[0]], [GROUPS[2], TIMES[1]]].map(rows), [Some(300), Some(310)]);
        assert_eq!(rows([GROUPS[2], TIMES[5]]), None, "compares with what the time before does");
        assert_eq!([[GROUPS[3], TIMES[0]], [GROUPS[3], TIMES[1]]].map(rows), [Some(330), None]);
    }
}

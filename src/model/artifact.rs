//! A model as it is shipped: forest, transform, calibration, and where they come from.

use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, Calibrations};
use super::distinct::Distinct;
use super::error::ModelError;
use super::forest::{Forest, MAX_FEATURES};
use super::schema::{FeatureSpec, schema_sha256};
use super::train::{Params, Scope};
use super::transform::Transform;

/// The most questions of a model.
const MAX_QUESTIONS: usize = 16;
/// The most groups of a calibration.
pub(super) const MAX_GROUPS: usize = 128;

/// A trained, calibrated model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    manifest: Manifest,
    transform: Transform,
    /// One a question.
    forests: Vec<Forest>,
    calibration: Calibrations,
    /// The same of the rows of one group each, the lowest group first.
    groups: Vec<Group>,
}

/// The calibration of the rows of one group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// The group's least values of the two things that groups are made by.
    pub(super) from: [u32; 2],
    pub(super) calibration: Calibrations,
}

/// All of a model that people read: what `models/<name>.json` shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The question it answers: `c2`, `exfil`.
    pub name: String,
    /// Version, packet time and inputs of the training.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Where the randomness of the forest came from.
    pub seed: u64,
    /// Number of trees, the same for every question.
    pub trees: usize,
    /// Rows each tree was grown on.
    pub sample: usize,
    /// Rows the forest was trained on.
    pub training_rows: usize,
    /// Held-out benign rows that p-values compare with; the smallest p-value is 1 / (`calibration_rows` + 1).
    pub calibration_rows: usize,
    /// Hash of names, directions and scales in order; see [`schema_sha256`].
    pub schema_sha256: String,
    /// The features in the order of a row.
    pub features: Vec<ManifestFeature>,
    /// What the model asks of a row.
    pub questions: Vec<Question>,
}

/// What a model says of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// The highest score that a question gives it, 0 to 1.
    pub score: f32,
    /// That question: an index into [`Manifest::questions`].
    pub question: usize,
}

/// Features that answer one question together. Each question has a forest of its own, and a row scores as high as the
/// question that it answers worst: among twenty features that are in order an isolation forest hardly finds the three that are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Name.
    pub name: String,
    /// Names of its features.
    pub features: Vec<String>,
}

/// A feature with what is typical of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestFeature {
    /// Name, direction and scale.
    #[serde(flatten)]
    pub spec: FeatureSpec,
    /// Median of the benign training rows, in the feature's own unit.
    pub median: f32,
}

/// Where a model comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the model.
    pub version: String,
    /// Packet time of the newest training capture, RFC 3339.
    pub trained_at: String,
    /// The files it was trained and calibrated on.
    pub inputs: Vec<TrainingInput>,
    /// What else a reader should know.
    pub notes: String,
}

/// One file that went into a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingInput {
    /// File name without its folder.
    pub file: String,
    /// SHA-256 of the file in lower-case hexadecimal.
    pub sha256: String,
    /// Rows it gave.
    pub rows: usize,
}

impl Model {
    /// Learns the transform and a forest a question from `training` rows and the calibration from `held_out` rows. Both are benign raw
    /// rows, row after row of `features.len()` values, and should share none, or p-values come out too small.
    ///
    /// # Errors
    /// As [`Forest::train`]; also where `held_out` is no whole number of rows.
    pub fn train(
        name: &str,
        features: &[FeatureSpec],
        questions: &[Question],
        training: &[f32],
        held_out: &[f32],
        params: Params,
        provenance: Provenance,
    ) -> Result<Self, ModelError> {
        let width = features.len();
        let transform = Transform::fit(features, training)?;
        if !held_out.len().is_multiple_of(width) {
            return Err(ModelError::RowWidth { values: held_out.len(), features: width });
        }
        let mut oriented = training.to_vec();
        transform.apply(&mut oriented);
        let questions = match questions {
            [] => vec![Question::of_all(features)],
            some => some.to_vec(),
        };
        let limits = transform.limits(features);
        let forests = questions.iter().zip(0_u64..).map(|(question, number)| {
            let candidates = question.candidates(features)?;
            let seed = params.seed ^ (number << 48);
            let scope = Scope { limits: &limits, candidates: &candidates };
            Forest::train_open(width, &oriented, scope, Params { seed, ..params })
        });
        let forests = forests.collect::<Result<Vec<_>, ModelError>>()?;
        let sample = forests.first().map_or(0, Forest::sample);
        let with_median =
            |(spec, median): (&FeatureSpec, f32)| ManifestFeature { spec: spec.clone(), median };
        let manifest = Manifest {
            name: name.to_owned(),
            provenance,
            seed: params.seed,
            trees: params.trees,
            sample,
            training_rows: training.len() / width,
            calibration_rows: 0,
            schema_sha256: schema_sha256(features),
            features: features.iter().zip(transform.medians()).map(with_median).collect(),
            questions,
        };
        let model =
            Self { manifest, transform, forests, calibration: Calibrations::default(), groups: Vec::new() };
        let mut scores = vec![0.0; held_out.len() / width];
        model.score_rows(held_out, &mut scores);
        Ok(model.calibrated_by(Calibrations::fit(&scores, &vec![true; scores.len()])))
    }

    /// The same model with p-values against other benign scores: those of rows that its own training had not seen.
    #[must_use]
    pub fn calibrated_by(mut self, benign: Calibrations) -> Self {
        self.manifest.calibration_rows = benign.all.len();
        self.calibration = benign;
        self
    }

    /// The same model with a calibration of its own for each group of rows, given with its least values in rising order: Mondrian conformal prediction
    /// (Vovk, Gammerman and Shafer 2005, section 4.5). So p-values hold in each group, not only on average over all.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = ([u32; 2], Calibrations)>) -> Self {
        self.groups = groups.into_iter().map(|(from, calibration)| Group { from, calibration }).collect();
        self
    }

    /// Puts a model together from what was stored, and checks that the parts belong together.
    pub(super) fn from_parts(
        manifest: Manifest,
        forests: Vec<Forest>,
        calibration: Calibrations,
        groups: Vec<Group>,
    ) -> Result<Self, ModelError> {
        if !groups.is_sorted_by(|a, b| a.from < b.from) || groups.len() > MAX_GROUPS {
            return Err(ModelError::invalid("groups of the calibration", groups.len(), "a rising sequence"));
        }
        if calibration.all.len() != manifest.calibration_rows {
            return Err(ModelError::invalid(
                "calibration rows",
                manifest.calibration_rows,
                calibration.all.len(),
            ));
        }
        let specs: Vec<FeatureSpec> = manifest.features.iter().map(|f| f.spec.clone()).collect();
        let hash = schema_sha256(&specs);
        if hash != manifest.schema_sha256 {
            return Err(ModelError::invalid("schema hash", &manifest.schema_sha256, hash));
        }
        if let Some(bad) = specs.iter().filter_map(|s| s.limit).find(|limit| !limit.is_finite()) {
            return Err(ModelError::invalid("limit of a feature", bad, "finite"));
        }
        if let Some(bad) = manifest.features.iter().find(|f| !f.median.is_finite()) {
            return Err(ModelError::invalid("median of a feature", bad.median, "finite"));
        }
        manifest.questions.iter().try_for_each(|question| question.candidates(&specs).map(|_| ()))?;
        let transform = Transform::from_parts(manifest.features.iter().map(|f| (&f.spec, f.median)));
        Ok(Self { manifest, transform, forests, calibration, groups })
    }

    /// Scores raw rows: `rows` holds `out.len()` rows, row after row; see [`Forest::score_rows`]. The score of a row is the highest
    /// of all questions.
    pub fn score_rows(&self, rows: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (score, answer) in out.iter_mut().zip(self.answer_rows(rows)) {
            *score = answer.score;
        }
    }

    /// Scores raw rows, row after row, and tells which question each score is of.
    pub fn answer_rows(&self, rows: &[f32]) -> Vec<Answer> {
        let oriented = self.oriented(rows);
        let width = self.manifest.features.len().max(1);
        let mut answers = vec![Answer::default(); oriented.len().div_ceil(width)];
        for (question, (forest, asked)) in self.forests.iter().zip(&self.manifest.questions).enumerate() {
            let distinct = Distinct::of(&oriented, width, &self.asked_by(asked));
            let mut scores = vec![0.0_f32; distinct.rows.len() / width];
            forest.score_rows(&distinct.rows, &mut scores);
            for (answer, place) in answers.iter_mut().zip(&distinct.places) {
                // Of questions with one score the first counts: the order is fixed.
                if let Some(&score) = scores.get(*place).filter(|score| **score > answer.score) {
                    *answer = Answer { score, question };
                }
            }
        }
        answers
    }

    /// The indexes of the features that a question asks for.
    fn asked_by(&self, question: &Question) -> Vec<u16> {
        let features = (0_u16..).zip(&self.manifest.features);
        let asked = features.filter(|(_, feature)| question.features.contains(&feature.spec.name));
        asked.map(|(index, _)| index).collect()
    }

    /// What people read of it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The forests of the questions, in their order; they take oriented rows.
    pub fn forests(&self) -> &[Forest] {
        &self.forests
    }

    /// The scores of held-out benign rows, of all groups.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration.all
    }

    /// The scores of held-out benign rows of the group that two values belong to, the last one that begins at neither more than the first nor more
    /// than the second; of all where they belong to none.
    pub fn calibrations_of(&self, values: [u32; 2]) -> &Calibrations {
        let reaches = |group: &&Group| group.from.iter().zip(&values).all(|(from, value)| from <= value);
        self.groups.iter().rfind(reaches).map_or(&self.calibration, |group| &group.calibration)
    }

    /// The calibrations of all groups together.
    pub(super) fn calibrations(&self) -> &Calibrations {
        &self.calibration
    }

    /// The calibrations of groups.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Checks that the model was trained on the features that the program computes.
    ///
    /// # Errors
    /// [`ModelError::SchemaMismatch`] naming the first feature that differs.
    pub fn check_schema(&self, expected: &[FeatureSpec]) -> Result<(), ModelError> {
        let found = self.manifest.features.iter().map(|f| &f.spec);
        let longest = self.manifest.features.len().max(expected.len());
        let pad = std::iter::repeat(None);
        let pairs = found.map(Some).chain(pad.clone()).zip(expected.iter().map(Some).chain(pad));
        match pairs.take(longest).enumerate().find(|(_, (found, expected))| found != expected) {
            None => Ok(()),
            Some((position, (found, expected))) => {
                let describe =
                    |f: Option<&FeatureSpec>| f.map_or("missing".to_owned(), FeatureSpec::describe);
                Err(ModelError::SchemaMismatch {
                    model: self.manifest.name.clone(),
                    position,
                    found: describe(found),
                    expected: describe(expected),
                })
            }
        }
    }

    /// A copy of raw rows as the forest wants them.
    pub(super) fn oriented(&self, rows: &[f32]) -> Vec<f32> {
        let mut oriented = rows.to_vec();
        self.transform.apply(&mut oriented);
        oriented
    }
}

impl Question {
    /// The question of all features at once.
    fn of_all(features: &[FeatureSpec]) -> Self {
        Self { name: "all".into(), features: features.iter().map(|f| f.name.clone()).collect() }
    }

    /// The indexes of its features.
    fn candidates(&self, features: &[FeatureSpec]) -> Result<Vec<u16>, ModelError> {
        let index = |name: &String| {
            let found = features.iter().position(|f| f.name == *name).and_then(|i| u16::try_from(i).ok());
            found.ok_or_else(|| ModelError::invalid("feature of a question", name, "one of the model's"))
        };
        match self.features.as_slice() {
            [] => Err(ModelError::invalid("features of a question", 0, "one or more")),
            names => names.iter().map(index).collect(),
        }
    }
}

impl Manifest {
    /// The manifest as JSON for people.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] where a number cannot be written.
    pub fn to_json(&self) -> Result<String, ModelError> {
        serde_json::to_string_pretty(self).map_err(|e| ModelError::Manifest(e.to_string()))
    }

    /// Reads what [`Self::to_json`] wrote.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        let manifest: Self = serde_json::from_slice(json).map_err(|e| ModelError::Manifest(e.to_string()))?;
        if !(1..=MAX_QUESTIONS).contains(&manifest.questions.len()) {
            let (count, allowed) =
                (manifest.questions.len(), format_args!("1 to {MAX_QUESTIONS}").to_string());
            return Err(ModelError::invalid("number of questions", count, allowed));
        }
        match manifest.features.len() {
            1..=MAX_FEATURES => Ok(manifest),
            count => {
                Err(ModelError::invalid("number of features", count, format_args!("1 to {MAX_FEATURES}")))
            }
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "tests compare exact answers and make small data"
)]
pub(super) mod tests {
    use super::super::rng::Rng;
    use super::super::schema::{Direction, Scale};
    use super::*;

    pub(in super::super) fn specs() -> Vec<FeatureSpec> {
        vec![
            FeatureSpec::new("bytes", Direction::High, Scale::Log),
            FeatureSpec::new("jitter", Direction::Low, Scale::Linear),
            FeatureSpec::new("hour", Direction::Both, Scale::Linear),
        ]
    }

    /// Rows of (heavy-tailed, around 1, uniform).
    pub(in super::super) fn rows(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed, 0);
        let mut row = || [1.0 / (rng.unit() + 1e-3), rng.unit() + rng.unit(), 24.0 * rng.unit()];
        (0..count).flat_map(|_| row().map(|v| v as f32)).collect()
    }

    pub(in super::super) fn model(seed: u64) -> Model {
        let provenance = Provenance {
            version: "1".into(),
            trained_at: "2025-01-01T08:00:03.120Z".into(),
            inputs: vec![TrainingInput { file: "a.pcap".into(), sha256: "00".into(), rows: 1500 }],
            notes: "made for a test".into(),
        };
        let params = Params { trees: 40, sample: 64, seed };
        Model::train("c2", &specs(), &[], &rows(1000, 1), &rows(500, 2), params, provenance).unwrap()
    }

    #[test]
    fn the_innocent_side_is_never_odd() {
        let model = model(1);
        let score = |row: [f32; 3]| {
            let mut out = [0.0];
            model.score_rows(&row, &mut out);
            out[0]
        };
        let medians: Vec<f32> = model.manifest.features.iter().map(|f| f.median).collect();
        let typical = score([medians[0], medians[1], 12.0]);
        assert_eq!(score([0.0, 50.0, 12.0]), typical);
        assert!(score([1e9, medians[1], 12.0]) > typical + 0.05);
        assert!(score([medians[0], -3.0, 12.0]) > typical + 0.05);
        assert!(score([medians[0], medians[1], 99.0]) > typical);
    }

    #[test]
    fn p_values_are_small_for_odd_rows_and_even_for_benign_ones() {
        let model = model(2);
        let mut scores = vec![0.0; 2000];
        model.score_rows(&rows(2000, 77), &mut scores);
        let mean = scores.iter().map(|s| model.calibration().p_value(*s)).sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
        let odd = [1e9, -3.0, 99.0];
        let mut score = [0.0];
        model.score_rows(&odd, &mut score);
        assert_eq!(model.calibration().p_value(score[0]), 1.0 / 501.0);
        let explain = |rows: &[f32]| {
            let questions: Vec<usize> =
                model.answer_rows(rows).iter().map(|answer| answer.question).collect();
            model.explain_rows(rows, &questions)
        };
        assert!((explain(&odd)[0].iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let many = rows(200, 5);
        let alone: Vec<Vec<f32>> = many.chunks(3).flat_map(explain).collect();
        assert_eq!(explain(&many), alone);
    }

    #[test]
    fn a_group_has_the_calibration_of_its_own_rows() {
        let of = |scores: &[f32]| Calibrations::fit(scores, &vec![true; scores.len()]);
        let model = model(4).with_groups([
            ([4, 0], of(&[0.2; 9])),
            ([4, 60], of(&[0.2; 19])),
            ([100, 0], of(&[0.8; 9])),
        ]);
        let values = [[3, 99], [4, 59], [99, 0], [99, 60], [100, 0], [5000, 5000]];
        let p_values = values.map(|values| model.calibrations_of(values).all.p_value(0.5));
        assert_eq!(p_values, [model.calibration().p_value(0.5), 0.1, 0.1, 0.05, 1.0, 1.0]);
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()), Ok(model));
    }

    #[test]
    fn rows_score_as_the_worst_of_their_questions_does() {
        let question = |name: &str, features: &[&str]| Question {
            name: name.into(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        };
        let questions = [question("size", &["bytes", "hour"]), question("pace", &["jitter"])];
        let params = Params { trees: 20, sample: 64, seed: 1 };
        let model =
            Model::train("c2", &specs(), &questions, &rows(1000, 1), &[], params, Provenance::default())
                .unwrap();
        // A third of the values is unknown, and many rows are alike in what one of the questions asks.
        let mut rng = Rng::new(5, 0);
        let mut value = || if rng.below(3) == 0 { f32::NAN } else { rng.below(3) as f32 };
        let mixed: Vec<f32> = (0..900).map(|_| value()).collect();
        let mut scores = vec![0.0; 300];
        model.score_rows(&mixed, &mut scores);
        let oriented = model.oriented(&mixed);
        for (row, score) in oriented.chunks(3).zip(scores) {
            let worst = model.forests.iter().map(|forest| forest.score(row)).fold(0.0, f32::max);
            assert_eq!(score, worst, "{row:?}");
        }
    }

    #[test]
    fn a_schema_mismatch_names_the_first_difference() {
        let model = model(3);
        assert_eq!(model.check_schema(&specs()), Ok(()));
        let check = |change: &dyn Fn(&mut Vec<FeatureSpec>), needles: [&str; 3]| {
            let mut expected = specs();
            change(&mut expected);
            let message = model.check_schema(&expected).unwrap_err().to_string();
            assert!(needles.iter().all(|n| message.contains(n)), "{message}");
        };
        check(
            &|s| s[1].name = "jolt".into(),
            ["feature 1", "is jitter (low, linear)", "jolt (low, linear) here"],
        );
        check(&|s| s[0].scale = Scale::Linear, ["feature 0", "bytes (high, log)", "bytes (high, linear)"]);
        check(&|s| s.truncate(2), ["feature 2", "hour", "missing here"]);
        check(&|s| s.push(s[0].clone()), ["feature 3", "is missing", "bytes"]);
        check(&|s| s.clear(), ["feature 0", "bytes", "missing"]);
    }

    #[test]
    fn refuses_rows_of_another_width() {
        let train = |training: &[f32], held_out: &[f32]| {
            Model::train("x", &specs(), &[], training, held_out, Params::default(), Provenance::default())
        };
        assert!(matches!(train(&[0.0; 7], &[]), Err(ModelError::RowWidth { .. })));
        assert!(matches!(train(&[0.0; 9], &[0.0]), Err(ModelError::RowWidth { .. })));
        assert!(matches!(train(&[0.0; 3], &[]), Err(ModelError::TooFewRows { .. })));
        assert_eq!(train(&[0.0; 9], &[]).unwrap().calibration().p_value(0.9), 1.0);
    }
}

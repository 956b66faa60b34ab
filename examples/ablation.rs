//! What each feature is worth: average precision of the forests with it left out, on rows that `replay --channels` wrote. The counterpart of
//! `scripts/ablation.sh`, which makes the rows.
//!
//! `ablation c2|exfil TRAIN SET...`: folders of CSV files, one an input. What is in TRAIN is benign and always trained on. Each SET has a `labels.csv`
//! (columns `host`, `peer` and optional `input`); its inputs without a label are dealt into five folds, scored by forests of the others and trained on. Beside the features,
//! samples and trees of other sizes are tried. Averages of three seeds. With `--without FEATURE,...`, repeatable, only these are left out, together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use undercurrent::detect::{Kind, features_of, specs_of};
use undercurrent::model::metrics::average_precision;
use undercurrent::model::{Model, Params, Provenance, Question};

const FOLDS: usize = 5;
const SEEDS: [u64; 3] = [1, 2, 3];
/// Rows of one input that are trained on, as in `train`.
const ROWS_AN_INPUT: usize = 256;

/// A channel that can be judged.
struct Row {
    values: Vec<f32>,
    /// The incident that names it.
    incident: Option<usize>,
}

/// The rows of an input, and the number of its fold where it has no label.
struct Input {
    rows: Vec<Row>,
    fold: Option<usize>,
}

/// Inputs that are measured together.
struct Set {
    name: String,
    inputs: Vec<Input>,
    incidents: usize,
}

/// One line of the labels.
struct Label {
    host: String,
    peers: Vec<String>,
    input: String,
}

fn main() -> anyhow::Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let mut together = Vec::new();
    while let Some(at) = args.iter().position(|arg| arg == "--without") {
        let pair: Vec<String> = args.drain(at..(at + 2).min(args.len())).collect();
        together.push(pair.into_iter().nth(1).context("--without needs names of features")?);
    }
    let [kind, train, sets @ ..] = args.as_slice() else { bail!("usage: ablation c2|exfil TRAIN SET...") };
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).context("c2 or exfil")?;
    let train = csv_files(Path::new(train))?
        .iter()
        .map(|file| Ok(Input { rows: rows_of(kind, file, &[])?, fold: None }))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let sets = sets.iter().map(|set| read_set(kind, Path::new(set))).collect::<anyhow::Result<Vec<_>>>()?;
    let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    println!("| left out | {} |\n|---|{}", names.join(" | "), "---:|".repeat(sets.len()));
    let usual = Params::default();
    let line = |name: &str, without: &[&str], params: Params| -> anyhow::Result<()> {
        let values = sets.iter().map(|set| precision(kind, &train, set, without, params));
        let cells: Vec<String> =
            values.map(|v| v.map(|v| format!("{v:.3}"))).collect::<anyhow::Result<_>>()?;
        println!("| {name} | {} |", cells.join(" | "));
        Ok(())
    };
    line("nothing", &[], usual)?;
    for names in &together {
        line(&format!("`{names}`"), &names.split(',').collect::<Vec<_>>(), usual)?;
    }
    if !together.is_empty() {
        return Ok(());
    }
    for feature in features_of(kind) {
        line(&format!("`{}`", feature.name), &[feature.name], usual)?;
    }
    for sample in [64, 128, 256, 1024] {
        line(&format!("nothing; samples of {sample} rows"), &[], Params { sample, ..usual })?;
    }
    for trees in [100, 1000] {
        line(&format!("nothing; {trees} trees"), &[], Params { trees, ..usual })?;
    }
    Ok(())
}

/// Average precision of a set by forests that do not know some features.
fn precision(
    kind: Kind,
    always: &[Input],
    set: &Set,
    without: &[&str],
    params: Params,
) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for seed in SEEDS {
        let params = Params { seed, ..params };
        let mut scored = Scored::new(set.incidents);
        for fold in (0..FOLDS).map(Some).chain([None]) {
            let mine: Vec<&Input> = set.inputs.iter().filter(|input| input.fold == fold).collect();
            if mine.is_empty() {
                continue;
            }
            let others = set.inputs.iter().filter(|input| input.fold.is_some() && input.fold != fold);
            let model = trained(kind, always.iter().chain(others), without, params)?;
            for input in mine {
                scored.take(&model, input);
            }
        }
        sum += scored.precision().context("a set has no incident")?;
    }
    Ok(sum / SEEDS.len() as f64)
}

fn trained<'a>(
    kind: Kind,
    inputs: impl Iterator<Item = &'a Input>,
    without: &[&str],
    params: Params,
) -> anyhow::Result<Model> {
    let thinned = |input: &'a Input| {
        let step = input.rows.len().div_ceil(ROWS_AN_INPUT).max(1);
        input.rows.iter().step_by(step).flat_map(|row| row.values.iter().copied())
    };
    let rows: Vec<f32> = inputs.flat_map(thinned).collect();
    Ok(Model::train(
        "ablation",
        &specs_of(kind),
        &questions(kind, without)?,
        &rows,
        &[],
        params,
        Provenance::default(),
    )?)
}

/// The questions of the shipped model without some features; a question of none is not asked.
fn questions(kind: Kind, without: &[&str]) -> anyhow::Result<Vec<Question>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{}.ucmodel", kind.name()));
    let shipped = Model::from_bytes(&std::fs::read(&path).with_context(|| path.display().to_string())?)?;
    let mut questions = shipped.manifest().questions.clone();
    for question in &mut questions {
        question.features.retain(|feature| !without.contains(&feature.as_str()));
    }
    questions.retain(|question| !question.features.is_empty());
    Ok(questions)
}

/// Scores of what is no incident, and the best of each incident.
struct Scored {
    benign: Vec<f32>,
    incidents: Vec<f32>,
}

impl Scored {
    fn new(incidents: usize) -> Self {
        Self { benign: Vec::new(), incidents: vec![0.0; incidents] }
    }

    fn take(&mut self, model: &Model, input: &Input) {
        let values: Vec<f32> = input.rows.iter().flat_map(|row| row.values.iter().copied()).collect();
        let mut scores = vec![0.0; input.rows.len()];
        model.score_rows(&values, &mut scores);
        for (row, score) in input.rows.iter().zip(scores) {
            match row.incident.and_then(|incident| self.incidents.get_mut(incident)) {
                Some(best) => *best = best.max(score),
                None => self.benign.push(score),
            }
        }
    }

    fn precision(&self) -> Option<f64> {
        let scores: Vec<f32> = self.incidents.iter().chain(&self.benign).copied().collect();
        let positive: Vec<bool> = (0..scores.len()).map(|at| at < self.incidents.len()).collect();
        average_precision(&scores, &positive)
    }
}

fn read_set(kind: Kind, folder: &Path) -> anyhow::Result<Set> {
    let labels = read_labels(kind, &folder.join("labels.csv"))?;
    let (mut inputs, mut next_fold) = (Vec::new(), 0);
    for file in csv_files(folder)? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let own: Vec<(usize, &Label)> = labels
            .iter()
            .enumerate()
            .filter(|(_, label)| label.input.is_empty() || label.input == name)
            .collect();
        let fold = own.is_empty().then_some(next_fold % FOLDS);
        next_fold += usize::from(own.is_empty());
        inputs.push(Input { rows: rows_of(kind, &file, &own)?, fold });
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Set { name, inputs, incidents: labels.len() })
}

fn csv_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| {
        path.extension().is_some_and(|ending| ending == "csv") && !path.ends_with("labels.csv")
    });
    files.sort();
    Ok(files)
}

/// The labels of a detector.
fn read_labels(kind: Kind, path: &Path) -> anyhow::Result<Vec<Label>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    let mut labels = Vec::new();
    for line in reader.deserialize::<BTreeMap<String, String>>() {
        let line = line?;
        let field = |name: &str| line.get(name).cloned().unwrap_or_default();
        if field("kind") == kind.name() {
            let peers = field("peer").split([' ', ';']).map(str::to_owned).collect();
            let input = field("input");
            let input = input.rsplit('/').next().unwrap_or_default().to_owned();
            labels.push(Label { host: field("host"), peers, input });
        }
    }
    Ok(labels)
}

/// The judged rows of an input.
fn rows_of(kind: Kind, file: &Path, labels: &[(usize, &Label)]) -> anyhow::Result<Vec<Row>> {
    let mut reader = csv::Reader::from_path(file).with_context(|| file.display().to_string())?;
    let place: BTreeMap<String, usize> = reader.headers()?.iter().map(str::to_owned).zip(0..).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let field = |name: &str| place.get(name).and_then(|at| record.get(*at)).unwrap_or_default();
        if field(&format!("{}_judged", kind.name())) != "true" {
            continue;
        }
        let values =
            features_of(kind).iter().map(|feature| field(feature.name).parse().unwrap_or(f32::NAN)).collect();
        let names = |label: &Label| {
            label.host == field("host")
                && label.peers.iter().any(|peer| {
                    *peer == field("peer_ip")
                        || *peer == format!("{}:{}", field("peer_ip"), field("port"))
                        || *peer == format!("[{}]:{}", field("peer_ip"), field("port"))
                        || field("peer_name") == peer
                        || field("peer_name").ends_with(&format!(".{peer}"))
                })
        };
        let incident = labels.iter().find(|(_, label)| names(label)).map(|(at, _)| *at);
        rows.push(Row { values, incident });
    }
    Ok(rows)
}

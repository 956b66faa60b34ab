//! `evaluate`: score labelled captures.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use ipnet::IpNet;

use crate::detect::{Allowlist, Detector};
use crate::evaluate::folds::Folds;
use crate::evaluate::{FlowObserver, Label, Labels, ScoredInput, evaluate};
use crate::export::evaluation::{write_json, write_markdown, write_table};
use crate::export::findings::TableStyle;
use crate::features::LocalNetworks;
use crate::flow::FlowRecord;
use crate::model::Params;
use crate::pipeline::Observer;

use super::args::{EvaluateArgs, EvaluateFormat};
use super::session::{Settings, Watch, base_name};
use super::train::read_benign;
use super::{Failure, models};

/// Captures that are scored as one timeline, with their labels.
struct Group {
    name: String,
    inputs: Vec<PathBuf>,
    local: Vec<IpNet>,
    labels: Vec<Label>,
}

pub(super) fn run(args: &EvaluateArgs) -> Result<ExitCode, Failure> {
    let mut settings = Settings::new(&args.common)?;
    let allowlist = settings.config.allowlist().map_err(|e| Failure::Usage(e.into()))?;
    let groups = groups_of(args, &settings)?;
    let detectors = match args.cross_validate {
        None => {
            let loaded = models::load(args.models.as_deref(), allowlist, &settings.config.detect)?;
            Detectors::One(Box::new(loaded.detector))
        }
        Some(folds) => {
            Detectors::Folds(Box::new(train_folds(args, &mut settings, &groups, folds, &allowlist)?))
        }
    };
    let mut scored = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        scored.push(score(&mut settings, group, detectors.of(index))?);
    }
    let outcome = evaluate(scored, args.budget, args.common.seed)?;
    let mut out = BufWriter::new(stdout().lock());
    match args.format {
        EvaluateFormat::Table => write_table(&mut out, &outcome, TableStyle::of_stdout())?,
        EvaluateFormat::Markdown => write_markdown(&mut out, &outcome)?,
        EvaluateFormat::Json => write_json(&mut out, &outcome)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

enum Detectors {
    One(Box<Detector>),
    Folds(Box<Folds>),
}

impl Detectors {
    fn of(&self, index: usize) -> &Detector {
        match self {
            Self::One(detector) => detector,
            Self::Folds(folds) => folds.detector_for(index),
        }
    }
}

/// Shows an observer the flows that end.
struct Ended<'a>(&'a mut FlowObserver);

impl Observer for Ended<'_> {
    fn flow_ended(&mut self, record: &FlowRecord) {
        self.0.take(record);
    }
}

impl Watch for Ended<'_> {}

/// Which inputs belong together: each by itself where the labels tell inputs apart, all as one timeline otherwise.
fn groups_of(args: &EvaluateArgs, settings: &Settings) -> Result<Vec<Group>, Failure> {
    let inputs = &args.common.inputs;
    let Some(path) = &args.labels else {
        return inputs.iter().map(|input| group_beside(input, &names_of(inputs, input), settings)).collect();
    };
    let labels = read_labels(path)?;
    if !args.common.quiet {
        for missing in labels.inputs_missing_from(inputs) {
            eprintln!("undercurrent: the labels name {missing}, which is not among the inputs");
        }
    }
    if !labels.by_input() {
        let name = inputs.iter().map(|input| base_name(input)).collect::<Vec<_>>().join(" ");
        return Ok(vec![group(
            name,
            inputs.clone(),
            &inputs.first().cloned().unwrap_or_default(),
            &labels,
            settings,
        )]);
    }
    Ok(inputs
        .iter()
        .map(|input| group(names_of(inputs, input), vec![input.clone()], input, &labels, settings))
        .collect())
}

/// One input with the `labels.csv` of its folder.
fn group_beside(input: &Path, name: &str, settings: &Settings) -> Result<Group, Failure> {
    let path = input.with_file_name("labels.csv");
    if !path.is_file() {
        return Err(Failure::Usage(anyhow!(
            "there is no {}: put one beside each input, or give --labels FILE.csv",
            path.display()
        )));
    }
    let labels = read_labels(&path)?;
    Ok(group(name.to_owned(), vec![input.to_owned()], input, &labels, settings))
}

fn read_labels(path: &Path) -> Result<Labels, Failure> {
    let file = File::open(path).with_context(|| format!("cannot read the labels {}", path.display()))?;
    Labels::read(file).with_context(|| path.display().to_string()).map_err(Failure::Usage)
}

fn group(name: String, inputs: Vec<PathBuf>, path: &Path, labels: &Labels, settings: &Settings) -> Group {
    let local = labels.local_of(path);
    let local = if local.is_empty() { settings.config.local.clone() } else { local };
    Group { name, inputs, local, labels: labels.of_input(path) }
}

/// What tells an input from the others: its name, or the name of its folder, or both.
fn names_of(inputs: &[PathBuf], input: &Path) -> String {
    let folder_of = |path: &Path| path.parent().map(base_name).unwrap_or_default();
    let alone = |name_of: &dyn Fn(&Path) -> String| {
        inputs.iter().filter(|other| name_of(other) == name_of(input)).count() < 2
    };
    if alone(&base_name) {
        base_name(input)
    } else if alone(&folder_of) {
        folder_of(input)
    } else {
        input.display().to_string()
    }
}

fn train_folds(
    args: &EvaluateArgs,
    settings: &mut Settings,
    groups: &[Group],
    folds: u16,
    allowlist: &Allowlist,
) -> Result<Folds, Failure> {
    let mut benign = Vec::new();
    for (index, group) in groups.iter().enumerate().filter(|(_, group)| group.labels.is_empty()) {
        settings.config.local.clone_from(&group.local);
        for input in &group.inputs {
            benign.push((index, read_benign(settings, input)?));
        }
    }
    settings.config.local.clone_from(&args.common.local);
    let also = args.train_on.iter().map(|input| read_benign(settings, input));
    let also = also.collect::<Result<Vec<_>, Failure>>()?;
    let params = Params { seed: args.common.seed, ..Params::default() };
    Folds::train(&benign, &also, usize::from(folds), params, allowlist)
        .map(|trained| trained.with_alert_budget(settings.config.detect.alerts_a_day))
        .context("cannot cross-validate: more inputs without a label are needed")
        .map_err(Failure::Run)
}

fn score(settings: &mut Settings, group: &Group, detector: &Detector) -> Result<ScoredInput, Failure> {
    settings.config.local.clone_from(&group.local);
    let mut observer = FlowObserver::new(LocalNetworks::new(&group.local));
    let reading = settings.read(&group.inputs, &mut Ended(&mut observer))?;
    let store = reading.pipeline.store();
    let scores = detector.score(store);
    Ok(ScoredInput::new(&group.name, group.labels.clone(), store, &scores, &observer))
}

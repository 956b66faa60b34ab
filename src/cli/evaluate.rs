//! `evaluate`: score labelled captures.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use ipnet::IpNet;

use crate::detect::{Allowlist, Detector};
use crate::evaluate::folds::Folds;
use crate::evaluate::{
    Detections, Evaluation, FlowObserver, Label, Labels, OtherAttack, ScoredInput, evaluate,
};
use crate::export::evaluation::{render_page, write_json, write_markdown, write_table, write_tables};
use crate::export::findings::TableStyle;
use crate::export::write_file;
use crate::features::LocalNetworks;
use crate::flow::FlowRecord;
use crate::model::Params;
use crate::pipeline::{Observer, Pipeline};
use crate::records::FlowLabels;
use crate::time::{Span, Timestamp};

use super::args::{EvaluateArgs, EvaluateFormat};
use super::networks::{Network, networks_of};
use super::session::{Settings, Watch, base_name};
use super::train::{read_all_benign, read_benign};
use super::{Failure, models};

/// Inputs that are scored as one timeline, with their labels.
struct Group {
    network: Network,
    local: Vec<IpNet>,
    labels: Vec<Label>,
    others: Vec<OtherAttack>,
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
        scored.push(score(&mut settings, group, detectors.of(index), args.score_every)?);
    }
    let outcome = evaluate(scored, args.budget, args.common.seed)?;
    write_files(args, &groups, &outcome)?;
    let mut out = BufWriter::new(stdout().lock());
    match args.format {
        EvaluateFormat::Table => write_table(&mut out, &outcome, TableStyle::of_stdout())?,
        EvaluateFormat::Markdown => write_markdown(&mut out, &outcome)?,
        EvaluateFormat::Json => write_json(&mut out, &outcome)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The page and the tables, where they are asked for.
fn write_files(args: &EvaluateArgs, groups: &[Group], outcome: &Evaluation) -> Result<(), Failure> {
    const NAMES: usize = 3;
    if let Some(path) = &args.report {
        let names: Vec<&str> = groups.iter().map(|group| group.network.name.as_str()).take(NAMES).collect();
        let more = groups.len().saturating_sub(NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        write_file(path, render_page(outcome, &format!("{}{more}", names.join(", "))).as_bytes())?;
    }
    if let Some(folder) = &args.csv {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        write_tables(folder, outcome)?;
    }
    Ok(())
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

/// Shows an observer the flows that end, and takes the passes that tell when incidents are found.
struct Watcher<'f, 'p> {
    flows: &'f mut FlowObserver,
    passes: Option<Passes<'p>>,
}

/// Scoring passes at multiples of an interval, until all labels are found.
struct Passes<'a> {
    detector: &'a Detector,
    every: Span,
    next: Option<Timestamp>,
    detections: Detections<'a>,
}

impl Observer for Watcher<'_, '_> {
    fn flow_ended(&mut self, record: &FlowRecord) {
        self.flows.take(record);
    }

    fn tick(&mut self, at: Timestamp, pipeline: &mut Pipeline) {
        let Some(passes) = &mut self.passes else { return };
        if passes.detections.are_complete() || passes.next.is_some_and(|next| at < next) {
            return;
        }
        passes.next = Some(at.floor_to(passes.every) + passes.every);
        passes.detections.take(at, &passes.detector.score_judged(pipeline.store()));
    }
}

impl Watch for Watcher<'_, '_> {}

/// Which inputs belong together: each network by itself where the labels tell inputs apart, all as one timeline otherwise.
fn groups_of(args: &EvaluateArgs, settings: &Settings) -> Result<Vec<Group>, Failure> {
    let inputs = &args.common.inputs;
    let mut networks = networks_of(inputs, settings.columns.as_ref())?;
    tell_apart(&mut networks);
    let Some(path) = &args.labels else {
        return networks.into_iter().map(|network| group_beside(network, settings)).collect();
    };
    let labels = read_labels(path)?;
    if !args.common.quiet {
        let places: Vec<PathBuf> = networks.iter().flat_map(Network::places).collect();
        for missing in labels.inputs_missing_from(&places) {
            eprintln!("undercurrent: the labels name {missing}, which is not among the inputs");
        }
    }
    if !labels.by_input() {
        let name = networks.iter().map(|network| network.name.as_str()).collect::<Vec<_>>().join(" ");
        return Ok(vec![group(Network { name, paths: inputs.clone(), folder: None }, &labels, settings)]);
    }
    Ok(networks.into_iter().map(|network| group(network, &labels, settings)).collect())
}

/// One network with the `labels.csv` of its folder, or with the labels that its logs hold.
fn group_beside(network: Network, settings: &Settings) -> Result<Group, Failure> {
    let beside = network.paths.first().map(|path| path.with_file_name("labels.csv"));
    let path = network.folder.as_ref().map(|folder| folder.join("labels.csv")).or(beside).unwrap_or_default();
    if path.is_file() {
        let labels = read_labels(&path)?;
        return Ok(group(network, &labels, settings));
    }
    let within = FlowLabels::read(&network.logs(settings.columns.as_ref())?)?;
    if !within.any {
        let or_within = if network.folder.is_some() { ", and the logs have no column label" } else { "" };
        return Err(Failure::Usage(anyhow!(
            "there is no {}{or_within}: put one beside each input, or give --labels FILE.csv",
            path.display()
        )));
    }
    let labels = Labels::of_flows(&within, &LocalNetworks::new(&settings.config.local));
    Ok(group(network, &labels, settings))
}

fn read_labels(path: &Path) -> Result<Labels, Failure> {
    let file = File::open(path).with_context(|| format!("cannot read the labels {}", path.display()))?;
    Labels::read(file).with_context(|| path.display().to_string()).map_err(Failure::Usage)
}

fn group(network: Network, labels: &Labels, settings: &Settings) -> Group {
    let places = network.places();
    let local = labels.local_of(&places);
    let local = if local.is_empty() { settings.config.local.clone() } else { local };
    Group { local, labels: labels.of_input(&places), others: labels.others().to_vec(), network }
}

/// Names networks that are called alike by their folders, or by folder and file.
fn tell_apart(networks: &mut [Network]) {
    let file = |network: &Network| network.paths.first().cloned().unwrap_or_default();
    let folder = |network: &Network| file(network).parent().map(base_name).unwrap_or_default();
    let names: Vec<[String; 3]> = networks
        .iter()
        .map(|network| [network.name.clone(), folder(network), file(network).display().to_string()])
        .collect();
    let alone = |form: usize, own: &[String; 3]| {
        names.iter().filter(|other| other.get(form) == own.get(form)).count() < 2
    };
    for (network, own) in networks.iter_mut().zip(&names) {
        let form = (0..2).find(|form| alone(*form, own)).unwrap_or(2);
        if let Some(name) = own.get(form) {
            network.name.clone_from(name);
        }
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
        benign.push((index, read_benign(settings, &group.network)?));
    }
    settings.config.local.clone_from(&args.common.local);
    let also = read_all_benign(settings, &args.train_on, &args.calibrate)?;
    let params = Params { seed: args.common.seed, ..Params::default() };
    Folds::train(&benign, &also, usize::from(folds), params, allowlist)
        .map(|trained| trained.with_alert_budget(settings.config.detect.alerts_a_day))
        .context("cannot cross-validate: more inputs without a label are needed")
        .map_err(Failure::Run)
}

fn score(
    settings: &mut Settings,
    group: &Group,
    detector: &Detector,
    every_s: Option<u32>,
) -> Result<ScoredInput, Failure> {
    settings.config.local.clone_from(&group.local);
    let mut observer = FlowObserver::new(LocalNetworks::new(&group.local));
    let passes = every_s.map(|seconds| Passes {
        detector,
        every: Span::from_secs(seconds.into()),
        next: None,
        detections: Detections::new(&group.labels),
    });
    let mut watcher = Watcher { flows: &mut observer, passes };
    let reading = settings.read(&group.network.paths, &mut watcher)?;
    let passes = watcher.passes;
    let store = reading.pipeline.store();
    let scores = detector.score(store);
    let scored =
        ScoredInput::new(&group.network.name, group.labels.clone(), &group.others, store, &scores, &observer);
    Ok(match passes {
        Some(passes) => scored.with_detections(passes.detections.into_firsts()),
        None => scored,
    })
}

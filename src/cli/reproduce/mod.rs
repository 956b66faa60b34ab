//! `reproduce`: run a replay again from its summary, and say what differs.

mod inputs;
mod outputs;

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::config::Config;
use crate::detect::Allowlist;
use crate::export::summary::{Comparison, Summary, compare};
use crate::export::text;

use super::Failure;
use super::args::ReproduceArgs;
use super::models::{self, Loaded};
use super::replay::Replay;
use super::session::Settings;

pub(super) fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    let earlier = Summary::read(&args.summary)?;
    let config = Config::from_replay_json(&args.summary, &earlier.run.configuration)
        .map_err(|e| Failure::Usage(e.into()))?;
    let mut settings = Settings::again(config, &earlier.run, args)?;
    let allowlist = settings.take_allowlist(&[])?;
    let found = inputs::find(&earlier.inputs, &args.inputs, &args.summary)?;
    let (loaded, models) = load(args, &earlier, &allowlist, &settings)?;
    let files = outputs::Files::of(&earlier.outputs, args.output.as_deref())?;
    let replayed = Replay {
        settings: &settings,
        inputs: &found.paths,
        names: &found.names,
        loaded,
        models: models.as_deref(),
        outputs: &files.args,
        score_every_s: earlier.run.score_every_s,
    }
    .run()?;
    let now = replayed.summary(&files.args)?;
    let comparison = compare(&earlier, &now);
    tell(args, &earlier, &comparison)?;
    Ok(if comparison.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The models of the earlier run, wherever they are; else those that there are, which will show as a difference. Gives the
/// folder, too.
fn load(
    args: &ReproduceArgs,
    earlier: &Summary,
    allowlist: &Allowlist,
    settings: &Settings,
) -> Result<(Loaded, Option<PathBuf>), Failure> {
    let given = args.models.clone();
    let recorded = earlier.run.models.as_ref().map(PathBuf::from);
    let load = |dir: Option<&Path>| models::load(dir, allowlist.clone(), &settings.config.detect);
    let is_it = |loaded: &Loaded| {
        loaded.models.iter().map(|model| &model.sha256).eq(earlier.models.iter().map(|model| &model.sha256))
    };
    for dir in [given.clone(), recorded, None] {
        // A folder that is not there, or holds no models, is none that they could come from.
        if let Ok(loaded) = load(dir.as_deref())
            && is_it(&loaded)
        {
            return Ok((loaded, dir));
        }
    }
    Ok((load(given.as_deref())?, given))
}

/// Says what came out.
fn tell(args: &ReproduceArgs, earlier: &Summary, comparison: &Comparison) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let mut lines = Vec::new();
    if !args.quiet {
        lines.extend(comparison.notes.iter().map(|note| format!("note: {note}")));
    }
    lines.extend(comparison.differences.iter().cloned());
    let summary = text::printable(&args.summary.display().to_string()).into_owned();
    let differences = comparison.differences.len() as u64;
    if differences > 0 {
        lines.push(format!("{summary}: not reproduced: {}", text::counted(differences, "difference")));
    } else if !args.quiet {
        let files = earlier.outputs.iter().filter(|output| output.sha256.is_some()).count() as u64;
        lines.push(format!(
            "{summary}: reproduced: {} of {} and {} are byte for byte the same",
            text::counted(earlier.findings, "finding"),
            text::counted(earlier.inputs.len() as u64, "input"),
            text::counted(files, "file")
        ));
    }
    for line in lines {
        writeln!(out, "{line}").context("cannot write to standard output")?;
    }
    Ok(())
}

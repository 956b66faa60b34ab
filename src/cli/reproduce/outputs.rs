//! The files of the earlier run, written again: into a folder that is asked for, or into one that is gone afterwards.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::export::summary::OutputSummary;

use super::super::args::OutputArgs;

/// Where the files go.
pub(super) struct Files {
    pub(super) args: OutputArgs,
    /// Removed with this.
    _scratch: Option<TempDir>,
}

impl Files {
    /// A file for each output of which a digest is known, under the ending that says its format.
    pub(super) fn of(outputs: &[OutputSummary], folder: Option<&Path>) -> anyhow::Result<Self> {
        let scratch = if folder.is_none() { Some(scratch()?) } else { None };
        let folder = folder.or(scratch.as_ref().map(TempDir::path)).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let mut args = OutputArgs::default();
        for output in outputs.iter().filter(|output| output.sha256.is_some()) {
            *place_of(&mut args, &output.flag)? = Some(folder.join(file_name(output)));
        }
        Ok(Self { args, _scratch: scratch })
    }
}

fn scratch() -> anyhow::Result<TempDir> {
    TempDir::with_prefix("undercurrent-")
        .context("cannot make a folder for what is compared: set TMPDIR, or give --output DIR")
}

/// The flag's name with the ending of the file: no two outputs are called alike.
fn file_name(output: &OutputSummary) -> String {
    let name = output.flag.trim_start_matches('-');
    match Path::new(&output.path).extension() {
        Some(ending) => format!("{name}.{}", ending.to_string_lossy()),
        None => name.to_owned(),
    }
}

fn place_of<'a>(args: &'a mut OutputArgs, flag: &str) -> anyhow::Result<&'a mut Option<PathBuf>> {
    Ok(match flag {
        "--hosts" => &mut args.hosts,
        "--channels" => &mut args.channels,
        "--flows" => &mut args.flows,
        "--rita" => &mut args.rita,
        "--report" => &mut args.report,
        "--metrics" => &mut args.metrics,
        "--metrics-history" => &mut args.metrics_history,
        other => bail!("the summary tells of an output of {other}, which this version does not know"),
    })
}

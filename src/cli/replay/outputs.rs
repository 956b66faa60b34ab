//! The files of a replay, opened before anything is read, so that a name that cannot be is told at once.

use std::path::{Path, PathBuf};

use crate::export::rita::pair_schema;
use crate::export::scored::{channel_schema, host_schema};
use crate::export::table::{Schema, TableWriter};
use crate::export::{ExportError, OutFile};

use super::super::args::OutputArgs;

/// The files that are written at the end of a replay.
pub(super) struct Outputs {
    pub(super) hosts: Option<TableWriter>,
    pub(super) channels: Option<TableWriter>,
    pub(super) rita: Option<TableWriter>,
    pub(super) report: Option<OutFile>,
    pub(super) metrics: Option<OutFile>,
}

impl Outputs {
    /// Opens the files.
    pub(super) fn create(args: &OutputArgs) -> Result<Self, ExportError> {
        let file = |path: &Option<PathBuf>| path.as_deref().map(OutFile::create).transpose();
        let table = |path: &Option<PathBuf>, schema: Schema| {
            path.as_deref().map(|path| TableWriter::create(path, &schema)).transpose()
        };
        Ok(Self {
            hosts: table(&args.hosts, host_schema())?,
            channels: table(&args.channels, channel_schema())?,
            rita: table(&args.rita, pair_schema())?,
            report: file(&args.report)?,
            metrics: file(&args.metrics)?,
        })
    }
}

/// The outputs asked for, with their flags.
pub(in crate::cli) fn named(args: &OutputArgs) -> Vec<(&'static str, &Path)> {
    let all = [
        ("--hosts", &args.hosts),
        ("--channels", &args.channels),
        ("--flows", &args.flows),
        ("--rita", &args.rita),
        ("--report", &args.report),
        ("--metrics", &args.metrics),
        ("--metrics-history", &args.metrics_history),
    ];
    all.into_iter().filter_map(|(flag, path)| Some((flag, path.as_deref()?))).collect()
}

/// That no two outputs are one file, and none is an input.
pub(super) fn check_apart(
    inputs: &[PathBuf],
    outputs: &OutputArgs,
    summary: Option<&Path>,
) -> Result<(), ExportError> {
    let mut named = named(outputs);
    named.extend(summary.map(|path| ("--summary", path)));
    check_files(inputs, &named)
}

fn check_files(inputs: &[PathBuf], outputs: &[(&str, &Path)]) -> Result<(), ExportError> {
    let mut taken: Vec<(PathBuf, String)> =
        inputs.iter().filter_map(|input| Some((identity(input)?, "an input".to_owned()))).collect();
    for (flag, path) in outputs {
        let Some(identity) = identity(path) else { continue };
        if let Some((_, other)) = taken.iter().find(|(known, _)| *known == identity) {
            return Err(ExportError::Clash { path: path.to_path_buf(), other: other.clone() });
        }
        taken.push((identity, format!("the output of {flag}")));
    }
    Ok(())
}

/// The one name of a file, whether or not it exists yet, links followed. Nothing for what can be written to by several (a
/// device, a pipe), and where the folder does not exist, which opening will tell.
fn identity(path: &Path) -> Option<PathBuf> {
    match path.metadata() {
        Ok(meta) if meta.is_file() => path.canonicalize().ok(),
        Ok(_) => None,
        Err(_) => {
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            Some(folder.canonicalize().ok()?.join(path.file_name()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_one_output() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("in.pcap"), "").unwrap();
        std::os::unix::fs::symlink(at("in.pcap"), at("link")).unwrap();
        let check = |outputs: &[(&str, PathBuf)], expected: Option<&str>| {
            let outputs: Vec<(&str, &Path)> = outputs.iter().map(|(f, p)| (*f, p.as_path())).collect();
            let error = check_files(&[at("in.pcap"), PathBuf::from("-")], &outputs).err();
            assert_eq!(error.is_some(), expected.is_some(), "{error:?}");
            if let (Some(error), Some(expected)) = (error, expected) {
                assert!(error.is_usage() && error.to_string().contains(expected), "{error}");
            }
        };
        check(&[("--hosts", at("h.csv")), ("--flows", at("f.csv"))], None);
        check(&[("--hosts", at("x.csv")), ("--flows", at("./x.csv"))], Some("the output of --hosts"));
        check(&[("--report", at("in.pcap"))], Some("an input"));
        check(&[("--report", at("link"))], Some("an input"));
        check(&[("--report", "/dev/null".into()), ("--metrics", "/dev/null".into())], None);
        check(&[("--report", at("none/x")), ("--metrics", at("none/x"))], None);
    }
}

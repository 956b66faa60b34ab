//! Where the inputs of an earlier run are now: by their content, whatever they are called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::export::summary::InputSummary;
use crate::records::files_of;

use super::super::digest;
use super::super::session::base_name;

/// The inputs, found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In the order of the earlier run.
    pub(super) paths: Vec<PathBuf>,
    /// What each was called then, by what it is called now.
    pub(super) names: BTreeMap<String, String>,
}

/// Looks for inputs: where they were, beside the summary, and in the places given. A file of the same name and another content is
/// taken where there is no better one: that it differs will be told.
pub(super) fn find(inputs: &[InputSummary], places: &[PathBuf], summary: &Path) -> anyhow::Result<Found> {
    let mut candidates = Vec::new();
    for place in places {
        if place.is_dir() {
            candidates.extend(files_of(place)?);
        } else if place.is_file() {
            candidates.push(place.clone());
        } else {
            bail!("{}: no such file or folder", place.display());
        }
    }
    let mut found = Found::default();
    for input in inputs {
        let path = find_one(input, &candidates, summary, &found.paths)?;
        found.names.insert(path.display().to_string(), input.path.clone());
        found.paths.push(path);
    }
    Ok(found)
}

/// One file is not two inputs: of copies, each is taken once.
fn find_one(
    input: &InputSummary,
    places: &[PathBuf],
    summary: &Path,
    taken: &[PathBuf],
) -> anyhow::Result<PathBuf> {
    let Some(sha256) = &input.sha256 else {
        bail!(
            "{} was no file and cannot be read again: replay a file with --summary instead of standard input or a pipe",
            input.path
        );
    };
    let recorded = PathBuf::from(&input.path);
    let name = base_name(&recorded);
    let beside = summary.with_file_name(&name);
    let candidates: Vec<&PathBuf> = places
        .iter()
        .chain([&recorded, &beside])
        .filter(|path| path.is_file() && !taken.contains(path))
        .collect();
    for path in &candidates {
        let size = path.metadata().map(|meta| meta.len()).with_context(|| path.display().to_string())?;
        if Some(size) == input.size_bytes
            && digest::of_file(path)
                .with_context(|| path.display().to_string())?
                .is_some_and(|digest| digest.sha256 == *sha256)
        {
            return Ok((*path).clone());
        }
    }
    match candidates.iter().find(|path| base_name(path) == name) {
        Some(path) => Ok((*path).clone()),
        None => bail!(
            "cannot find the input {} (SHA-256 {sha256}): say with --inputs DIR where it is",
            input.path
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_found_by_content_before_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("there/deep")).unwrap();
        for (name, content) in [
            ("a.pcap", "other"),
            ("there/a.pcap", "wrong"),
            ("there/deep/renamed.pcap", "right"),
            ("there/b.pcap", "bb"),
        ] {
            std::fs::write(at(name), content).unwrap();
        }
        let summary = |content: &str| {
            std::fs::write(at("content"), content).unwrap();
            let digest = digest::of_file(&at("content")).unwrap().unwrap();
            std::fs::remove_file(at("content")).unwrap();
            InputSummary {
                path: "somewhere/a.pcap".into(),
                size_bytes: Some(digest.size_bytes),
                sha256: Some(digest.sha256),
                ..InputSummary::default()
            }
        };
        let check = |content: &str, places: &[&str], expected: Option<&str>| {
            let places: Vec<PathBuf> = places.iter().map(|place| at(place)).collect();
            let found = find(&[summary(content)], &places, &at("summary.json"));
            match expected {
                Some(name) => {
                    let found = found.unwrap();
                    assert_eq!(found.paths, [at(name)]);
                    assert_eq!(found.names[&at(name).display().to_string()], "somewhere/a.pcap");
                }
                None => assert!(found.unwrap_err().to_string().contains("--inputs DIR")),
            }
        };
        check("right", &["there"], Some("there/deep/renamed.pcap"));
        check("right", &["there/deep/renamed.pcap"], Some("there/deep/renamed.pcap"));
        check("other", &["there"], Some("a.pcap"));
        check("nowhere", &["there"], Some("there/a.pcap"));
        std::fs::remove_file(at("a.pcap")).unwrap();
        check("right", &["there/b.pcap"], None);
    }

    #[test]
    fn standard_input_cannot_be_found() {
        let input = InputSummary { path: "standard input".into(), ..InputSummary::default() };
        let error = find(&[input], &[], Path::new("summary.json")).unwrap_err().to_string();
        assert!(error.contains("standard input was no file"), "{error}");
    }
}

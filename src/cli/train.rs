//! `train`: fit the forests on benign captures.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::detect::{BenignCapture, Kind, train};
use crate::export::write_file;
use crate::model::Params;

use super::args::TrainArgs;
use super::networks::{Network, networks_of};
use super::session::Settings;
use super::{Failure, models};

pub(super) fn run(args: &TrainArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::new(&args.common)?;
    let networks = networks_of(&args.common.inputs, settings.columns.as_ref())?;
    let captures = networks
        .iter()
        .map(|network| read_benign(&settings, network))
        .collect::<Result<Vec<_>, Failure>>()?;
    let params =
        Params { trees: usize::from(args.trees), sample: usize::from(args.sample), seed: args.common.seed };
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make the folder {}", args.output.display()))?;
    let captures: Vec<&BenignCapture> = captures.iter().collect();
    for kind in Kind::ALL {
        let model = train(kind, &captures, params, &args.model_version, &args.notes).with_context(|| {
            format!(
                "cannot train {}: more benign captures with long or repeated traffic are needed",
                kind.name()
            )
        })?;
        let path = args.output.join(models::file_name(kind));
        write_file(&path, &model.to_bytes()?)?;
        let manifest = model.manifest();
        write_file(&path.with_extension("json"), (manifest.to_json()? + "\n").as_bytes())?;
        if !args.common.quiet {
            eprintln!(
                "{}: {} rows trained on, {} cross-validated scores to calibrate by, {} captures",
                path.display(),
                manifest.training_rows,
                manifest.calibration_rows,
                manifest.provenance.inputs.len()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads one network by itself: hosts of different captures have nothing to do with each other.
pub(super) fn read_benign(settings: &Settings, network: &Network) -> Result<BenignCapture, Failure> {
    let reading = settings.read(&network.paths, &mut ())?;
    let last = reading.stats().last;
    let mut hasher = Sha256::new();
    for file in reading.inputs.iter().map(|(name, _)| Path::new(name)) {
        hash(&mut hasher, file)?;
    }
    let sha256 = if network.is_stdin() { String::new() } else { hex::encode(hasher.finalize()) };
    Ok(BenignCapture::new(network.name.clone(), sha256, last, reading.pipeline.store()))
}

/// Adds a file to a hash; not standard input, which cannot be read twice.
fn hash(hasher: &mut Sha256, path: &Path) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return Ok(());
    }
    let mut file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).with_context(|| path.display().to_string())? {
            0 => break,
            n => hasher.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(())
}

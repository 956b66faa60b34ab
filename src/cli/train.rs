//! `train`: fit the forests on benign captures.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::detect::{Baseline, BenignCapture, Kind, train};
use crate::export::write_file;
use crate::model::Params;

use super::args::TrainArgs;
use super::networks::{Network, networks_of};
use super::session::Settings;
use super::{Failure, digest, models};

/// The benign rows of all trainings, beside the models.
const ROWS_FILE: &str = "benign.ucrows";

pub(super) fn run(args: &TrainArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::new(&args.common)?;
    let rows_path = args.output.join(ROWS_FILE);
    let mut baseline = if args.update { read_baseline(&rows_path)? } else { Baseline::default() };
    let captures = read_all_benign(&settings, &args.common.inputs, &args.calibrate)?;
    let params =
        Params { trees: usize::from(args.trees), sample: usize::from(args.sample), seed: args.common.seed };
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make the folder {}", args.output.display()))?;
    let dropped = baseline.add(captures);
    if dropped > 0 && !args.common.quiet {
        let most = Baseline::MAX_CAPTURES;
        eprintln!("undercurrent: the rows of the {dropped} oldest captures are left out: {most} are kept");
    }
    let captures = baseline.captures();
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
    write_file(&rows_path, &baseline.to_bytes()?)?;
    Ok(ExitCode::SUCCESS)
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let bytes = std::fs::read(path).with_context(|| {
        format!(
            "cannot read {}, the benign rows that --update goes on from; `undercurrent train` without it writes them",
            path.display()
        )
    })?;
    Ok(Baseline::from_bytes(&bytes).with_context(|| path.display().to_string())?)
}

/// Reads each network of the inputs, those that forests learn from first, then those that are only compared with.
pub(super) fn read_all_benign(
    settings: &Settings,
    learned: &[PathBuf],
    compared: &[PathBuf],
) -> Result<Vec<BenignCapture>, Failure> {
    let learned = networks_of(learned, settings.columns.as_ref())?;
    let compared = networks_of(compared, settings.columns.as_ref())?;
    let of_compared = compared.iter().map(|network| Ok(read_benign(settings, network)?.to_calibrate()));
    learned.iter().map(|network| read_benign(settings, network)).chain(of_compared).collect()
}

/// Reads one network by itself: hosts of different captures have nothing to do with each other.
pub(super) fn read_benign(settings: &Settings, network: &Network) -> Result<BenignCapture, Failure> {
    let reading = settings.read(&network.paths, &mut ())?;
    let last = reading.stats().last;
    // Standard input cannot be read twice.
    let files = reading.inputs.iter().map(|(name, _)| Path::new(name)).filter(|_| !network.is_stdin());
    let mut hasher = Sha256::new();
    for file in files {
        digest::add_file(&mut hasher, file, &AtomicBool::new(false))
            .with_context(|| file.display().to_string())?;
    }
    let sha256 = if network.is_stdin() { String::new() } else { hex::encode(hasher.finalize()) };
    Ok(BenignCapture::new(network.name.clone(), sha256, last, reading.pipeline.store()))
}

//! `simulate`: write labelled captures of what did not happen.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::export::{OutFile, text, write_file};
use crate::simulate::{
    Behaviour, Incident, Options, Scenario, SimulateError, Simulated, simulate, write_labels,
};

use super::Failure;
use super::simulate_args::SimulateArgs;

/// Level of zstd: the fastest that still halves headers several times.
const ZSTD_LEVEL: i32 = 3;

pub(super) fn run(args: &SimulateArgs) -> Result<ExitCode, Failure> {
    let scenario = scenario_of(args)?;
    let options = Options { into: args.into.clone(), whole: args.whole };
    let simulated = write_capture(&args.output, &scenario, &options)?;
    let mut labels = Vec::new();
    write_labels(&mut labels, &simulated.labels)?;
    let labels_path = args.labels.clone().unwrap_or_else(|| args.output.with_file_name("labels.csv"));
    write_file(&labels_path, &labels)?;
    if !args.quiet {
        eprintln!(
            "{}: {}, {}, labels in {}",
            args.output.display(),
            text::counted(simulated.frames, "frame"),
            text::counted(simulated.labels.len() as u64, "incident"),
            labels_path.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn scenario_of(args: &SimulateArgs) -> Result<Scenario, Failure> {
    let scenario = match &args.scenario {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the scenario {}", path.display()))?;
            Scenario::from_toml(&text).with_context(|| path.display().to_string()).map_err(Failure::Usage)?
        }
        None => Scenario {
            seed: args.seed,
            hosts: args.hosts,
            start: args.start.unwrap_or(Scenario::default().start),
            duration: args.length,
            incidents: args.behaviour.map(|behaviour| incident_of(args, behaviour)).into_iter().collect(),
        },
    };
    scenario.check().map_err(|e| Failure::Usage(e.into()))?;
    Ok(scenario)
}

fn incident_of(args: &SimulateArgs, behaviour: Behaviour) -> Incident {
    Incident {
        host: args.host,
        after: args.after,
        duration: args.duration,
        interval: args.interval,
        jitter: args.jitter,
        missed: args.missed,
        failing: args.failing,
        speech: args.speech.map(Into::into),
        bytes: args.bytes,
        destinations: args.destinations,
        dead: args.dead,
        rotation: args.rotation,
        known: args.known,
        awake: args.awake,
        asleep: args.asleep,
        office_hours: args.office_hours,
        ipv6: args.ipv6,
        hops: args.hops,
        behaviour,
    }
}

/// Writes the capture, compressed as its name says.
fn write_capture(path: &Path, scenario: &Scenario, options: &Options) -> Result<Simulated, Failure> {
    let mut file = OutFile::create(path)?;
    let simulated = match ending(path) {
        "gz" => {
            let mut out = GzEncoder::new(&mut file, Compression::fast());
            let simulated = simulate_into(scenario, options, &mut out)?;
            out.finish()?;
            simulated
        }
        "zst" => {
            let mut out = zstd::Encoder::new(&mut file, ZSTD_LEVEL)?;
            let simulated = simulate_into(scenario, options, &mut out)?;
            out.finish()?;
            simulated
        }
        _ => simulate_into(scenario, options, &mut file)?,
    };
    file.finish()?;
    Ok(simulated)
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn simulate_into(scenario: &Scenario, options: &Options, out: &mut dyn Write) -> Result<Simulated, Failure> {
    simulate(scenario, options, out).map_err(|error| match error {
        SimulateError::Scenario(_) | SimulateError::HostNeeded | SimulateError::NoHost { .. } => {
            Failure::Usage(error.into())
        }
        other => Failure::Run(other.into()),
    })
}

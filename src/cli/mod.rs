//! The command line: a file a verb. Parses, loads, calls the library, chooses the exit code.

mod ahead;
mod args;
mod clock;
mod digest;
mod evaluate;
mod examples;
mod helpers;
mod models;
mod networks;
mod progress;
mod reference;
mod replay;
mod reproduce;
mod session;
mod simulate;
mod simulate_args;
mod top;
mod train;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
pub use reference::render_reference;

/// Why a verb failed, by exit code.
#[derive(Debug)]
enum Failure {
    /// 1: an input could not be read or the run failed.
    Run(anyhow::Error),
    /// 2: wrong usage or configuration.
    Usage(anyhow::Error),
}

/// Errors of a run unless said otherwise.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}

/// Runs the program: what `main` does.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Replay(args) => replay::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::PrintConfig => helpers::print_config(),
        Command::CheckConfig { file } => helpers::check_config(&file),
        Command::Completions { shell } => helpers::completions(shell),
        Command::Man => helpers::man(),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            let (code, error) = match failure {
                Failure::Run(error) => (1, error),
                Failure::Usage(error) => (2, error),
            };
            // `| head` closes standard output; that is no failure to report.
            let broken_pipe = error.chain().any(|cause| {
                cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
            });
            if broken_pipe {
                return ExitCode::SUCCESS;
            }
            eprintln!("undercurrent: {error:#}");
            ExitCode::from(code)
        }
    }
}

/// An error and what led to it, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

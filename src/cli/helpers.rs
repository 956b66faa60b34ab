//! `print-config`, `check-config`, `completions`, `man`.

use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::config::Config;

use super::Failure;
use super::args::Cli;

pub(super) fn print_config() -> Result<ExitCode, Failure> {
    stdout().write_all(Config::commented_default().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn check_config(file: &Path) -> Result<ExitCode, Failure> {
    Config::load(file).map_err(|e| Failure::Usage(e.into()))?;
    writeln!(stdout(), "{}: valid", file.display())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "undercurrent", &mut script);
    stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man() -> Result<ExitCode, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command().flatten_help(true)).render(&mut page)?;
    stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}

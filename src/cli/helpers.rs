//! `print-config`, `check-config`, `completions`, `man`.

use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::config::Config;

use super::args::Cli;
use super::{Failure, reference};

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
    stdout().write_all(&reference::render_man()?)?;
    Ok(ExitCode::SUCCESS)
}

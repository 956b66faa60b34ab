//! `evaluate`: score labelled captures.

use std::process::ExitCode;

use super::Failure;
use super::args::EvaluateArgs;

#[expect(clippy::unnecessary_wraps, reason = "the signature of every verb")]
pub(super) fn run(args: &EvaluateArgs) -> Result<ExitCode, Failure> {
    let _ = (&args.labels, &args.format, &args.models, &args.cross_validate, &args.common);
    Ok(ExitCode::SUCCESS)
}

//! Runs `undercurrent replay` and looks at what it says.

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;

/// How a run ended.
pub(crate) struct Outcome {
    /// Exit code; nothing where a signal ended the program.
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    /// What `--summary` wrote; null where nothing was.
    pub(crate) summary: Value,
}

impl Outcome {
    pub(crate) fn number(&self, pointer: &str) -> u64 {
        self.summary.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
    }
}

/// A program that hangs is killed after this, so that the test fails instead of hanging too.
const GIVE_UP: Duration = Duration::from_mins(2);

/// The program, told to say nothing but errors and warnings.
pub(crate) fn command() -> Command {
    let mut command = Command::cargo_bin("undercurrent").unwrap();
    command.timeout(GIVE_UP).args(["replay", "--no-progress", "--format", "jsonl"]);
    command
}

/// Replays inputs as one timeline.
pub(crate) fn replay(inputs: &[&Path]) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let summary = dir.path().join("summary.json");
    let output = command().arg("--summary").arg(&summary).args(inputs).output().unwrap();
    Outcome {
        code: output.status.code(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        summary: std::fs::read(&summary)
            .map(|bytes| serde_json::from_slice(&bytes).unwrap())
            .unwrap_or_default(),
    }
}

/// Writes bytes to a file and replays that.
pub(crate) fn replay_bytes(bytes: &[u8]) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("capture");
    std::fs::write(&path, bytes).unwrap();
    replay(&[&path])
}

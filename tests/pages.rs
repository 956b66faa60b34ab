//! The pages that are made from the sources are those of the sources. `UPDATE_GOLDEN=1 cargo test --test pages` writes them.
#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::env;
use std::fs;
use std::path::Path;

use undercurrent::cli;
use undercurrent::config::Config;
use undercurrent::export;
use undercurrent::features;

fn check(page: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    if env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty()) {
        fs::write(&path, made).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == made, "{page} is not what the sources make: run `make pages`");
}

#[test]
fn command_line() {
    check("docs/cli.md", &cli::render_reference());
}

#[test]
fn configuration() {
    check("docs/configuration.md", &Config::reference());
}

#[test]
fn metrics() {
    check("docs/metrics.md", &export::metrics::render_reference());
}

#[test]
fn features() {
    check("docs/features.md", &features::render_reference());
}

#[test]
fn columns() {
    check("docs/columns.md", &export::columns::render_reference());
}

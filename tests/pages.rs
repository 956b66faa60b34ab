//! The pages that are made from the sources are those of the sources. `UPDATE_GOLDEN=1 cargo test --test pages` writes them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails here has found something"
)]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use undercurrent::cli;
use undercurrent::config::Config;
use undercurrent::export;
use undercurrent::features;

fn read(page: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap_or_default()
}

fn check(page: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    if env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty()) {
        fs::write(&path, made).unwrap();
    }
    assert!(read(page) == made, "{page} is not what the sources make: run `make pages`");
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

/// The table of the model card: what the manifests say of version, size, and the origin of the rows.
fn figures_of_models() -> String {
    const COLUMNS: [&str; 7] = [
        "model",
        "version",
        "forests × trees × rows each",
        "rows",
        "of development captures",
        "of recorded scenarios",
        "of simulated offices",
    ];
    let mut table = format!("| {} |\n|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()));
    for model in ["c2", "exfil"] {
        let manifest: Value = serde_json::from_str(&read(&format!("models/{model}.json"))).unwrap();
        let of_origin = |wanted: &str| {
            let inputs = manifest["inputs"].as_array().unwrap().iter();
            let rows = inputs.filter(|input| origin(input["file"].as_str().unwrap()) == wanted);
            let rows: Vec<u64> = rows.map(|input| input["rows"].as_u64().unwrap()).collect();
            format!("{} ({} files)", rows.iter().sum::<u64>(), rows.len())
        };
        writeln!(
            table,
            "| `{model}` | {} | {} × {} × {} | {} | {} | {} | {} |",
            manifest["version"].as_str().unwrap(),
            manifest["questions"].as_array().unwrap().len(),
            manifest["trees"],
            manifest["sample"],
            manifest["training_rows"],
            of_origin("development"),
            of_origin("recorded"),
            of_origin("simulated"),
        )
        .unwrap();
    }
    table
}

/// Told by the names that `scripts/train_shipped.sh` and `captures/` give.
fn origin(file: &str) -> &'static str {
    match file {
        "capture.pcap.zst" => "recorded",
        office if office.starts_with("office-") => "simulated",
        _ => "development",
    }
}

#[test]
fn figures_of_the_model_card() {
    const PAGE: &str = "models/README.md";
    let card = read(PAGE);
    let (before, rest) = card.split_once("<!-- figures -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of figures -->").unwrap();
    check(PAGE, &format!("{before}<!-- figures -->\n{}<!-- end of figures -->{after}", figures_of_models()));
}

//! The reference page of the features, made from their tables.

use std::fmt::Write;

use super::vector::{C2, Direction, EXFIL, Feature, Scale};

const HEAD: &str = "\
# Features

<!-- Made from src/features/vector.rs by `make pages`; do not edit. -->

What the models judge: a row a channel (monitored host, peer, service). The columns of `--channels` have these names; `--hosts` has the row
of the host's worst channel. A value that cannot be known (too few intervals, no DNS seen at all) is empty, not zero.

*Suspicious* is the side of the benign median that counts: a value on the other side is taken for the median. Values on a *log* scale
are compared as `ln(1 + x)`.
";

/// The page as Markdown: `docs/features.md`.
pub fn render_reference() -> String {
    let mut page = HEAD.to_owned();
    table(&mut page, "c2", C2);
    table(&mut page, "exfil", EXFIL);
    page
}

fn table(page: &mut String, model: &str, features: &[Feature]) {
    // Writing to a `String` cannot fail.
    let _ = write!(
        page,
        "\n## Model `{model}`\n\n| feature | unit | suspicious | scale | meaning |\n|---|---|---|---|---|\n"
    );
    for feature in features {
        let side = match feature.direction {
            Direction::Larger => "larger",
            Direction::Smaller => "smaller",
        };
        let scale = match feature.scale {
            Scale::Linear => "linear",
            Scale::Log => "log",
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {side} | {scale} | {} |",
            feature.name,
            feature.unit,
            feature.doc.replace('|', "\\|")
        );
    }
}

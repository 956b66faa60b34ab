//! The reference page of the row tables, made from their schemas.

use std::fmt::Write;

use super::rita::pair_schema;
use super::rows::flow_schema;
use super::scored::{channel_schema, host_schema};
use super::table::Schema;

const HEAD: &str = "\
# Columns

<!-- Made from src/export/rows.rs, src/export/scored.rs and src/export/rita.rs by `make pages`; do not edit. -->

What `undercurrent replay` writes with `--hosts`, `--channels`, `--flows` and `--rita`: CSV, JSON Lines or Parquet by the ending of the file's name. A value that
is not known is empty in CSV and null elsewhere. Times are RFC 3339 UTC (Parquet: nanosecond timestamps), but for `ts` of the flows, which is in seconds
since 1970-01-01T00:00:00Z as in Zeek.
";

/// The page as Markdown: `docs/columns.md`.
pub fn render_reference() -> String {
    let mut page = HEAD.to_owned();
    table(&mut page, "`--hosts`: a row a monitored host", &host_schema());
    table(&mut page, "`--channels`: a row a host, peer and service", &channel_schema());
    table(&mut page, "`--flows`: a row a connection, as in Zeek's `conn.log`", &flow_schema());
    table(&mut page, "`--rita`: a row a pair, as RITA counts and scores it", &pair_schema());
    page
}

fn table(page: &mut String, title: &str, schema: &Schema) {
    // Writing to a `String` cannot fail.
    let _ = write!(page, "\n## {title}\n\n| column | unit | meaning |\n|---|---|---|\n");
    for column in &schema.columns {
        let _ = writeln!(page, "| `{}` | {} | {} |", column.name, column.unit, column.doc);
    }
}

//! The reference page of the metrics, made from the catalog.

use std::fmt::Write;

use super::catalog::{CATALOG, MetricKind};

const HEAD: &str = "\
# Metrics

<!-- Made from src/export/metrics/catalog.rs by `make pages`; do not edit. -->

`undercurrent watch` serves these at `/metrics`; `undercurrent replay --metrics FILE` writes what would be served at the
end of the run, and `--metrics-history FILE` writes them over packet time:

```sh
undercurrent replay capture.pcap --metrics-history history.om
promtool tsdb create-blocks-from openmetrics history.om data/
prometheus --storage.tsdb.path=data/ --storage.tsdb.retention.time=10y
```

Times are packet times, in seconds since 1970-01-01T00:00:00Z. A replay measures no durations of its own, so that its files are
the same whenever and wherever they are made.

";

const HOST_RULES: &str = "
## Series of hosts

Series with a `host` label exist for at most K hosts of each detector (`undercurrent_topk_limit_hosts`, 50 unless configured).
Hosts over the alert threshold come first. A host enters at a score above the entry floor, stays for at least the dwell time,
and leaves below a lower release score or when another host exceeds it by a margin, so that series do not flap. All
values of a scrape are of one moment; a host that left is gone from the next scrape.
`undercurrent_hosts_over_threshold` counts all hosts, beyond K as well. No label holds a peer, a port or a name.

## Labels

| label | values |
|---|---|
| `detector` | `c2`, `exfil` |
| `severity` | `low`, `medium`, `high`, `critical` |
| `behaviour` | `beacon`, `long_connection`, `dns_tunnel`, `icmp_tunnel`, `interactive`, `bulk_upload`, `slow_drip`, `staged_upload` |
| `host` | address of a monitored host |
";

/// The page as Markdown: `docs/metrics.md`.
pub fn render_reference() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for metric in CATALOG {
        let kind = match metric.kind {
            MetricKind::Info => "gauge (info)",
            kind => kind.name(),
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {kind} | {} | {} | {} |",
            metric.name,
            metric.unit,
            labels.join(", "),
            metric.help
        );
    }
    page.push_str(HOST_RULES);
    page
}

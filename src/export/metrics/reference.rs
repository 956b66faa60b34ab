//! The reference page of the metrics, made from the catalog.

use std::fmt::Write;

use super::catalog::{CATALOG, MetricKind};
use super::topk::TopKConfig;
use crate::export::text;

/// Series of a host that was chosen for one detector: its score, and its volumes.
pub(super) const SERIES_OF_A_HOST: usize = 7;

/// Series of no host, at most.
pub(super) const OTHER_SERIES_MAX: usize = 300;

const HEAD: &str = "\
# Metrics

<!-- Made from src/export/metrics/catalog.rs by `make pages`; do not edit. -->

`undercurrent watch` serves these at `/metrics`; `undercurrent replay --metrics FILE` writes what would be served at the
end of the run, and `--metrics-history FILE` writes them over packet time:

```sh
undercurrent replay capture.pcap --metrics-history history.om
promtool tsdb create-blocks-from openmetrics history.om data/
prometheus --config.file=/dev/null --storage.tsdb.path=data/ --storage.tsdb.retention.time=10y
```

Times are packet times, in seconds since 1970-01-01T00:00:00Z. A replay measures no durations of its own, so that its files are
the same whenever and wherever they are made.

The history has a point every minute of packet time, from twelve hours on every 720th of the time that has passed, and one at the
last packet. Points repeat the scores of the pass before them where scoring each time would take far longer than reading: passes may
score 250,000 channels, and one more for every 8 packets. `--score-every SECONDS` sets the interval and scores each time. Where points are
more than five minutes apart, start Prometheus with `--query.lookback-delta` of that length. With either flag, `--metrics` writes
what a sensor that scored on the same schedule would serve; without, there is one pass, at the end.

";

const HOST_RULES: &str = "
## Series of hosts

Series with a `host` label exist for at most K = LIMIT hosts of each detector (`undercurrent_topk_limit_hosts`).
Hosts that raise alerts come first, then others at or over the threshold of `high`. A host enters at a score of ENTRY, stays for at least DWELL of packet time,
and leaves below RELEASE or when another host exceeds it by MARGIN, so that series do not flap. All
values of a scrape are of one moment; a host that left is gone from the next scrape.

A sensor has at most SERIES series: SERIES_OF_A_HOST for each of the 2 × K hosts that may be chosen (a score of one detector, six volumes), and OTHERS others, however many hosts
there are.
`undercurrent_hosts_over_threshold` counts all hosts, beyond K as well. No label holds a peer, a port or a name.

## Labels

| label | values |
|---|---|
| `detector` | `c2`, `exfil` |
| `severity` | `low`, `medium`, `high`, `critical` |
| `behaviour` | `beacon`, `long_connection`, `dns_tunnel`, `icmp_tunnel`, `interactive`, `unnamed_peer`, `bulk_upload`, `slow_drip`, `staged_upload` |
| `host` | a monitored host: its address, or what `metrics.host_label` chooses |
| `interface` | an interface that is captured from |
| `layer` | where the packet is broken: `link`, `ip`, `transport`, `tunnel`, `fragment` |
| `sink` | who is told of findings: `file`, `webhook`, `alertmanager`, `syslog` |
| `result` | `ok`, `failed` |
| `unit` | `flows`, `datagrams` |

| `reason` of | value | meaning |
|---|---|---|
| `undercurrent_capture_dropped_packets_total` | `ring` | lost: the thread that captures was too slow for its ring (`capture.workers`, `capture.buffer_bytes`) |
| | `interface` | lost: the machine could not take the frames from the wire, by the counters of the interface |
| | `shed` | lost: the pipeline was too slow (`--threads`); whole conversations |
| | `arp`, `not_ip`, `link_type`, `wifi_control`, `wifi_encrypted` | nothing to be looked at in them: no loss |
| | `filter` | left out by `capture.filter` or `--filter`: no loss |
| `undercurrent_flows_expired_total` | `closed`, `idle`, `end_of_input` | TCP closed or reset; nothing seen for long; the input ended |
| | `evicted` | ended early to make room (`flow.max_flows`) |
| `undercurrent_state_overflows_total` | `host_table_full`, `channel_table_full` | updates refused (`features.max_hosts`, `features.max_channels`) |
| | `host_evicted`, `channel_evicted` | forgotten to make room: the silent ones first, of channels those with few bursts |
| `undercurrent_topk_evictions_total` | `released`, `displaced`, `gone` | its score fell; another host took its place; the host was forgotten |
| `undercurrent_netflow_skipped_total` | | as in the [summary of a replay](inputs.md#netflow-and-ipfix) |
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
    let TopKConfig { limit, entry, release, dwell, margin } = TopKConfig::default();
    let rules = [
        ("SERIES_OF_A_HOST", SERIES_OF_A_HOST.to_string()),
        ("SERIES", text::count((SERIES_OF_A_HOST * 2 * limit + OTHER_SERIES_MAX) as u64)),
        ("OTHERS", OTHER_SERIES_MAX.to_string()),
        ("LIMIT", limit.to_string()),
        ("ENTRY", entry.to_string()),
        ("RELEASE", release.to_string()),
        ("DWELL", text::span(dwell)),
        ("MARGIN", margin.to_string()),
    ];
    page.push_str(&rules.iter().fold(HOST_RULES.to_owned(), |page, (name, value)| page.replace(name, value)));
    page
}

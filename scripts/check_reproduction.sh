#!/usr/bin/env bash
# Makes two fresh clones of what is committed in two folders, builds each, replays captures in one and reproduces the run in the other.
# Takes two release builds; the folders are removed at the end.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for clone in here a/place/elsewhere; do
  git clone --quiet "$repository" "$work/$clone"
  (cd "$work/$clone" && env -u CARGO_TARGET_DIR cargo build --quiet --release --locked)
done

cd "$work/here"
for scenario in office_day_incident staged_upload iodine_tunnel; do
  target/release/undercurrent replay --quiet --format jsonl --threads 2 --summary "$scenario.json" --hosts "$scenario.csv" \
    --channels "$scenario.parquet" --flows "$scenario.jsonl" --report "$scenario.html" --metrics-history "$scenario.om" \
    "captures/$scenario/capture.pcap.zst" >"$scenario.findings"
  sha256sum "$scenario.findings"
  (cd "$work/a/place/elsewhere" &&
    target/release/undercurrent reproduce --inputs captures "$work/here/$scenario.json")
done

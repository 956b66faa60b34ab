#!/usr/bin/env bash
# Checks the HTML report with axe-core in Chromium, on a phone and on a desk, light and dark.
set -euo pipefail
cd "$(dirname "$0")/.."

work="${CARGO_TARGET_DIR:-target}/render"
scripts/install_node_packages.sh "$work"

pages="$work/pages"
rm -rf "$pages"
mkdir -p "$pages"
for scenario in office_day_incident benign_browsing; do
  cargo run --quiet --locked -- replay --quiet --no-progress --report "$pages/$scenario.html" \
    "captures/$scenario/capture.pcap.zst" >/dev/null
done
node "$work/accessibility.mjs" "$pages"/*.html

#!/usr/bin/env bash
# Checks the HTML reports (a finding's own view, and that of an evaluation, too) and the pages of a live sensor with axe-core in Chromium, on a phone and on a desk, light and dark. The sensor needs
# root; without, it says that its pages are skipped.
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
report="$pages/office_day_incident.html"
finding=$(grep -o -m 1 'id="f-[0-9a-f]*"' "$report" | cut -d '"' -f 2)
cargo run --quiet --locked -- evaluate --quiet --no-progress --report "$pages/evaluation.html" captures/*/capture.pcap.zst >/dev/null
PYTHONDONTWRITEBYTECODE=1 python3 dashboards/render/with_sensor.py node "$work/accessibility.mjs" "$pages"/*.html "$report#$finding"

#!/usr/bin/env bash
# Checks the dashboards against Grafana's published types, draws every panel with Grafana's own components (@grafana/ui) in Chromium, with
# data of replayed incidents from a real Prometheus, and writes a picture of each dashboard to docs/images. No Grafana is started.
#
# Needs node, npm, chromium, prometheus and promtool. Half a gigabyte of packages is kept in target/render.
set -euo pipefail
cd "$(dirname "$0")/.."

work="${CARGO_TARGET_DIR:-target}/render"
scripts/install_node_packages.sh "$work"

node "$work/check_schema.mjs" dashboards/grafana/*.json
rm -rf "$work/data" "$work/pictures"
mkdir -p "$work/data" "$work/pictures"
PYTHONDONTWRITEBYTECODE=1 python3 dashboards/render/collect.py "$work/data"
node "$work/render.mjs" "$work/data" "$work/pictures"
for picture in "$work"/pictures/*.png; do
  cp "$picture" "docs/images/dashboard-$(basename "$picture")"
done
echo "drawn: docs/images/dashboard-*.png; look at them"

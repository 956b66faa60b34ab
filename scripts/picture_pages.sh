#!/usr/bin/env bash
# Takes the pictures of the sensor's pages in docs/images: of a live sensor on virtual interfaces to which recorded incidents are sent. As root.
set -euo pipefail
cd "$(dirname "$0")/.."

work="${CARGO_TARGET_DIR:-target}/render"
scripts/install_node_packages.sh "$work"
rm -rf "$work/pages"
PYTHONDONTWRITEBYTECODE=1 python3 dashboards/render/with_sensor.py node "$work/screenshot.mjs" "$work/pages"
for picture in "$work"/pages/*.png; do
  cp "$picture" "docs/images/page-$(basename "$picture")"
done
echo "taken: docs/images/page-*.png; look at them"

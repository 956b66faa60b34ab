#!/usr/bin/env bash
# Checks that the committed dashboards and rules are what their sources make: scripts/check_dashboards.sh SOURCE...
set -euo pipefail
cd "$(dirname "$0")/.."

for source; do
  jsonnetfmt --test "$source" || { echo "$source is not formatted: run make dashboards" >&2; exit 1; }
done
made="${CARGO_TARGET_DIR:-target}/dashboards"
rm -rf "$made"
mkdir -p "$made/grafana" "$made/prometheus"
jsonnet -S -m "$made" dashboards/mixin/render.jsonnet >"$made/files"
while read -r file; do
  diff -u "dashboards/${file#"$made"/}" "$file" || { echo "run make dashboards" >&2; exit 1; }
done <"$made/files"
echo "the dashboards and rules are what their sources make"

#!/usr/bin/env bash
# Puts the programs of dashboards/render with the packages that they need into a folder: scripts/install_node_packages.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1
missing=()
for program in node npm; do
  command -v "$program" >/dev/null || missing+=("$program")
done
chromium=${CHROMIUM:-/usr/bin/chromium}
[ -x "$chromium" ] || missing+=("chromium (or CHROMIUM=its path)")
if [ "${#missing[@]}" -gt 0 ]; then
  printf 'missing: %s. On Debian: apt install nodejs npm chromium\n' "${missing[*]}" >&2
  exit 1
fi

mkdir -p "$folder"
if ! cmp -s dashboards/render/package.json "$folder/installed.json"; then
  cp dashboards/render/package.json "$folder"
  (cd "$folder" && npm install --no-audit --no-fund --no-package-lock --loglevel=error)
  cp dashboards/render/package.json "$folder/installed.json"
fi
cp dashboards/render/*.js dashboards/render/*.jsx dashboards/render/*.mjs "$folder"

#!/usr/bin/env bash
# Measures detection on the development captures: scripts/evaluate_shared.sh [DATA] [FLAG...]
# DATA (default: ../shared/data) holds unpack.sh and MANIFEST.tsv; flags go to `undercurrent evaluate`, e.g. --format markdown. The shipped
# models were trained on the benign captures: unless --models says otherwise, models are cross-validated by capture, and trained on and
# calibrated with the simulated offices too, as the shipped ones are.
set -euo pipefail
cd "$(dirname "$0")/.."
data=../shared/data
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then data=$1; shift; fi
[ -f "$data/MANIFEST.tsv" ] || { echo "no $data/MANIFEST.tsv: the development captures are needed for this" >&2; exit 1; }
cargo build --release --quiet
unpacked=$("$data/unpack.sh" target/shared-data)
labels=target/shared-labels.csv
scripts/labels_from_manifest.py "$data/MANIFEST.tsv" > "$labels"
if [[ " $* " != *" --models"* ]]; then
  set -- --cross-validate 5 "$@"
  for office in $(scripts/simulate_offices.sh train); do set -- --train-on "$office" "$@"; done
  for office in $(scripts/simulate_offices.sh calibrate); do set -- --calibrate "$office" "$@"; done
fi
mapfile -t inputs < <(tail -n +2 "$labels" | cut -d, -f1 | LC_ALL=C sort -u | sed "s|^|$unpacked/|")
target/release/undercurrent evaluate --labels "$labels" --quiet "$@" "${inputs[@]}"

#!/usr/bin/env bash
# Measures what each feature is worth: scripts/ablation.sh c2|exfil NAME=CAPTURE...
# Rows are written by `replay --channels`: of the simulated offices, which are trained on; of each simulated capture that is named, with the labels.csv
# beside it; and of the development captures in $DATA (default: ../shared/data), where they are. Then examples/ablation.rs leaves one feature out after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=$1
shift
cargo build --release --quiet --example ablation --bin undercurrent
rows=target/ablation
rm -rf "$rows"
mkdir -p "$rows/offices"
channels() { target/release/undercurrent replay --quiet --no-progress --format jsonl --channels "$@" > /dev/null; }
for office in $(scripts/simulate_offices.sh train); do channels "$rows/offices/$(basename "$office").csv" "$office"; done
sets=()
for set in "$@"; do
  mkdir -p "$rows/${set%%=*}"
  channels "$rows/${set%%=*}/capture.csv" "${set#*=}"
  cp "$(dirname "${set#*=}")/labels.csv" "$rows/${set%%=*}/labels.csv"
  sets+=("$rows/${set%%=*}")
done
data=${DATA:-../shared/data}
if [ -f "$data/MANIFEST.tsv" ]; then
  unpacked=$("$data/unpack.sh" target/shared-data)
  mkdir -p "$rows/development"
  scripts/labels_from_manifest.py "$data/MANIFEST.tsv" > "$rows/development/labels.csv"
  while IFS=, read -r input networks _; do
    locals=()
    for network in $networks; do locals+=(--local "$network"); done
    channels "$rows/development/$(basename "$input").csv" "${locals[@]}" "$unpacked/$input"
  done < <(tail -n +2 "$rows/development/labels.csv" | sort -t, -k1,1 -u)
  sets+=("$rows/development")
fi
target/release/examples/ablation "$kind" "$rows/offices" "${sets[@]}"

#!/usr/bin/env bash
# Simulates a benign day of offices of several sizes, once, and prints the names of the captures: scripts/simulate_offices.sh
# The shipped models are trained on them beside real captures.
set -euo pipefail
cd "$(dirname "$0")/.."
# Seed and hosts of each office.
offices=(101:8 102:15 103:25 104:40 105:60 106:100 107:100 108:150)
mkdir -p target/training
for office in "${offices[@]}"; do
  capture=target/training/office-${office%:*}-${office#*:}.pcap.zst
  [ -s "$capture" ] || target/release/undercurrent simulate --seed "${office%:*}" --hosts "${office#*:}" --output "$capture" \
    --labels "${capture%.pcap.zst}.csv" >&2
  echo "$capture"
done

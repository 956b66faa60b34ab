#!/usr/bin/env bash
# Simulates a benign day of offices of several sizes, once, and prints the names of the captures: scripts/simulate_offices.sh train|calibrate
# The shipped models are trained on the first kind beside real captures; the second are only compared with, so that scores which one day in ten
# shows are known for networks of every size.
set -euo pipefail
cd "$(dirname "$0")/.."
# Seed and hosts of each office.
case ${1:-} in
  train) offices=(101:8 102:15 103:25 104:40 105:60 106:100 107:100 108:150) ;;
  calibrate)
    # Rounds, and hosts: some dozen days of each group that is calibrated by itself (GROUPS in src/detect/training.rs), for one alert in ten days to be told.
    offices=()
    add() { for _ in $(seq "$1"); do for hosts in "${@:2}"; do offices+=($((1000 + ${#offices[@]})):"$hosts"); done; done; }
    add 8 4 5 6
    add 8 7 8 9 10
    add 5 11 12 13 14 15 16
    add 6 17 19 21 23 25
    add 6 28 31 34 37 40
    add 5 45 50 55 60 66
    add 5 75 82 90 100
    add 3 115 130 150 170
    add 3 190 220 250 300
    ;;
  *) echo "usage: scripts/simulate_offices.sh train|calibrate" >&2; exit 2 ;;
esac
mkdir -p target/training
capture_of() { echo "target/training/office-${1%:*}-${1#*:}.pcap.zst"; }
simulate() {
  local capture
  capture=$(capture_of "$1")
  [ -s "$capture" ] || target/release/undercurrent simulate --seed "${1%:*}" --hosts "${1#*:}" --output "$capture" --labels "${capture%.pcap.zst}.csv" >&2
}
export -f capture_of simulate
printf '%s\n' "${offices[@]}" | xargs -P "$(nproc)" -I{} bash -ec 'simulate "$1"' simulate {}
for office in "${offices[@]}"; do capture_of "$office"; done

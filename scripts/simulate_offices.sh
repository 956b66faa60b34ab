#!/usr/bin/env bash
# Simulates a benign day of offices of several sizes, once, and prints the names of the captures: scripts/simulate_offices.sh train|calibrate
# The shipped models are trained on the first kind beside real captures; the second are only compared with, so that scores which one day in ten
# shows are known for networks of every size, and with parts of days of further offices, so that it is known what is odd before a day is over.
set -euo pipefail
cd "$(dirname "$0")/.."
# Seed and hosts of each office; of a part of a day its minutes, and the hour at which it begins, too.
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
    # Parts of days, by the times of a group that are calibrated by themselves (TIMES in the same file).
    add_parts() {
      local count=$1 minutes n; shift
      for minutes in "15 30" "60 90" "150 240" "360 540" "720 960"; do
        read -ra minutes <<< "$minutes"
        for ((n = 0; n < count; n++)); do
          offices+=($((2000 + ${#offices[@]})):"${@:n % $# + 1:1}":"${minutes[n % 2]}":$((7 * n % 24)))
        done
      done
    }
    add_parts 21 4 5 6
    add_parts 20 7 8 9 10
    add_parts 21 11 12 13 14 15 16
    add_parts 15 17 19 21 23 25
    add_parts 15 28 31 34 37 40
    add_parts 15 45 50 55 60 66
    add_parts 8 75 82 90 100
    add_parts 8 115 130 150 170
    add_parts 8 190 220 250 300
    ;;
  *) echo "usage: scripts/simulate_offices.sh train|calibrate" >&2; exit 2 ;;
esac
mkdir -p target/training
capture_of() { echo "target/training/office-${1//:/-}.pcap.zst"; }
simulate() {
  local capture seed hosts minutes hour
  capture=$(capture_of "$1")
  IFS=: read -r seed hosts minutes hour <<< "$1"
  local part=()
  [ -z "$minutes" ] || part=(--length "${minutes}m" --start "$(printf '2026-03-02T%02d:00:00Z' "$hour")")
  [ -s "$capture" ] || target/release/undercurrent simulate --seed "$seed" --hosts "$hosts" "${part[@]}" --output "$capture" --labels "${capture%.pcap.zst}.csv" >&2
}
export -f capture_of simulate
printf '%s\n' "${offices[@]}" | xargs -P "$(nproc)" -I{} bash -ec 'simulate "$1"' simulate {}
for office in "${offices[@]}"; do capture_of "$office"; done

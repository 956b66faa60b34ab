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
    offices=(111:6 112:8 113:10 114:10 115:12 116:14 117:16 118:18 119:20 120:22 121:24 122:27)
    offices+=(131:32 132:40 133:48 134:55 135:65 136:80 141:120 142:150 143:200 144:250)
    ;;
  *) echo "usage: scripts/simulate_offices.sh train|calibrate" >&2; exit 2 ;;
esac
mkdir -p target/training
for office in "${offices[@]}"; do
  capture=target/training/office-${office%:*}-${office#*:}.pcap.zst
  [ -s "$capture" ] || target/release/undercurrent simulate --seed "${office%:*}" --hosts "${office#*:}" --output "$capture" \
    --labels "${capture%.pcap.zst}.csv" >&2
  echo "$capture"
done

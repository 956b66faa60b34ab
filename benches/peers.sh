#!/usr/bin/env bash
# Whole replays beside every flow meter that ../shared/peers can run, in one run: CPU time as a multiple of the floor.
#
#   benches/peers.sh [CAPTURE...]     names of captures, all five unless some are named
#
# PEERS (default target/peers) is where ../shared/peers/setup.sh has put its tools and captures. Each run of a program comes behind one
# of the floor, on the same processor; RUNS (default 1) of them for the others, five for undercurrent. Peers that do not end in TMO
# (100) seconds, and slow ones anyway, run on the first packets of a capture: the row says on how many. On so few the floor clears its table
# longer than it counts, so that these are compared by nanoseconds a packet, the others by their ratios to the floor.
set -euo pipefail
cd "$(dirname "$0")/.."

PEERS=$(realpath "${PEERS:-target/peers}")
PROGRAM=$(realpath "${CARGO_TARGET_DIR:-target}/release/undercurrent")
RUNS=${RUNS:-1}
if [ ! -x "$PROGRAM" ] || [ ! -x "$PEERS/tools/phys" ]; then
  echo "peers: build with cargo build --release, and run ../shared/peers/setup.sh $PEERS" >&2
  exit 2
fi
[ $# -gt 0 ] || set -- imix-10M-s96 flows-1M synflood imix-2M real-mix

table=$(mktemp)
trap 'rm -f "$table"' EXIT
for name; do
  capture=$PEERS/cap/$name.pcap
  # More records than the capture has flows.
  LG=21
  [ "$name" != synflood ] || LG=24
  export LG
  packets=$("$PEERS/tools/phys" walk "$capture" | sed 's/.*packets=\([0-9]*\).*/\1/')
  "$PEERS/tools/pairbench.py" -n 5 --pin 0 --label undercurrent --cap "$name" --packets "$packets" \
    --base "$PEERS/tools/phys readflow $capture" --out "$table" -- \
    "$PROGRAM" replay --threads 1 --quiet --no-progress --format jsonl "$capture" >&2
  PERF=$PEERS RES=$table bash ../shared/peers/peers.sh "$capture" "$RUNS" >&2
done

echo "| capture | program | packets | CPU time / floor | ns a packet | peak MB | undercurrent's times |"
echo "|---|---|---|---|---|---|---|"
awk -F'\t' '
  $14 !~ /^(0|exit)$/ { next }
  $1 == "undercurrent" { ours[$2] = $11; our_ns[$2] = $9 }
  $1 != "peer" {
    capture = $2
    is_part = sub(/@.*/, "", capture)
    printf "| %s | %s | %s | %.1f | %.0f | %s | %.1f |\n", capture, $1, $4, $11, $9, $10, is_part ? $9 / our_ns[capture] : $11 / ours[capture]
  }' "$table"

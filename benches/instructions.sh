#!/usr/bin/env bash
# Counts the instructions of a replay of the demo and compares them with the stored count: a check for regressions that a busy machine does
# not disturb.
#
#   benches/instructions.sh [--update]
#
# Fails where the count is more than 5 % over the one in benches/instructions.txt; --update stores the new one. Counts are not equal on all
# machines, since the C library picks its copying and searching by the processor and compilers differ: hence the tolerance. Checksums of the models
# are left out: they take eight times as many where valgrind does not know the processor's own instructions for them. A
# gain of more than 5 % is worth storing, so that it is not lost again.
set -euo pipefail
cd "$(dirname "$0")/.."

STORED=benches/instructions.txt
CAPTURE=captures/office_day_incident/capture.pcap.zst
TOLERANCE_PERCENT=5
# The profile of Cargo.toml, which a user's own configuration may change.
export CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_CODEGEN_UNITS=4
export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_INCREMENTAL=false

command -v valgrind >/dev/null || {
  echo "instructions: valgrind is missing (apt-get install valgrind)" >&2
  exit 2
}
cargo build --release --locked --quiet --bin undercurrent
log=$(mktemp)
profile=$(mktemp)
trap 'rm -f "$log" "$profile"' EXIT
if ! valgrind --tool=callgrind --callgrind-out-file="$profile" \
  "${CARGO_TARGET_DIR:-target}/release/undercurrent" replay --threads 1 --quiet --no-progress "$CAPTURE" 2>"$log" >/dev/null; then
  cat "$log" >&2
  exit 2
fi
total=$(sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p' "$log")
checksums=$(callgrind_annotate --auto=no --threshold=100 "$profile" |
  awk '/sha2::/ { gsub(",", "", $1); sum += $1 } END { printf "%.0f", sum }')
counted=$((total - checksums))

if [ "${1:-}" = --update ]; then
  echo "$counted" >"$STORED"
fi
stored=$(<"$STORED")
awk -v counted="$counted" -v stored="$stored" -v tolerance="$TOLERANCE_PERCENT" 'BEGIN {
  percent = 100 * (counted / stored - 1)
  printf "instructions: %.0f counted, %.0f stored: %+.2f %% (%d %% allowed)\n", counted, stored, percent, tolerance
  exit percent > tolerance
}'

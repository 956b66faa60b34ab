#!/usr/bin/env bash
# Makes two fresh clones of what is committed in two folders, builds each, replays inputs in one and reproduces the runs in the other: captures, several
# as one timeline, one with a configuration, assets and an allowlist, a log, and flows that nfdump wrote (where it is installed).
# Takes two release builds; the folders are removed at the end, unless FOLDER says where they are to be kept: scripts/check_reproduction.sh [FOLDER]
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)

if [ $# -gt 0 ]; then
  mkdir -p "$1"
  work=$(cd "$1" && pwd)
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi

for clone in here a/place/elsewhere; do
  [ -d "$work/$clone" ] || git clone --quiet "$repository" "$work/$clone"
  (cd "$work/$clone" && env -u CARGO_TARGET_DIR cargo build --quiet --release --locked)
done

cd "$work/here"
mkdir -p "$work/made"
capture() { echo "captures/$1/capture.pcap.zst"; }

# Replays here, and makes the run again elsewhere: run NAME ARGUMENT...
run() {
  local name=$1 out="$work/made/$1"
  shift
  target/release/undercurrent replay --quiet --format jsonl --threads 2 --summary "$out.json" --hosts "$out.csv" \
    --channels "$out.parquet" --flows "$out.jsonl" --rita "$out.rita.parquet" --report "$out.html" --metrics-history "$out.om" \
    "$@" >"$out.findings"
  echo "$(sha256sum <"$out.findings" | cut -c 1-16) $(wc -l <"$out.findings") findings: $name"
  (cd "$work/a/place/elsewhere" &&
    target/release/undercurrent reproduce --inputs captures --inputs "$work/inputs" "$out.json")
}

mkdir -p "$work/inputs"
for scenario in office_day_incident staged_upload iodine_tunnel; do
  run "$scenario" "$(capture "$scenario")"
done
run several "$(capture office_day_incident)" "$(capture staged_upload)" "$(capture iodine_tunnel)"

target/release/undercurrent replay --quiet --flows "$work/inputs/conn.log" "$(capture office_day_incident)" >/dev/null
run log "$work/inputs/conn.log"

cat >"$work/made/settings.toml" <<'END'
local = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
[detect]
alerts_a_day = 3
[allowlist]
entries = ["*.deskvendor.example"]
[[assets]]
name = "weights"
cidr = ["10.20.30.0/28"]
END
printf '10.20.30.6 -> *.postwise.example:443\n' >"$work/made/known.allow"
run settings --config "$work/made/settings.toml" --allowlist "$work/made/known.allow" --seed 7 --filter ip --score-every 600 \
  "$(capture office_day_incident)"

if (command -v nfpcapd && command -v nfdump && command -v zstd) >/dev/null; then
  zstd --quiet --decompress --force "$(capture https_beacon_jitter)" -o "$work/made/capture.pcap"
  mkdir -p "$work/made/nfcapd"
  nfpcapd -r "$work/made/capture.pcap" -l "$work/made/nfcapd" -e 300,60 >/dev/null 2>&1
  nfdump -B -R "$work/made/nfcapd" -o csv >"$work/inputs/flows.csv"
  run nfdump "$work/inputs/flows.csv"
else
  echo "skipped: nfpcapd, nfdump or zstd is not installed"
fi

#!/usr/bin/env bash
# Trains the two shipped models anew: scripts/train_shipped.sh [DATA]
# DATA (default: ../shared/data) holds unpack.sh and the benign development captures; the recorded scenarios of captures/ are
# added, without the peers that their labels name, and a simulated day of benign offices of several sizes; p-values compare with further such days. The result is the same on
# every machine: models/*.ucmodel, models/*.json.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:-../shared/data}
[ -x "$data/unpack.sh" ] || { echo "no $data/unpack.sh: the development captures are needed to train the shipped models" >&2; exit 1; }
dev=$("$data/unpack.sh" target/shared-data)/dev
# A file that is no model yet lets the program build when there is none.
touch models/c2.ucmodel models/exfil.ucmodel
cargo build --release --quiet
labelled=$(tail -qn +2 captures/*/labels.csv | cut -d, -f2 | grep -E '^([0-9]+\.){3}[0-9]+|^\[' \
  | sed -E 's/^\[([^]]*)\].*/\1/; s/^([0-9.]+):.*/\1/' | sort -u | sed 's/^/host /' | paste -sd'|' | sed 's/|/ or /g')
mapfile -t benign < <(find "$dev/C_benign" -type f \( -name '*.pcap' -o -name '*.pcapng' \) | LC_ALL=C sort)
# Tunnels are named by their domain, which a packet filter cannot leave out: those scenarios are not trained on.
mapfile -t recorded < <(grep -LE ',(dns_tunnel|icmp_tunnel),' captures/*/labels.csv | sed 's|labels.csv|capture.pcap.zst|')
mapfile -t simulated < <(scripts/simulate_offices.sh train)
mapfile -t compared < <(scripts/simulate_offices.sh calibrate)
target/release/undercurrent train --output models --filter "not ($labelled)" --no-progress --threads "$(nproc)" --model-version "${MODEL_VERSION:-1}" \
  --notes "Benign development captures, the benign traffic of the recorded scenarios, simulated offices; see models/README.md." \
  "${compared[@]/#/--calibrate=}" "${benign[@]}" "${recorded[@]}" "${simulated[@]}"
# The rows would let others go on from these models, and are those of captures that are not ours to hand on.
rm models/benign.ucrows

#!/usr/bin/env bash
# Everything that the live sensor is held to, measured: a line for each bar, whether it is met, and where its figures are.
#
#   benches/bars.sh [NAME...]     all bars unless some are named; as root, on a machine that does nothing else (forty minutes)
#
# PEERS (default target/peers) is where ../shared/peers/setup.sh has put its tools and captures. What each bar printed is in
# target/bars/NAME.log. Fails where one is missed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

logs=${CARGO_TARGET_DIR:-target}/bars
mkdir -p "$logs"
wanted=" $* "
missed=0

#   bar NAME WORDS COMMAND...
bar() {
  local name=$1 words=$2 log=$logs/$1.log outcome=met
  shift 2
  [[ $wanted = "  " || $wanted = *" $name "* ]] || return 0
  local start=$SECONDS
  "$@" >"$log" 2>&1 || { outcome=MISSED missed=1; }
  # Tests that need what is not here say so, and pass.
  ! grep -q '^skipped: ' "$log" || outcome=skipped
  printf '%-8s %-10s %4d s  %s (%s)\n' "$outcome" "$name" $((SECONDS - start)) "$words" "$log"
}

export RUST_TEST_NOCAPTURE=1
tests() { cargo test --locked --quiet "$@"; }

kills() { UNDERCURRENT_KILLS=200 tests --test watch kills; }

cargo build --release --locked --quiet || exit 1
bar live "a minute at the highest rate: no drop, less than nfpcapd, softflowd and argus, at most 1.5 times v3rx flow" \
  env SECS="${SECS:-62}" benches/live.sh
bar throttled "a quarter of a processor and less: losses by reason, verdicts that survive" python3 benches/throttled.py
bar fanout "two rings: both directions of a flow come by one" tests --test live both_directions
bar counted "offered is processed and every counted loss" tests --test live losses
bar agent "a real agent is found within two minutes, also by a sensor that is killed meanwhile" make --no-print-directory test-live
bar kills "200 times kill -9: all restarts come up, nothing written is lost" kills
bar faults "disk full or read-only, broken configuration, interface gone and back, clients that never read" \
  tests --test watch -- disk incident reload web
bar clock "a clock that is set back an hour" tests --lib a_clock_that_is_set_back
bar flood "ten million spoofed connections" python3 benches/flood.py
bar rights "no capability, system calls filtered, in each thread" tests --test watch rights
bar unit "exposure of the unit by systemd-analyze: at most 2.0" tests --test deploy
bar memory "eight hours' worth of packets: memory flat after half of them" python3 benches/hours.py --plot "$logs/memory.svg"
exit "$missed"

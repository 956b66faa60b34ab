#!/usr/bin/env bash
# Runs a command and says how long it took: scripts/timed.sh NAME COMMAND...
set -uo pipefail

name=$1
shift
start=$SECONDS
"$@"
code=$?
took=$((SECONDS - start))
[ "$code" -eq 0 ] && outcome="done" || outcome="FAILED (exit code $code)"
printf 'make %s: %s in %d min %02d s\n' "$name" "$outcome" $((took / 60)) $((took % 60))
exit "$code"

#!/usr/bin/env bash
# Runs every test: unit and integration tests (with cargo-nextest where it is installed), documentation examples, and the
# tests of the capture tools, of the dashboards, and of what Python reads (those skip where its packages are missing). Closes with the
# summaries of the runners.
set -euo pipefail
cd "$(dirname "$0")/.."

log="${CARGO_TARGET_DIR:-target}/test.log"
mkdir -p "$(dirname "$log")"
: >"$log"
failed=()

run() {
  echo "== $*"
  "$@" 2>&1 | tee -a "$log" || failed+=("$*")
}

if cargo nextest --version >/dev/null 2>&1; then
  run cargo nextest run --locked --color never --no-fail-fast --status-level slow --final-status-level slow
else
  run cargo test --locked --color never --no-fail-fast --lib --bins --tests
fi
run cargo test --locked --color never --doc
run env PYTHONDONTWRITEBYTECODE=1 python3 captures/tools/test_restage.py
run env PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover --verbose --start-directory dashboards/tests
python="${CARGO_TARGET_DIR:-target}/python/bin/python"
[ -x "$python" ] || python=python3
run env PYTHONDONTWRITEBYTECODE=1 "$python" -m unittest discover --verbose --start-directory tests/python

echo
echo "== summary"
grep -E '^ *(Summary \[|test result:|Ran [0-9]+ test|OK$|FAILED)' "$log" || true
if [ "${#failed[@]}" -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi

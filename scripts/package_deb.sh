#!/usr/bin/env bash
# Builds the Debian package into target/debian: the program, its unit, its configuration with every key, man page, completions.
# Needs cargo-deb (cargo install cargo-deb).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deb --version >/dev/null 2>&1; then
  echo "package_deb: cargo-deb is not installed: cargo install cargo-deb" >&2
  exit 1
fi
target=${CARGO_TARGET_DIR:-target}
program=$target/release/undercurrent
parts=$target/package

cargo build --release --locked
mkdir -p "$parts"
"$program" man >"$parts/undercurrent.1"
"$program" print-config >"$parts/undercurrent.toml"
"$program" completions bash >"$parts/undercurrent.bash"
"$program" completions zsh >"$parts/_undercurrent"
"$program" completions fish >"$parts/undercurrent.fish"
cargo deb --no-build --locked --strip

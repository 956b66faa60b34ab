#!/usr/bin/env bash
# Installs what a job needs from the system, and says nothing where nothing is missing.
#
#   scripts/install_deps.sh build   a C compiler and libpcap with its headers
#   scripts/install_deps.sh test    the same, Python 3, softflowd and nfdump
#   scripts/install_deps.sh compare the same and Python's venv
#   scripts/install_deps.sh check   the same as test, a C++ compiler, rustfmt, clippy, shellcheck, jsonnet, zstd, iproute2 and openssl; Prometheus, its Alertmanager and
#                                   their tools (into target/tools); DuckDB, pandas, Polars and Jupyter for Python (into target/python, 800 MB)
#
# Installs with apt on Debian and its relatives (through sudo where the user is not root). Elsewhere it names what is
# missing and fails. Rust itself is never installed, only asked for.
set -euo pipefail
cd "$(dirname "$0")/.."

TOOLS="${CARGO_TARGET_DIR:-target}/tools"

die() {
  printf 'install_deps: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "not root and no sudo: run as root: $*"
  fi
}

# apt's own words are shown only where it fails.
apt_quiet() {
  local log
  log=$(mktemp)
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "apt-get $* failed"
  fi
  rm -f "$log"
}

have() { command -v "$1" >/dev/null; }
compiles() { echo "$1" | cc -fsyntax-only -x c - 2>/dev/null; }

# The packages of Debian that are missing for a job, one a line.
missing_packages() {
  have cc || echo gcc
  compiles '#include <stdlib.h>' || echo libc6-dev
  compiles '#include <pcap/pcap.h>' || echo libpcap-dev
  [ "$1" = build ] && return
  have python3 || echo python3
  if [ "$1" = compare ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  else
    have softflowd || [ -x /usr/sbin/softflowd ] || echo softflowd
    have nfreplay || echo nfdump
  fi
  if [ "$1" = check ]; then
    have c++ || echo g++
    have shellcheck || echo shellcheck
    have jsonnet || echo jsonnet
    have zstd || echo zstd
    have ip || echo iproute2
    have openssl || echo openssl
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  fi
}

install_packages() {
  local packages
  mapfile -t packages < <(missing_packages "$1")
  [ "${#packages[@]}" -eq 0 ] && return
  if ! have apt-get; then
    die "missing, by their names in Debian: ${packages[*]}. There is no apt here: install them with this system's" \
      "package manager (Fedora: dnf install gcc libpcap-devel; Arch: pacman -S gcc libpcap; macOS: xcode-select" \
      "--install), then run this again"
  fi
  echo "installing ${packages[*]}"
  apt_quiet update
  apt_quiet install --yes --no-install-recommends "${packages[@]}"
}

need_rust() {
  have cargo && return
  [ -x "$HOME/.cargo/bin/cargo" ] && die "cargo is not on the path: run . \"\$HOME/.cargo/env\" and try again"
  die "Rust is missing: install it from https://rustup.rs, then run this again"
}

need_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  have rustup || die "cargo $1 is missing and there is no rustup to install it with"
  rustup component add "$2"
}

# Debian's packages would start servers as well: only their programs are taken, and nothing is installed.
#   fetch_programs PACKAGE PROGRAM...
fetch_programs() {
  local package=$1 program missing=()
  shift
  for program; do
    have "$program" || [ -x "$TOOLS/$program" ] || missing+=("$program")
  done
  [ "${#missing[@]}" -eq 0 ] && return
  if ! have apt-get; then
    echo "not here, and there is no apt: ${missing[*]}; what needs them is skipped"
    return
  fi
  echo "fetching ${missing[*]}"
  mkdir -p "$TOOLS/deb"
  apt_quiet update
  (cd "$TOOLS/deb" && apt-get download -qq "$package" >/dev/null 2>&1) || die "apt-get download $package failed"
  dpkg-deb -x "$TOOLS/deb/$package"_*.deb "$TOOLS/deb"
  for program in "${missing[@]}"; do
    mv "$TOOLS/deb/usr/bin/$program" "$TOOLS/$program"
  done
  # Alertmanager looks for its template in this place alone.
  if [ -d "$TOOLS/deb/usr/share/prometheus/alertmanager" ] && [ ! -e /usr/share/prometheus/alertmanager ]; then
    as_root mkdir -p /usr/share/prometheus
    as_root cp -r "$TOOLS/deb/usr/share/prometheus/alertmanager" /usr/share/prometheus/
  fi
  rm -rf "$TOOLS/deb"
}

job=${1:-}
case $job in
build | test | compare | check) ;;
*) die "usage: scripts/install_deps.sh build|test|compare|check" ;;
esac
need_rust
install_packages "$job"
if [ "$job" = check ]; then
  need_component fmt rustfmt
  need_component clippy clippy
  fetch_programs prometheus prometheus promtool
  fetch_programs prometheus-alertmanager prometheus-alertmanager amtool
  # Their tests skip without them: no network is no reason to check nothing.
  scripts/install_python_packages.sh "${CARGO_TARGET_DIR:-target}/python" ||
    echo "the Python packages could not be installed; their tests are skipped"
fi

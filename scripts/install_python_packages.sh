#!/usr/bin/env bash
# Makes a virtual environment with the packages of tests/python: scripts/install_python_packages.sh FOLDER
# Some 800 MB; nothing where it is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1
wanted=tests/python/requirements.txt
cmp -s "$wanted" "$folder/installed.txt" && exit
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$folder/installed.txt"

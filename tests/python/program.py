"""The program under test, and packages that may be missing."""

import importlib.util
import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = pathlib.Path(os.environ.get("UNDERCURRENT", TARGET / "debug" / "undercurrent"))


def capture(scenario):
    return str(ROOT / "captures" / scenario / "capture.pcap.zst")


def run(*args, cwd=None):
    """Runs the program, and gives its standard output."""
    command = [PROGRAM, *map(str, args)]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def needs(*packages):
    """Skips where a package is missing, and says which and what installs it."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"{', '.join(missing)} not installed: scripts/install_python_packages.sh target/python")

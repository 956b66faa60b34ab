#!/usr/bin/env python3
"""Compares how many packets `replay --filter` takes with what tcpdump takes, over captures of several link types.

    scripts/compare_tcpdump.py [--binary FILE] CAPTURE...

Prints a Markdown table, a row a link type, then every difference. Captures that tcpdump cannot open are left out. A
filter that libpcap cannot compile for a link type must be said and counted here, and take nothing. Exits with 1 where
something differs. Needs tcpdump (4.99 was used).
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILTERS = (
    "ip",
    "ip6",
    "tcp",
    "udp port 53",
    "not port 80",
    "icmp or icmp6",
    "greater 200",
    "less 100",
    "tcp[tcpflags] & tcp-syn != 0",
    "ip[8] < 64 and (ip[2:2] - (ip[0] & 0xf) * 4) > 20",
    "net 10.0.0.0/8 or net fe80::/10",
    "vlan",
    "ether broadcast",
    "type mgt",
)


def of_tcpdump(capture, expression):
    """Packets, or nothing where the filter does not compile; raises where the capture cannot be opened."""
    run = subprocess.run(["tcpdump", "-nr", str(capture), "--count", expression], capture_output=True, text=True, check=False)
    found = re.search(r"^(\d+) packets?$", run.stdout + run.stderr, re.MULTILINE)
    return int(found.group(1)) if found else None


def link_type(capture):
    run = subprocess.run(["tcpdump", "-nr", str(capture), "--count"], capture_output=True, text=True, check=False)
    found = re.search(r"link-type (\S+)", run.stderr)
    return found.group(1).rstrip(",") if found and of_tcpdump(capture, "") is not None else None


def of_ours(binary, capture, expression):
    """Packets, and frames to which the filter could not be applied."""
    with tempfile.TemporaryDirectory() as scratch:
        summary = Path(scratch) / "summary.json"
        command = [binary, "replay", "-q", "--no-progress", "--format", "jsonl", "--summary", summary, "--filter", expression, capture]
        run = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            return None, run.stderr.strip()
        counters = json.loads(summary.read_text())
        return counters["packets"], counters["skipped"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path, nargs="+", metavar="CAPTURE")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "undercurrent")
    args = parser.parse_args()

    # Link type -> captures, filters that agree, filters that neither compiles, differences.
    rows, lines = defaultdict(lambda: [0, 0, 0, 0]), []
    for capture in args.captures:
        link = link_type(capture)
        if link is None:
            continue
        row = rows[link]
        row[0] += 1
        for expression in FILTERS:
            theirs = of_tcpdump(capture, expression)
            mine, said = of_ours(args.binary, capture, expression)
            if theirs is None and not mine:
                row[2] += 1
            elif theirs == mine:
                row[1] += 1
            else:
                row[3] += 1
                lines.append(f"{capture}\t{expression}\tours {mine}\ttcpdump {theirs}\t{said}")
    print("| link type | captures | filters that agree | compile for neither | differ |\n|---|---|---|---|---|")
    for link, row in sorted(rows.items()):
        print(f"| {link} | " + " | ".join(map(str, row)) + " |")
    print("\n" + "\n".join(lines))
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()

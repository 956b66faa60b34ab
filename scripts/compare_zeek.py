#!/usr/bin/env python3
"""Compares flow rows with Zeek's conn.log of the same capture, field by field.

    scripts/compare_zeek.py [--binary FILE] --zeek CHECKOUT
    scripts/compare_zeek.py [--binary FILE] CONN_LOG CAPTURE [CONN_LOG CAPTURE...]

The first form takes the captures and the conn.log baselines of Zeek's own tests from a checkout of
https://github.com/zeek/zeek: every test that reads one capture, takes no filter and compares a whole conn.log. The
second takes logs (plain or .gz) and the captures that they were made of.

Prints a Markdown table, a row a field, then every difference. Both sides run with Zeek's timeouts, and checksums are
verified where the test does so. Zeek's scripts are not all loaded in its tests, so a service is compared only where Zeek
names one. Exits with 1 where something differs.
"""

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIELDS = (
    "service duration orig_bytes resp_bytes conn_state missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes"
).split()
NUMBERS = {"duration", "orig_bytes", "resp_bytes", "missed_bytes", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"}
CONFIG = """
[decode]
verify_checksums = {checksums}
[flow]
tcp_attempt_s = 5
tcp_open_s = 300
tcp_half_closed_s = 300
udp_s = 60
icmp_s = 60
"""
COMMAND = re.compile(r"@TEST-EXEC:.*\bzeek\b.*?-r\s+\$\{?TRACES\}?/(\S+)(.*)")


def read_log(path):
    """Rows of a conn.log as dictionaries; unset fields are missing."""
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
    names, rows = [], []
    with opened as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("#fields"):
                # Labelled logs put their last columns behind blanks.
                names = line.split("\t")[1:]
            elif line and not line.startswith("#"):
                row = dict(zip(names, line.split("\t")))
                rows.append({name: value for name, value in row.items() if value not in ("-", "(empty)")})
    return names, rows


def zeek_tests(checkout):
    """(name, conn.log, capture, whether checksums are verified) of each test that can be compared."""
    tests = checkout / "testing" / "btest"
    for script in sorted(tests.rglob("*")):
        if not script.is_file() or script.is_relative_to(tests / "Baseline") or script.is_relative_to(tests / "Traces"):
            continue
        text = script.read_text(errors="replace")
        commands = COMMAND.findall(text)
        if len(commands) != 1 or "btest-diff conn.log" not in text or "@TEST-START-NEXT" in text:
            continue
        capture, line = commands[0][0], next(line for line in text.splitlines() if COMMAND.search(line))
        name = ".".join(script.relative_to(tests).with_suffix("").parts)
        log = tests / "Baseline" / name / "conn.log"
        capture = tests / "Traces" / capture
        if re.search(r"\s(-f|--filter)\s", line) or not log.exists() or not capture.exists():
            continue
        yield name, log, capture, not (re.search(r"\s-\w*C\b", line) or "ignore_checksums" in text)


def ours(binary, capture, checksums):
    with tempfile.TemporaryDirectory() as scratch:
        config, flows = Path(scratch) / "config.toml", Path(scratch) / "flows.jsonl"
        config.write_text(CONFIG.format(checksums=str(checksums).lower()))
        command = [binary, "replay", "--quiet", "--no-progress", "--format", "jsonl"]
        command += ["--config", config, "--flows", flows, capture]
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
        return [json.loads(line) for line in flows.read_text().splitlines()]


def key_of(row):
    ends = [(row[f"id.{side}_h"].lower(), str(row[f"id.{side}_p"])) for side in ("orig", "resp")]
    return row["proto"], *sorted(ends)


def start_of(row):
    try:
        return float(row["ts"])
    except (KeyError, ValueError):
        return 0.0


def same(field, mine, zeeks):
    if field in NUMBERS:
        return abs(float(mine or 0) - float(zeeks or 0)) < 2e-6
    if field == "service":
        # Zeek lists all that it believes, in the order of its belief.
        return zeeks is None or mine in zeeks.split(",")
    return (mine or None) == zeeks


def differences(my_rows, zeek_rows, names):
    """(field, key, ours, Zeek's) of every difference, and how often each field was compared."""
    found, compared = [], Counter()
    pairs = defaultdict(lambda: ([], []))
    for side, rows in enumerate((my_rows, zeek_rows)):
        # Both logs are in the order in which connections ended. The baselines have no times left.
        for row in sorted(rows, key=start_of):
            pairs[key_of(row)][side].append(row)
    for key, (mine, zeeks) in pairs.items():
        compared["connections"] += max(len(mine), len(zeeks))
        if len(mine) != len(zeeks):
            found.append(("connections", key, len(mine), len(zeeks)))
            continue
        for my_row, zeek_row in zip(mine, zeeks):
            compared["originator"] += 1
            if my_row["id.orig_h"].lower() != zeek_row["id.orig_h"].lower():
                found.append(("originator", key, my_row["id.orig_h"], zeek_row["id.orig_h"]))
                continue
            for field in FIELDS:
                my_value, zeek_value = my_row.get(field), zeek_row.get(field)
                if field not in names or (field == "service" and zeek_value is None):
                    continue
                compared[field] += 1
                if not same(field, my_value, zeek_value):
                    found.append((field, key, my_value, zeek_value))
    return found, compared


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "undercurrent")
    parser.add_argument("--zeek", type=Path, metavar="CHECKOUT")
    parser.add_argument("pairs", type=Path, nargs="*", metavar="CONN_LOG CAPTURE")
    args = parser.parse_args()
    if bool(args.zeek) == bool(args.pairs) or len(args.pairs) % 2:
        parser.error("give either --zeek, or pairs of a log and a capture")
    if args.zeek:
        cases = list(zeek_tests(args.zeek))
    else:
        cases = [(log.parent.name, log, capture, False) for log, capture in zip(args.pairs[::2], args.pairs[1::2])]

    used, compared, differing, lines = 0, Counter(), Counter(), []
    for name, log, capture, checksums in cases:
        names, zeek_rows = read_log(log)
        if not {"id.orig_h", "conn_state"} <= set(names):
            # Some tests rename columns, or leave them out.
            continue
        used += 1
        found, counts = differences(ours(args.binary, capture, checksums), zeek_rows, names)
        compared.update(counts)
        differing.update(field for field, *_ in found)
        lines += [f"{name}\t{field}\t{' '.join(map(str, key))}\tours {mine}\tZeek {zeeks}" for field, key, mine, zeeks in found]

    print(f"{used} captures\n\n| field | compared | agree | differ |\n|---|---|---|---|")
    for field in ("connections", "originator", *FIELDS):
        print(f"| `{field}` | {compared[field]:,} | {compared[field] - differing[field]:,} | {differing[field]:,} |")
    print("\n" + "\n".join(lines))
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()

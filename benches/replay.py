#!/usr/bin/env python3
"""Times whole replays against the floor: CPU time of `undercurrent replay` as a multiple of `phys readflow` on the same capture.

usage: benches/replay.py [--binary target/release/undercurrent] [--peers target/peers] [--runs 5] [--threads 1] [--config FILE]
                         [--beside] [CAPTURE ...]

`../shared/peers/setup.sh target/peers` builds the floor and makes the captures; this script skips, and says so, where they are missing.
Floor and replay run in turn, so that both meet the same neighbours; medians and the median of the ratios of the pairs are printed,
as a row of `benches/RESULTS.md`. Every run must exit with 0; a first one, which is not timed since a summary hashes the capture, must report as many
packets as the floor counted, and all must find the same. With --beside, the flow meters of
FLOW_METERS that are installed run in the same turns, each on a line of its own; `../shared/peers/peers.sh` knows more of them.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

CAPTURES = ["imix-10M-s96", "flows-1M", "synflood", "imix-2M", "real-mix"]
# The floor's flow table has 2^n records: more than the capture has flows.
FLOOR_TABLE_LOG2 = {"synflood": "24", "flows-4M": "23"}

# What others are called with; Debian has them all. They write their flows, as replay writes its findings.
FLOW_METERS = {
    "nfpcapd": ["-r", "{capture}", "-w", "{folder}", "-B", "4000000", "-e", "300,60"],
    "argus": ["-r", "{capture}", "-w", "{folder}/argus.out"],
    "softflowd": ["-d", "-r", "{capture}", "-m", "4000000", "-v", "9", "-n", "127.0.0.1:9995", "-c", "none"],
}


def run(command, **environment):
    """Runs a command to its end: CPU seconds, peak MB, wall seconds, standard output."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | environment
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} exited with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return cpu, usage.ru_maxrss * 1024 / 1e6, time.monotonic() - started, output


def measure(args, name):
    capture = os.path.join(args.peers, "cap", name + ".pcap")
    floor = os.path.join(args.peers, "tools", "phys")
    if not (os.path.exists(capture) and os.path.exists(floor)):
        print(f"{name}: skipped, {args.peers} lacks it: run ../shared/peers/setup.sh {args.peers}")
        return
    config = ["--config", args.config] if args.config else []
    pairs = []
    others = {tool: [] for tool in FLOW_METERS if args.beside and shutil.which(tool)}
    with tempfile.TemporaryDirectory() as folder:
        summary = os.path.join(folder, "summary.json")
        replay = [args.binary, "replay", "--threads", str(args.threads), "--quiet", "--format", "jsonl", *config]
        found = run([*replay, "--summary", summary, capture])[3]
        with open(summary) as file:
            counted = json.load(file)["packets"]
        for _ in range(args.runs):
            base = run([floor, "readflow", capture], LG=FLOOR_TABLE_LOG2.get(name, "21"))
            ours = run([*replay, capture])
            packets = int(re.search(rb"packets=(\d+)", base[3])[1])
            assert counted == packets, "both read the same packets"
            assert ours[3] == found, "every run finds the same"
            pairs.append((ours, base, packets))
            for tool, figures in others.items():
                flows = os.path.join(folder, tool)
                os.makedirs(flows, exist_ok=True)
                command = [tool, *(part.format(capture=capture, folder=flows) for part in FLOW_METERS[tool])]
                figures.append((run(command), base))
                shutil.rmtree(flows)
    median = lambda values: statistics.median(values)
    packets = pairs[0][2]
    rows = {name: [(ours, base) for ours, base, _ in pairs]}
    rows |= {f"{name}: {tool}": figures for tool, figures in others.items()}
    for label, figures in rows.items():
        print("| {} | {:.2f} | {:.0f} | {:.0f} | {:.2f} | {:.0f} |".format(
            label,
            median(its[0] / base[0] for its, base in figures),
            median(its[0] for its, _ in figures) * 1e9 / packets,
            median(base[0] for _, base in figures) * 1e9 / packets,
            median(its[2] for its, _ in figures),
            max(its[1] for its, _ in figures),
        ), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/undercurrent")
    parser.add_argument("--peers", default="target/peers")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--config")
    parser.add_argument("--beside", action="store_true")
    parser.add_argument("captures", nargs="*", default=CAPTURES)
    args = parser.parse_args()
    print("| capture | CPU time / floor | ns a packet | floor's | wall s | peak MB |")
    print("|---|---|---|---|---|---|")
    for name in args.captures:
        measure(args, name)


if __name__ == "__main__":
    main()

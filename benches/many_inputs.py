#!/usr/bin/env python3
"""Replays a generated capture as one file and as many, and prints what a packet costs, and the peak memory.

usage: benches/many_inputs.py [--binary target/release/undercurrent] [--threads 1] [--files 40] [--folder DIR] CAPTURE GIGABYTES

The capture is CAPTURE (Ethernet), again and again, each time behind the last one in time. Builds `examples/repeat_capture.rs`. On disk (in DIR) is
one of both at a time. Fails where findings or packets differ, where many files take more than a tenth more processor time a packet than one, or where
they take more than 64 MB more memory.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile


def write(args, folder, files):
    """Writes the capture into so many files of a folder, cut between packets."""
    maker = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "examples", "repeat_capture")
    subprocess.run([maker, args.capture, str(int(args.gigabytes * 1e9)), str(files), folder], check=True)
    return len(os.listdir(folder))


def replay(args, folder):
    """Findings, packets, processor seconds and peak MB of a run over all files of a folder."""
    with tempfile.TemporaryDirectory() as aside:
        summary = os.path.join(aside, "summary.json")
        command = [args.binary, "replay", "--quiet", "--format", "jsonl", "--threads", str(args.threads), "--summary", summary, folder]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        findings = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} failed")
        with open(summary) as file:
            packets = json.load(file)["packets"]
        return findings, packets, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/undercurrent")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--folder", default=None)
    parser.add_argument("capture")
    parser.add_argument("gigabytes", type=float)
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--quiet", "--example", "repeat_capture"], check=True)
    print("| files | packets | CPU s | ns a packet | peak MB |")
    print("|---|---|---|---|---|")
    outcomes = []
    for files in (1, args.files):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            number = write(args, folder, files)
            replay(args, folder)
            findings, packets, seconds, peak = replay(args, folder)
        print(f"| {number} | {packets} | {seconds:.1f} | {seconds / packets * 1e9:.0f} | {peak:.0f} |", flush=True)
        outcomes.append((findings, packets, seconds, peak))
    one, many = outcomes
    if one[:2] != many[:2]:
        sys.exit("the outcomes differ")
    if many[2] > 1.1 * one[2]:
        sys.exit("many files take more than a tenth more processor time")
    if many[3] > one[3] + 64:
        sys.exit("many files take more memory")


if __name__ == "__main__":
    main()

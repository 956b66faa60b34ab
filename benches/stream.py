#!/usr/bin/env python3
"""Streams generated captures through the standard input of `undercurrent replay` and prints the peak memory for each size.

usage: benches/stream.py [--binary target/release/undercurrent] [--threads 1] CAPTURE GIGABYTES [GIGABYTES ...]

The stream is CAPTURE (Ethernet), again and again, each time behind the last one in time, with which the hosts, channels and flows of a
network go on. It is never on disk. Builds `examples/repeat_capture.rs`. Fails where the largest stream takes more than a tenth more memory than the
smallest.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time


def stream(args, gigabytes):
    """Peak MB, seconds, and packets of one stream."""
    maker = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "examples", "repeat_capture")
    size = str(int(gigabytes * 1e9))
    with tempfile.TemporaryDirectory() as folder:
        summary = os.path.join(folder, "summary.json")
        started = time.monotonic()
        source = subprocess.Popen([maker, args.capture, size], stdout=subprocess.PIPE)
        replay = subprocess.Popen(
            [args.binary, "replay", "--quiet", "--format", "jsonl", "--threads", str(args.threads),
             "--summary", summary, "-"],
            stdin=source.stdout, stdout=subprocess.DEVNULL,
        )
        source.stdout.close()
        _, status, usage = os.wait4(replay.pid, 0)
        replay.returncode = os.waitstatus_to_exitcode(status)
        if replay.returncode != 0 or source.wait() != 0:
            sys.exit(f"the stream of {gigabytes} GB failed")
        with open(summary) as file:
            packets = json.load(file)["packets"]
        return usage.ru_maxrss * 1024 / 1e6, time.monotonic() - started, packets


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/undercurrent")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("capture")
    parser.add_argument("gigabytes", nargs="+", type=float)
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--quiet", "--example", "repeat_capture"], check=True)
    print("| GB streamed | packets | wall s | peak MB |")
    print("|---|---|---|---|")
    peaks = []
    for gigabytes in sorted(args.gigabytes):
        peak, seconds, packets = stream(args, gigabytes)
        peaks.append(peak)
        print(f"| {gigabytes:g} | {packets} | {seconds:.0f} | {peak:.0f} |", flush=True)
    if peaks[-1] > 1.1 * peaks[0]:
        sys.exit("the largest stream took more memory than the smallest")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares packets, bytes and first and last times with capinfos, for captures as they are and taken apart.

    scripts/compare_capinfos.py [--binary FILE] CAPTURE...

Each capture is read as it is, as .gz, as .zst, from standard input, split by editcap into pieces that are given in reverse,
and dealt by editcap into two that overlap. All must come to the counters of capinfos, and the flows of the whole. Captures that
capinfos cannot read whole are left out. Prints a Markdown table, a row a way of reading, then every difference; exits with
1 where there is one. Needs capinfos and editcap (4.0 were used), gzip and zstd.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WAYS = ("as it is", "gzip", "zstd", "standard input", "split", "overlapping")
# Pieces of a capture with more frames would only take longer.
SPLIT_MAX = 20_000


def of_capinfos(capture):
    """Packets, bytes, first and last time in milliseconds; nothing where the capture cannot be read whole."""
    command = ["capinfos", "-M", "-T", "-r", "-m", "-S", "-c", "-d", "-a", "-e", str(capture)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    fields = run.stdout.strip().split(",")
    if run.returncode != 0 or len(fields) != 5 or fields[1] == "0":
        return None
    _, packets, size, first, last = fields
    return int(packets), int(size), *(None if at == "n/a" else whole_millis(at) for at in (first, last))


def whole_millis(seconds):
    """Rounded down as the summary is; a float would round nanoseconds up."""
    return int(Decimal(seconds) * 1000 // 1)


def is_packed(capture):
    with capture.open("rb") as file:
        return file.read(4)[:2] in (b"\x1f\x8b", b"\x28\xb5")


def millis(text):
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def of_ours(binary, inputs, scratch, stdin=None):
    """The same, and the flows in any order without what depends on when they were reported."""
    summary, flows = scratch / "summary.json", scratch / "flows.jsonl"
    command = [binary, "replay", "-q", "--no-progress", "--format", "jsonl", "--summary", summary, "--flows", flows, *inputs]
    run = subprocess.run([str(part) for part in command], stdin=stdin, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return run.stderr.strip(), None
    found = json.loads(summary.read_text())
    counters = found["packets"], found["bytes"], *(millis(found[at]) for at in ("first_packet", "last_packet"))
    return counters, sorted(flows.read_text().splitlines())


def run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, capture_output=True, **options)


def read_in_every_way(binary, capture, packets, scratch):
    """What each way of reading gives."""
    yield "as it is", of_ours(binary, [capture], scratch)
    for way, tool, suffix in (("gzip", "gzip", ".gz"), ("zstd", "zstd", ".zst")):
        packed = scratch / f"packed{suffix}"
        with packed.open("wb") as out, capture.open("rb") as plain:
            subprocess.run([tool, "-c", "-q"], stdin=plain, stdout=out, check=True)
        yield way, of_ours(binary, [packed], scratch)
    with capture.open("rb") as plain:
        yield "standard input", of_ours(binary, ["-"], scratch, plain)
    if 6 <= packets <= SPLIT_MAX:
        run("editcap", "-F", "pcapng", "-c", packets // 3 + 1, capture, scratch / "piece.pcapng")
        yield "split", of_ours(binary, sorted(scratch.glob("piece*.pcapng"), reverse=True), scratch)
        odd = [str(number) for number in range(1, packets + 1, 2)][:5000]
        run("editcap", "-F", "pcapng", capture, scratch / "even.pcapng", *odd)
        run("editcap", "-F", "pcapng", "-r", capture, scratch / "odd.pcapng", *odd)
        yield "overlapping", of_ours(binary, [scratch / "odd.pcapng", scratch / "even.pcapng"], scratch)


def is_in_order(capture):
    """Whether no packet is older than the one before: others come out in another order when they are merged."""
    out = subprocess.run(["tshark", "-nr", str(capture), "-T", "fields", "-e", "frame.time_epoch"], capture_output=True, text=True, check=False)
    times = [float(line) for line in out.stdout.split() if line]
    return all(a < b for a, b in zip(times, times[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path, nargs="+", metavar="CAPTURE")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "undercurrent")
    args = parser.parse_args()

    rows, lines = {way: [0, 0] for way in WAYS}, []
    for capture in args.captures:
        expected = None if is_packed(capture) else of_capinfos(capture)
        if expected is None:
            continue
        ordered = is_in_order(capture)
        with tempfile.TemporaryDirectory() as scratch:
            whole = None
            for way, (counters, flows) in read_in_every_way(args.binary, capture, expected[0], Path(scratch)):
                whole = flows if whole is None else whole
                # capinfos gives no times where a packet has none, and the earliest where we give that of the first packet.
                timed = ordered and None not in expected
                found, right = (counters, expected) if timed else (counters[:2], expected[:2])
                agrees = found == right and (flows == whole or not ordered)
                rows[way][not agrees] += 1
                if not agrees:
                    lines.append(f"{capture}\t{way}\tours {counters}\tcapinfos {expected}\tsame flows: {flows == whole}")
    print("| read | agree | differ |\n|---|---|---|")
    for way, (agree, differ) in rows.items():
        print(f"| {way} | {agree} | {differ} |")
    print("\n" + "\n".join(lines))
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()

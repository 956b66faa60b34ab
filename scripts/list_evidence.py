#!/usr/bin/env python3
"""What a finding says first, for every incident of labelled captures, as a table.

    scripts/list_evidence.py CAPTURE... > table.md

Each capture is replayed with the shipped models, and the labels are those of the `labels.csv` beside it. Of an incident the finding of the labelled kind with
the highest score is listed.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = os.environ.get("UNDERCURRENT", "target/release/undercurrent")


def is_of(finding, label):
    peer = finding["peer"]
    address = f"[{peer['ip']}]" if ":" in str(peer["ip"]) else peer["ip"]
    names = {peer["name"], peer["ip"], f"{address}:{peer['port']}"}
    return (
        finding["host"] == label["host"]
        and finding["kind"] == label["kind"]
        and any(name in names for name in label["peer"].replace(";", " ").split())
    )


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print("| labelled | found as | severity | first line of evidence |")
    print("|---|---|---|---|")
    for capture in map(Path, sys.argv[1:]):
        command = [PROGRAM, "replay", "--quiet", "--no-progress", "--format", "jsonl", str(capture)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        findings = [json.loads(line) for line in output.splitlines()]
        with open(capture.with_name("labels.csv"), encoding="utf-8") as file:
            labels = [label for label in csv.DictReader(file) if label["host"]]
        for label in labels:
            labelled = f"{label['kind']} {label['behaviour']}"
            labelled += f", {label['note']}" if label.get("note") else ""
            best = next((finding for finding in findings if is_of(finding, label)), None)
            if best is None:
                print(f"| {labelled} | - | | |")
            else:
                print(f"| {labelled} | {best['behaviour']} | {best['severity']} | {best['evidence'][0]['text']} |")


if __name__ == "__main__":
    main()

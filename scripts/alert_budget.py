#!/usr/bin/env python3
"""How many benign channels a day score over the threshold of `high`, and how many findings are `high` or above, for several alert budgets.

    for n in $(seq 501 540); do undercurrent simulate --seed $n --hosts 10 --output days/10-$n.pcap.zst --labels days/labels.csv; done
    scripts/alert_budget.py MODELS days/*.pcap.zst > table.md

Each capture is a benign day of a network of its own, and its name begins with the number of hosts. MODELS is a model directory that was trained on none of
them. The threshold is what the metric `undercurrent_score_threshold` says of that day and budget. A channel over it is an alert that the budget allows; a finding
is one that the user sees, since evidence beside the score can hold severity down.
"""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROGRAM = os.environ.get("UNDERCURRENT", "target/release/undercurrent")
BUDGETS = ["0.1", "1", "10"]
KINDS = ["c2", "exfil"]
THRESHOLD = re.compile(r'undercurrent_score_threshold\{detector="(\w+)",severity="high"\} (\S+)')


def replay(models, capture, budget):
    """Channels over the threshold and high findings, by detector."""
    with tempfile.TemporaryDirectory() as folder:
        config, metrics, channels = (Path(folder) / name for name in ["budget.toml", "metrics", "channels.csv"])
        config.write_text(f"[detect]\nalerts_a_day = {budget}\n", encoding="utf-8")
        command = [PROGRAM, "replay", "--quiet", "--no-progress", "--format", "jsonl", "--models", models]
        command += ["--config", config, "--metrics", metrics, "--channels", channels, capture]
        findings = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        thresholds = {kind: float(value) for kind, value in THRESHOLD.findall(metrics.read_text(encoding="utf-8"))}
        counts = Counter()
        with open(channels, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for kind, threshold in thresholds.items():
                    counts[kind, "over"] += row[f"{kind}_judged"] == "true" and float(row[f"{kind}_score"]) >= threshold
    for line in findings.splitlines():
        finding = json.loads(line)
        counts[finding["kind"], "found"] += finding["severity"] in ("high", "critical")
    return counts


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    models, captures = sys.argv[1], sys.argv[2:]
    days = defaultdict(list)
    for capture in captures:
        days[int(re.match(r"\d+", Path(capture).name).group())].append(capture)
    print("| budget | hosts | days | c2 over | c2 high | exfil over | exfil high |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for budget in BUDGETS:
        everything = Counter()
        for hosts, of_size in sorted(days.items()):
            with ThreadPoolExecutor(max_workers=2) as pool:
                counts = sum(pool.map(lambda capture: replay(models, capture, budget), of_size), Counter())
            everything += counts
            print_line(budget, hosts, len(of_size), counts)
        print_line(budget, "all", len(captures), everything)


def print_line(budget, hosts, days, counts):
    cells = [f"{counts[kind, what] / days:.2f}" for kind in KINDS for what in ["over", "found"]]
    print(f"| {budget} | {hosts} | {days} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

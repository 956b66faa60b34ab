#!/usr/bin/env python3
"""How many benign channels a day score over the threshold of `high`, for several alert budgets.

    for n in $(seq 401 455); do undercurrent simulate --seed $n --hosts $((20 + 7 * n % 31)) --output days/$n.pcap.zst; done
    scripts/alert_budget.py MODELS days/*.pcap.zst > table.md

Each capture is a benign day of a network of its own. MODELS is a model directory that was trained on none of them. The threshold is what the metric
`undercurrent_score_threshold` says of that day and budget.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

PROGRAM = os.environ.get("UNDERCURRENT", "target/release/undercurrent")
BUDGETS = ["0.1", "1", "10"]
THRESHOLD = re.compile(r'undercurrent_score_threshold\{detector="(\w+)",severity="high"\} (\S+)')


def replay(models, capture, budget, folder):
    """Channels over the threshold, by detector."""
    config, metrics, channels = folder / "budget.toml", folder / "metrics", folder / "channels.csv"
    config.write_text(f"[detect]\nalerts_a_day = {budget}\n", encoding="utf-8")
    command = [PROGRAM, "replay", "--quiet", "--no-progress", "--format", "jsonl", "--models", models]
    command += ["--config", config, "--metrics", metrics, "--channels", channels, capture]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    over = Counter()
    thresholds = {kind: float(value) for kind, value in THRESHOLD.findall(metrics.read_text(encoding="utf-8"))}
    with open(channels, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for kind, threshold in thresholds.items():
                over[kind] += row[f"{kind}_judged"] == "true" and float(row[f"{kind}_score"]) >= threshold
    return over


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    models, captures = sys.argv[1], sys.argv[2:]
    print("| budget | c2 | exfil |")
    print("|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for budget in BUDGETS:
            over = Counter()
            for capture in captures:
                over.update(replay(models, capture, budget, Path(folder)))
            print(f"| {budget} | " + " | ".join(f"{over[kind] / len(captures):.2f}" for kind in ["c2", "exfil"]) + " |")


if __name__ == "__main__":
    main()

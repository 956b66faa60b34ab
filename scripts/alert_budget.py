#!/usr/bin/env python3
"""How many false alerts there are a day, and how many findings of `high` or above, for several alert budgets.

    for n in $(seq 501 540); do undercurrent simulate --seed $n --hosts 10 --output days/10-$n.pcap.zst --labels days/labels.csv; done
    scripts/alert_budget.py MODELS days/*.pcap.zst > table.md

Each capture is a benign day of a network of its own, and its name begins with the number of hosts. MODELS is a model directory that was trained on none of
them. An alert is what the alerting rules fire on: a finding of `medium` or above whose score is over the threshold of `high`, which the metric
`undercurrent_score_threshold` tells of that day and budget. A finding is `high` where evidence stands beside the score too.
"""

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
    """Alerts and high findings, by detector."""
    with tempfile.TemporaryDirectory() as folder:
        config, metrics = (Path(folder) / name for name in ["budget.toml", "metrics"])
        config.write_text(f"[detect]\nalerts_a_day = {budget}\n", encoding="utf-8")
        command = [PROGRAM, "replay", "--quiet", "--no-progress", "--format", "jsonl", "--models", models]
        command += ["--config", config, "--metrics", metrics, capture]
        findings = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        thresholds = {kind: float(value) for kind, value in THRESHOLD.findall(metrics.read_text(encoding="utf-8"))}
    counts = Counter()
    for finding in map(json.loads, findings.splitlines()):
        kind, severity = finding["kind"], finding["severity"]
        over = finding["score"] >= thresholds.get(kind, 2.0)
        counts[kind, "alerts"] += over and severity != "low"
        counts[kind, "high"] += severity in ("high", "critical")
    return counts


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    models, captures = sys.argv[1], sys.argv[2:]
    days = defaultdict(list)
    for capture in captures:
        days[int(re.match(r"\d+", Path(capture).name).group())].append(capture)
    print("| budget | hosts | days | c2 alerts | c2 high | exfil alerts | exfil high |")
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
    cells = [f"{counts[kind, what] / days:.2f}" for kind in KINDS for what in ["alerts", "high"]]
    print(f"| {budget} | {hosts} | {days} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""One table of the average precision of every scorer on every set, from what `evaluate --format json` wrote.

    scripts/compare_precision.py NAME=FILE.json... > table.md

Several files of one name are sets of one kind under other seeds: their mean is told. A set has a line for each detector that it has incidents of, and
one for both together where it has both or benign channels of both.
"""

import json
import sys
from collections import defaultdict

NAMES = {"c2": "c2", "exfil": "exfil", "overall": "both"}


def main():
    if len(sys.argv) < 2 or any("=" not in arg for arg in sys.argv[1:]):
        sys.exit(__doc__)
    values = defaultdict(list)
    scorers, lines = [], []
    for arg in sys.argv[1:]:
        name, path = arg.split("=", 1)
        with open(path, encoding="utf-8") as file:
            groups = json.load(file)["groups"]
        for row in groups:
            if row["incidents"] == 0:
                continue
            line = (name, NAMES[row["group"]])
            if line not in lines:
                lines.append(line)
            if row["scorer"] not in scorers:
                scorers.append(row["scorer"])
            values[line, row["scorer"]].append(row["average_precision"])
    print("| set | detector | " + " | ".join(scorers) + " |")
    print("|---|---|" + "---:|" * len(scorers))
    for line in lines:
        cells = [values.get((line, scorer), []) for scorer in scorers]
        means = [f"{sum(cell) / len(cell):.3f}" if cell else "" for cell in cells]
        best = max(means)
        means = [f"**{mean}**" if mean == best else mean for mean in means]
        print(f"| {line[0]} | {line[1]} | " + " | ".join(means) + " |")


if __name__ == "__main__":
    main()

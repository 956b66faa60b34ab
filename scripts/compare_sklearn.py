#!/usr/bin/env python3
"""Compares our isolation forest with scikit-learn's on made-up data; prints the tables of docs/sklearn.md.

Makes its own virtual environment under target/ (needs a network the first time). Everything but the
speed is the same in every run.
"""

import json
import os
import resource
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "compare-sklearn"
PACKAGES = ["scikit-learn==1.7.2", "numpy==2.3.4"]
TREES = (100, 300)
SAMPLE = 256
# Of the speed: the rows a tree of the shipped models.
SHIPPED_SAMPLE = 512
MODEL = ROOT / "models" / "c2.json"
SPEED_ROWS = 100_000
# One thread, for both sides.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


def enter_venv():
    """Runs this script again inside its virtual environment."""
    python = WORK / "venv" / "bin" / "python"
    if Path(sys.prefix) == WORK / "venv":
        return
    if not python.exists():
        venv.create(WORK / "venv", with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    os.execv(python, [str(python), __file__])


def data_sets(np):
    """Name -> (rows, whether each row is a planted outlier)."""

    def planted(inliers, outliers):
        rows = np.vstack([inliers, outliers]).astype(np.float32)
        return rows, np.arange(len(rows)) >= len(inliers)

    rng = np.random.default_rng(20261122)
    centres = rng.uniform(-8, 8, (5, 8))
    clusters = centres[rng.integers(0, 5, 4900)] + rng.normal(0, 1, (4900, 8))
    yield "clusters, 8 features", *planted(clusters, rng.uniform(-12, 12, (100, 8)))

    tails = np.log1p(rng.pareto(1.2, (4900, 12)))
    yield "heavy tails (log), 12 features", *planted(tails, np.log1p(rng.pareto(0.6, (100, 12))))

    bell = rng.normal(0, 1, (4900, 20))
    odd = rng.normal(0, 1, (100, 20))
    odd[np.arange(100), rng.integers(0, 20, 100)] += 6
    yield "bell, one odd feature of 20", *planted(bell, odd)

    clipped = np.maximum(rng.normal(0, 1, (4900, 10)), 0)
    yield "clipped at the median, 10 features", *planted(
        clipped, np.maximum(rng.normal(1.0, 1, (100, 10)), 0)
    )


def ours(path, trees, seed, repeats=1, sample=SAMPLE):
    """Our scores, and the processor seconds of the whole run."""
    binary = WORK.parent / "release" / "examples" / "score_rows"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [binary, path, str(trees), str(seed), str(repeats), str(sample)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [float(line) for line in run.stdout.split()], seconds


def main():
    import numpy as np
    from scipy.stats import spearmanr
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import roc_auc_score

    subprocess.run(["cargo", "build", "--release", "--quiet", "--example", "score_rows"], check=True, cwd=ROOT)

    def theirs(rows, trees, seed):
        forest = IsolationForest(n_estimators=trees, max_samples=SAMPLE, random_state=seed, n_jobs=1).fit(rows)
        return -forest.score_samples(rows)

    print("| data | trees | ours ~ scikit-learn | scikit-learn ~ itself | ours ~ itself | AUC ours | AUC scikit-learn |")
    print("|---|---|---|---|---|---|---|")
    for name, rows, outlier in data_sets(np):
        path = WORK / "rows.csv"
        np.savetxt(path, rows, delimiter=",", fmt="%.9g")
        for trees in TREES:
            a, b = (ours(path, trees, seed)[0] for seed in (1, 2))
            x, y = (theirs(rows, trees, seed) for seed in (1, 2))
            ranks = [spearmanr(*pair).statistic for pair in ((a, x), (x, y), (a, b))]
            aucs = [roc_auc_score(outlier, scores) for scores in (a, x)]
            print(f"| {name} | {trees} |", " | ".join(f"{v:.3f}" for v in ranks + aucs), "|")

    print("\n| 100,000 rows, 300 trees of 512 rows a forest | ours, rows/s | scikit-learn, rows/s | times |")
    print("|---|---|---|---|")
    questions = [len(question["features"]) for question in json.loads(MODEL.read_text())["questions"]]
    shipped = f"{len(questions)} forests of {', '.join(map(str, questions))} features, as the shipped model c2 has"
    for name, forests in (("one forest of 20 features", [20]), (shipped, questions)):
        seconds = [forest_seconds(np, IsolationForest, features) for features in forests]
        a, b = map(sum, zip(*seconds))
        print(f"| {name} | {SPEED_ROWS / a:,.0f} | {SPEED_ROWS / b:,.0f} | {b / a:.1f} |")


def forest_seconds(np, isolation_forest, features):
    """Processor seconds, ours and scikit-learn's, of scoring rows with a forest of 300 trees; best of three, in turn."""
    rows = np.random.default_rng(1).normal(0, 1, (SPEED_ROWS, features)).astype(np.float32)
    path = WORK / "speed.csv"
    np.savetxt(path, rows, delimiter=",", fmt="%.9g")
    forest = isolation_forest(n_estimators=300, max_samples=SHIPPED_SAMPLE, random_state=1, n_jobs=1).fit(rows)
    best = [float("inf"), float("inf")]
    for _ in range(3):
        # Six passes less one leaves five passes of scoring, without reading and training.
        many, once = (ours(path, 300, 1, repeats, SHIPPED_SAMPLE)[1] for repeats in (6, 1))
        best[0] = min(best[0], (many - once) / 5)
        start = time.process_time()
        forest.score_samples(rows)
        best[1] = min(best[1], time.process_time() - start)
    return best


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    enter_venv()
    main()

#!/usr/bin/env python3
"""Writes the scenario of the beacon grid: intervals x jitter x missed check-ins, each on a host of its own among 200 for a day.

    scripts/beacon_grid.py > grid.toml
    undercurrent simulate --scenario grid.toml --output grid/capture.pcap.zst
    undercurrent evaluate grid/capture.pcap.zst
"""

from itertools import product

INTERVALS = ["10s", "60s", "5m", "30m", "1h", "4h"]
JITTERS = [0.0, 0.1, 0.3, 0.5, 0.8]
MISSED = [0.0, 0.2]

print('seed = 1\nhosts = 200\nduration = "24h"')
for interval, jitter, missed in product(INTERVALS, JITTERS, MISSED):
    print(f'\n[[incidents]]\nbehaviour = "beacon"\ninterval = "{interval}"\njitter = {jitter}\nmissed = {missed}')

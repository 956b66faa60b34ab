#!/usr/bin/env python3
"""Writes a scenario in which incidents differ by one parameter after another, each on a host of its own among 200.

    scripts/grid.py beacons | tunnels | uploads [SIZE...] > grid.toml
    undercurrent simulate --scenario grid.toml --output grid/capture.pcap.zst
    undercurrent evaluate grid/capture.pcap.zst

`evaluate` tells in one table which incidents are found within the budget of false alerts, and by whom. Uploads of 100GB make 2 million frames
each: sizes are 100MB 1GB 10GB unless given.
"""

import sys
from itertools import product


def beacons(_):
    return [
        {"behaviour": "beacon", "interval": interval, "jitter": jitter, "missed": missed}
        for interval, jitter, missed in product(
            ["10s", "60s", "5m", "30m", "1h", "4h"], [0.0, 0.1, 0.3, 0.5, 0.8], [0.0, 0.2]
        )
    ]


def tunnels(_):
    """By bytes a second over the day, asked for at several paces."""
    day = 86_400
    return [
        {"behaviour": "dns_tunnel", "bytes": f"{rate * day}B", "interval": interval, "jitter": 0.3}
        for rate, interval in product([1, 3, 10, 50, 200], ["1s", "10s", "60s"])
    ] + [{"behaviour": "dns_tunnel", "bytes": "12kB", "interval": "270ms", "after": "10h", "duration": "60s"}]


def uploads(sizes):
    return [
        {
            "behaviour": behaviour,
            "bytes": size,
            "after": "9h",
            "duration": duration,
            "destinations": destinations,
            "known": known,
        }
        for behaviour in ["bulk_upload", "staged_upload"]
        for size, duration, destinations, known in product(
            sizes or ["100MB", "1GB", "10GB"], ["10m", "1h", "8h"], [1, 5, 50], [False, True]
        )
    ]


def toml(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value).replace("'", '"')


def main():
    grids = {"beacons": beacons, "tunnels": tunnels, "uploads": uploads}
    if len(sys.argv) < 2 or sys.argv[1] not in grids:
        sys.exit(__doc__)
    print('seed = 1\nhosts = 200\nduration = "24h"')
    for incident in grids[sys.argv[1]](sys.argv[2:]):
        print("\n[[incidents]]")
        for key, value in incident.items():
            print(f"{key} = {toml(value)}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes a scenario in which incidents differ by one parameter after another, each on a host of its own among 200.

    scripts/grid.py [--seed N] beacons | tunnels | uploads [SIZE...] | long-uploads [SIZE...] > grid.toml
    undercurrent simulate --scenario grid.toml --output grid/capture.pcap.zst
    undercurrent evaluate grid/capture.pcap.zst

`evaluate` tells in one table which incidents are found within the budget of false alerts, and by whom. Uploads of 100GB make 2 million frames
each: sizes are 100MB 1GB 10GB unless given. Long uploads take five days of five and a half.
"""

import argparse
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


def uploads(sizes, durations=("10m", "1h", "8h")):
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
            sizes or ["100MB", "1GB", "10GB"], durations, [1, 5, 50], [False, True]
        )
    ]


def long_uploads(sizes):
    return uploads(sizes, ["120h"])


def toml(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value).replace("'", '"')


# What a grid is made by, and how long the network is watched.
GRIDS = {
    "beacons": (beacons, "24h"),
    "tunnels": (tunnels, "24h"),
    "uploads": (uploads, "24h"),
    "long-uploads": (long_uploads, "132h"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the network and of the incidents (default 1)")
    parser.add_argument("grid", choices=GRIDS)
    parser.add_argument("sizes", nargs="*", metavar="SIZE")
    args = parser.parse_args()
    incidents, duration = GRIDS[args.grid]
    print(f'seed = {args.seed}\nhosts = 200\nduration = "{duration}"')
    for incident in incidents(args.sizes):
        print("\n[[incidents]]")
        for key, value in incident.items():
            print(f"{key} = {toml(value)}")


if __name__ == "__main__":
    main()

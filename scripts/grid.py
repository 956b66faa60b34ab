#!/usr/bin/env python3
"""Writes a scenario in which incidents differ by one parameter after another, each on a host of its own among 200.

    scripts/grid.py [--seed N] beacons | tunnels | uploads [SIZE...] | long-uploads [SIZE...] | evasions | dead | begins | drill > grid.toml
    undercurrent simulate --scenario grid.toml --output grid/capture.pcap.zst
    undercurrent evaluate grid/capture.pcap.zst

`evaluate` tells in one table which incidents are found within the budget of false alerts, and by whom. Uploads of 100GB make 2 million frames
each: sizes are 100MB 1GB 10GB unless given. Long uploads take five days of five and a half. Evasions are what else hides a channel, over three days.
The dead are beacons that nobody answers. What begins while the sensor is running tells how long it takes to be found. A drill is one of each behaviour among 40 hosts, in half a day.
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


def evasions(_):
    """Sleep, office hours, rotation, dead and failing peers, IPv6, QUIC, WebSockets, and staging over several hosts."""
    beacon = {"behaviour": "beacon", "interval": "5m", "jitter": 0.3}
    session = {"behaviour": "long_connection", "interval": "60s", "jitter": 0.3, "after": "9h", "duration": "6h"}
    drip = {"behaviour": "slow_drip", "interval": "10m", "jitter": 0.3, "bytes": "2GB"}
    bulk = {"behaviour": "bulk_upload", "bytes": "2GB", "after": "10h", "duration": "1h"}
    tunnel = {"behaviour": "dns_tunnel", "bytes": "1MB", "interval": "10s", "jitter": 0.3}
    staged = {"behaviour": "staged_upload", "bytes": "2GB", "after": "9h", "duration": "8h"}
    return [
        *({**what, "awake": "2h", "asleep": "6h"} for what in [beacon, drip, tunnel]),
        *({**what, "awake": "20m", "asleep": "10h"} for what in [beacon, drip, tunnel]),
        *({**what, "office_hours": True} for what in [beacon, drip, tunnel]),
        *({**what, "destinations": 4} for what in [beacon, drip, tunnel]),
        *({**what, "destinations": 6, "rotation": "12h"} for what in [beacon, drip, tunnel]),
        *({**what, "destinations": 18, "rotation": "4h"} for what in [beacon, drip, tunnel]),
        *({**beacon, "destinations": 4, "dead": dead} for dead in [1, 2, 3]),
        *({**beacon, "failing": failing} for failing in [0.2, 0.5, 0.8]),
        *({**what, "ipv6": True} for what in [beacon, session, drip, bulk, tunnel, staged]),
        *({**what, "speech": "quic"} for what in [beacon, session, drip, bulk]),
        *({**what, "speech": "websocket"} for what in [beacon, session, drip, bulk]),
        *({**session, "interval": interval, "speech": "websocket"} for interval in ["10s", "10m"]),
        *({**staged, "hops": hops} for hops in [1, 2, 3, 5]),
    ]


def dead(_):
    """Beacons that nobody answers: to an address on a port of no service, and to a named server over TLS."""
    return [
        {"behaviour": "beacon", "interval": interval, "jitter": jitter, "dead": 1, "speech": speech}
        for speech, interval, jitter in product(
            ["raw", "tls"], ["10s", "60s", "5m", "30m", "1h"], [0.0, 0.3, 0.5]
        )
    ]


def begins(_):
    """Beacons of a minute and uploads of 10 GB an hour to a new destination, four hours after the sensor."""
    beacon = {"behaviour": "beacon", "interval": "60s", "jitter": 0.2, "after": "4h"}
    upload = {"behaviour": "bulk_upload", "bytes": "10GB", "after": "4h", "duration": "1h"}
    return [beacon] * 10 + [upload] * 5


def drill(_):
    return [
        {"behaviour": "beacon", "interval": "10m", "jitter": 0.5, "missed": 0.2},
        {"behaviour": "beacon", "interval": "30s", "failing": 0.5},
        {"behaviour": "long_connection", "interval": "60s"},
        {"behaviour": "interactive", "interval": "20s", "after": "2h", "duration": "1h"},
        {"behaviour": "dns_tunnel", "interval": "5s", "bytes": "200kB"},
        {"behaviour": "icmp_tunnel", "interval": "5s", "bytes": "2MB"},
        {"behaviour": "bulk_upload", "bytes": "5GB", "after": "3h", "duration": "1h"},
        {"behaviour": "bulk_upload", "bytes": "2GB", "after": "4h", "duration": "1h", "destinations": 20},
        {"behaviour": "slow_drip", "interval": "2m", "bytes": "300MB"},
        {"behaviour": "staged_upload", "bytes": "3GB", "after": "3h", "duration": "2h"},
    ]


def toml(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value).replace("'", '"')


# What a grid is made by, in how large a network, and how long that is watched.
GRIDS = {
    "beacons": (beacons, 200, "24h"),
    "tunnels": (tunnels, 200, "24h"),
    "uploads": (uploads, 200, "24h"),
    "long-uploads": (long_uploads, 200, "132h"),
    "evasions": (evasions, 200, "72h"),
    "dead": (dead, 200, "24h"),
    "begins": (begins, 200, "6h"),
    "drill": (drill, 40, "12h"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the network and of the incidents (default 1)")
    parser.add_argument("grid", choices=GRIDS)
    parser.add_argument("sizes", nargs="*", metavar="SIZE")
    args = parser.parse_args()
    incidents, hosts, duration = GRIDS[args.grid]
    print(f'seed = {args.seed}\nhosts = {hosts}\nduration = "{duration}"')
    for incident in incidents(args.sizes):
        print("\n[[incidents]]")
        for key, value in incident.items():
            print(f"{key} = {toml(value)}")


if __name__ == "__main__":
    main()

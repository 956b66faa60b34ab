#!/usr/bin/env python3
"""Gives a live sensor less and less processor time, and says what it loses, by reason, and which verdicts survive.

usage: benches/throttled.py [--binary target/release/undercurrent] [PERCENT ...]     (of a processor: 100 25 2 1)

A simulated hour of an office with DNS tunnels is sent again and again, as fast as it goes, to a new sensor for each share of a processor (a cgroup). What is
shed is shed as whole conversations (docs/adr/0018-shed-conversations.md), so that what is left of the traffic is whole, and its verdicts stay. As root. Fails where
a packet is neither processed nor counted as lost, or where a sensor with less time finds what the first one does not.
"""
import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import hours
import wire

ROUNDS = 20
INCIDENT = '[[incidents]]\nbehaviour = "dns_tunnel"\nbytes = "300kB"\nafter = "{after}m"\nduration = "20m"\n'
SCENARIO = 'seed = 5\nhosts = 100\nstart = "2026-03-02T09:00:00Z"\nduration = "1h"\n' + "".join(
    INCIDENT.format(after=after) for after in range(20)
)
SETTINGS = "[detect]\nscore_every_s = 10\n"
PERIOD_US = 100_000
CGROUP = pathlib.Path("/sys/fs/cgroup")


@contextlib.contextmanager
def quota(pid, percent):
    """Gives a process so much of a processor: by a control group of the first version where there is one, else of the second."""
    root = CGROUP / "cpu" if (CGROUP / "cpu").exists() else CGROUP
    group, share = root / "undercurrent-bench", PERIOD_US * percent // 100
    group.mkdir(exist_ok=True)
    if root == CGROUP:
        (group / "cpu.max").write_text(f"{share} {PERIOD_US}", encoding="ascii")
    else:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US), encoding="ascii")
        (group / "cpu.cfs_quota_us").write_text(str(share), encoding="ascii")
    (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
    try:
        yield
    finally:
        (root / "cgroup.procs").write_text(str(pid), encoding="ascii")
        group.rmdir()


def verdicts(sensor):
    """The tunnels that were found: (host, domain). At such speed, what else repeats looks like a beacon, and says nothing."""
    # Served with the pass that made them; the findings file may be a moment behind.
    with urllib.request.urlopen(f"{sensor.url}/api/v1/findings") as answer:
        findings = json.load(answer)
    return {(finding["host"], finding["peer"]["name"]) for finding in findings if finding["behaviour"] == "dns_tunnel"}


def run(binary, capture, percent):
    """(seconds of sending, metrics, verdicts) of a sensor with so much of a processor."""
    with wire.live.own_network():
        near, far = wire.live.add_link(0)
        with wire.live.Sensor(binary, far, SETTINGS) as sensor:
            with quota(sensor.pid, percent):
                sender = wire.Repeater(near, capture, ROUNDS)
                sent, seconds = sender.wait(), sender.took_s.value
                all_counted = lambda: hours.counted(hours.scrape(sensor)) >= sent  # noqa: E731
                wire.servers.until(all_counted, "all packets to be accounted for")
                values = hours.scrape(sensor)
                judged = lambda: hours.scrape(sensor)[hours.PASSES] > values[hours.PASSES] + 1  # noqa: E731
                wire.servers.until(judged, "all to be judged")
                found = verdicts(sensor)
    if hours.counted(values) != sent:
        sys.exit(f"{hours.counted(values):.0f} packets are accounted for, {sent} were sent")
    return seconds, values, found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/undercurrent")
    parser.add_argument("percents", metavar="PERCENT", nargs="*", type=int, default=[100, 25, 2, 1])
    args = parser.parse_args()
    wire.need_root()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        scenario, capture = folder / "office.toml", folder / "office.pcap"
        scenario.write_text(SCENARIO, encoding="utf-8")
        command = [args.binary, "simulate", "--scenario", scenario, "--output", capture, "--labels", folder / "labels.csv"]
        subprocess.run([str(part) for part in command], check=True)
        print("| of a processor | packets | M packets/s | processed | ring | shed | tunnels found |\n|---|---|---|---|---|---|---|")
        reference = None
        for percent in args.percents:
            seconds, values, found = run(args.binary, capture, percent)
            reference = found if reference is None else reference
            if not found <= reference:
                sys.exit(f"found with less time only: {found - reference}")
            lost = [values[f'undercurrent_capture_dropped_packets_total{{reason="{reason}"}}'] for reason in hours.LOST]
            print(f"| {percent} % | {hours.counted(values):.0f} | {hours.counted(values) / seconds / 1e6:.3f} "
                  f"| {values['undercurrent_capture_packets_total']:.0f} | {lost[0]:.0f} | {lost[1]:.0f} | {len(found)} of {len(reference)} |", flush=True)


if __name__ == "__main__":
    main()

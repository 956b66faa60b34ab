#!/usr/bin/env python3
"""Gives a live sensor less and less processor time, and says what it loses, by reason, and which verdicts survive.

usage: benches/throttled.py [--binary target/release/undercurrent] [PERCENT ...]     (of a processor: 100 25 10 2)

An office is sent as it went, second by second: 100 hosts, and in 32 of them an incident, four of each behaviour. Beside it goes, as fast as the kernel takes it, what
1,000 other hosts have to do with each other: it is of the same kind, never judged since it stays inside, and comes again and again. A new sensor for each share of a
processor (a cgroup). What is shed is shed as whole conversations (docs/adr/0018-shed-conversations.md), so that what is left of the traffic is whole, and its
verdicts stay. As root, two minutes a share. Fails where a packet is neither processed nor counted as lost, or where a sensor with a whole
processor misses an incident.
"""
import argparse
import collections
import contextlib
import csv
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

import hours
import wire

COPIES = 4
INCIDENTS = [
    'behaviour = "beacon"\ninterval = "4s"\njitter = 0.3',
    'behaviour = "long_connection"\ninterval = "2s"',
    'behaviour = "interactive"\ninterval = "3s"',
    'behaviour = "dns_tunnel"\nbytes = "100kB"',
    'behaviour = "icmp_tunnel"\nbytes = "500kB"',
    'behaviour = "bulk_upload"\nbytes = "200MB"',
    'behaviour = "slow_drip"\nbytes = "50MB"\ninterval = "5s"',
    'behaviour = "staged_upload"\nbytes = "200MB"',
]
OFFICE = 'seed = 5\nhosts = 100\nstart = "2026-03-02T09:00:00Z"\nduration = "110s"\n' + "".join(
    f"\n[[incidents]]\n{incident}\n" for incident in INCIDENTS for _ in range(COPIES)
)
LOAD = 'seed = 6\nhosts = 1000\nstart = "2026-03-02T09:00:00Z"\nduration = "2h"\nincidents = []\n'
SETTINGS = "[detect]\nscore_every_s = 10\n"
SEVERITIES = ["low", "medium", "high", "critical"]
PERIOD_US = 100_000
CGROUP = pathlib.Path("/sys/fs/cgroup")


def simulate(binary, scenario, folder):
    """A capture and its labels."""
    folder.mkdir()
    text, capture = folder / "scenario.toml", folder / "capture.pcap"
    text.write_text(scenario, encoding="utf-8")
    command = [binary, "simulate", "--scenario", text, "--output", capture, "--labels", folder / "labels.csv"]
    subprocess.run([str(part) for part in command], check=True)
    return capture


def read(capture):
    """Its records: (seconds, the place of the frame, captured length)."""
    with wire.mapped(capture) as data:
        yield from ((seconds, data[at : at + length], struct.unpack_from("=I", data, at - 4)[0]) for seconds, at, length in wire.records(data))


def office(capture):
    """The frames of the office when they are due, with zeros for what the capture leaves out."""
    begin = first = None
    for seconds, frame, on_wire in read(capture):
        if first is None:
            begin, first = time.monotonic(), seconds
        ahead = seconds - first - (time.monotonic() - begin)
        if ahead > hours.SLOT_S:
            time.sleep(ahead)
        yield frame.ljust(on_wire, b"\0")


def move(frame):
    """A frame between other hosts, both of them inside: from 10.20.0.0/16 to 10.22.0.0/16, from 198.18.0.0/15 to 10.148.0.0/15."""
    moved = bytearray(frame)
    for at in [26, 30]:
        moved[at : at + 2] = bytes([10, (moved[at + 1] + (2 if moved[at] == 10 else 130)) % 256])
    return moved


def inside(capture, folder):
    """A capture of the frames of another one that are whole, moved inside."""
    moved = folder / "load.pcap"
    with open(moved, "wb") as file:
        file.write(struct.pack("=IHHiIII", wire.NANOS_MAGIC, 2, 4, 0, 0, 65535, 1))
        for _, frame, on_wire in read(capture):
            if len(frame) == on_wire and frame[12:14] == b"\x08\x00":
                file.write(struct.pack("=IIII", 0, 0, on_wire, on_wire))
                file.write(move(frame))
    return moved


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


def verdicts(sensor, labels):
    """The highest severity of what was found of each incident, in the order of the labels, and the number of findings that belong to none."""
    # Served with the pass that made them; the findings file may be a moment behind.
    with urllib.request.urlopen(f"{sensor.url}/api/v1/findings") as answer:
        findings = json.load(answer)
    told = collections.defaultdict(list)
    for finding in findings:
        peer = finding["peer"]
        for name in {peer["ip"], f'{peer["ip"]}:{peer["port"]}', peer["name"]}:
            told[finding["host"], name].append(finding)
    of_incidents = [told[label["host"], label["peer"]] for label in labels]
    worst = [max((SEVERITIES.index(finding["severity"]) for finding in found), default=None) for found in of_incidents]
    return worst, len(findings) - len({finding["id"] for found in of_incidents for finding in found})


def run(binary, capture, load, labels, percent):
    """(packets offered, seconds of sending, metrics, verdicts, others) of a sensor with so much of a processor."""
    with wire.live.own_network(), wire.mapped(load) as data:
        near, far = wire.live.add_link(0)
        with wire.live.Sensor(binary, far, SETTINGS) as sensor:
            with quota(sensor.pid, percent):
                heavy, light = wire.Repeater(near, data), wire.Sender(near, lambda: office(capture))
                offered = light.wait() + heavy.end()
                all_counted = lambda: hours.counted(hours.scrape(sensor)) >= offered  # noqa: E731
                wire.servers.until(all_counted, "all packets to be accounted for")
                values = hours.scrape(sensor)
                judged = lambda: hours.scrape(sensor)[hours.PASSES] > values[hours.PASSES] + 1  # noqa: E731
                wire.servers.until(judged, "all to be judged")
                worst, others = verdicts(sensor, labels)
    if hours.counted(values) != offered:
        sys.exit(f"{hours.counted(values):.0f} packets are accounted for, {offered} were sent")
    return offered, heavy.took_s.value, values, worst, others


def told(labels, worst):
    """What was found of each behaviour, in words: `3 of 4: 2 high, 1 medium`."""
    for behaviour in dict.fromkeys(label["behaviour"] for label in labels):
        found = [severity for label, severity in zip(labels, worst) if label["behaviour"] == behaviour]
        counts = collections.Counter(severity for severity in found if severity is not None)
        words = ", ".join(f"{count} {SEVERITIES[severity]}" for severity, count in sorted(counts.items(), reverse=True))
        yield behaviour, f"{counts.total()} of {len(found)}" + (f": {words}" if words else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/undercurrent")
    parser.add_argument("percents", metavar="PERCENT", nargs="*", type=int, default=[100, 25, 10, 2])
    args = parser.parse_args()
    wire.need_root()
    verdict_rows, missed_with_all = [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        capture = simulate(args.binary, OFFICE, folder / "office")
        load = inside(simulate(args.binary, LOAD, folder / "load"), folder)
        with open(capture.with_name("labels.csv"), encoding="utf-8", newline="") as file:
            labels = list(csv.DictReader(file))
        print("| of a processor | packets | M packets/s | processed | ring | shed | incidents found | other findings |\n|---|---|---|---|---|---|---|---|")
        for percent in args.percents:
            offered, seconds, values, worst, others = run(args.binary, capture, load, labels, percent)
            missed = worst.count(None)
            missed_with_all += missed if percent >= 100 else 0
            lost = [values[f'undercurrent_capture_dropped_packets_total{{reason="{reason}"}}'] for reason in hours.LOST]
            print(f"| {percent} % | {offered} | {offered / seconds / 1e6:.3f} | {values['undercurrent_capture_packets_total']:.0f} "
                  f"| {lost[0]:.0f} | {lost[1]:.0f} | {len(labels) - missed} of {len(labels)} | {others} |", flush=True)
            verdict_rows.append(dict(told(labels, worst)))
    print("\n| behaviour |" + "".join(f" {percent} % |" for percent in args.percents) + "\n|---|" + "---|" * len(args.percents))
    for behaviour in verdict_rows[0]:
        print(f"| `{behaviour}` |" + "".join(f" {row[behaviour]} |" for row in verdict_rows))
    if missed_with_all:
        sys.exit(f"with a whole processor {missed_with_all} incidents are missed")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Plots the memory of a live sensor over eight hours' worth of packets.

usage: benches/hours.py [--binary target/release/undercurrent] [--hosts 150] [--speed 60] [--channels-a-host 64] [--plot docs/images/memory.svg]

The packets are those of a working day in a simulated office (`undercurrent simulate`), sent to a virtual interface sixty times as fast as they came, as root. The sensor takes
the time of packets from the kernel, so that eight hours are eight minutes for it: less falls idle than in eight hours that take eight hours, and the tables hold more.

People meet ever new peers, and the sensor remembers a channel to each, up to `features.max_channels`: memory is level once as many are remembered. So that this is within the
first half of the day, the bound is that of `--channels-a-host`; 0 leaves the one that the sensor is shipped with. Fails where the sensor has more than a tenth
more memory at the end than after half the day, or where a packet is neither processed nor counted as lost.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import wire

HOURS = 8
SETTINGS = "[features]\nmax_channels = {channels}\n"
SCENARIO = 'seed = 3\nhosts = {hosts}\nstart = "2026-03-02T08:00:00Z"\nduration = "{hours}h"\nincidents = []\n'
GROWTH = 1.1
SAMPLE_S = 1
# Sleeps shorter than this are saved up.
SLOT_S = 0.005
LOST = ["ring", "shed"]
PASSES = "undercurrent_scoring_duration_seconds_count"
EVICTED = 'undercurrent_state_overflows_total{reason="channel_evicted"}'


def simulate(binary, hosts, folder):
    """A capture of the office."""
    scenario, capture = folder / "office.toml", folder / "office.pcap"
    scenario.write_text(SCENARIO.format(hosts=hosts, hours=HOURS), encoding="utf-8")
    command = [binary, "simulate", "--scenario", scenario, "--output", capture, "--labels", folder / "labels.csv"]
    subprocess.run([str(part) for part in command], check=True)
    return capture


def paced(capture, speed):
    """Its frames, so many times as fast as they came."""
    begin = first = None
    with wire.mapped(capture) as data:
        for seconds, at, length in wire.records(data):
            if first is None:
                begin, first = time.monotonic(), seconds
            ahead = (seconds - first) / speed - (time.monotonic() - begin)
            if ahead > SLOT_S:
                time.sleep(ahead)
            yield data[at : at + length]


def count(capture):
    """The number of its frames."""
    with wire.mapped(capture) as data:
        return sum(1 for _ in wire.records(data))


def scrape(sensor):
    with urllib.request.urlopen(f"{sensor.url}/metrics") as answer:
        return wire.series(answer.read().decode())


def counted(values):
    """Packets that are accounted for."""
    lost = (values[f'undercurrent_capture_dropped_packets_total{{reason="{reason}"}}'] for reason in LOST)
    return values["undercurrent_capture_packets_total"] + sum(lost)


def watch(sensor, sender, frames):
    """(hours' worth of packets seen, resident MB, channels), once a second until all packets are accounted for."""
    samples = []
    while True:
        values = scrape(sensor)
        hours = counted(values) / frames * HOURS
        samples.append((hours, values["process_resident_memory_bytes"] / 1e6, values["undercurrent_channels_tracked"]))
        if not sender.is_sending() and counted(values) >= sender.sent.value:
            return samples, values
        time.sleep(SAMPLE_S)


def plot(samples, path):
    """Resident memory over the hours' worth of packets, as SVG."""
    width, height, left, top, bottom = 860, 320, 62, 18, 46
    hours, most = samples[-1][0], max(megabytes for _, megabytes, _ in samples)
    step = next(step for step in [20, 50, 100, 200, 500, 1000] if most / step <= 6)
    limit = step * (int(most / step) + 1)
    x = lambda value: left + value / hours * (width - left - 16)  # noqa: E731
    y = lambda value: top + (1 - value / limit) * (height - top - bottom)  # noqa: E731
    lines = []
    for value in range(0, limit + 1, step):
        lines.append(f'<path class="grid" d="M{left} {y(value):.1f}H{width - 16}"/><text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')
    for value in range(HOURS + 1):
        lines.append(f'<text x="{x(value):.1f}" y="{height - bottom + 20}" text-anchor="middle">{value}</text>')
    points = " ".join(f"{x(hour):.1f},{y(megabytes):.1f}" for hour, megabytes, _ in samples)
    path.write_text(f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="Resident memory of the sensor over the hours' worth of packets">
<style>text {{ font: 12px sans-serif; fill: #4b5563 }} .grid {{ stroke: #d1d5db }} polyline {{ fill: none; stroke: #2a5db0; stroke-width: 2 }}</style>
<rect width="{width}" height="{height}" fill="#fff"/>
{chr(10).join(lines)}
<polyline points="{points}"/>
<text x="{left}" y="{height - 8}">hours' worth of packets</text><text x="8" y="12">resident MB</text>
</svg>
""", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/undercurrent")
    parser.add_argument("--hosts", type=int, default=150)
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--channels-a-host", type=int, default=64)
    parser.add_argument("--plot", type=pathlib.Path, default=wire.servers.ROOT / "docs" / "images" / "memory.svg")
    args = parser.parse_args()
    wire.need_root()
    with tempfile.TemporaryDirectory() as folder, wire.live.own_network():
        capture = simulate(args.binary, args.hosts, pathlib.Path(folder))
        frames = count(capture)
        settings = SETTINGS.format(channels=args.hosts * args.channels_a_host) if args.channels_a_host else ""
        near, far = wire.live.add_link(0)
        with wire.live.Sensor(args.binary, far, settings) as sensor:
            begin = time.monotonic()
            sender = wire.Sender(near, lambda: paced(capture, args.speed))
            samples, values = watch(sensor, sender, frames)
            seconds = time.monotonic() - begin
        sent = sender.wait()
    plot(samples, args.plot)
    print(f"{sent} packets of {HOURS} hours of {args.hosts} hosts in {seconds:.0f} s, {sent / seconds:.0f} packets/s; "
          f"lost by ring and shed: {counted(values) - values['undercurrent_capture_packets_total']:.0f}; "
          f"channels forgotten: {values[EVICTED]:.0f}\n")
    print("| hours' worth of packets | resident MB | channels |\n|---|---|---|")
    for hours in range(1, HOURS + 1):
        at = min(samples, key=lambda sample: abs(sample[0] - hours))
        print(f"| {hours} | {at[1]:.0f} | {at[2]:.0f} |")
    if counted(values) != sent:
        sys.exit(f"{counted(values):.0f} packets are accounted for, {sent} were sent")
    warm = min(samples, key=lambda sample: abs(sample[0] - HOURS / 2))[1]
    if samples[-1][1] > GROWTH * warm:
        sys.exit("memory grew after the warm-up")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Floods a live sensor with the first frames of connections from spoofed addresses, and says what became of them.

usage: benches/flood.py [--binary target/release/undercurrent] [--packets 10000000]

Every address is another one: half of them outside, half in a monitored network, so that the tables of flows, hosts and channels all fill. As root. Fails
where a packet is neither processed nor counted as lost, where a table holds more than its bound, where the log does not tell, or where more memory is resident than
the sensor had at its start, its tables, their copies and the queue take (docs/operations.md, Sizing). How much less it is depends on when the state is copied for a pass and
for a checkpoint; here both are due every five seconds, so that it is soon.
"""
import argparse
import struct
import sys
import time

import hours
import wire

EVICTED = 'undercurrent_flows_expired_total{reason="evicted"}'
SETTINGS = "[detect]\nscore_every_s = 5\n[state]\ncheckpoint_interval_s = 5\n"
# Entries that the tables may have, and what one takes: connections of one packet have no history.
FLOWS, HOSTS, CHANNELS = 1_048_576, 100_000, 262_144
FLOW_BYTES, HOST_BYTES, CHANNEL_BYTES = 250, 200, 400
# The state, the copy that is judged, the copy that is written.
STATES = 3
QUEUE_BYTES = 256 * 256 * 1024
# What the allocator holds beyond that, as a share.
SLACK = 1.1
SAMPLE_S = 1
# Odd, and so a permutation of all numbers of 32 bits (Knuth): no address comes twice.
SPREAD = 2_654_435_761


def flood(packets):
    """The frames."""
    outside, inside = (bytearray(wire.syn(bytes(4), 40_000, wire.address(peer), 443, 0)) for peer in ["10.0.0.1", "198.18.0.1"])
    source = 26
    for number in range(packets):
        spread = number * SPREAD & 0xFFFF_FFFF
        if number % 2:
            # Between 64.0.0.0 and 127.255.255.255: nobody's private network.
            struct.pack_into(">I", outside, source, 0x4000_0000 | spread >> 2)
            yield outside
        else:
            struct.pack_into(">I", inside, source, 0x0A00_0000 | spread >> 8)
            yield inside


def watch(sensor, sender, packets):
    """(packets accounted for, resident MB) once a second, until all are; with the metrics of then."""
    samples = []
    while True:
        values = hours.scrape(sensor)
        samples.append((hours.counted(values), values["process_resident_memory_bytes"] / 1e6))
        if not sender.is_sending() and hours.counted(values) >= packets:
            return samples, values
        time.sleep(SAMPLE_S)


def bound_mb(at_start_mb):
    """The most memory that may be resident."""
    state = HOSTS * HOST_BYTES + CHANNELS * CHANNEL_BYTES
    return at_start_mb + SLACK * (FLOWS * FLOW_BYTES + STATES * state + QUEUE_BYTES) / 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/undercurrent")
    parser.add_argument("--packets", type=int, default=10_000_000)
    args = parser.parse_args()
    wire.need_root()
    with wire.live.own_network():
        near, far = wire.live.add_link(0)
        with wire.live.Sensor(args.binary, far, SETTINGS) as sensor:
            at_start_mb = hours.scrape(sensor)["process_resident_memory_bytes"] / 1e6
            begin = time.monotonic()
            sender = wire.Sender(near, lambda: flood(args.packets))
            samples, values = watch(sensor, sender, args.packets)
            seconds = time.monotonic() - begin
            log = (sensor.folder / "log").read_text(encoding="utf-8")
    lost = {reason: values[f'undercurrent_capture_dropped_packets_total{{reason="{reason}"}}'] for reason in hours.LOST}
    half = max(megabytes for count, megabytes in samples if count <= args.packets / 2)
    most, bound = max(megabytes for _, megabytes in samples), bound_mb(at_start_mb)
    print("| packets | M packets/s | processed | ring | shed | flows at the end | ended early | hosts | channels | resident MB at the start | first half | whole | bound |\n"
          "|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    print(f"| {args.packets} | {args.packets / seconds / 1e6:.3f} | {values['undercurrent_capture_packets_total']:.0f} | {lost['ring']:.0f} "
          f"| {lost['shed']:.0f} | {values['undercurrent_flows_active']:.0f} "
          f"| {values[EVICTED]:.0f} "
          f"| {values['undercurrent_hosts_tracked']:.0f} | {values['undercurrent_channels_tracked']:.0f} | {at_start_mb:.0f} | {half:.0f} | {most:.0f} | {bound:.0f} |")
    for line in (line for line in log.splitlines() if "lost:" in line):
        print(line)
    failures = [
        (hours.counted(values) != args.packets, "not all packets are accounted for"),
        (values["undercurrent_flows_active"] > FLOWS, "the flow table is over its bound"),
        (values["undercurrent_hosts_tracked"] > HOSTS, "the table of hosts is over its bound"),
        (values["undercurrent_channels_tracked"] > CHANNELS, "the table of channels is over its bound"),
        (most > bound, "more memory is resident than the tables, their copies and the queue take"),
        ("lost:" not in log, "the log tells nothing"),
    ]
    for _, failure in (each for each in failures if each[0]):
        sys.exit(failure)


if __name__ == "__main__":
    main()

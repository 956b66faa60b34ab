#!/usr/bin/env python3
"""Move a capture recorded fast to its intended times, and cut bulk payload. Nothing else is changed.

    restage.py IN.pcap OUT.pcap --markers MARKERS [--default-lane LANE]
    restage.py IN.pcap OUT.pcap --shift-to 2026-03-10T08:00:00Z        (one constant shift)

With markers (written by drive.py) every packet belongs to a lane: `host>peer` where such a lane exists, else
the monitored host that opened its flow. It is moved by the difference of intended and real time of the newest marker
of its lane that is not later than the packet: the timing inside an action stays as the kernel saw it, only the pauses
between actions grow. A marker's scale (1 nearly always) stretches the time inside its action. Lanes are then merged by time.

Cutting (`--bulk-bytes`, default 80): TCP segments that are not the head of a TLS handshake or of an HTTP message, and large UDP
payloads other than DNS, are stored to this length only; the length on the wire stays in the record. `--bulk-bytes 0` leaves all as it is.
"""

import argparse
import bisect
import datetime
import ipaddress
import sys

import pcap

HTTP_HEADS = (b"GET ", b"POST", b"PUT ", b"HEAD", b"HTTP", b"OPTI", b"PROP", b"MKCO", b"DELE", b"PATC")
TLS_RECORD_BYTES = 5        # Type, version, length.
HANDSHAKE_BYTES = 700       # A ClientHello whole.
SERVER_HELLO_BYTES = 220    # ServerHello; what follows in the segment is encrypted.
HTTP_HEAD_BYTES = 460
SMALL_DATAGRAM_BYTES = 64   # NTP and its like.


class Lanes:
    """Which lane a packet is of, and when it is meant to be."""

    def __init__(self, path, default, hosts):
        self.markers, self.flows, self.default = {}, {}, default
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                lane, real, intended, scale = line.split("\t")
                self.markers.setdefault(lane, []).append((float(real), float(intended), float(scale)))
        self.names = {}
        for lane in self.markers:
            self.markers[lane].sort()
            self.names[tuple(ipaddress.ip_address(part).packed for part in lane.split(">"))] = lane
        # A host's IPv6 address belongs to the lane of its IPv4 address.
        if hosts:
            with open(hosts, encoding="utf-8") as lines:
                for _, *addresses in map(str.split, lines):
                    if len(addresses) == 2 and addresses[0] in self.markers:
                        self.names[(ipaddress.ip_address(addresses[1]).packed,)] = addresses[0]
        self.starts = {lane: [marker[0] for marker in rows] for lane, rows in self.markers.items()}

    def lane_of(self, head):
        if head.source is None:
            return self.default
        ends = sorted([(head.source, head.sport), (head.target, head.dport)])
        key = (head.protocol, ends[0], ends[1])
        if key not in self.flows or (head.protocol == 6 and head.flags & 0x12 == 0x02):
            for choice in ((head.source, head.target), (head.target, head.source), (head.source,), (head.target,)):
                if choice in self.names:
                    self.flows[key] = self.names[choice]
                    break
            else:
                self.flows[key] = self.default
        return self.flows[key]

    def move(self, time_s, head):
        """The intended time, or None for a packet of no lane."""
        lane = self.lane_of(head)
        if lane is None:
            return None
        rows = self.markers[lane]
        real, intended, scale = rows[max(0, bisect.bisect_right(self.starts[lane], time_s) - 1)]
        return intended + (time_s - real) * (scale if time_s > real else 1.0)


def stored_length(head, data, bulk_bytes):
    """How much of a frame is kept."""
    payload = data[head.payload:head.payload + 6]
    if head.arp or not payload or not bulk_bytes:
        return len(data)
    if head.protocol == 6:
        if payload[:1] == b"\x16" and payload[1:2] == b"\x03":
            return HANDSHAKE_BYTES if payload[5:6] == b"\x01" else SERVER_HELLO_BYTES
        if payload[:4] in HTTP_HEADS:
            return HTTP_HEAD_BYTES
        if 53 in (head.sport, head.dport):
            return len(data)
        return max(bulk_bytes, head.payload + TLS_RECORD_BYTES)
    if head.protocol == 17 and 53 not in (head.sport, head.dport):
        return len(data) if len(data) - head.payload <= SMALL_DATAGRAM_BYTES else max(bulk_bytes, head.payload + 16)
    if head.protocol == 1:
        return max(bulk_bytes, head.payload + 64)
    return len(data)


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--markers")
    parser.add_argument("--hosts", help="file of `name address [address6]` lines")
    parser.add_argument("--default-lane", help="for packets of no monitored host, which are left out otherwise")
    parser.add_argument("--shift-to")
    parser.add_argument("--bulk-bytes", type=int, default=80)
    args = parser.parse_args()
    if (args.markers is None) == (args.shift_to is None):
        parser.error("give either --markers or --shift-to")

    lanes = Lanes(args.markers, args.default_lane, args.hosts) if args.markers else None
    shift, moved, dropped = None, [], 0
    for time_s, wire, data in pcap.read(args.input):
        head = pcap.Headers(data)
        if lanes:
            target = lanes.move(time_s, head)
        else:
            if shift is None:
                shift = seconds_of(args.shift_to) - time_s
            target = time_s + shift
        if target is None:
            dropped += 1
            continue
        moved.append((round(target * 1e6), wire, data[:stored_length(head, data, args.bulk_bytes)]))
    moved.sort(key=lambda packet: packet[0])
    pcap.write(args.output, moved)
    print(f"{len(moved)} packets kept, {dropped} of no monitored host left out", file=sys.stderr)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares packets, IP bytes and frame bytes per conversation with tshark's dissection of the same captures.

    scripts/compare_tshark.py [--binary FILE] [--jobs N] [--list FILE] FOLDER_OR_CAPTURE...

Prints a Markdown table, a row a folder, then every conversation that differs. `--list` also writes those as
tab-separated values. Exits with 1 where a conversation differs and 0 where all agree.

A conversation is a protocol and two ends (address and port; for ICMP and the protocols without ports the address
alone), whatever its number of flows. tshark is asked for the headers of every frame, reassembly off, and the innermost
IP packet counts, as it does here; what an ICMP error quotes is no packet. Later fragments get the ports of their
first. Needs tshark (4.0 was used), and zstd for captures that end in .zst.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = (".pcap", ".pcapng", ".cap", ".trace")
PACKED = ("", ".gz", ".zst")
FIELDS = (
    "frame.protocols frame.len ip.src ip.dst ip.len ip.proto ip.id ip.flags.mf ip.frag_offset ipv6.src ipv6.dst ipv6.plen"
    " ipv6.fraghdr.ident ipv6.fraghdr.offset tcp.srcport tcp.dstport udp.srcport udp.dstport sctp.srcport sctp.dstport"
).split()
# tshark would show the headers of a reassembled datagram again in the frame that completes it.
OPTIONS = [
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.reassemble_out_of_order:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
]
# The port that Linux has always used for VXLAN.
DECODE_AS = "udp.port==8472,vxlan"
PORTS = ("tcp", "udp", "sctp")
NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}
QUOTES = ("icmp", "icmpv6")


class Headers:
    """The headers of one frame as tshark lists them: the innermost IP header and the transport behind it."""

    def __init__(self, row):
        values = dict(zip(FIELDS, row.split("\t")))
        self.values = {name: value.split(",") if value else [] for name, value in values.items()}
        self.frame_len = int(values["frame.len"])
        self.seen = Counter()
        self.ip = self.transport = None
        for token in values["frame.protocols"].split(":"):
            if token in ("ip", "ipv6"):
                self.ip, self.transport = (token, self.seen[token]), None
            elif token in PORTS + QUOTES and self.ip and not self.transport:
                self.transport = (token, self.seen[token])
            self.seen[token] += 1
            if token in QUOTES:
                break

    def at(self, field, index):
        found = self.values[field]
        return found[index] if index < len(found) else None

    def number(self, field, index):
        value = self.at(field, index)
        return int(value, 0) if value else 0

    def fragment(self):
        """Identification and offset, where the innermost packet is a piece of a datagram."""
        kind, index = self.ip
        if kind == "ip":
            offset = self.number("ip.frag_offset", index)
            return self.at("ip.id", index) if offset or self.number("ip.flags.mf", index) else None, offset
        return self.at("ipv6.fraghdr.ident", 0), self.number("ipv6.fraghdr.offset", 0)

    def ends(self):
        kind, index = self.ip
        return self.at(f"{kind}.src", index), self.at(f"{kind}.dst", index)

    def ip_len(self):
        kind, index = self.ip
        return self.number("ip.len", index) if kind == "ip" else 40 + self.number("ipv6.plen", index)

    def protocol(self):
        """Name of the transport as `--flows` has it."""
        if self.transport:
            name = self.transport[0]
            return "icmp" if name in QUOTES else name if name != "sctp" else "unknown_transport"
        kind, index = self.ip
        number = self.number("ip.proto", index) if kind == "ip" else -1
        return NAMES.get(number, "unknown_transport")

    def ports(self):
        if not self.transport or self.transport[0] in QUOTES:
            return 0, 0
        name, index = self.transport
        return self.number(f"{name}.srcport", index), self.number(f"{name}.dstport", index)


def conversation(protocol, source, destination):
    """The key of a conversation, and whether the source is its second end."""
    ends = [(ip_address(address), port) for address, port in (source, destination)]
    swapped = (ends[0][0].version, *ends[0]) > (ends[1][0].version, *ends[1])
    return (protocol, *(ends[::-1] if swapped else ends)), swapped


def of_tshark(capture):
    """Conversation -> [packets, IP bytes, frame bytes] of its first end, then of its second; None where tshark fails."""
    command = ["tshark", "-n", "-r", str(capture), "-d", DECODE_AS, "-T", "fields", "-E", "occurrence=a"]
    command += [part for option in OPTIONS for part in ("-o", option)]
    command += [part for field in FIELDS for part in ("-e", field)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if run.returncode != 0 and not run.stdout:
        return None
    table, first_pieces = defaultdict(lambda: [0] * 6), {}
    for row in run.stdout.splitlines():
        headers = Headers(row)
        if not headers.ip or None in headers.ends():
            continue
        source, destination = headers.ends()
        protocol, ports = headers.protocol(), headers.ports()
        ident, offset = headers.fragment()
        if offset:
            protocol, ports = first_pieces.get((source, destination, ident), (protocol, (0, 0)))
        elif ident:
            first_pieces[source, destination, ident] = protocol, ports
        key, swapped = conversation(protocol, (source, ports[0]), (destination, ports[1]))
        counts = table[key]
        for slot, value in enumerate((1, headers.ip_len(), headers.frame_len)):
            counts[slot + 3 * swapped] += value
    return table


def of_ours(binary, capture, flows):
    """The same from `undercurrent replay --flows`; None where it cannot open the capture."""
    command = [str(binary), "replay", "--quiet", "--no-progress", "--format", "jsonl", "--flows", str(flows), str(capture)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return None
    table = defaultdict(lambda: [0] * 6)
    for line in flows.read_text().splitlines():
        flow = json.loads(line)
        ports = flow["id.orig_p"], flow["id.resp_p"]
        if flow["proto"] == "icmp":
            ports = 0, 0
        source, destination = (flow["id.orig_h"], ports[0]), (flow["id.resp_h"], ports[1])
        key, swapped = conversation(flow["proto"], source, destination)
        counts = table[key]
        for side, name in ((swapped, "orig"), (not swapped, "resp")):
            for slot, field in enumerate(("pkts", "ip_bytes", "wire_bytes")):
                counts[slot + 3 * side] += flow[f"{name}_{field}"]
    return table


def compare(binary, capture):
    """Conversations and packets of tshark, and what differs: (key, ours, tshark's). Who alone opened it, otherwise."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = capture
        if capture.suffix == ".zst":
            plain = Path(scratch) / "plain"
            subprocess.run(["zstd", "-d", "-q", "-f", str(capture), "-o", str(plain)], check=True)
        ours, theirs = of_ours(binary, capture, Path(scratch) / "flows.jsonl"), of_tshark(plain)
    if ours is None or theirs is None:
        return "neither" if ours is theirs else "tshark" if ours is None else "us"
    keys = sorted(ours.keys() | theirs.keys(), key=str)
    differ = [(key, ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)]
    packets = sum(counts[0] + counts[3] for counts in theirs.values())
    return len(keys), packets, differ


def kind_of(mine, theirs):
    """What differs: an IP length, where packets and frame bytes agree; else which packets belong to the conversation."""
    same_frames = mine and theirs and all(mine[slot] == theirs[slot] for slot in (0, 2, 3, 5))
    return "IP length" if same_frames else "packets"


def captures_of(path):
    if path.is_file():
        return [path]
    names = tuple(suffix + packed for suffix in SUFFIXES for packed in PACKED)
    return sorted(file for file in path.rglob("*") if file.name.endswith(names) and file.is_file())


def text_of(key):
    protocol, *ends = key
    return f"{protocol} " + " ".join(f"{address}:{port}" for address, port in ends)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path, nargs="+", metavar="FOLDER_OR_CAPTURE")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "undercurrent")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", type=Path, metavar="FILE")
    args = parser.parse_args()

    print("| captures | opened by both | by us only | by tshark only | packets | conversations | agree | differ | captures that differ |")
    print("|---|---|---|---|---|---|---|---|---|")
    all_differing = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for folder in args.inputs:
            captures = captures_of(folder)
            results = list(pool.map(lambda capture: compare(args.binary, capture), captures))
            both = [(capture, *result) for capture, result in zip(captures, results) if isinstance(result, tuple)]
            differing = [(capture.relative_to(folder.parent), *row) for capture, _, _, rows in both for row in rows]
            conversations = sum(count for _, count, _, _ in both)
            odd = len({capture for capture, *_ in differing})
            packets = sum(count for _, _, count, _ in both)
            print(
                f"| {folder.name} ({len(captures)}) | {len(both)} | {results.count('us')} | {results.count('tshark')} | {packets:,}"
                f" | {conversations:,} | {conversations - len(differing):,} | {len(differing):,} | {odd} |",
                flush=True,
            )
            all_differing += differing
    lines = [
        "\t".join((str(capture), kind_of(ours, theirs), text_of(key), f"ours {ours}", f"tshark {theirs}"))
        for capture, key, ours, theirs in all_differing
    ]
    print("\n" + "\n".join(lines))
    if args.list:
        args.list.write_text("\n".join(lines) + "\n")
    sys.exit(bool(all_differing))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Labels, facts and the index table, all computed from the finished captures.

    catalog.py label CAPTURE.pcap LABELS.csv HOST PEER KIND BEHAVIOUR     (PEER: ip:port, [ip6]:port, ip or domain)
    catalog.py facts SCENARIO_DIR CAPTURE.pcap TOOLS                      (rewrites the facts block of README.md)
    catalog.py index CAPTURES_DIR                                         (rewrites the table of captures/README.md)
    catalog.py check CAPTURES_DIR                                         (do hashes, counts, order and labels agree with the captures?)
"""

import csv
import datetime
import hashlib
import ipaddress
import os
import re
import subprocess
import sys
import tempfile

import pcap

HEADER = ["host", "peer", "kind", "behaviour", "start", "end"]


def stamp(time_s):
    moment = datetime.datetime.fromtimestamp(round(time_s * 1000) / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def matcher(host, peer):
    """A test for the packets of an incident."""
    address = ipaddress.ip_address(host).packed
    port, other, name = None, None, None
    match = re.fullmatch(r"\[?([0-9a-fA-F:.]+?)\]?:(\d+)", peer)
    try:
        other = ipaddress.ip_address(peer).packed
    except ValueError:
        if match:
            other, port = ipaddress.ip_address(match[1]).packed, int(match[2])
        else:
            name = b"".join(bytes([len(part)]) + part.encode() for part in peer.split("."))

    def test(head, data):
        if address not in (head.source, head.target) or head.arp:
            return False
        if name:
            return 53 in (head.sport, head.dport) and name in data[head.payload:].lower()
        return other in (head.source, head.target) and (port is None or port in (head.sport, head.dport))

    return test


def incident_times(capture, host, peer):
    """Times of the packets of an incident."""
    test = matcher(host, peer)
    times = [time_s for time_s, _, data in pcap.read(capture) if test(pcap.Headers(data), data)]
    if not times:
        raise SystemExit(f"label {host} {peer}: no such packet in {capture}")
    return times


def label(capture, labels, host, peer, kind, behaviour):
    times = incident_times(capture, host, peer)
    with open(labels, "a", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerow([host, peer, kind, behaviour, stamp(min(times)), stamp(max(times))])
    print(f"label {host} {peer} {behaviour}: {len(times)} packets over {max(times) - min(times):.0f} s")


def duration_text(seconds):
    seconds = round(seconds)
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min" if seconds >= 3600 else f"{seconds // 60} min {seconds % 60:02d} s"


def replace_block(path, name, text):
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    with open(path, encoding="utf-8") as file:
        content = file.read()
    if begin not in content:
        raise SystemExit(f"{path}: no {begin}")
    content = content[:content.index(begin) + len(begin)] + "\n" + text + "\n" + content[content.index(end):]
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def facts(folder, capture, tools):
    times, wire_bytes, stored, hosts = [], 0, 0, {}
    for time_s, wire, data in pcap.read(capture):
        times.append(time_s)
        wire_bytes += wire
        stored += len(data)
        head = pcap.Headers(data)
        if head.source and not head.arp:
            for address in (head.source, head.target):
                hosts[address] = hosts.get(address, 0) + 1
    if any(later < earlier for earlier, later in zip(times, times[1:])):
        raise SystemExit(f"{capture}: not in time order")
    file = os.path.join(folder, "capture.pcap.zst")
    with open(file, "rb") as data:
        digest = hashlib.sha256(data.read()).hexdigest()
    rows = [
        ("Packets", f"{len(times)}"),
        ("Bytes on the wire", f"{wire_bytes}"),
        ("First packet", stamp(times[0])),
        ("Last packet", stamp(times[-1])),
        ("Duration", duration_text(times[-1] - times[0])),
        ("Addresses", f"{len(hosts)}"),
        ("Size", f"{os.path.getsize(file)} bytes packed, {stored + 16 * len(times) + 24} unpacked"),
        ("SHA-256", f"`{digest}`"),
        ("Tools", tools),
        ("Origin", "recorded by this project with `record.sh`, real tools in Linux network namespaces"),
        ("Licence", "Apache-2.0 OR MIT, as the project"),
    ]
    replace_block(os.path.join(folder, "README.md"), "facts",
                  "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows))


def scenarios(root):
    """Folder and facts of every scenario."""
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        if os.path.exists(os.path.join(folder, "capture.pcap.zst")):
            with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
                yield name, folder, dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", file.read(), re.M))


def check(root):
    faults = 0
    for name, folder, fact in scenarios(root):
        packed = os.path.join(folder, "capture.pcap.zst")
        with open(packed, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with tempfile.TemporaryDirectory() as work:
            capture = os.path.join(work, "capture.pcap")
            subprocess.run(["zstd", "-dqf", packed, "-o", capture], check=True)
            times = [time_s for time_s, _, _ in pcap.read(capture)]
            tests = {
                "SHA-256": fact["SHA-256"].strip("`") == digest,
                "packets": int(fact["Packets"]) == len(times),
                "time order": times == sorted(times),
            }
            with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as file:
                rows = csv.DictReader(file)
                tests["label columns"] = rows.fieldnames == HEADER
                for row in rows:
                    seen = incident_times(capture, row["host"], row["peer"])
                    tests["label " + row["peer"]] = [row["start"], row["end"]] == [stamp(min(seen)), stamp(max(seen))]
        wrong = [test for test, good in tests.items() if not good]
        faults += len(wrong)
        print(f"{name}: {'wrong: ' + ', '.join(wrong) if wrong else 'ok'}")
    if faults:
        raise SystemExit(1)


def index(root):
    lines = ["| scenario | kind | behaviour | host | peer | packets | duration | size |", "|---|---|---|---|---|---:|---:|---:|"]
    total = 0
    for name, folder, fact in scenarios(root):
        with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as file:
            incidents = list(csv.DictReader(file))
        size = os.path.getsize(os.path.join(folder, "capture.pcap.zst"))
        total += size
        cell = {key: "<br>".join(row[key] for row in incidents) for key in HEADER}
        lines.append(f"| [`{name}`]({name}/README.md) | {cell['kind'] or 'benign'} | {cell['behaviour'] or '-'} | {cell['host'] or '-'} "
                     f"| {cell['peer'] or '-'} | {fact['Packets']} | {fact['Duration']} | {size / 1000:.0f} kB |")
    lines.append(f"\nTogether {total / 1e6:.2f} MB.")
    replace_block(os.path.join(root, "README.md"), "index", "\n".join(lines))


def main():
    verb, *rest = sys.argv[1:] or [""]
    verbs = {"label": label, "facts": facts, "index": index, "check": check}
    if verb not in verbs:
        raise SystemExit(__doc__)
    verbs[verb](*rest)


if __name__ == "__main__":
    main()

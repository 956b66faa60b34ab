#!/usr/bin/env python3
"""Turns the manifest of a capture collection into labels for `undercurrent evaluate`.

    scripts/labels_from_manifest.py MANIFEST.tsv > labels.csv

The manifest has a row a capture; the columns `file`, `category`, `label`, `what_it_shows`, `internal_host` and `peer` are read. Peers are free
text there: addresses, ports and zones are picked out of it. A labelled host becomes the monitored network of its capture, so that lab peers
with private addresses are outside. A benign capture gets a line without a host. A malicious capture of which no peer can be
named gets none, and is said on standard error.
"""

import csv
import ipaddress
import re
import sys

ADDRESS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?")
ZONE = re.compile(r"\bzone ([a-z0-9.-]+\.[a-z]+)\b")
KINDS = {"A_c2": "c2", "B_exfil": "exfil"}


def peers_of(text):
    """Peers as labels name them. Where a tunnel's zone is told, it is the peer: its resolver serves other names too."""
    zones = ZONE.findall(text)
    if zones:
        return zones
    several_ports = " and :" in text
    # What stands in brackets comments on a peer.
    found = ADDRESS.findall(re.sub(r"\([^)]*\)", "", text))
    return [f"{ip}:{port}" if port and not several_ports else ip for ip, port in found]


def behaviour_of(kind, row):
    """The behaviour by what the row says that it shows; the most telling word first."""
    text = f"{row['what_it_shows']} {row['label']} {row['peer']}".lower()
    if "icmp" in text:
        return "icmp_tunnel"
    if "dns" in text and ("quer" in text or "tunnel" in text):
        return "dns_tunnel"
    if kind == "exfil":
        return "slow_drip" if re.search(r"\bevery\b", text) else "bulk_upload"
    if re.search(r"shell|meterpreter|session", text):
        return "interactive"
    if re.search(r"\bone\b.*\b(conn|flow)|long conn", text):
        return "long_connection"
    return "beacon"


def line_of(row):
    """The labels' line of a capture; nothing where it cannot be judged against."""
    host = ADDRESS.search(row["internal_host"])
    host = host.group(1) if host else ""
    kind = KINDS.get(row["category"])
    if row["category"] == "E_flows" and row["label"].startswith("malicious"):
        kind = "c2"
    if kind:
        peers = peers_of(row["peer"])
        if not peers:
            print(f"{row['file']}: no peer can be named: {row['peer']}", file=sys.stderr)
            return None
        return [row["file"], host, host, " ".join(peers), kind, behaviour_of(kind, row)]
    # Private addresses are monitored anyway.
    local = host if host and not ipaddress.ip_address(host).is_private else ""
    return [row["file"], local, "", "", "", ""]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["input", "local", "host", "peer", "kind", "behaviour"])
    with open(sys.argv[1], newline="", encoding="utf-8") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t"):
            judged = row["category"] in ("A_c2", "B_exfil", "C_benign", "E_flows")
            line = line_of(row) if judged and row["file"].endswith((".pcap", ".pcapng")) else None
            if line:
                out.writerow(line)


if __name__ == "__main__":
    main()

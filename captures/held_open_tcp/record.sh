#!/usr/bin/env bash
# One TCP session held open for six hours: ncat connects out, sends a short keep-alive every 30 s and gets one back; a few commands in between.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-12T07:30:00Z
uc_start 580 curl nginx-light ncat socat
uc_lan 10.40.7.1/24
uc_host srv31 10.40.7.31
uc_host ws40 10.40.7.40
uc_browse_sites
uc_outside 203.0.113.188
uc_up

# The listener answers what it is sent; the agent's end reads lines from a pipe that the schedule writes to.
mkfifo "$UC_WORK/agent"
uc_bg wan ncat -l -k 203.0.113.188 8443 -e /bin/cat
uc_bg srv31 bash -c "exec 3<>$UC_WORK/agent; exec ncat 203.0.113.188 8443 <&3"

uc_plan <<'PY'
import os
from plan import Plan
plan = Plan(seed=31)
end, pipe = 6 * 3600, os.environ["UC_WORK"] + "/agent"
# The first action is where ncat's own connection, made just before, lands.
lane = "10.40.7.31>203.0.113.188"
plan.every(lane, 5, end, 30, 0.01, lambda number: f"printf 'ping %08d %s\\n' {number} 4f1c9be2 > {pipe}")
for at in (4100, 4133, 9800, 15750):
    plan.add(at, lane, f"head -c 900 /dev/urandom | base64 -w0 > {pipe}")
# The server itself only looks for updates; a workstation browses.
plan.every("10.40.7.31", 900, end, 3600, 0, "curl -s -o /dev/null --cacert $UC_CA https://static.postwise.example/part-3.bin")
plan.browse("10.40.7.40", 0, end, pause_s=60, break_s=1500)
plan.write()
PY
uc_drive --quiet-s 0.1 --helper 10.40.7.40 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions ncat curl nginx-light dnsmasq-base tcpdump)" <<'LABELS'
10.40.7.31 203.0.113.188:8443 c2 long_connection
LABELS

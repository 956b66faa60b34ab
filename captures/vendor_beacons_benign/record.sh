#!/usr/bin/env bash
# Six machines that poll the same vendors at exact periods, check for a captive portal, ask for the time. Beacons all, and all benign.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-23T00:00:00Z
uc_start 560 curl nginx-light chrony ntpsec-ntpdig
uc_lan 10.33.0.1/24
for n in 101 102 103 104 105 106; do uc_host "dev$n" "10.33.0.$n"; done
uc_site telemetry.deskvendor.example 203.0.113.10
uc_site agent.endpointguard.example 203.0.113.14
uc_site config.browserworks.example 198.18.9.40
uc_name connectivity.deskvendor.example 203.0.113.11
uc_name time.tickpool.example 192.0.2.123
uc_browse_sites
uc_up
uc_bg wan chronyd -d -x -u root "local stratum 2" "allow all" "bindaddress 192.0.2.123" "cmdport 0" "pidfile $UC_WORK/chronyd.pid"

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=300)
rng, end = plan.rng, 5 * 3600
curl = "curl -s -o /dev/null --cacert $UC_CA"
for n in range(101, 107):
    host = f"10.33.0.{n}"
    body = rng.randrange(500, 900)
    plan.every(host, rng.uniform(0, 300), end, 300, 0.0003, f"head -c {body} /dev/urandom | {curl} --data-binary @- https://telemetry.deskvendor.example/state")
    plan.every(host, rng.uniform(0, 900), end, 900, 0.0003, f"{curl} https://agent.endpointguard.example/task-{n % 12}")
    plan.every(host, rng.uniform(0, 300), end, 600, 0.001, "curl -s -o /dev/null http://connectivity.deskvendor.example/generate_204")
    plan.every(host, rng.uniform(0, 1000), end, 1024, 0.01, "ntpdig time.tickpool.example")
    if n < 105:
        plan.every(host, rng.uniform(0, 3600), end, 3600, 0.0003, f"{curl} https://config.browserworks.example/state")
for n in (101, 104):
    plan.browse(f"10.33.0.{n}", 0, end, ["news", "mail"], break_s=2400)
plan.write()
PY
uc_drive --helper 10.33.0.101 browser "python3 $UC_TOOLS/browser.py" --helper 10.33.0.104 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions curl chrony ntpsec-ntpdig nginx-light dnsmasq-base tcpdump)" </dev/null

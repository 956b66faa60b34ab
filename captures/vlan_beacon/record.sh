#!/usr/bin/env bash
# A beacon from VLAN 20, captured on the 802.1Q trunk: every frame is tagged.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-22T13:00:00Z
uc_start 560 curl nginx-light openvswitch-switch
uc_lan 10.20.0.1/16
# A switch (Open vSwitch in user space, so no kernel VLAN support is needed): access ports of VLAN 20 for the hosts on one bridge,
# an access port for the gateway on the other, a tagged trunk between them.
ip netns add "${UC_PREFIX}sw"
uc_in sw sysctl -qw net.ipv6.conf.all.disable_ipv6=1
UC_SWITCH_NS=sw UC_SWITCH=
for n in 51 52 53; do uc_host "ws$n" "10.20.7.$n"; done
uc_in gw ip link add uplink0 type veth peer name uplink1 netns "${UC_PREFIX}sw"
uc_in gw ethtool -K uplink0 tx off >/dev/null
uc_in gw ip link set uplink0 master br-lan up; uc_in sw ip link set uplink1 up
uc_in sw ip link add trunk0 type veth peer name trunk1
for port in trunk0 trunk1; do uc_in sw ethtool -K $port tx off >/dev/null; uc_in sw ip link set $port up; done
export OVS_RUNDIR=$UC_WORK/ovs OVS_DBDIR=$UC_WORK/ovs OVS_LOGDIR=$UC_WORK/ovs
mkdir "$OVS_RUNDIR"
ovsdb-tool create "$OVS_DBDIR/conf.db" /usr/share/openvswitch/vswitch.ovsschema
uc_bg sw ovsdb-server "$OVS_DBDIR/conf.db" --remote="punix:$OVS_RUNDIR/db.sock" --unixctl="$OVS_RUNDIR/db.ctl"
uc_wait "the switch's database" test -S "$OVS_RUNDIR/db.sock"
vsctl() { ovs-vsctl --db="unix:$OVS_RUNDIR/db.sock" --timeout=20 "$@"; }
vsctl --no-wait init
uc_bg sw ovs-vswitchd "unix:$OVS_RUNDIR/db.sock" --unixctl="$OVS_RUNDIR/vswitchd.ctl"
vsctl add-br acc -- set bridge acc datapath_type=netdev -- add-port acc trunk0 trunks=20
vsctl add-br agg -- set bridge agg datapath_type=netdev -- add-port agg trunk1 trunks=20 -- add-port agg uplink1 tag=20
for n in 51 52 53; do vsctl add-port acc "v-ws$n" tag=20; done
uc_browse_sites
uc_site cdn.widgetfeed.example 198.51.100.133
UC_CAPTURE_NS=sw UC_CAPTURE_DEVICE=trunk0
uc_up

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=20)
end = 2.5 * 3600
def check_in(number):
    remembered = "" if number % 4 == 0 else "--resolve cdn.widgetfeed.example:443:198.51.100.133 "
    return f"curl -s -o /dev/null --cacert $UC_CA {remembered}-H 'Cookie: id=8d1fe03c77' https://cdn.widgetfeed.example/task-{number % 12 if number % 8 == 0 else 2}"
plan.every("10.20.7.52", 18, end, 45, 0.4, check_in)
for n in (51, 52, 53):
    plan.browse(f"10.20.7.{n}", 0, end, break_s=1400)
plan.write()
PY
helpers=(); for n in 51 52 53; do helpers+=(--helper "10.20.7.$n" browser "python3 $UC_TOOLS/browser.py"); done
uc_drive "${helpers[@]}"
uc_finish "$(uc_versions openvswitch-switch curl nginx-light dnsmasq-base tcpdump)" --bulk-bytes 84 <<'LABELS'
10.20.7.52 198.51.100.133:443 c2 beacon
LABELS

#!/usr/bin/env bash
# Live capture beside its peers: a generator floods one end of a pair of virtual interfaces, a reader captures at the other.
#
#   benches/live.sh [READER...]     all readers unless some are named; as root
#
# Prints a row a reader: packets that came to the interface, those that the reader lost by its own account, and the processor
# time that the reader took for each packet that came: of all its threads, the part of it that was spent in the kernel, and where its threads have
# such names, of those that capture and of the one that takes the packets through the pipeline; the rest are verdicts, pages, and files. The generator is
# pinned to one processor, the reader to the other: on such a pair the sender's processor also pays for the copy into the reader's ring. All traffic stays in
# two namespaces.
#
# With RUNS (1) above one the readers run in turn, so often. Then come the medians, and where undercurrent is among the readers, the bars: it loses nothing, takes
# less than nfpcapd, softflowd and argus, and at most 1.5 times what `v3rx flow` does. Fails where one is not met.
#
# PEERS (default target/peers) is where ../shared/peers/setup.sh has put its tools and captures; SECS, PPS (0: as fast as it goes)
# and CAPTURE change the load. QUOTA=25 gives the reader a quarter of a processor (cgroup).
set -euo pipefail
cd "$(dirname "$0")/.."

PEERS=$(realpath "${PEERS:-target/peers}")
CAPTURE=${CAPTURE:-$PEERS/cap/imix-10M-s96.pcap}
SECS=${SECS:-10} PPS=${PPS:-0} RUNS=${RUNS:-1} QUOTA=${QUOTA:-}
PROGRAM=${CARGO_TARGET_DIR:-target}/release/undercurrent
NEAR=livebench-near FAR=livebench-far
WORK=$(mktemp -d)

if [ "$(id -u)" -ne 0 ] || [ ! -x "$PEERS/tools/afgen" ]; then
  echo "live.sh: needs root, and the tools of ../shared/peers/setup.sh in $PEERS" >&2
  exit 1
fi

near() { ip netns exec $NEAR "$@"; }
far() { ip netns exec $FAR "$@"; }

set_up() {
  ip netns add $NEAR
  ip netns add $FAR
  ip link add near0 netns $NEAR type veth peer name far0 netns $FAR
  for end in "$NEAR near0" "$FAR far0"; do
    read -r namespace interface <<<"$end"
    ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
    ip netns exec "$namespace" ip link set lo up
    ip netns exec "$namespace" ip link set "$interface" up
    ip netns exec "$namespace" ethtool -K "$interface" gro off gso off tso off >/dev/null 2>&1 || true
  done
}

take_down() {
  ip netns del $NEAR || true
  ip netns del $FAR || true
  [ -z "$QUOTA" ] || rmdir /sys/fs/cgroup/cpu/livebench 2>/dev/null || true
  rm -rf "$WORK"
}

received() { far cat /sys/class/net/far0/statistics/rx_packets; }

# Processor time in clock ticks: of a process, of that in the kernel, of its threads that capture, of its main thread.
ticks() {
  awk '{ user = $0; sub(/.*\) /, ""); time = $12 + $13 }
       FILENAME ~ /task/ && user ~ /\(ring [0-9]*\)/ { capture += time }
       FILENAME ~ /task/ && user ~ /\(undercurrent\)/ { pipeline += time }
       FILENAME !~ /task/ { all = time; kernel = $13 }
       END { print all, kernel, capture + 0, pipeline + 0 }' "/proc/$1/stat" "/proc/$1"/task/*/stat
}

limit() {
  [ -n "$QUOTA" ] || return 0
  mkdir -p /sys/fs/cgroup/cpu/livebench
  echo 100000 >/sys/fs/cgroup/cpu/livebench/cpu.cfs_period_us
  echo $((QUOTA * 1000)) >/sys/fs/cgroup/cpu/livebench/cpu.cfs_quota_us
  echo "$1" >/sys/fs/cgroup/cpu/livebench/cgroup.procs
}

start() {
  local log=$WORK/$1.log
  case $1 in
  v3rx-flow) set -- "$PEERS/tools/v3rx" far0 $((SECS + 6)) flow 64 ;;
  tcpdump) set -- tcpdump -i far0 -n -s 96 -B 65536 -w /dev/null ;;
  nfpcapd) mkdir -p "$WORK/nf" && set -- nfpcapd -i far0 -w "$WORK/nf" -b 64 -B 4000000 -s 128 ;;
  softflowd) set -- softflowd -d -i far0 -m 4000000 -B 67108864 -C 128 -c none ;;
  argus) set -- argus -i far0 -w /dev/null ;;
  undercurrent) set -- "$PROGRAM" watch --interface far0 --state "$WORK/state" ;;
  *) echo "live.sh: no reader $1" >&2 && exit 1 ;;
  esac
  ip netns exec $FAR taskset -c 1 "$@" >"$log" 2>&1 &
  READER=$!
}

# What the reader says that it lost.
lost() {
  case $1 in
  v3rx-flow) sed -n 's/.*drops=\([0-9]*\).*/\1/p' "$2" ;;
  tcpdump) sed -n 's/^\([0-9]*\) packets dropped by kernel/\1/p' "$2" ;;
  nfpcapd | softflowd | argus) echo . ;;
  undercurrent) awk '/^undercurrent_capture_dropped_packets_total/ && $2 > 0 { sub(/.*reason="/, ""); sub(/"}/, ""); printf "%s%s %s", sep, $1, $2; sep = ", " }
                     END { if (!sep) print 0 }' "$WORK/metrics" ;;
  esac
}

run() {
  local before packets from to sent
  start "$1"
  sleep 3
  limit "$READER"
  before=$(received) from=$(ticks "$READER")
  sent=$(near taskset -c 0 "$PEERS/tools/afgen" near0 "$CAPTURE" "$SECS" "$PPS" 300000)
  sleep 1
  packets=$(($(received) - before)) to=$(ticks "$READER")
  if [ "$1" = undercurrent ]; then
    far curl -s http://127.0.0.1:9909/metrics >"$WORK/metrics"
  fi
  [ "$1" = v3rx-flow ] || kill -TERM "$READER" || true
  wait "$READER" || true
  awk -v name="$1" -v packets="$packets" -v lost="$(lost "$1" "$WORK/$1.log")" -v from="$from" -v to="$to" -v hz="$(getconf CLK_TCK)" \
    -v rate="$(sed -n 's/.* = \([0-9.]*\) Mpps.*/\1/p' <<<"$sent")" \
    'function ns(n) { return sprintf("%.0f", (after[n] - before[n]) * 1e9 / hz / packets) }
     BEGIN { split(from, before); split(to, after)
             capture = after[3] ? ns(3) : "."; pipeline = after[4] ? ns(4) : "."
             printf "| %s | %d | %s | %s | %s | %s | %s | %s |\n", name, packets, rate, lost, ns(1), ns(2), capture, pipeline }' | tee -a "$WORK/rows"
}

# The medians, and whether the bars are met, from the rows.
judge() {
  sed 's/^| //; s/ |$//; s/ | /|/g' "$WORK/rows" | sort -t '|' -k 1,1 -k 5,5n | awk -F '|' '
    $1 != name { count[name = $1] = 0 }
    { ns[name, ++count[name]] = $5; lost = lost || name == "undercurrent" && $4 != 0 }
    function median(name) { return (ns[name, int((count[name] + 1) / 2)] + ns[name, int(count[name] / 2) + 1]) / 2 }
    function bar(met, text) { print (met ? "met: " : "MISSED: ") text; missed = missed || !met }
    END {
      for (name in count) printf "median of %s: %.0f ns a packet\n", name, median(name) | "sort"
      close("sort")
      if (!("undercurrent" in count)) exit
      ours = median("undercurrent")
      bar(!lost, "nothing is lost")
      for (name in count) if (name ~ /nfpcapd|softflowd|argus/) bar(ours < median(name), sprintf("less than %s, by %.1f times", name, median(name) / ours))
      if ("v3rx-flow" in count) bar(ours <= 1.5 * median("v3rx-flow"), sprintf("at most 1.5 times v3rx-flow: %.2f times", ours / median("v3rx-flow")))
      exit missed
    }'
}

trap take_down EXIT
set_up
echo "| reader | packets | M packets/s sent | lost, by its own account | processor time, ns a packet | of it in the kernel | of it capture | of it pipeline |"
echo "|---|---|---|---|---|---|---|---|"
[ $# -gt 0 ] || set -- v3rx-flow undercurrent nfpcapd softflowd argus tcpdump
for _ in $(seq "$RUNS"); do
  for reader in "$@"; do run "$reader"; done
done
echo
judge

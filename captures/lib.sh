# Common part of every record.sh: a small network of namespaces, servers in it, a capture, and what becomes of it.
# Sourced, not run. Needs root (network namespaces, packet sockets). Nothing leaves the namespaces: there is no link to the machine's own network.
#
#   hosts (10.x, …) ── bridge br-lan in "gw" ── delay link (tools/wanlink.py) ── "wan": all outside addresses and servers
#                      ^ tcpdump listens here
#
# A record.sh calls, in this order: uc_start, uc_lan, uc_host…, uc_site…, uc_up, [own servers], uc_plan, uc_drive, uc_finish.

set -euo pipefail
UC_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export UC_TOOLS=$UC_ROOT/tools
export PYTHONPATH=$UC_TOOLS PYTHONDONTWRITEBYTECODE=1

# uc_start LIMIT_S PACKAGE...: checks, installs what is missing, arms clean-up and the time limit.
uc_start() {
  local limit=$1; shift
  UC_SCENARIO=$(basename "$UC_HERE")
  [ "$(id -u)" = 0 ] || { echo "record.sh needs root: it makes network namespaces and captures in them" >&2; exit 1; }
  uc_install iproute2 tcpdump python3 openssl dnsmasq-base zstd ethtool procps "$@"
  # Several scenarios may record at once: the prefix is their own.
  UC_PREFIX=uc$(printf '%s' "$UC_SCENARIO" | cksum | cut -c1-4)-
  UC_WORK=$(mktemp -d "${TMPDIR:-/tmp}/uc-$UC_SCENARIO.XXXXXX"); chmod 755 "$UC_WORK"
  export UC_WORK UC_PREFIX UC_CA=$UC_WORK/ca.pem UC_BEGIN=${UC_BEGIN:-2026-03-10T08:00:00Z}
  UC_PIDS=() UC_LAN_ADDRESS= UC_LAN6_ADDRESS= UC_OFFLOAD= UC_LOSS=0 UC_TLS=()
  : > "$UC_WORK/hosts" ; : > "$UC_WORK/names"; : > "$UC_WORK/dns.conf"
  trap uc_clean EXIT
  trap 'exit 143' TERM INT
  # The limit's sleep holds no descriptor of ours open after the end.
  ( sleep "$limit"; echo "time limit of $limit s" >&2; kill -TERM $$; pkill -TERM -P $$ ) >/dev/null 2>"$UC_WORK/limit" & UC_PIDS+=($!)
  ip netns add "${UC_PREFIX}gw"; ip netns add "${UC_PREFIX}wan"
  local ns; for ns in gw wan; do uc_in "$ns" ip link set lo up; done
  uc_in gw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
  uc_in wan sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  uc_in gw ip link add br-lan type bridge forward_delay 0 mcast_snooping 0
}

uc_install() {
  local missing=() package
  for package; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  [ ${#missing[@]} = 0 ] && return
  echo "installing: ${missing[*]}" >&2
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

uc_clean() {
  local pid ns name
  for pid in "${UC_PIDS[@]}"; do pkill -TERM -P "$pid" 2>/dev/null || true; kill -TERM "$pid" 2>/dev/null || true; done
  for ns in $(ip netns list | awk -v p="$UC_PREFIX" 'index($1, p) == 1 {print $1}'); do
    ip netns pids "$ns" | xargs -r kill -TERM 2>/dev/null || true
    sleep 0.4
    ip netns pids "$ns" | xargs -r kill -KILL 2>/dev/null || true
    ip netns del "$ns"
    rm -rf "/etc/netns/$ns"
  done
  if [ -n "${UC_KEEP:-}" ]; then echo "kept: $UC_WORK" >&2; else rm -rf "$UC_WORK"; fi
}

# uc_in NAME COMMAND...: run in a namespace of this scenario.
uc_in() { local ns=$UC_PREFIX$1; shift; ip netns exec "$ns" "$@"; }

# uc_bg NAME COMMAND...: the same in the background, output to a file of the work folder, ended at exit.
uc_bg() {
  local ns=$UC_PREFIX$1; shift
  ip netns exec "$ns" "$@" >>"$UC_WORK/$(basename "$1").log" 2>&1 </dev/null & UC_PIDS+=($!)
}

# uc_lan ADDRESS/BITS [ADDRESS6/BITS]: the monitored network; the gateway has this address and answers DNS on it.
uc_lan() {
  UC_LAN_ADDRESS=${1%/*} UC_LAN_BITS=${1#*/}
  uc_in gw ip addr add "$1" brd + dev br-lan
  if [ -n "${2:-}" ]; then
    UC_LAN6_ADDRESS=${2%/*} UC_LAN6_BITS=${2#*/}
    uc_in gw sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.br-lan.accept_dad=0
    uc_in wan sysctl -qw net.ipv6.conf.all.disable_ipv6=0
    uc_in gw ip addr add "$2" dev br-lan nodad
  fi
  uc_in gw ip link set br-lan up
}

# uc_host NAME ADDRESS [ADDRESS6]: a monitored host on the bridge (or on another: UC_SWITCH_NS, UC_SWITCH="master BRIDGE", or empty for none yet).
uc_host() {
  local ns=$UC_PREFIX$1 switch=${UC_SWITCH_NS:-gw} mac
  ip netns add "$ns"
  mac=$(printf '02:1c:%02x:%02x:%02x:%02x' $(tr . ' ' <<<"$2"))
  uc_in "$switch" ip link add "v-$1" type veth peer name eth0 address "$mac" netns "$ns"
  uc_in "$switch" ip link set "v-$1" ${UC_SWITCH-master br-lan} up
  uc_in "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  uc_in "$1" ip link set lo up
  uc_in "$1" ip addr add "$2/$UC_LAN_BITS" brd + dev eth0
  if [ -n "${3:-}" ]; then
    uc_in "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.accept_ra=0
    uc_in "$1" ip addr add "$3/$UC_LAN6_BITS" dev eth0 nodad
  fi
  uc_in "$1" ip link set eth0 up
  uc_in "$1" ip route add default via "$UC_LAN_ADDRESS"
  if [ -n "${3:-}" ]; then uc_in "$1" ip -6 route add default via "$UC_LAN6_ADDRESS"; fi
  # Without offload: whole checksums and frames of at most 1514 bytes. With it: up to 64 KiB a frame.
  [ -n "$UC_OFFLOAD" ] || uc_in "$1" ethtool -K eth0 tx off tso off gso off gro off >/dev/null 2>&1
  mkdir -p "/etc/netns/$ns"; echo "nameserver $UC_LAN_ADDRESS" > "/etc/netns/$ns/resolv.conf"
  echo "$1 $2 ${3:-}" >> "$UC_WORK/hosts"
}

# uc_name NAME ADDRESS...: a name in DNS, and the outside addresses it stands for.
uc_name() {
  local name=$1 address; shift
  for address; do echo "$address $name" >> "$UC_WORK/names"; uc_outside "$address"; done
}

# uc_outside ADDRESS: an address of the outside namespace.
uc_outside() {
  case $1 in
    10.*|192.168.*|172.1[6-9].*|172.2*|fd*) ;;  # An internal server: its host has the address already.
    *:*) uc_in wan ip -6 addr replace "$1/128" dev lo ;;
    *) uc_in wan ip addr replace "$1/32" dev lo ;;
  esac
}

# uc_site NAME ADDRESS...: a web site with TLS of its own certificate (and plain HTTP) in the outside namespace.
uc_site() { uc_name "$@"; UC_TLS+=("$1"); }

# The sites that tools/plan.py browses.
uc_browse_sites() {
  local name address
  while read -r name address; do uc_site "$name" "$address"; done < <(python3 -c 'import plan; [print(*row) for row in plan.ADDRESSES.items()]')
}

uc_certificates() {
  local name
  ( cd "$UC_WORK"
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key
    openssl req -x509 -new -key ca.key -subj "/O=Lab Authority/CN=Lab Root" -days 3650 -out ca.pem
    for name in "${UC_TLS[@]}"; do
      openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$name.key" -subj "/CN=$name" -out "$name.csr" 2>/dev/null
      openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -out "$name.crt" \
        -extfile <(printf 'subjectAltName=DNS:%s\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n' "$name") 2>/dev/null
    done )
}

# Web content of fixed size for each name, and a web server for all sites. POST answers with the file too; /up/ takes any body.
uc_web() {
  local name
  python3 - "$UC_WORK/www" <<'PY'
import os, random, sys
from plan import PAGES, PARTS
rng, root = random.Random(1), sys.argv[1]
os.makedirs(root)
def put(name, low, high):
    with open(os.path.join(root, name), "wb") as out:
        out.write(rng.randbytes(int(low * (high / low) ** rng.random())))
for number in range(PAGES): put(f"page-{number}.html", 2500, 40000)
for number in range(PARTS): put(f"part-{number}.bin", 600, 30000)
for number in range(12): put(f"task-{number}", 90, 260)
put("state", 320, 321); put("update.bin", 3_000_000, 3_000_001); put("file.bin", 900_000, 900_001)
PY
  printf '<html>OK</html>' > "$UC_WORK/www/success"
  {
    echo "daemon off; pid $UC_WORK/nginx.pid; error_log $UC_WORK/nginx-error.log; worker_processes 1;"
    echo "events { worker_connections 1024; }"
    echo "http { access_log off; client_max_body_size 0; server_tokens off; keepalive_timeout 120; default_type application/octet-stream;"
    echo "  client_body_temp_path $UC_WORK/body; proxy_temp_path $UC_WORK/proxy; server_names_hash_bucket_size 128;"
    echo "  types { text/html html; }"
    echo "  server { listen 127.0.0.1:8999; location / { return 200 '{\"status\":\"ok\"}'; } }"
    local location="root $UC_WORK/www; error_page 405 =200 \$uri; location = / { try_files /page-0.html =404; } location /up/ { proxy_pass http://127.0.0.1:8999; } location = /generate_204 { return 204; } ${UC_LOCATIONS:-}"
    local ports='listen 80' six=; [ -z "$UC_LAN6_ADDRESS" ] || six='listen [::]:80; listen [::]:443 ssl;'
    echo "  server { $ports default_server; listen 8080 default_server; server_name _; $location }"
    for name in "${UC_TLS[@]}"; do
      echo "  server { $ports; listen 443 ssl http2; $six server_name $name; ssl_certificate $UC_WORK/$name.crt; ssl_certificate_key $UC_WORK/$name.key; ssl_protocols TLSv1.2 TLSv1.3; $location }"
    done
    echo "}"
  } > "$UC_WORK/nginx.conf"
  chmod -R a+rX "$UC_WORK/www"
  uc_bg wan nginx -c "$UC_WORK/nginx.conf" -e "$UC_WORK/nginx-error.log"
}

# uc_up: the link to outside, DNS, web servers, then the capture.
uc_up() {
  local net
  uc_bg gw python3 "$UC_TOOLS/wanlink.py" "${UC_PREFIX}gw" "${UC_PREFIX}wan" ${UC_OFFLOAD:+--offload} --loss "$UC_LOSS"
  uc_wait "the link" uc_in wan ip link show wan0
  for net in gw wan; do uc_in $net ip link set wan0 mtu 1500 txqueuelen 10000 up; done
  uc_in gw ip route add default dev wan0
  uc_in wan ip route add "$(python3 -c 'import ipaddress,sys; print(ipaddress.ip_interface(sys.argv[1]).network)' "$UC_LAN_ADDRESS/$UC_LAN_BITS")" dev wan0
  if [ -n "$UC_LAN6_ADDRESS" ]; then uc_in gw ip -6 route add default dev wan0; uc_in wan ip -6 route add fd00::/8 dev wan0; fi
  uc_in wan ip addr add 192.0.2.1/32 dev lo  # What the outside answers from where no server address applies.
  {
    echo "no-resolv"; echo "no-hosts"; echo "addn-hosts=$UC_WORK/names"; echo "local-ttl=300"; echo "bind-interfaces"
    echo "listen-address=$UC_LAN_ADDRESS"; echo "local=/example/"; cat "$UC_WORK/dns.conf"
  } > "$UC_WORK/dnsmasq.conf"
  uc_bg gw dnsmasq -k -u root -C "$UC_WORK/dnsmasq.conf" --pid-file="$UC_WORK/dnsmasq.pid"
  if [ ${#UC_TLS[@]} -gt 0 ]; then uc_install nginx-light; uc_certificates; uc_web; fi
  uc_capture "${UC_CAPTURE_NS:-gw}" "${UC_CAPTURE_DEVICE:-br-lan}"
}

uc_capture() {
  uc_bg "$1" tcpdump -i "$2" -s "${UC_SNAP:-700}" -B 65536 -w "$UC_WORK/raw.pcap" -U ${UC_FILTER:+"$UC_FILTER"}
  uc_wait "tcpdump" test -s "$UC_WORK/raw.pcap"
  sleep 0.5
}

# uc_wait WHAT COMMAND...: until it succeeds, at most 20 s.
uc_wait() {
  local what=$1 n; shift
  for n in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  echo "waited in vain for $what" >&2; exit 1
}

# uc_plan: a Python schedule (see tools/plan.py) on standard input.
uc_plan() { python3 - ; }

# uc_drive [drive.py options]: carry the schedule out.
uc_drive() { python3 "$UC_TOOLS/drive.py" "$UC_WORK/schedule.tsv" "$UC_WORK/markers.tsv" --prefix "$UC_PREFIX" --hosts "$UC_WORK/hosts" "$@"; }

# uc_versions COMMAND...: "curl 7.88, …" for the README.
uc_versions() {
  local package list=
  for package; do list+="${list:+, }$package $(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo '?')"; done
  echo "$list, Linux $(uname -r | cut -d- -f1), Debian $(cut -d. -f1 /etc/debian_version)"
}

# uc_finish TOOLS [restage.py options]: end the capture, move and cut it, write labels (lines on standard input: host peer kind behaviour) and facts.
uc_finish() {
  local tools=$1 row; shift
  sleep 1
  ip netns pids "$UC_PREFIX${UC_CAPTURE_NS:-gw}" | while read -r pid; do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = tcpdump ] && kill -INT "$pid"; done || true
  sleep 1
  grep -h 'dropped by kernel' "$UC_WORK/tcpdump.log" >&2 || true
  [ -s "$UC_WORK/markers.tsv" ] && set -- --markers "$UC_WORK/markers.tsv" --hosts "$UC_WORK/hosts" "$@"
  python3 "$UC_TOOLS/restage.py" "$UC_WORK/raw.pcap" "$UC_WORK/capture.pcap" "$@"
  echo "host,peer,kind,behaviour,start,end" > "$UC_WORK/labels.csv"
  while read -r row; do [ -z "$row" ] || python3 "$UC_TOOLS/catalog.py" label "$UC_WORK/capture.pcap" "$UC_WORK/labels.csv" $row; done
  zstd -q -19 -f "$UC_WORK/capture.pcap" -o "$UC_HERE/capture.pcap.zst"
  cp "$UC_WORK/labels.csv" "$UC_HERE/labels.csv"
  python3 "$UC_TOOLS/catalog.py" facts "$UC_HERE" "$UC_WORK/capture.pcap" "$tools"
  ls -l "$UC_HERE/capture.pcap.zst" | awk '{print $5 " bytes packed"}'
}

#!/usr/bin/env bash
# Nightly backups to an internal server (rsync, and rclone over WebDAV), then an update download from outside. Large, regular, and benign.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-18T00:55:00Z
uc_start 560 curl nginx-light rsync rclone
UC_OFFLOAD=1
uc_lan 172.20.4.1/24
for n in 31 32 33 34; do uc_host "ws$n" "172.20.4.$n"; done
uc_host nas 172.20.4.8
uc_browse_sites
uc_name nas.home.example 172.20.4.8
uc_site packages.distromirror.example 198.51.100.60
uc_up

mkdir "$UC_WORK/backup" "$UC_WORK/dav"; chmod 777 "$UC_WORK/backup"
printf 'use chroot = no\npid file = %s\n[backup]\npath = %s\nread only = no\nuid = 0\ngid = 0\n' "$UC_WORK/rsyncd.pid" "$UC_WORK/backup" > "$UC_WORK/rsyncd.conf"
uc_bg nas rsync --daemon --no-detach --config "$UC_WORK/rsyncd.conf"
uc_bg nas rclone serve webdav --config /dev/null --addr 172.20.4.8:8080 "$UC_WORK/dav"
for n in 31 32 33 34; do mkdir "$UC_WORK/home$n"; for f in 1 2 3 4 5; do head -c $((n * f * 150000)) /dev/urandom > "$UC_WORK/home$n/archive-$f"; done; done

uc_plan <<'PY'
import os
from plan import Plan
plan = Plan(seed=18)
work, nas = os.environ["UC_WORK"], "172.20.4.8"
for night in range(3):   # Three nights; the second and third carry what changed.
    base = night * 86400
    for n in (31, 32):
        changed = "true" if not night else f"head -c {n * 180000} /dev/urandom > {work}/home{n}/archive-{night}"
        plan.add(base + 310 + n, f"172.20.4.{n}", f"{changed}; rsync -rt --bwlimit=60M {work}/home{n} rsync://nas.home.example/backup/")
    for n in (33, 34):
        changed = "true" if not night else f"head -c {n * 180000} /dev/urandom > {work}/home{n}/archive-{night}"
        plan.add(base + 910 + n, f"172.20.4.{n}", f"{changed}; rclone copy --config /dev/null --retries 1 --webdav-url http://nas.home.example:8080 {work}/home{n} :webdav:home{n}")
    for n in (31, 32, 33, 34, 8):
        plan.add(base + 7200 + n * 47, f"172.20.4.{n}", "curl -s -o /dev/null --cacert $UC_CA --limit-rate 20M https://packages.distromirror.example/update.bin")
plan.write()
PY
uc_drive
uc_finish "$(uc_versions rsync rclone curl nginx-light dnsmasq-base tcpdump)" --bulk-bytes 72 </dev/null

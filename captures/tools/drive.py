#!/usr/bin/env python3
"""Run a schedule of actions fast, and note when each one really ran.

    drive.py SCHEDULE MARKERS --prefix PREFIX [--quiet-s 0.15] [--helper HOST NAME COMMAND]...

SCHEDULE: tab-separated `intended_time_s  lane  scale  command`, in any order. A lane is a host address, or
`host>peer` for what runs beside the host's other actions and touches that peer only. Lanes run in parallel, the
actions of one lane one after another without the intended pauses. A command starting with `@NAME ` is written as a line
to the lane's helper process of that name, which answers with a line when it has done it.

MARKERS (for restage.py): `lane  real_time_s  intended_time_s  scale`. An action is never moved to before the
end of the one that ran before it, so the order of a lane's packets stays true.
"""

import argparse
import collections
import subprocess
import threading
import time

import netns


class Host:
    """One namespace: starts commands in it and watches its interface for silence."""

    def __init__(self, prefix, name):
        self.namespace, self.gateway, self.device = prefix + name, prefix + "gw", "v-" + name

    def start(self, command, **kw):
        return subprocess.Popen(["ip", "netns", "exec", self.namespace, "bash", "-c", command], **kw)

    def packets(self):
        """Packets so far on the host's port (else on the link to outside); the calling thread is in the gateway's namespace."""
        counts = {}
        with open("/proc/thread-self/net/dev", encoding="ascii") as lines:
            for line in lines:
                name, _, rest = line.partition(":")
                if name.strip() in (self.device, "wan0"):
                    fields = rest.split()
                    counts[name.strip()] = int(fields[1]) + int(fields[9])
        return counts.get(self.device, counts.get("wan0", 0))

    def settle(self, quiet_s, limit_s=1.5):
        """Wait until the port has been silent for a while: the tail of the last action belongs to it."""
        seen, since, begin = self.packets(), time.monotonic(), time.monotonic()
        while time.monotonic() - since < quiet_s and time.monotonic() - begin < limit_s:
            time.sleep(0.03)
            now = self.packets()
            if now != seen:
                seen, since = now, time.monotonic()


def ask(helper, line):
    """Hand a line to a helper process; whether it said `ok`."""
    try:
        helper.stdin.write(line + "\n")
        helper.stdin.flush()
    except BrokenPipeError:
        return False
    return helper.stdout.readline().startswith("ok")


def run_lane(host, lane, actions, helpers, args, markers, failures):
    netns.enter(host.gateway)
    previous_real = previous_intended = None
    previous_scale = 1.0
    for intended, scale, command in actions:
        real = time.time()
        if previous_real is not None:
            intended = max(intended, previous_intended + (real - previous_real) * previous_scale + 0.001)
        markers.append((lane, real, intended, scale))
        previous_real, previous_intended, previous_scale = real, intended, scale
        if command.startswith("@"):
            name, _, line = command[1:].partition(" ")
            failed = not ask(helpers[lane, name], line)
        else:
            failed = host.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).wait() != 0
        if failed:
            failures.append((lane, command))
        host.settle(args.quiet_s)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("schedule")
    parser.add_argument("markers")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--hosts", required=True, help="file of `name address` lines")
    parser.add_argument("--quiet-s", type=float, default=0.15)
    parser.add_argument("--helper", nargs=3, action="append", default=[])
    args = parser.parse_args()

    with open(args.hosts, encoding="utf-8") as lines:
        hosts = {line.split()[1]: Host(args.prefix, line.split()[0]) for line in lines}
    lanes = collections.defaultdict(list)
    with open(args.schedule, encoding="utf-8") as lines:
        for line in lines:
            intended, lane, scale, command = line.rstrip("\n").split("\t", 3)
            lanes[lane].append((float(intended), float(scale), command))
    helpers = {}
    for lane, name, command in args.helper:
        helpers[lane, name] = hosts[lane.split(">")[0]].start(
            "exec " + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    markers, failures, threads = [], [], []
    for lane, actions in lanes.items():
        actions.sort(key=lambda action: action[0])
        thread = threading.Thread(
            target=run_lane, args=(hosts[lane.split(">")[0]], lane, actions, helpers, args, markers, failures))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    for helper in helpers.values():
        if helper.poll() is None:
            helper.stdin.close()
            helper.wait()
    with open(args.markers, "w", encoding="utf-8") as out:
        for lane, real, intended, scale in sorted(markers):
            out.write(f"{lane}\t{real:.6f}\t{intended:.6f}\t{scale}\n")
    print(f"{len(markers)} actions, {len(failures)} with a failure status")
    for lane, command in failures[:5]:
        print("  failed:", lane, command[:150])
    if failures:
        raise SystemExit(1)  # A capture with holes is not worth keeping.


if __name__ == "__main__":
    main()

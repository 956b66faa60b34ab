"""A real agent checks in over TLS every five seconds, give or take 30 %, from a host whose user browses, beside other hosts where somebody browses. Within
two minutes of its first check-in the finding is in the metrics and in the findings file: of a sensor with the settings that it is shipped
with, and of one that is killed halfway and started anew.

Needs root, iproute2, openssl and zstd, and says so where it skips. Takes two minutes: the agent is real, and so is its sleep."""

import contextlib
import datetime
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import outside

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "dashboards" / "tests"), str(ROOT / "captures" / "tools")]
# Schedules of recordings begin at a time; pages here are opened as they come.
os.environ.setdefault("UC_BEGIN", "2026-03-10T08:00:00Z")

import live  # noqa: E402
import plan  # noqa: E402
import servers  # noqa: E402

BRIDGE, GATEWAY = "br0", "10.77.0.1"
INFECTED, OTHERS = "10.77.0.17", ["10.77.0.22", "10.77.0.31"]
SERVER, SERVER_ADDRESS = "edge.cloudmetrics-sync.example", "203.0.113.45"
PERIOD_S, JITTER = 5, 0.3
# From the first check-in: when the second sensor is killed, and until when both must have told.
KILL_AFTER_S, WITHIN_S = 30, 120
# Pages that a user opens are this far apart, on average.
READING_S = 6
AS_SHIPPED = ""
NO_IPV6 = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
FINDING = 'undercurrent_host_finding_severity{host="%s",detector="c2",behaviour="beacon"}' % INFECTED


@contextlib.contextmanager
def host(address):
    """A host on the bridge of this thread's network, in a network of its own, whose name it gives."""
    name = f"undercurrent-agent-{os.getpid()}-{address.rsplit('.', 1)[1]}"
    port = f"v{address.rsplit('.', 1)[1]}"
    resolver = pathlib.Path("/etc/netns") / name
    outside.run(f"ip netns add {name}")
    try:
        resolver.mkdir(parents=True)
        (resolver / "resolv.conf").write_text(f"nameserver {GATEWAY}\n", encoding="ascii")
        outside.run(f"ip link add {port} type veth peer name eth0 netns {name}")
        outside.run(f"ip link set {port} master {BRIDGE} up")
        for command in [
            f"tee {NO_IPV6}", "ip link set lo up", f"ip addr add {address}/24 dev eth0",
            "ip link set eth0 up", f"ip route add default via {GATEWAY}",
        ]:
            outside.run(f"ip netns exec {name} {command}", input=b"1")
        yield name
    finally:
        outside.run(f"ip netns del {name}")
        shutil.rmtree(resolver)


@contextlib.contextmanager
def process(namespace, *command, **options):
    """A Python program in a host's network, ended with the `with`."""
    command = ["ip", "netns", "exec", namespace, sys.executable, *map(str, command)]
    running = subprocess.Popen(command, text=True, bufsize=1, **options)
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        for pipe in filter(None, [running.stdin, running.stdout]):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class User(threading.Thread):
    """Opens pages in a browser, one after another."""

    def __init__(self, browser, seed):
        super().__init__(daemon=True)
        self._browser, self._draw, self._plan = browser, random.Random(seed), plan.Plan(seed)
        self.pages = 0

    def run(self):
        with contextlib.suppress(BrokenPipeError, ValueError):
            while True:
                site = self._draw.choice(list(plan.SITES))
                self._browser.stdin.write(self._plan.page(site).removeprefix("@browser ") + "\n")
                self.pages += self._browser.stdout.readline() == "ok\n"
                time.sleep(self._draw.expovariate(1 / READING_S))


def told(sensor):
    """The lines of the findings file, less one that is being written."""
    path = sensor.folder / "state" / "findings.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def is_in_metrics(sensor):
    with urllib.request.urlopen(f"{sensor.url}/metrics") as answer:
        return any(line.startswith(FINDING) for line in answer.read().decode().splitlines())


@unittest.skipIf(live.missing(), f"skipped: {live.missing()}")
@unittest.skipUnless(shutil.which("openssl"), "skipped: openssl is not installed")
class Agent(unittest.TestCase):
    def setUp(self):
        program = servers.undercurrent()
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(live.own_network())
        outside.run(f"ip link add {BRIDGE} type bridge forward_delay 0 mcast_snooping 0")
        pathlib.Path(NO_IPV6).write_text("1", encoding="ascii")
        outside.run(f"ip addr add {GATEWAY}/24 dev {BRIDGE}")
        outside.run(f"ip link set {BRIDGE} up")
        own = {SERVER: SERVER_ADDRESS}
        self.enterContext(outside.internet(folder, GATEWAY, plan.ADDRESSES, own))
        self.hosts = {address: self.enterContext(host(address)) for address in [INFECTED, *OTHERS]}
        self.steady, self.killed = (self.enterContext(live.Sensor(program, BRIDGE, AS_SHIPPED)) for _ in range(2))
        self.users = [self.browse(address, folder / "ca.pem", seed) for seed, address in enumerate(self.hosts)]

    def browse(self, address, authority, seed):
        browser = self.enterContext(process(
            self.hosts[address], ROOT / "captures" / "tools" / "browser.py",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"UC_CA": str(authority)},
        ))
        user = User(browser, seed)
        user.start()
        return user

    def test_the_agent_is_found_within_two_minutes_even_by_a_sensor_that_is_killed_halfway(self):
        script = pathlib.Path(__file__).with_name("agent.py")
        agent = self.enterContext(process(
            self.hosts[INFECTED], script, SERVER, PERIOD_S, JITTER, stdout=subprocess.PIPE,
        ))
        first = float(agent.stdout.readline())
        servers.until(lambda: time.time() > first + KILL_AFTER_S, "half of the time")
        self.killed.kill_and_start()
        for name, sensor in [("steady", self.steady), ("killed", self.killed)]:
            servers.until(lambda which=sensor: told(which) and is_in_metrics(which), f"a finding of the {name} sensor")
        # What else there is to be told has until then.
        servers.until(lambda: time.time() > first + WITHIN_S, "the end of the time")
        for name, sensor in [("steady", self.steady), ("killed", self.killed)]:
            with self.subTest(sensor=name):
                findings = {(line["src_ip"], line["dest_ip"], line["undercurrent"]["behaviour"]) for line in told(sensor)}
                self.assertEqual(findings, {(INFECTED, SERVER_ADDRESS, "beacon")})
                line = told(sensor)[0]
                self.assertEqual(line["undercurrent"]["peer"]["name"], SERVER)
                after_s = datetime.datetime.fromisoformat(line["timestamp"]).timestamp() - first
                print(f"{name}: told after {after_s:.0f} s, severity {line['undercurrent']['severity']}")
                self.assertLessEqual(after_s, WITHIN_S)
        self.assertTrue(all(user.pages > 3 for user in self.users), "everybody browsed")


if __name__ == "__main__":
    unittest.main()

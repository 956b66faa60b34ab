"""A real sensor on a pair of virtual interfaces in a network of its own, and captures sent to it. Needs root, iproute2 and zstd."""

import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess

import servers

# setns(2), unshare(2)
CLONE_NEWNET = 0x40000000
SETTINGS = """
[detect]
score_every_s = 5
[state]
checkpoint_interval_s = 5
"""
NEAR, FAR = "near{}", "far{}"


def missing():
    """Why no sensor can be started here; nothing where it can."""
    if os.geteuid() != 0:
        return "a live sensor needs root"
    programs = [program for program in ["ip", "zstd"] if not shutil.which(program)]
    return f"not installed: {', '.join(programs)}" if programs else None


def _call(function, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function}: {os.strerror(error)}")


@contextlib.contextmanager
def own_network():
    """A network namespace for this thread and for what it starts: nobody else is heard, and nobody hears."""
    with open("/proc/thread-self/ns/net", "rb") as before:
        _call("unshare", CLONE_NEWNET)
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            _call("setns", before.fileno(), CLONE_NEWNET)


def add_link(number):
    """Adds a pair of virtual interfaces; gives the sending and the receiving one."""
    near, far = NEAR.format(number), FAR.format(number)
    run = lambda command: subprocess.run(["ip", *command.split()], check=True)  # noqa: E731
    run(f"link add {near} mtu 65535 type veth peer name {far} mtu 65535")
    for interface in [near, far]:
        # Nobody but the test may speak.
        with open(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6", "w", encoding="ascii") as setting:
            setting.write("1")
        run(f"link set {interface} up")
    return near, far


class Sensor(servers.Process):
    """`undercurrent watch` on an interface. Unless other settings are given, it scores, and writes checkpoints, every few seconds."""

    def __init__(self, program, interface, settings=SETTINGS):
        super().__init__("sensor", "/readyz")
        self._program = program
        self._interface = interface
        self.address = f"127.0.0.1:{self.port}"
        (self.folder / "undercurrent.toml").write_text(settings, encoding="utf-8")

    def command(self):
        return [
            str(self._program), "watch",
            "--interface", self._interface,
            "--config", str(self.folder / "undercurrent.toml"),
            "--state", str(self.folder / "state"),
            "--web.listen-address", self.address,
        ]


def frames(scenario):
    """The frames of a scenario, padded to their length on the wire."""
    packed = subprocess.run(["zstd", "-dcq", str(servers.capture(scenario))], check=True, stdout=subprocess.PIPE)
    data = packed.stdout
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        captured, on_wire = struct.unpack_from(order + "II", data, at + 8)
        yield data[at + 16 : at + 16 + captured].ljust(on_wire, b"\0")
        at += 16 + captured


def send(scenario, interface):
    """Sends a scenario as fast as it goes; gives the number of frames."""
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((interface, 0))
        for frame in frames(scenario):
            sender.send(frame)
            sent += 1
    return sent

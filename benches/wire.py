"""Frames for benches of the live sensor, and what sends them: one end of a pair of virtual interfaces in a network of its own."""

import ipaddress
import multiprocessing
import pathlib
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "dashboards" / "tests"))

import live  # noqa: E402
import servers  # noqa: E402

ETHERNET = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\x00"
TCP, UDP = 6, 17
SYN = 0x02


def address(text, offset=0):
    """The four bytes of an IPv4 address, `offset` addresses on."""
    return (int(ipaddress.IPv4Address(text)) + offset).to_bytes(4, "big")


def _packet(protocol, source, target, rest):
    # No checksums: the sensor leaves them to the hosts.
    return ETHERNET + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(rest), 0, 0, 64, protocol, 0) + source + target + rest


def udp(source, sport, target, dport, payload_bytes):
    """A frame with so much payload."""
    rest = struct.pack(">HHHH", sport, dport, 8 + payload_bytes, 0) + bytes(payload_bytes)
    return _packet(UDP, source, target, rest)


def syn(source, sport, target, dport, sequence):
    """The first frame of a connection."""
    return _packet(TCP, source, target, struct.pack(">HHIIBBHHH", sport, dport, sequence, 0, 0x50, SYN, 64240, 0, 0))


class Sender:
    """A process that sends what a function gives, from an interface of this thread's network. It starts at once."""

    def __init__(self, interface, frames):
        self.sent = multiprocessing.Value("q", 0)
        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(interface, frames), daemon=True)
        self._process.start()

    def _run(self, interface, frames):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind((interface, 0))
            for count, frame in enumerate(frames(), 1):
                sender.send(frame)
                # Told now and then: the counter has a lock.
                if count % 1000 == 0:
                    self.sent.value = count
            self.sent.value = count

    def is_sending(self):
        return self._process.is_alive()

    def wait(self):
        """Until all is sent. Gives how many frames that were."""
        self._process.join()
        assert self._process.exitcode == 0, "the sender failed"
        return self.sent.value

    def stop(self):
        self._process.terminate()
        self._process.join()


def series(text):
    """The value of each series of a scrape, by its name and labels."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in (line.split(" # ")[0].rsplit(" ", 1) for line in lines)}


def need_root():
    """Ends where no sensor can be started here."""
    if live.missing():
        sys.exit(f"skipped: {live.missing()}")


__all__ = ["Sender", "address", "live", "need_root", "series", "servers", "syn", "udp"]

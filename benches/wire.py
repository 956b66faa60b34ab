"""Frames for benches of the live sensor, and what sends them: one end of a pair of virtual interfaces in a network of its own."""

import contextlib
import ctypes
import errno
import ipaddress
import itertools
import mmap
import multiprocessing
import pathlib
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "dashboards" / "tests"))

import live  # noqa: E402
import servers  # noqa: E402

ETHERNET = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\x00"
TCP, UDP = 6, 17
SYN = 0x02
# Of a capture with times in nanoseconds.
NANOS_MAGIC = 0xA1B23C4D
# sendmmsg(2): `struct iovec`, and `struct mmsghdr` with nothing but its vector.
VECTOR = struct.Struct("@PN")
MESSAGE = struct.Struct("@8x4x4xPN8x8x4x4x4x4x")
FRAMES_A_CALL = 512


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
        # How long sending took, without what had to be made ready for it.
        self.took_s = multiprocessing.Value("d", 0)
        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(interface, frames), daemon=True)
        self._process.start()

    def _run(self, interface, frames):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind((interface, 0))
            begin = time.monotonic()
            for count, frame in enumerate(frames(), 1):
                sender.send(frame)
                # Told now and then: the counter has a lock.
                if count % 1000 == 0:
                    self.sent.value = count
            self.sent.value = count
            self.took_s.value = time.monotonic() - begin

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


class Repeater(Sender):
    """The same of all frames of a capture in memory, again and again until it is told to end, as fast as the kernel takes them: many a call, none of which
    Python looks at."""

    def __init__(self, interface, data):
        self._ends = multiprocessing.Event()
        super().__init__(interface, data)

    def end(self):
        """Ends it, and gives how many frames were sent."""
        self._ends.set()
        return self.wait()

    def _run(self, interface, data):
        libc = ctypes.CDLL(None, use_errno=True)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind((interface, 0))
            messages, kept = _messages(data)
            first, count = ctypes.addressof(messages), len(messages) // MESSAGE.size
            begin = time.monotonic()
            for at in itertools.cycle(range(0, count, FRAMES_A_CALL)):
                if self._ends.is_set():
                    break
                last = min(at + FRAMES_A_CALL, count)
                while at < last:
                    sent = libc.sendmmsg(sender.fileno(), ctypes.c_void_p(first + at * MESSAGE.size), last - at, 0)
                    if sent < 0 and ctypes.get_errno() not in (errno.ENOBUFS, errno.EINTR):
                        raise OSError(ctypes.get_errno(), "sendmmsg")
                    at += max(sent, 0)
                    self.sent.value += max(sent, 0)
            self.took_s.value = time.monotonic() - begin
            # What the messages point to must live until here.
            del messages, kept


def _messages(data):
    """A `struct mmsghdr` for each frame of a capture, and the `struct iovec`s that they point to, which point into the capture."""
    places = [(at, length) for _, at, length in records(data)]
    kept = (ctypes.c_char * (len(places) * VECTOR.size))()
    messages = (ctypes.c_char * (len(places) * MESSAGE.size))()
    # Borrowed only for its address: a mapping that is borrowed from cannot be closed.
    base = ctypes.addressof(ctypes.c_char.from_buffer(data))
    for n, (at, length) in enumerate(places):
        VECTOR.pack_into(kept, n * VECTOR.size, base + at, length)
        MESSAGE.pack_into(messages, n * MESSAGE.size, ctypes.addressof(kept) + n * VECTOR.size, 1)
    return messages, kept


@contextlib.contextmanager
def mapped(capture):
    """A capture in memory, which nobody's writes leave."""
    with open(capture, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as data:
        yield data


def records(data):
    """(seconds, place, captured length) of each frame of a capture in the byte order of this machine."""
    ticks = 1e9 if struct.unpack_from("=I", data)[0] == NANOS_MAGIC else 1e6
    at = 24
    while at < len(data):
        seconds, fraction, length = struct.unpack_from("=III", data, at)
        yield seconds + fraction / ticks, at + 16, length
        at += 16 + length


def series(text):
    """The value of each series of a scrape, by its name and labels."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in (line.split(" # ")[0].rsplit(" ", 1) for line in lines)}


def need_root():
    """Ends where no sensor can be started here."""
    if live.missing():
        sys.exit(f"skipped: {live.missing()}")


__all__ = ["Repeater", "Sender", "address", "live", "mapped", "need_root", "records", "series", "servers", "syn", "udp"]

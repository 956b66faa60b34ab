#!/usr/bin/env python3
"""A two-way media stream over UDP in RTP framing: 20 ms voice and bursts of video, no content.

    call.py serve ADDRESS PORT
    call.py call ADDRESS PORT SECONDS PACKETS_PER_SECOND
"""

import os
import random
import socket
import struct
import sys
import time


def stream(send, seconds, rate, seed):
    """Send for a while; `send` takes a datagram."""
    rng, begin, number = random.Random(seed), time.monotonic(), 0
    while (due := number / rate) < seconds:
        time.sleep(max(0.0, begin + due - time.monotonic()))
        voice = number % 3 == 0
        size = rng.randrange(80, 150) if voice else int(rng.triangular(500, 1180, 1050))
        head = struct.pack(">BBHII", 0x80, 111 if voice else 96, number & 0xFFFF, number * 960 & 0xFFFFFFFF, 0x5EED0000 + seed + voice)
        send(head + os.urandom(size))
        number += 1


def main():
    verb, address, port, *rest = sys.argv[1:]
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if verb == "serve":
        link.bind((address, int(port)))
        while True:
            first, caller = link.recvfrom(2000)
            if not first.startswith(b"join "):
                continue  # Media; nobody listens.
            seconds, rate = map(float, first.split()[1:3])
            link.sendto(b"joined", caller)
            stream(lambda data: link.sendto(data, caller), seconds, rate, 2)
    link.sendto(b"join %s %s" % (rest[0].encode(), rest[1].encode()), (address, int(port)))
    link.recv(100)
    stream(lambda data: link.sendto(data, (address, int(port))), float(rest[0]), float(rest[1]), 1)


if __name__ == "__main__":
    main()

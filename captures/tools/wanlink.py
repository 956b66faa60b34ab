#!/usr/bin/env python3
"""A wide-area link between two network namespaces: a tun device in each, packets passed on late.

Stands in for `tc netem`, which small kernels lack. Each outside address gets its own one-way delay
(4 to 40 ms, from a hash of the address) plus a little random jitter; order is kept for each address.
With --offload whole segmentation-offload buffers (up to 64 KiB) pass through, so that bulk transfers take few frames.

    wanlink.py INSIDE_NS OUTSIDE_NS [--offload] [--loss 0.0003] [--seed 1]
"""

import argparse
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time
import zlib

import netns

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4
VNET_HEADER_BYTES = 10


def open_tun(namespace, name, offload):
    """Create a tun device inside a namespace; the descriptor works from anywhere."""
    result = []

    def inside():
        netns.enter(namespace)
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = IFF_TUN | IFF_NO_PI | (IFF_VNET_HDR if offload else 0)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        if offload:
            fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
        result.append(fd)

    # A thread of its own, because a namespace is a property of a thread.
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    return result[0]


def outside_address(packet, outbound):
    """The address on the far side: destination on the way out, source on the way in."""
    if packet[0] >> 4 == 4:
        return packet[16:20] if outbound else packet[12:16]
    return packet[24:40] if outbound else packet[8:24]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inside")
    parser.add_argument("outside")
    parser.add_argument("--offload", action="store_true")
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    inner = open_tun(args.inside, "wan0", args.offload)
    outer = open_tun(args.outside, "wan0", args.offload)
    other = {inner: outer, outer: inner}
    skip = VNET_HEADER_BYTES if args.offload else 0
    queue, count, last_due = [], 0, {}
    print("ready", flush=True)
    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        for fd in select.select([inner, outer], [], [], wait)[0]:
            for _ in range(64):
                try:
                    frame = os.read(fd, 70000)
                except BlockingIOError:
                    break
                if rng.random() < args.loss:
                    continue
                address = outside_address(frame[skip:], fd == inner)
                delay = 0.004 + (zlib.crc32(address) % 36000) / 1e6 + min(rng.expovariate(2500), 0.004)
                due = max(time.monotonic() + delay, last_due.get((fd, address), 0.0))
                last_due[fd, address] = due
                count += 1
                heapq.heappush(queue, (due, count, other[fd], frame))
        now = time.monotonic()
        while queue and queue[0][0] <= now:
            _, _, fd, frame = heapq.heappop(queue)
            try:
                os.write(fd, frame)
            except OSError:
                pass  # The device is down or its queue is full: the packet is lost, as on a real link.


if __name__ == "__main__":
    main()

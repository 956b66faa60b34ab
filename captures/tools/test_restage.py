#!/usr/bin/env python3
"""Tests of restage.py: python3 captures/tools/test_restage.py"""

import os
import struct
import tempfile
import unittest

import pcap
import restage

HOST, OTHER, PEER = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 6]), bytes([198, 51, 100, 7])


def tcp(source, target, sport, dport, flags=0x10, payload=b""):
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + source + target
    return bytes(12) + b"\x08\x00" + ip + struct.pack(">HHIIBBHHH", sport, dport, 0, 0, 0x50, flags, 0, 0, 0) + payload


class Lanes(unittest.TestCase):
    def lanes(self, markers, default=None):
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
            file.write("".join("\t".join(map(str, row)) + "\n" for row in markers))
            file.flush()
            return restage.Lanes(file.name, default, None)

    def move(self, lanes, time_s, *frame):
        return lanes.move(time_s, pcap.Headers(tcp(*frame)))

    def test_shift_is_constant_between_markers(self):
        lanes = self.lanes([("10.0.0.5", 100.0, 1000.0, 1), ("10.0.0.5", 101.0, 1060.0, 1)])
        self.assertAlmostEqual(self.move(lanes, 100.0, HOST, PEER, 1, 443), 1000.0)
        self.assertAlmostEqual(self.move(lanes, 100.9, PEER, HOST, 443, 1), 1000.9)
        self.assertAlmostEqual(self.move(lanes, 101.25, HOST, PEER, 2, 443), 1060.25)
        self.assertAlmostEqual(self.move(lanes, 99.5, HOST, PEER, 1, 443), 999.5)  # Before the first marker.

    def test_a_flow_between_two_hosts_belongs_to_the_one_that_opened_it(self):
        lanes = self.lanes([("10.0.0.5", 100.0, 1000.0, 1), ("10.0.0.6", 100.0, 5000.0, 1)])
        self.assertAlmostEqual(self.move(lanes, 101.0, OTHER, HOST, 9, 873, 0x02), 5001.0)
        self.assertAlmostEqual(self.move(lanes, 102.0, HOST, OTHER, 873, 9), 5002.0)

    def test_a_lane_with_a_peer_comes_before_the_host(self):
        lanes = self.lanes([("10.0.0.5", 100.0, 1000.0, 1), ("10.0.0.5>198.51.100.7", 100.0, 2000.0, 4)])
        self.assertAlmostEqual(self.move(lanes, 102.0, PEER, HOST, 3478, 9), 2008.0)  # Stretched by four.

    def test_packets_of_nobody(self):
        self.assertIsNone(self.move(self.lanes([("10.0.0.5", 1.0, 2.0, 1)]), 1.0, OTHER, PEER, 1, 2))
        self.assertEqual(self.move(self.lanes([("10.0.0.5", 1.0, 2.0, 1)], "10.0.0.5"), 1.0, OTHER, PEER, 1, 2), 2.0)


class Cutting(unittest.TestCase):
    def stored(self, payload, sport=1, dport=443):
        data = tcp(HOST, PEER, sport, dport, payload=payload)
        return len(data[:restage.stored_length(pcap.Headers(data), data, 60)]) - 54

    def test_hello_and_heads_stay(self):
        self.assertEqual(self.stored(b"\x16\x03\x01\x02\x00\x01" + bytes(511)), 517)
        self.assertEqual(self.stored(b"POST / HTTP/1.1\r\n\r\n"), 19)
        self.assertEqual(self.stored(bytes(900), dport=53), 900)

    def test_bulk_is_cut_but_not_the_record_head(self):
        self.assertEqual(self.stored(b"\x17\x03\x03\x05\x00" + bytes(1280)), 6)


class WholeFile(unittest.TestCase):
    def test_lengths_on_the_wire_and_order_are_kept(self):
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, "a.pcap")
            pcap.write(path, [(1_000_001, 1514, bytes(60)), (2_500_000, 60, bytes(60))])
            again = list(pcap.read(path))
            self.assertEqual([(round(time_s * 1e6), wire, len(data)) for time_s, wire, data in again], [(1_000_001, 1514, 60), (2_500_000, 60, 60)])


if __name__ == "__main__":
    unittest.main()

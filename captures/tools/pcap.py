"""Classic pcap files, just enough for the recording tools: little-endian, Ethernet, µs in, µs out."""

import struct


def read(path):
    """Yield (time_s, wire_length, bytes) of every whole record."""
    with open(path, "rb") as file:
        head = file.read(24)
        magic = struct.unpack("<I", head[:4])[0]
        if magic not in (0xA1B2C3D4, 0xA1B23C4D):
            raise ValueError(f"{path}: not a little-endian classic pcap")
        if struct.unpack("<I", head[20:24])[0] != 1:
            raise ValueError(f"{path}: not Ethernet")
        unit = 1e-9 if magic == 0xA1B23C4D else 1e-6
        while True:
            record = file.read(16)
            if len(record) < 16:
                return
            seconds, fraction, captured, wire = struct.unpack("<IIII", record)
            data = file.read(captured)
            if len(data) < captured:
                return
            yield seconds + fraction * unit, wire, data


def write(path, packets, snap_length=262144):
    """Write (time_us, wire_length, bytes) records."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap_length, 1))
        for time_us, wire, data in packets:
            file.write(struct.pack("<IIII", time_us // 1_000_000, time_us % 1_000_000, len(data), wire))
            file.write(data)


class Headers:
    """Where things are in a frame: addresses as bytes, ports, offset of the payload; peels VLAN tags and VXLAN."""

    __slots__ = ("source", "target", "protocol", "sport", "dport", "payload", "arp", "flags", "vlan")

    def __init__(self, data, start=0):
        self.source = self.target = self.protocol = None
        self.sport = self.dport = self.flags = 0
        self.payload = len(data)
        self.arp, self.vlan = False, None
        offset = start + 12
        kind = int.from_bytes(data[offset:offset + 2], "big")
        while kind in (0x8100, 0x88A8):
            self.vlan = int.from_bytes(data[offset + 2:offset + 4], "big") & 0xFFF
            offset += 4
            kind = int.from_bytes(data[offset:offset + 2], "big")
        offset += 2
        if kind == 0x0806 and len(data) >= offset + 28:
            self.arp, self.source, self.target = True, data[offset + 14:offset + 18], data[offset + 24:offset + 28]
            return
        if kind == 0x0800 and len(data) >= offset + 20:
            self.source, self.target = data[offset + 12:offset + 16], data[offset + 16:offset + 20]
            self.protocol, first = data[offset + 9], offset + (data[offset] & 15) * 4
        elif kind == 0x86DD and len(data) >= offset + 40:
            self.source, self.target = data[offset + 8:offset + 24], data[offset + 24:offset + 40]
            self.protocol, first = data[offset + 6], offset + 40
        else:
            return
        self.payload = first
        if self.protocol in (6, 17) and len(data) >= first + 8:
            self.sport, self.dport = struct.unpack(">HH", data[first:first + 4])
            if self.protocol == 17:
                self.payload = first + 8
            elif len(data) >= first + 14:
                self.payload = first + (data[first + 12] >> 4) * 4
                self.flags = data[first + 13]
        elif self.protocol == 1:
            self.payload = first + 8
        if self.protocol == 17 and self.dport == 4789 and start == 0 and len(data) > self.payload + 22:
            self.__init__(data, self.payload + 8)

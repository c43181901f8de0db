"""A hypervisor elsewhere, as the collector hears of it: the sFlow datagrams that hsflowd and its switch would send, made by hand."""
import socket
import struct

HOST_SOURCE, GUEST_SOURCES = 0x02000001, 0x03000000


def padded(text: bytes) -> bytes:
    return struct.pack("!I", len(text)) + text + b"\0" * (-len(text) % 4)


def record(structure: int, body: bytes) -> bytes:
    return struct.pack("!II", structure, len(body)) + body


def mac_octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


class Hypervisor:
    """One agent address, sending from `sender` to the collector's `port`."""

    def __init__(self, name: str, agent: str, port: int, sender: str = "127.0.0.1") -> None:
        self.name, self.agent, self.port = name, agent, port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((sender, 0))
        self.guests: dict[str, tuple[int, str]] = {}
        self.sequences: dict[object, int] = {}

    def next(self, what: object) -> int:
        self.sequences[what] = self.sequences.get(what, 0) + 1
        return self.sequences[what]

    def send(self, sub_agent: int, samples: list[tuple[int, bytes]], uptime_ms: int = 1000) -> None:
        head = struct.pack("!II4sIIII", 5, 1, socket.inet_aton(self.agent), sub_agent, self.next(("datagram", sub_agent)), uptime_ms, len(samples))
        self.socket.sendto(head + b"".join(record(kind, body) for kind, body in samples), ("127.0.0.1", self.port))

    def counter_sample(self, source: int, records: list[bytes]) -> tuple[int, bytes]:
        return 2, struct.pack("!III", self.next(source), source, len(records)) + b"".join(records)

    def guest(self, name: str, mac: str, port: int) -> None:
        """A VM that is told of from now on; its tap has the ifIndex `port`."""
        self.guests[name] = (port, mac)

    def describe(self) -> None:
        """What hsflowd tells each 20 or 30 seconds."""
        taps = [struct.pack("!II", port, 1) + b"\xfe" + mac_octets(mac)[1:] + b"\0\0" for port, mac in self.guests.values()]
        own = [record(2000, padded(self.name.encode()) + b"\x99" * 16 + struct.pack("!II", 3, 2) + padded(b"6.1")),
               record(2001, struct.pack("!I", len(taps)) + b"".join(taps)),
               record(2100, struct.pack("!IIQQI", 2400, 8, 1 << 36, 1 << 35, len(self.guests)))]
        samples = [self.counter_sample(HOST_SOURCE, own)]
        for number, (name, (_, mac)) in enumerate(self.guests.items(), start=1):
            adapter = struct.pack("!III", 1, 0, 1) + mac_octets(mac) + b"\0\0"
            samples.append(self.counter_sample(GUEST_SOURCES + number, [
                record(2000, padded(name.encode()) + self.uuid(name) + struct.pack("!II", 3, 2) + padded(b"hvm")), record(2001, adapter),
                record(2002, struct.pack("!II", 2, 1)), record(2101, struct.pack("!III", 1, 5000, 2)),
                record(2102, struct.pack("!QQ", 1 << 30, 1 << 30))]))
        self.send(100_000, samples)

    @staticmethod
    def uuid(name: str) -> bytes:
        return name.encode()[:16].ljust(16, b"\0")

    def counters(self, name: str, tx_octets: int, tx_packets: int, rx_octets: int, rx_packets: int) -> None:
        """What its switch tells of the VM's port: in is what the VM sent."""
        port = self.guests[name][0]
        body = struct.pack("!IIQIIQ6IQ6I", port, 6, 10**9, 1, 3, tx_octets, tx_packets, 0, 0, 0, 0, 0, rx_octets, rx_packets, 0, 0, 0, 0, 0)
        self.send(0, [self.counter_sample(port, [record(1, body), record(1005, padded(b"vnet%d" % port))])])

    def packets(self, name: str, to: str, count: int, rate: int = 100, octets: int = 1000) -> None:
        """`count` samples, one of `rate` packets each, of what the VM sends to the IPv4 address `to`, TCP port 443."""
        for _ in range(count):
            self.send(0, [self.flow_sample(name, to, rate, octets)])

    def flow_sample(self, name: str, to: str, rate: int = 100, octets: int = 1000) -> tuple[int, bytes]:
        port, mac = self.guests[name]
        header = b"\x02\0\0\0\0\x01" + mac_octets(mac) + b"\x08\0"
        header += struct.pack("!BBHIBBH4s4s", 0x45, 0, octets - 14, 0, 64, 6, 0, socket.inet_aton("10.9.0.1"), socket.inet_aton(to))
        header += struct.pack("!HHIIBBHHH", 50000, 443, 1, 1, 0x50, 0x10, 1000, 0, 0) + b"\0\0"
        number = self.next(("flow", port))
        flow = struct.pack("!8I", number, port, rate, number * rate, 0, port, 2, 1)
        return 1, flow + record(1, struct.pack("!IIII", 1, octets + 4, 4, len(header)) + header)

"""The capture probe under a million flows, and with packets of every kind at real taps: macvtap, fragments, tags, tunnels."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from captured import begin, capturing, latencies, losses, missing, uncaptured, volumes, vnic  # noqa: F401  (begin is a fixture)
from flows import health, kernel_sums, mac_bytes, soon
from lab import Nic, net, wait_for
from pair import Pair

FLOWS = 1_000_000
FLOWS_A_MINUTE_S = 60
PACE = 40_000  # packets a second
TABLE = 65_536  # flows, and conversations, that are kept by default
MEMORY_KIB = 96 << 10
REQUESTS, EVERY_S = 40, 1
ECHO_PORT = 7000
STRANGER = "52:54:00:99:00:01"


@pytest.fixture(scope="module")
def pair(libvirt):
    pair = Pair(libvirt, "cl", 35)
    yield pair
    pair.stop()


class Stranger:
    """A link on a bridge, and frames of any kind from it."""

    def __init__(self, bridge: str) -> None:
        net.veth("strange0", "strange1", bridge)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind(("strange0", 0))

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def remove(self) -> None:
        self.socket.close()
        net.delete("strange0")


def ethernet(destination: str, payload: bytes, kind: int = 0x0800, source: str = STRANGER, tag: int | None = None) -> bytes:
    tagged = b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    return mac_bytes(destination) + mac_bytes(source) + tagged + struct.pack("!H", kind) + payload


def ipv4(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + checksum(sum(struct.unpack("!10H", head))) + head[12:] + payload


def checksum(total: int) -> bytes:
    """Of an IPv4 header with these words: a bridge that filters drops what has none."""
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)


def tcp(source: int, destination: int, flags: int, seq: int = 0, ack: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack("!HHIIBBHHH", source, destination, seq, ack, 5 << 4, flags, 500, 0, 0) + payload


def udp(source: int, destination: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


SYN, ACK = 2, 16


def test_a_million_flows_in_a_minute_through_one_vm(libvirt, begin, pair):
    net.bridge("cl-br")
    scanned = libvirt.vm("scanned", [Nic("bridge", "cl-br", ip="10.36.0.1/24")]).start().wait_up()
    stranger = Stranger("cl-br")
    line = capturing(begin(), pair.client, pair.server, scanned)
    try:
        address, begun = pair.addresses["ipv4"], uncaptured(line, pair.client, pair.server, scanned)
        again = sent_again(pair)
        pair.server.run(f"(nc -ll -p {ECHO_PORT} -e cat < /dev/null > /dev/null 2>&1 &)")
        listens = f":{ECHO_PORT:04X} "
        wait_for(lambda: listens in pair.server.run("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null", check=False), 10, "the server to listen")
        pair.client.run(f"(for n in $(seq {REQUESTS}); do echo $n; sleep {EVERY_S}; done | nc {address} {ECHO_PORT} > /tmp/echoed 2>&1 &)")
        wait_for(lambda: latencies(line, pair.client).get("asked", {}).get("count", 0) >= 2, 20, "the long connection's first answers")
        resident, dropped = line.collector.resident_kib(), scanned.kernel_counters().rx_drops
        started = time.monotonic()
        send_syns(stranger, scanned.nics[0].mac, FLOWS)
        took = time.monotonic() - started
        highest = line.collector.resident_kib()
        assert took < FLOWS_A_MINUTE_S

        # Every packet that the bridge had for it is the VM's, also those that its tap had no room for: they are seen before it drops them.
        def of_kernel() -> int:
            return kernel_sums(scanned).rx_packets - begun[2].rx_packets + scanned.kernel_counters().rx_drops - dropped
        # A tap counts what its VM has fetched: the last thousand may still wait for that.
        assert soon(lambda: volumes(line, scanned).rx_packets - of_kernel(), 0) == 0
        passed = of_kernel()
        assert passed >= 0.7 * FLOWS, "a bridge that has no time loses some"
        counters = health(line, "capture")["counters"]
        grown = max(highest, line.collector.resident_kib()) - resident
        print(f"{FLOWS} flows in {took:.1f} s, {passed} at the tap, {grown} KiB more, {counters}")
        assert grown < MEMORY_KIB, f"{grown} KiB more than before"
        assert counters["ring_dropped"] == 0
        assert counters["flows"] <= TABLE and counters["conversations"] <= TABLE
        assert passed - TABLE <= counters["flows_evicted"] <= passed
        assert counters["conversations_evicted"] >= passed - TABLE
        # Nobody answered them, as far as they are forgotten or overdue.
        assert wait_for(lambda: losses(line, scanned, "rx")["unanswered"] == passed, 10, "the last of them to be overdue")

        # The long connection was there all the time: one, each of its requests has its answer, nothing of it is missing.
        wait_for(lambda: pair.client.run("wc -l < /tmp/echoed").strip() == str(REQUESTS), REQUESTS * EVERY_S + 20, "the last answer", interval=1)
        # Where the flood leaves a guest no turn, it takes what is late for lost; of a request that is sent again no time is taken.
        again = sent_again(pair) - again
        assert soon(lambda: latencies(line, pair.client)["asked"]["count"] >= REQUESTS - again, True)
        assert REQUESTS - again <= latencies(line, pair.server)["served"]["count"] <= REQUESTS
        loss = losses(line, pair.client, "tx")
        assert loss["connections"] == 1 and REQUESTS <= loss["segments"] <= REQUESTS + again
        assert loss["lost_after"] + loss["spurious"] <= again
        assert loss["unseen"] == loss["lost_before"] == loss["reordered"] == 0
        # The kernel is asked each time: the last answer is there before the connection has ended.
        assert soon(lambda: missing(line, pair.client, pair.server), begun[:2]) == begun[:2]
    finally:
        stranger.remove()
        scanned.remove()
        net.delete("cl-br")


def sent_again(pair: Pair) -> int:
    """Segments that the guests' kernels sent again, since they are up."""
    return sum(vm.protocol_counters()["Tcp.RetransSegs"] for vm in (pair.client, pair.server))


def send_syns(stranger: Stranger, mac: str, count: int) -> None:
    """Connections from so many addresses, 16.0.0.0 and on, at a pace that a bridge can follow."""
    whole = ethernet(mac, ipv4("0.0.0.0", "10.36.0.1", 6, tcp(40000, 80, SYN)))
    before, after, first = whole[:24], whole[30:], 16 << 24
    words = sum(struct.unpack("!10H", whole[14:24] + bytes(2) + whole[26:34]))
    pack, send = struct.Struct("!I").pack, stranger.socket.send
    begun = time.monotonic()
    for at in range(0, count, 64):
        for address in range(first + at, first + min(at + 64, count)):
            send(before + checksum(words + (address >> 16) + (address & 0xFFFF)) + pack(address) + after)
        ahead = begun + at / PACE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)


def test_macvtap_knows_which_way_packets_go(libvirt, begin):
    net.bridge("cl-mac")
    net.veth("cl-parent", "cl-port", "cl-mac")
    far = net.host("cl-far", "10.37.0.9/24", "cl-mac")
    net.avoid_taken_tap_nodes()
    vm = libvirt.vm("macvtap-vm", [Nic("direct", "cl-parent", ip="10.37.0.1/24")]).start().wait_up()
    try:
        line = capturing(begin(), vm)
        (begun,) = uncaptured(line, vm)
        vm.ping("10.37.0.9", count=5)
        far.run("ping", "-c", "3", "-i", "0.2", "10.37.0.1")
        far.run("sh", "-c", "for n in 1 2 3; do busybox wget -q -O /dev/null http://10.37.0.1/small; done")
        assert soon(lambda: missing(line, vm), [begun]) == [begun]
        exact = volumes(line, vm)
        assert exact.rx_packets >= 5 + 3 + 3 * 3 and exact.rx_octets != exact.tx_octets
        measured = latencies(line, vm)
        assert (measured["network_echo"]["count"], measured["guest_echo"]["count"]) == (5, 3), "which side was asked"
        assert measured["served"]["count"] == 3 and "asked" not in measured, "it is the guest that serves"
        assert (losses(line, vm, "rx")["connections"], losses(line, vm, "tx")["connections"]) == (3, 0)
        assert vnic(line, vm)["flows"]["rx_by"] == "tap"
    finally:
        vm.remove()
        far.delete()
        net.delete("cl-parent")
        net.delete("cl-mac")


def test_fragments_of_both_versions(begin, pair):
    line = capturing(begin(), pair.client, pair.server)
    begun = uncaptured(line, pair.client, pair.server)
    pair.client.run(f"ping -c 4 -i 0.2 -s 4000 {pair.addresses['ipv4']}")
    pair.client.run(f"ping -6 -c 3 -i 0.2 -s 4000 {pair.addresses['ipv6']}")
    assert soon(lambda: missing(line, pair.client, pair.server), begun) == begun
    assert volumes(line, pair.client).tx_packets >= (4 + 3) * 3, "they are fragments"
    assert latencies(line, pair.client)["network_echo"]["count"] == latencies(line, pair.server)["guest_echo"]["count"] == 4 + 3


def test_tags_and_tunnels(libvirt, begin, pair):
    """Frames that no guest of ours makes, sent to one: of two VLANs with the same addresses and ports, and, at a mirror port, inside of VXLAN."""
    bridge = pair.network.bridges[0]
    stranger = Stranger(bridge)
    libvirt.net.veth("mir0", "mir1")
    mirror = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    mirror.bind(("mir0", 0))
    try:
        line = capturing(begin('[capture]\nall = true\nports = ["mir1"]\nwindow = 10\n'), pair.client, pair.server)
        mac = pair.client.nics[0].mac
        (begun,) = uncaptured(line, pair.client)
        flows = health(line, "capture")["counters"]["flows"]
        for vlan in (5, 6):
            for n in range(10):
                stranger.send(ethernet(mac, ipv4("10.35.0.77", "10.35.0.1", 6, tcp(40000, 80, ACK, seq=1 + 100 * n, payload=bytes(100))), tag=vlan))
        assert soon(lambda: (kernel_sums(pair.client) - begun).rx_packets, 20) == 20
        exact = kernel_sums(pair.client) - begun
        assert soon(lambda: volumes(line, pair.client), exact) == exact, "with their tags"
        assert health(line, "capture")["counters"]["flows"] - flows == 2, "a VLAN each"
        assert losses(line, pair.client, "rx")["segments"] == 20
        assert losses(line, pair.client, "rx")["lost_after"] == losses(line, pair.client, "rx")["spurious"] == 0
        # A connection of the server's, mirrored in a tunnel: its inner addresses name it.
        inner = [ethernet(STRANGER, ipv4("10.35.0.2", "10.35.0.77", 6, tcp(41000, 443, SYN)), source=pair.server.nics[0].mac),
                 ethernet(pair.server.nics[0].mac, ipv4("10.35.0.77", "10.35.0.2", 6, tcp(443, 41000, SYN | ACK, ack=1)))]
        for frame, way in zip(inner, (("172.16.0.1", "172.16.0.2"), ("172.16.0.2", "172.16.0.1"))):
            mirror.send(ethernet("02:00:00:00:00:02", ipv4(*way, 17, udp(50000, 4789, struct.pack("!II", 8 << 24, 7 << 8) + frame)), source="02:00:00:00:00:01"))
            time.sleep(0.05)
        assert soon(lambda: latencies(line, pair.server).get("network_rtt", {}).get("count"), 1) == 1
        assert 45 < latencies(line, pair.server)["network_rtt"]["median_us"] / 1000 < 500
    finally:
        stranger.remove()
        mirror.close()
        net.delete("mir0")

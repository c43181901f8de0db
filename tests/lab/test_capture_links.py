"""The capture probe at links of other kinds: a mirror of Open vSwitch, a mirror behind a network, a vNIC that is plugged, a tap with frames of 64 KiB.

What it says is compared with the kernel's count of each tap, with dumpcap on the same link and with the guests' own count of segments.
"""

from __future__ import annotations

import pytest

from captured import begin, capturing, latencies, losses, mirror_port, missing, uncaptured, volumes, vnic  # noqa: F401  (begin is a fixture)
from flows import Capture, calm, count, health, kernel_sums, mac_bytes, snapshot, soon
from lab import Nic, net, wait_for
from line import Line
from pair import LONGEST_FRAME, MS, SNAP, Pair, rise, sent_data

MIRROR = '[capture]\nports = ["mir1"]\nwindow = 10\n'
DELAY_MS = 10
ATTEMPTS = 5  # a busy switch drops a frame now and then


def reached(line: Line, vm, address: str) -> None:
    """Pings until the probe tells how long that took."""
    def is_told() -> bool:
        vm.ping(address, count=1)
        known = any(row["mac"] == vm.nics[0].mac for row in snapshot(line)["vnics"])  # a vNIC that was plugged is at the next tick
        return known and "network_echo" in latencies(line, vm)
    wait_for(is_told, 20, "an echo to be captured", line.collector.log, interval=0.5)


def two_vms(libvirt, name: str, network: int, kind: str, bridge: str) -> list:
    vms = libvirt.start_all(libvirt.vm(f"{name}-{n}", [Nic(kind, bridge, ip=f"10.{network}.0.{n}/24")]) for n in (1, 2))
    for vm in vms:
        vm.wait_up()
    return vms


@pytest.fixture(scope="module")
def switched(libvirt):
    """Two VMs on an Open vSwitch."""
    switch = libvirt.start_ovs()
    switch.bridge("cm-ovs")
    vms = two_vms(libvirt, "cm", 40, "ovs", "cm-ovs")
    for vm in vms:
        calm(vm)
    yield vms
    for vm in vms:
        vm.remove()
    switch.delete_bridge("cm-ovs")


@pytest.fixture(params=["internal", "veth"])
def switch_mirror(request, libvirt, switched):
    """mir1, to which the switch copies every packet: a port of its own, or the far end of one."""
    output = "mir1"
    if request.param == "internal":
        libvirt.switch.internal_port("cm-ovs", output)
    else:
        output, _ = net.veth("mir0", "mir1")
        libvirt.switch.add_port("cm-ovs", output)
    libvirt.switch.mirror("cm-ovs", output)
    yield
    libvirt.switch.stop_mirror("cm-ovs")
    libvirt.switch.remove_port("cm-ovs", output)
    if request.param == "veth":
        net.delete(output)


def test_a_mirror_of_open_vswitch(libvirt, begin, switched, switch_mirror):
    client, server = switched
    address = server.nics[0].address
    line = begin(MIRROR)
    reached(line, client, address)  # from here on nobody asks for addresses
    assert health(line, "capture")["counters"]["links"] == 0, "of taps none"
    for _ in range(ATTEMPTS):
        begun = uncaptured(line, *switched)
        before = [volumes(line, vm) for vm in switched]
        recording = Capture(libvirt, "mir1")
        client.fetch(address)
        for vm in switched:
            vm.settled_counters()
        exact = [kernel_sums(vm) - earlier for vm, earlier in zip(switched, begun)]
        frames = recording.frames()
        mirrored = [earlier + count(frames, vm.nics[0].mac, lambda frame, sent: sent or frame.destination == mac_bytes(vm.nics[0].mac))
                    for vm, earlier in zip(switched, before)]
        assert soon(lambda: [volumes(line, vm) for vm in switched], mirrored) == mirrored, "what was mirrored was captured"
        if mirrored == exact:
            break
    else:
        pytest.fail(f"The switch lost frames each time: of {exact} it mirrored {mirrored}.")
    assert (mirrored[1] - before[1]).tx_octets > 4 << 20
    for vm in switched:
        row = vnic(line, vm)
        assert (row["flows"]["rx_by"], row["flows"]["tx_by"]) == ("outer_mac", "outer_mac")
        assert min(latencies(line, vm)[kind]["count"] for kind in ("guest_rtt", "network_rtt")) > 0
    counters = health(line, "capture")["counters"]
    assert (counters["ring_dropped"], counters["packets_elsewhere"], counters["packets_malformed"]) == (0, 0, 0)


def test_behind_the_network_a_delay_is_on_the_guests_side(libvirt, begin):
    """A mirror of the far bridge: what lies between it and the client is the client's side, and the server's network."""
    pair = Pair(libvirt, "cm-fw", 41)
    pair.serve("small", 1)

    def shortest(delay_ms: int) -> list[dict[str, float]]:
        """The client's and the server's shortest round trips in milliseconds, by kind, while the way from the client takes so long."""
        pair.network.set("ab", delay_ns=delay_ms * MS)
        line = begin(MIRROR)
        reached(line, pair.client, pair.addresses["ipv4"])
        pair.fetch("small", times=30)
        wait_for(lambda: latencies(line, pair.client).get("guest_rtt", {"count": 0})["count"] >= 60, 15, "the round trips of all fetches")
        found = [{kind: row["minimum_us"] / 1000 for kind, row in latencies(line, vm).items()} for vm in (pair.client, pair.server)]
        line.stop()
        return found
    try:
        with mirror_port(pair.network.bridges[1]):
            without, (client, server) = shortest(0), shortest(DELAY_MS)
    finally:
        pair.stop()
    assert all(vm[kind] < DELAY_MS for vm in without for kind in ("guest_rtt", "network_rtt"))
    assert min(client["guest_rtt"], server["network_rtt"]) >= DELAY_MS, "nothing passes sooner"
    assert max(client["network_rtt"], server["guest_rtt"]) < DELAY_MS


def test_a_vnic_that_is_plugged_and_unplugged(libvirt, begin):
    net.bridge("cm-plug")
    server = libvirt.vm("plug-server", [Nic("bridge", "cm-plug", ip="10.42.0.1/24")]).start()
    vm = libvirt.vm("plugged").start()
    try:
        server.wait_up(), vm.wait_up()
        line = capturing(begin(), server)
        (served,), links = uncaptured(line, server), health(line, "capture")["counters"]["links"]
        mac = None
        for n in (2, 3):
            nic = vm.plug(Nic("bridge", "cm-plug", ip=f"10.42.0.{n}/24", mac=mac))  # the second time the same one again
            mac = nic.mac
            reached(line, vm, "10.42.0.1")
            expected = [*uncaptured(line, vm), served]
            vm.fetch("10.42.0.1")
            assert soon(lambda: missing(line, vm, server), expected) == expected
            assert volumes(line, vm).rx_octets > 4 << 20
            assert vnic(line, vm)["flows"]["rx_by"] == "tap"
            assert latencies(line, vm)["network_rtt"]["count"] > 0
            vm.unplug(nic)
            wait_for(lambda: health(line, "capture")["counters"]["links"] == links, 10, "its link to be let go")
            wait_for(lambda: all(row["mac"] != mac for row in snapshot(line)["vnics"]), 10, "its row to go")
            assert health(line, "capture")["state"] == "up"
    finally:
        vm.remove()
        server.remove()
        net.delete("cm-plug")


def test_frames_of_64_kib(libvirt, begin):
    """Guests that leave the cutting of segments to the card, of which a bridge needs none: their frames are larger than any wire's."""
    net.bridge("cm-large")
    vms = client, server = two_vms(libvirt, "large", 43, "bridge", "cm-large")
    try:
        line = capturing(begin(), *vms)
        address = server.nics[0].address
        reached(line, client, address)
        begun, recorded_from = uncaptured(line, *vms), kernel_sums(server)
        before = server.protocol_counters()
        recording = Capture(libvirt, server.device(), snap=SNAP)
        client.fetch(address, times=2)
        assert soon(lambda: missing(line, *vms), begun) == begun
        server.settled_counters()
        frames, of_guest = recording.frames(), rise(before, server.protocol_counters())
        recorded = count(frames, server.nics[0].mac)
        assert kernel_sums(server) - recorded_from == recorded
        # Each of them is one packet, and as many segments as the guest's own kernel counted in it; what is sent again it counts apart.
        with_data, _ = sent_data(recording.file)
        again = of_guest["Tcp.RetransSegs"] - of_guest["TcpExt.TCPSynRetrans"]
        segments = of_guest["Tcp.OutSegs"] + again - (recorded.tx_packets - with_data)
        assert max(frame.octets for frame in frames) > LONGEST_FRAME
        assert segments > 2 * recorded.tx_packets
        expected = {"segments": segments, "lost_before": 0, "unseen": 0}
        for vm, way in (server, "tx"), (client, "rx"):
            loss = soon(lambda: {what: losses(line, vm, way)[what] for what in expected}, expected)
            assert loss == expected, f"{of_guest['Tcp.OutSegs']} segments, {again} again, {recorded}, {with_data} with data"
            assert losses(line, vm, way)["lost_after"] <= again
    finally:
        for vm in vms:
            vm.remove()
        net.delete("cm-large")

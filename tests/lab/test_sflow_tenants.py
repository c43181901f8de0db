"""Tenants that overlap stay apart, and a scan through a guest costs evictions, not memory."""

import socket
import sys
import time
from pathlib import Path

import pytest

from flows import (PORT, Capture, FlowTables, Sums, calm, count, health, is_flooded, kernel_sums, mac_bytes, settled, sflow_section, soon, sums_of,
                   wait_known)
from lab import Nic, net, run
from line import Line

UNDERLAY, HERE, THERE = "tn-under", "192.168.9.1", "192.168.9.2"
MACS = ("52:54:00:7e:00:01", "52:54:00:7e:00:02")
FAR = {5001: ("10.0.0.2", MACS[1]), 5002: ("10.0.0.3", "52:54:00:7e:00:03")}  # the tunnels' other ends: by VNI address and MAC
POLLING_S = 1
SCANNED = 1_000_000
SCAN = Path(__file__).with_name("scan.py")
CONVERSATIONS = 65_536
MEMORY_KIB = 64 << 10


@pytest.fixture(scope="module")
def line(libvirt):
    line = Line(libvirt, extra=sflow_section(), uris=("qemu:///system", "lxc:///"), refresh_s=2)
    line.start_collector()
    line.collector.wait_for_log(f"listening on UDP port {PORT}")
    line.start_snmp()
    yield line
    line.stop()


@pytest.fixture
def far(libvirt):
    """A host behind the tunnels' bridge, where each tenant has a namespace, and a bridge here with a tunnel to it."""
    switch = libvirt.start_ovs()
    switch.bridge(UNDERLAY, f"{HERE}/24")
    far = net.host("tn-far", f"{THERE}/24")
    switch.add_port(UNDERLAY, far.device)
    far.run("ethtool", "-K", "eth0", "tx", "off", check=False)
    run("ping", "-c", "1", "-W", "2", THERE)
    names = []
    for number, (vni, (address, mac)) in enumerate(FAR.items(), start=1):
        name = f"tn-far{number}"
        net.ip("netns", "add", name)
        names.append(name)
        far.run("ip", "link", "add", "vx0", "address", mac, "type", "vxlan", "id", str(vni), "local", THERE, "remote", HERE,
                "dstport", "4789", "dev", "eth0", "nolearning")
        net.ip("-n", far.name, "link", "set", "dev", "vx0", "netns", name)
        run("ip", "netns", "exec", name, "sh", "-c", net.silencer("vx0"))
        net.ip("-n", name, "address", "add", f"{address}/24", "dev", "vx0")
        net.ip("-n", name, "link", "set", "dev", "vx0", "up")
        switch.bridge(f"tn-{number}")
        switch.tunnel_port(f"tn-{number}", f"vx{vni}", vni, THERE)
    for bridge in ("tn-1", "tn-2", UNDERLAY):
        switch.sflow(bridge, target=f"127.0.0.1:{PORT}", sampling=1, polling=POLLING_S)
    yield far
    for name in names:
        net.ip("netns", "delete", name)
    far.delete()
    for bridge in ("tn-1", "tn-2", UNDERLAY):
        switch.delete_bridge(bridge)


def ping(vm, address: str, count: int, size: int) -> None:
    vm.run(f"ping -q -c 5 -i 0.3 -W 1 {address}", check=False)  # the first packet into a tunnel waits for its other end's address
    output = vm.run(f"ping -q -c {count} -i 0.01 -W 2 -s {size} {address}", timeout=60)
    assert f" {count} packets received" in output


def test_tenants_with_the_same_addresses_stay_apart(libvirt, line, far):
    """10.0.0.1 with one MAC is a VM of each tenant; 10.0.0.2 with another one is the other end of a tunnel for the first, and a VM of the second."""
    tables = FlowTables(line)
    vms = [libvirt.vm(f"tenant-{name}", [Nic("ovs", f"tn-{name[0]}", ip=f"10.0.0.{host}/24", mac=MACS[host - 1])])
           for name, host in (("1", 1), ("2a", 1), ("2b", 2))]
    libvirt.start_all(vms)
    for vm in vms:
        calm(vm.wait_up())
    wait_known(line, *vms)
    time.sleep(2 * POLLING_S)  # by then the switch has told of each port
    one, two, _ = vms
    captures = [Capture(libvirt, vm.device()) for vm in vms]
    ping(one, "10.0.0.2", 200, 900)
    ping(two, "10.0.0.2", 100, 300)
    ping(two, "10.0.0.3", 50, 100)
    for vm in vms:
        vm.settled_counters()
    frames = {vm.name: capture.frames() for vm, capture in zip(vms, captures)}
    exact = {vm.name: kernel_sums(vm) for vm in vms}

    def counted(vm, keep):
        return count(frames[vm.name], vm.nics[0].mac, keep)

    def with_address(address):
        return lambda frame, _sent: frame.head[12:14] == b"\x08\0" and socket.inet_aton(address) in (frame.head[26:30], frame.head[30:34])
    expected = {}
    for vm in vms:
        flooded = counted(vm, is_flooded)
        expected[vm.name] = exact[vm.name] - Sums(flooded.rx_packets, flooded.rx_octets)
    assert soon(tables.sums, expected) == expected, "each VM's own, though the MACs are twice there, and the tunnels' bridge samples too"
    pair = counted(two, lambda frame, _sent: not is_flooded(frame) and mac_bytes(MACS[1]) in (frame.source, frame.destination))
    talks = {"tenant-1": {"0a000002": counted(one, with_address("10.0.0.2"))},
             "tenant-2a": {"vm:tenant-2b": pair, "0a000003": counted(two, with_address("10.0.0.3"))},
             "tenant-2b": {"vm:tenant-2a": Sums(*pair[2:], *pair[:2])}}
    assert talks["tenant-1"]["0a000002"].tx_packets >= 200 and pair.tx_packets >= 100
    assert {vm.name: {name: sums_of(row) for name, row in tables.conversations(vm.name).items()} for vm in vms} == talks
    assert health(line)["counters"]["not_elected"] >= 2 * 250, "what the tunnels' bridge told of the same packets"
    for vm in vms:
        vm.remove()


def test_a_scan_evicts_itself(libvirt, line):
    switch = libvirt.start_ovs()
    switch.bridge("sc-ovs")
    net.bridge("sc-br")
    box = libvirt.container("scanner", [Nic("bridge", "sc-br", ip="10.22.0.1/24")]).start()
    net.ip("link", "set", "dev", box.device(), "nomaster")
    switch.add_port("sc-ovs", box.device())
    peer = net.host("sc-peer", "10.22.0.9/24")
    switch.add_port("sc-ovs", peer.device)
    switch.sflow("sc-ovs", target=f"127.0.0.1:{PORT}", sampling=1, polling=POLLING_S)
    wait_known(line, box)
    mac, peer_mac = box.nics[0].mac, peer.run("cat", "/sys/class/net/eth0/address").stdout.strip()
    peer.run("ping", "-c", "2", "10.22.0.1")
    device = box.inner_device()
    tables = FlowTables(line)
    capture = Capture(libvirt, peer.device, filter="udp and dst host 10.22.0.9")
    before, resident = health(line)["counters"], line.collector.resident_kib()
    to_peer = int(run("nsenter", "-t", str(box.pid), "-n", sys.executable, SCAN, device, mac, peer_mac, str(SCANNED), "20", timeout=180).stdout)
    highest = line.collector.resident_kib()
    settled(tables)
    heavy = len(capture.frames())
    sent, through = box.kernel_counters().tx_packets, net.link_counters(peer.device).tx_packets
    counters = health(line)["counters"]
    assert sent >= SCANNED + to_peer and through >= 0.7 * sent, "a switch that has no time loses some"
    assert heavy >= 0.7 * to_peer

    grown = max(highest, line.collector.resident_kib()) - resident
    assert grown < MEMORY_KIB, f"{grown} KiB more than before the scan"
    assert counters["conversations"] <= CONVERSATIONS
    evicted = counters["conversations_evicted"] - before["conversations_evicted"]
    assert evicted >= 0.99 * (through - heavy - CONVERSATIONS), "one for each address that came and had to go"
    assert (counters["kernel_drops"], counters["datagrams_lost"]) == (before["kernel_drops"], before["datagrams_lost"])
    found = tables.conversations("scanner")
    assert sums_of(found[socket.inet_aton("10.22.0.9").hex()]).tx_packets == heavy + 2, "each of its packets, and two answers to a ping"
    assert tables.sums()["scanner"].tx_packets == through, "what the switch let through is the vNIC's, to the packet"
    box.remove()
    switch.delete_bridge("sc-ovs")
    peer.delete()
    net.delete("sc-br")

"""What goes wrong around the sFlow probe: a port that is taken, senders that nobody knows, garbage, a bad network, a switch that begins anew."""

import socket
import struct
import sys
import time

import pytest

from flows import PORT, FlowTables, Sums, calm, health, kernel_sums, settled, sflow_section, snapshot, soon, wait_known
from lab import Nic, wait_for
from line import Line
from relay import Relay

BRIDGE = "fl-ovs"
ONE_IN = 10
TAKEN = (f"UDP port {PORT} at 127.0.0.1 is taken by another process ('ss -ulnp' names it): end that, or set another port under [sflow]")
BLOCKER = ("import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
           f"s.bind(('127.0.0.1', {PORT})); print('bound', flush=True); time.sleep(600)")


def test_a_port_that_another_process_has_is_named_and_taken_when_it_is_free(libvirt):
    blocker = libvirt.process("port-blocker", [sys.executable, "-c", BLOCKER])
    blocker.wait_for_log("bound")
    line = Line(libvirt, extra=sflow_section())
    line.start_collector()
    line.collector.wait_for_log(f"sFlow: {TAKEN}")
    wait_for(lambda: (line.runtime / "snapshot").exists() and health(line)["state"] == "down", 10, "the probe to be down")
    assert health(line)["message"] == TAKEN
    others = [probe for probe in snapshot(line)["health"] if probe["name"] != "sflow"]
    assert len(others) >= 3
    assert soon(lambda: {probe["state"] for probe in snapshot(line)["health"] if probe["name"] != "sflow"}, {"up"}) == {"up"}, others
    before = snapshot(line)["sequence"]
    time.sleep(6)  # beyond the next try
    assert snapshot(line)["sequence"] - before >= 5, "the collector goes on"
    assert line.collector.log_text().count("is taken by another process") == 1
    blocker.stop()
    freed = time.monotonic()
    wait_for(lambda: health(line)["state"] == "up", 12, "the probe to listen")
    assert time.monotonic() - freed < 10
    assert health(line)["message"] == ""
    assert f"sFlow: listening on UDP port {PORT} again" in line.collector.log_text()
    line.stop()


@pytest.fixture(scope="module")
def relay():
    relay = Relay(PORT + 1, PORT)
    yield relay
    relay.stop()


@pytest.fixture(scope="module")
def line(libvirt, relay):
    switch = libvirt.start_ovs()
    switch.bridge(BRIDGE)
    line = Line(libvirt, extra=sflow_section(allow='["127.0.0.1"]', agents='["127.0.0.1", "10.99.0.0/16"]'))
    line.start_collector()
    line.collector.wait_for_log(f"listening on UDP port {PORT}")
    line.start_snmp()
    switch.sflow(BRIDGE, target=f"127.0.0.1:{PORT + 1}", sampling=ONE_IN, polling=1)
    yield line
    switch.delete_bridge(BRIDGE)
    line.stop()


@pytest.fixture(scope="module")
def vms(libvirt, line):
    vms = libvirt.start_all(libvirt.vm(f"fl-{n}", [Nic("ovs", BRIDGE, ip=f"10.21.0.{n}/24")]) for n in (1, 2))
    for vm in vms:
        calm(vm.wait_up())
    vms[1].run("ip link set eth0 mtu 576")  # more packets
    wait_known(line, *vms)
    assert [kernel_sums(vm) for vm in vms] == [Sums(), Sums()]
    yield vms
    for vm in vms:
        vm.remove()


def test_a_network_that_loses_doubles_and_reorders(line, vms, relay):
    one, two = vms
    tables = FlowTables(line)
    wait_for(lambda: len(tables.agents()) == 1, 10, "the agent to be heard")
    relay.mangle()
    two.fetch(one.nics[0].address, times=6, timeout=60)
    for vm in vms:
        vm.settled_counters(quiet_s=1.5)
    relay.behave()
    time.sleep(2)  # two more datagrams at least, so that what was lost lies before one that came
    wanted = (relay.lost, relay.doubled, relay.late)
    assert min(wanted) >= 10, "there was something to count"
    columns = ("Lost", "Duplicates", "Late")
    assert soon(lambda: tuple(tables.agent()[column] for column in columns), wanted) == wanted
    counters = health(line)["counters"]
    assert (counters["datagrams_lost"], counters["datagrams_duplicate"], counters["agent_restarts"]) == (relay.lost, relay.doubled, 0)
    settled(tables)
    rows = tables.vnics()
    for vm in vms:
        row, exact = rows[vm.name], kernel_sums(vm)
        for way in ("Rx", "Tx"):
            for what in ("Octets", "Packets"):
                estimate, truth = row[way + what], getattr(exact, f"{way}_{what}".lower())
                # Eight figures a run, each within its bound in 95 of 100: twice the bound holds in 9999 of 10,000. How often the bound itself
                # holds is what test_sflow.py tries a hundred times, over such a network too.
                assert abs(estimate - truth) <= 2 * row[f"{way}{what}Error"] / 10_000 * estimate, (vm.name, way, what, truth, row)
    assert abs(tables.agent()["SamplingRate"] / 100 / (ONE_IN / 0.9) - 1) < 0.1, "packets that a sample which came stands for"


def datagram(agent: str = "10.99.0.1", version: int = 5) -> bytes:
    """An sFlow datagram without samples."""
    return struct.pack("!II4sIIII", version, 1, socket.inet_aton(agent), 0, 1, 1000, 0)


def test_strangers_and_garbage_are_counted_and_ignored(line, vms):
    tables = FlowTables(line)
    before_sums, before = settled(tables), health(line)["counters"]

    def send(payload: bytes, sender: str = "127.0.0.1") -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind((sender, 0))
            out.sendto(payload, ("127.0.0.1", PORT))
    for _ in range(3):
        send(datagram(), sender="127.0.0.2")
    for _ in range(4):
        send(datagram(agent="10.98.0.1"))
    for _ in range(5):
        send(datagram(version=4))
    for _ in range(6):
        send(b"")
    for _ in range(2):
        send(datagram() + bytes(65507 - 28))
    send(datagram()[:20])
    send(datagram()[:24] + b"\xff\xff\xff\xff")  # four thousand million samples are announced
    send(bytes(range(256)) * 4)
    wanted = {"senders_denied": 3, "agents_denied": 4, "version_refused": 5 + 1, "oversized": 2, "header_broken": 6 + 1, "truncated": 1}

    def counted():
        now = health(line)["counters"]
        return {name: now[name] - before[name] for name in wanted}
    assert soon(counted, wanted) == wanted
    assert settled(tables) == before_sums
    assert health(line)["state"] == "up" and line.collector.running()
    assert len(tables.agents()) == 2, "of those, the one that announced samples has an agent's row"


def test_a_switch_that_begins_anew_is_a_restart_and_no_rate(libvirt, line, vms):
    one, two = vms
    tables = FlowTables(line)

    def local():
        return next(row for row in tables.agents().values() if row["Address"] == socket.inet_aton("127.0.0.1"))
    before = local()
    libvirt.switch.restart()
    wait_for(lambda: local()["Restarts"] > before["Restarts"] or local()["UpTime"] < before["UpTime"], 20, "the restart to be heard",
             libvirt.switch.switch.log, interval=0.25)
    after = local()
    assert after["Restarts"] == before["Restarts"] + 1, (before, after)
    exact_before, sums_before = [kernel_sums(vm) for vm in vms], settled(tables)
    two.fetch(one.nics[0].address, times=2, timeout=60)
    highest = 0
    for _ in range(10):
        highest = max(highest, *(row.get(f"{way}PacketRate", 0) for row in tables.vnics().values() for way in ("Rx", "Tx")))
        time.sleep(0.3)
    exact = [kernel_sums(vm) - earlier for vm, earlier in zip(vms, exact_before)]
    sums_after = settled(tables)
    for vm, true in zip(vms, exact):
        estimate = sums_after[vm.name] - sums_before[vm.name]
        assert all(abs(ours / theirs - 1) < 0.2 for ours, theirs in zip(estimate, true)), (estimate, true)
    assert highest <= 1.3 * max(max(true.rx_packets, true.tx_packets) for true in exact) / 2, "packets in a second"
    after = local()
    assert (after["Lost"], after["Restarts"]) == (before["Lost"], before["Restarts"] + 1)
    assert after["UpTime"] < before["UpTime"] + 6000

"""Two real VMs on a real Open vSwitch that samples every packet: what stands under each vNIC is what the kernel counted there, to the octet.

And what would stand there at 1 in 10, 100 and 1000: a recording of these samples, sampled anew a hundred times each.
"""

import itertools
import json
import re
import socket
import sys
import time

import pytest

from flows import (PORT, Capture, FlowTables, Frame, Sums, calm, count, health, is_flooded, kernel_sums, mac_bytes, settled, sflow_section, soon, sums_of,
                   wait_known)
from lab import Nic, net, run, wait_for
from line import BUILD, CHECK_TALKERS, Line

BRIDGE, HOSTS = "sf-ovs", ("10.20.0.253", "10.20.0.254")
FETCHES = 6
MESSAGES = 3000
PACKETS = 20_000
RECORDED_PACKETS = 200_000
SEED = 6343
SEGMENT, STREAM = 400, 30 << 20
SERVE = (f"import socket; s = socket.create_server(('', 8000)); s.setsockopt(6, socket.TCP_MAXSEG, {SEGMENT}); c, _ = s.accept(); "
         f"c.sendall(bytes({STREAM})); c.close()")
FETCH = f"import socket; c = socket.create_connection(('{HOSTS[0]}', 8000)); n = 0\nwhile d := c.recv(65536): n += len(d)\nassert n == {STREAM}"
BY_PORT = 4  # vtVnicFlowRxAttributedBy


@pytest.fixture(scope="module")
def line(libvirt):
    switch = libvirt.start_ovs()
    switch.bridge(BRIDGE)
    line = Line(libvirt, extra=sflow_section())
    line.start_collector()
    line.collector.wait_for_log(f"listening on UDP port {PORT}")
    switch.sflow(BRIDGE, target=f"127.0.0.1:{PORT}", sampling=1, polling=2)
    line.start_collectd()
    line.start_snmp()
    yield line
    switch.delete_bridge(BRIDGE)
    line.stop()


@pytest.fixture(scope="module")
def vms(libvirt, line):
    vms = libvirt.start_all(libvirt.vm(f"sf-{n}", [Nic("ovs", BRIDGE, ip=f"10.20.0.{n}/24")]) for n in (1, 2))
    for vm in vms:
        calm(vm.wait_up())
    wait_known(line, *vms)
    assert [kernel_sums(vm) for vm in vms] == [Sums(), Sums()], "nothing was sent before the ports were known"
    yield vms
    for vm in vms:
        vm.remove()


@pytest.fixture
def tables(line):
    return FlowTables(line)


@pytest.fixture(scope="module")
def hosts(libvirt, line):
    """Two more hosts on the bridge, which are nobody's VMs."""
    hosts = [net.host(f"sf-host{n}", f"{address}/24") for n, address in enumerate(HOSTS, start=1)]
    for host in hosts:
        host.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        libvirt.switch.add_port(BRIDGE, host.device)
    yield hosts
    for host in hosts:
        libvirt.switch.remove_port(BRIDGE, host.device)
        host.delete()


def talkers(line, *options: str) -> tuple[int, str]:
    done = run(line.programs / CHECK_TALKERS.name, *options, check=False)
    return done.returncode, done.stdout


def is_udp(frame: Frame, _sent: bool) -> bool:
    return frame.head[12:14] == b"\x08\0" and frame.head[23] == 17


def send_messages(vm, address: str) -> None:
    """MESSAGES datagrams to the address's port for logs. Nobody listens there; the kernel's refusals are few."""
    vm.run(f"syslogd -R {address}:514 -O /dev/null; while [ ! -S /dev/log ]; do usleep 10000; done; "
           f"i=0; while [ $i -lt {MESSAGES} ]; do seq 20 | logger -t flood; i=$((i+20)); usleep 10000; done; "
           "usleep 300000; killall syslogd", timeout=60)


def test_samples_of_every_packet_are_the_kernels_counters(libvirt, line, vms, tables):
    one, two = vms
    captures = {device: Capture(libvirt, device) for device in (one.device(), two.device(), BRIDGE)}
    fetched = two.fetch(one.nics[0].address, times=FETCHES)
    send_messages(two, one.nics[0].address)
    two.run(f"arping -c 3 -I eth0 {one.nics[0].address} >/dev/null")
    for vm in vms:
        vm.settled_counters()
    frames = {device: capture.frames() for device, capture in captures.items()}

    def counted(*keep):
        return {vm.name: count(frames[vm.device()], vm.nics[0].mac, *keep) for vm in vms}
    exact, flooded, udp = counted(), counted(is_flooded), counted(is_udp)
    assert exact == {vm.name: kernel_sums(vm) for vm in vms}, "the captures are the kernel's counters"
    assert exact["sf-1"].tx_packets + exact["sf-2"].tx_packets >= PACKETS
    assert exact["sf-1"].tx_octets > fetched == FETCHES << 22
    assert (udp["sf-2"].tx_packets, udp["sf-1"].rx_packets) == (MESSAGES, MESSAGES)
    assert exact["sf-1"].tx_packets == exact["sf-2"].rx_packets and exact["sf-2"].tx_packets == exact["sf-1"].rx_packets, "the switch itself lost frames"
    macs = {mac_bytes(vm.nics[0].mac) for vm in vms}
    assert all(is_flooded(frame) for frame in frames[BRIDGE] if frame.source in macs), "nothing else left the switch at a second port"
    assert flooded["sf-1"].rx_packets >= 2

    # What a guest sends is its port's, wherever it went. What was flooded to it had several outputs, which no sample names: all of the rest.
    expected = {name: Sums(sums.rx_packets - flooded[name].rx_packets, sums.rx_octets - flooded[name].rx_octets, sums.tx_packets, sums.tx_octets)
                for name, sums in exact.items()}
    assert soon(tables.sums, expected) == expected
    rows = tables.vnics()
    for row in rows.values():
        for way in ("Rx", "Tx"):
            assert row[f"{way}AttributedBy"] == BY_PORT
            assert row[f"{way}OctetsError"] == row[f"{way}PacketsError"] == 0, "each packet was seen"
        assert row["ForeignMacSamples"] == 0
    agent = tables.agent()
    told = health(line)
    assert (agent["Lost"], agent["Late"], agent["Duplicates"], agent["Restarts"], agent["SamplesLost"], agent["SamplingDrops"]) == (0,) * 6
    assert (told["state"], told["counters"]["kernel_drops"], told["counters"]["records_unknown"], told["counters"]["not_elected"]) == ("up", 0, 0, 0)
    assert (agent["Samples"], agent["SamplingRate"], agent["StatedRate"], agent["Local"]) == \
        (exact["sf-1"].tx_packets + exact["sf-2"].tx_packets, 100, 1, 1), "each frame is sampled once, where it comes in"

    # The conversation has all but the broadcasts, has the VM's name on both sides, and stands the same in collectd.
    for mine, peer in (vms, reversed(vms)):
        talk = expected[mine.name] - Sums(0, 0, *flooded[mine.name][2:])
        found = tables.conversations(mine.name)
        assert {name: sums_of(row) for name, row in found.items()} == {f"vm:{peer.name}": talk}
        assert (found[f"vm:{peer.name}"]["Protocol"], found[f"vm:{peer.name}"]["Port"]) == (6, 80)
        mac, peer_mac = mine.nics[0].mac, peer.nics[0].mac
        wanted = {}
        for what, sums in (("sampled", expected[mine.name]), (f"vm:{peer.name}:{peer_mac}", talk), ("protocol:udp", udp[mine.name])):
            wanted[f"{mine.name}/vmtraffic/if_octets-{mac}:{what}"] = [sums.rx_octets, sums.tx_octets]
            wanted[f"{mine.name}/vmtraffic/if_packets-{mac}:{what}"] = [sums.rx_packets, sums.tx_packets]

        def from_collectd():
            return {name: rows[-1][1] for name, rows in line.collectd.values().items() if name in wanted}
        assert soon(from_collectd, wanted) == wanted


def test_coverage_is_one_while_all_is_sampled(vms, tables):
    one, two = vms
    time.sleep(10)  # a period in which nothing of the traffic before is still to be sampled
    two.fetch(one.nics[0].address, times=3)

    def covered():  # in hundredths of a percent
        rows = tables.vnics()
        return [abs(row.get(column, 0) - 10_000) <= 200 for row in rows.values() for column in ("RxCoverage", "TxCoverage")]
    assert soon(covered, [True] * 4, timeout=5) == [True] * 4, tables.vnics()


def test_check_vm_talkers_names_the_peer_and_a_denied_one_is_critical(line, vms):
    one, two = vms
    one.ping(two.nics[0].address, count=20)
    settled(FlowTables(line))
    code, text = talkers(line, "--name", "sf-1", "-v")
    talk = r"VM sf-2 \S+ rx [0-9.]+ [kM]?bit/s ±0 % \(\d+ samples\), tx [0-9.]+ [kM]?bit/s ±0 % \(\d+ samples\)"
    assert code == 0 and re.match(rf"VM_TALKERS OK: sf-1 talks to 1 peer \(\d+ s\): {talk} \|", text), text
    assert re.search(rf"^OK: sf-1 to {talk}$", text, re.MULTILINE), text
    code, text = talkers(line, "--name", "sf-1", "--deny", "vm:sf-2")
    assert code == 2 and re.match(rf"VM_TALKERS CRITICAL: sf-1 talks to 1 peer \(\d+ s\): {talk} CRITICAL \(denied by vm:sf-2\) \|", text), text
    assert talkers(line, "--name", "sf-1", "--deny", "vm:/^sf-9$/")[0] == 0
    assert talkers(line, "--name", "sf-1", "--allow", "vm:sf-2")[0] == 0
    assert talkers(line, "--name", "sf-1", "--allow", "vm:sf-9")[0] == 2


def test_a_recording_sampled_anew_keeps_within_its_bounds(libvirt, vms, tables, hosts):
    one, two = vms
    before = settled(tables)
    capture = Capture(libvirt, "lo", snap=0, filter=f"udp port {PORT}")
    server = hosts[0].start("sf-server", sys.executable, "-c", SERVE)  # what two guests alone send would take too long
    wait_for(lambda: ":1F40 " in hosts[0].run("cat", "/proc/net/tcp").stdout, 10, "the server")
    client = hosts[1].start("sf-client", sys.executable, "-c", FETCH)
    for mtu, fetches in ((256, 5), (576, 1), (1500, 1)):
        two.run(f"ip link set eth0 mtu {mtu}")
        two.fetch(one.nics[0].address, times=fetches, timeout=120)
    assert (client.wait(60), server.wait(10)) == (0, 0)
    for vm in vms:
        vm.settled_counters()
    time.sleep(1.5)  # what the agent still holds it sends within a second
    capture.stop()
    guests = [f"{net.ifindex(vm.device())}={vm.nics[0].mac}" for vm in vms]
    guests += [f"{net.ifindex(host.device)}={host.run('cat', '/sys/class/net/eth0/address').stdout.strip()}" for host in hosts]
    results = json.loads(run(BUILD / "tests/lab/sflow_resample", capture.file, str(PORT), str(SEED), *guests, timeout=120).stdout)
    capture.file.unlink()

    # All of the recording is what was published of it at 1 in 1.
    now = tables.sums()
    truth = {f"{n}_{way}_{what}": getattr(now[vm.name] - before[vm.name], f"{way}_{what}")
             for n, vm in enumerate(vms) for way in ("rx", "tx") for what in ("packets", "octets")}
    assert {result["name"]: result["true"] for result in results if result["name"] in truth} == truth
    assert len(results) == 6 * 4 * len(guests)
    for result in results:
        assert result["recorded"] >= RECORDED_PACKETS
        # Four standard errors of the mean, and the bias of a ratio, which is of the order of one sample in all.
        allowed = 4 * result["error"] / 1.96 / result["trials"] ** 0.5 + 1 / result["samples"]
        assert abs(result["mean"] - 1) <= allowed, (result, allowed)
        assert result["miscounted"] == 0, "trials in which what was lost, doubled and late on the way was not what the agent's row says"
        assert result["inside"] >= 0.8 * result["trials"], result
    # Of each kind of quantity the bound is to hold in 88 of 100 trials. One of them alone, of some twenty samples, may by chance be a bit below.
    for rate, mangled, what in itertools.product((10, 100, 1000), (False, True), ("packets", "octets")):
        kind = [result for result in results if (result["one_in"], result["mangled"]) == (rate, mangled) and result["name"].endswith(what)]
        assert sum(result["inside"] for result in kind) >= 0.88 * sum(result["trials"] for result in kind), kind


def test_a_guest_that_sends_from_anothers_mac_is_charged_itself(line, vms, tables, hosts):
    thief, victim = vms
    before, kernel_before = settled(tables), [kernel_sums(vm) for vm in vms]
    thief.run(f"ip link set eth0 down; ip link set eth0 address {victim.nics[0].mac}; ip link set eth0 up")
    thief.ping(HOSTS[0], count=20)
    stolen, beside = (kernel_sums(vm) - earlier for vm, earlier in zip(vms, kernel_before))
    assert beside == Sums(1, 42), "the victim was asked for the host's address"
    assert stolen == Sums(21, 20 * 98 + 42, 21, 20 * 98 + 42)
    expected = {"sf-1": before["sf-1"] + stolen, "sf-2": before["sf-2"]}
    assert soon(tables.sums, expected) == expected
    assert {name: row["ForeignMacSamples"] for name, row in tables.vnics().items()} == {"sf-1": 21, "sf-2": 0}
    assert health(line)["counters"]["foreign_mac"] == 21
    assert {name: sums_of(row) for name, row in tables.conversations("sf-1").items() if name != "vm:sf-2"} == {
        socket.inet_aton(HOSTS[0]).hex(): Sums(20, 20 * 98, 20, 20 * 98)}

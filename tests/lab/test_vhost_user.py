"""A vNIC that the kernel does not see: vhost-user on Open vSwitch with DPDK. libvirt's counters, seldom, and honest about their time."""

import json
import time

import pytest

from lab import Nic, net, run, wait_for
from line import COLLECT, Line
from vmlab.ovs import DPDK_SWITCH

SOCKETS = "/run/vhost-user"
STREAM_OCTETS_PER_S = 10 * (958 + 42)
READING_S = 10  # the least: the switch itself counts anew every five seconds


@pytest.fixture(scope="module")
def switch(libvirt):
    if not DPDK_SWITCH.exists():
        pytest.skip(f"There is no {DPDK_SWITCH}: `tools/setup lab` unpacks it, where it finds Debian's archive.")
    run("mkdir", "-p", SOCKETS)
    switch = libvirt.start_ovs()
    switch.use_dpdk()
    switch.bridge("vu-ovs", "10.19.0.254/24")
    yield switch
    switch.leave_dpdk()


@pytest.fixture(scope="module")
def line(libvirt, switch):
    line = Line(libvirt, interval_s=1, refresh_s=2)
    with line.config.open("a") as config:
        config.write(f"vhost_user_interval = {READING_S}\n")
    line.start_collector()
    yield line
    line.stop()


def row(line, vm):
    data = json.loads(run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout)
    uuids = {d["uuid"] for d in data["domains"] if d["name"] == vm.name}
    rows = [v for v in data["vnics"] if v["domain_uuid"] in uuids]
    return data, rows[0] if rows else None


def counts(counted):
    return {way: {name: getattr(counted, f"{way}_{name}") for name in ("octets", "packets")} for way in ("rx", "tx")}


def test_libvirt_counts_what_the_guest_counts(libvirt, switch, line):
    socket = f"{SOCKETS}/vu0"
    switch.vhost_user_port("vu-ovs", "vu0", socket)
    vm = libvirt.vm("vu-one", [Nic("vhostuser", socket, ip="10.19.0.1/24", target="vu0")]).start().wait_up()
    vm.ping("10.19.0.254", count=20, size=1000)
    vm.run("ping -c 1 -W 2 10.19.0.77", check=False)  # nobody answers: the two directions must differ

    def agrees():
        guest = counts(vm.settled_counters()[vm.nics[0].mac])
        _, ours = row(line, vm)
        return ours is not None and all(ours[way][name] == value for way, of_way in guest.items() for name, value in of_way.items())

    wait_for(agrees, 40, "our totals to be the guest's own")
    guest = vm.settled_counters()[vm.nics[0].mac]
    assert guest.tx_octets > guest.rx_octets > 20 * 1000
    assert vm.domifstat().tx_octets == guest.tx_octets, "libvirt turns the switch's view itself"

    # A steady stream: once there is a rate, it is there in each sample, covers the seconds between readings, and is never zero nor a burst.
    vm.run("ping -i 0.1 -s 958 10.19.0.254 >/dev/null 2>&1 &")
    time.sleep(3.5 * READING_S)
    seen, last, rates = 0, None, []
    while seen < 2 * READING_S + 2:
        data, ours = row(line, vm)
        if data["sequence"] == last:
            time.sleep(0.1)
            continue
        last = data["sequence"]
        seen += 1
        interval = ours["rates"]["interval"]
        assert ours["if_index"] is None
        assert READING_S - 1.5 < interval["covered_s"] < READING_S + 1.5
        rates.append(interval["tx"]["octets"])
    assert all(STREAM_OCTETS_PER_S * 0.4 < rate < STREAM_OCTETS_PER_S * 1.6 for rate in rates), rates  # five of ten seconds may be late
    assert len(set(rates)) <= 4, "a rate stands until the next reading"

    vm.destroy()
    wait_for(lambda: row(line, vm)[1]["rx"]["octets"] is None, 10, "no counts of a VM that is off")
    vm.undefine()

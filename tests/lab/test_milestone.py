"""The thinnest whole line: one real VM on a Linux bridge, the same octets and packets in collectd, NRPE, snmpd and virsh."""

import re

import pytest

from lab import Nic, net, virsh, wait_for
from line import Line

HYPERVISOR = ("1.3.6.1.2.1.236.1.1.1.0", "1.3.6.1.2.1.236.1.1.2.0")  # vmHvSoftware, vmHvVersion


@pytest.fixture(scope="module")
def line(libvirt):
    line = Line(libvirt)
    line.start_collectd()
    line.start_snmp()
    line.start_nrpe()
    yield line
    line.stop()


def test_one_vm_on_a_bridge_stands_the_same_in_all_three_monitors(libvirt, line):
    net.bridge("mile-br", "10.9.0.254/24")
    vm = libvirt.vm("milestone", [Nic("bridge", "mile-br", ip="10.9.0.1/24")]).start().wait_up()
    (nic,) = vm.nics
    vm.ping("10.9.0.254", count=20)
    guest = vm.settled_counters()[nic.mac]
    assert vm.domifstat(nic) == guest
    assert guest.tx_packets > 20
    wait_for(lambda: line.all_say(vm, nic, guest), 15, "collectd, check_vm_traffic and snmpd to show what the guest counted")
    (running,) = re.findall(r"^Running hypervisor: (\S+) (\S+)$", virsh("version").stdout, re.MULTILINE)
    assert tuple(row.value.decode() for row in line.snmpd.get(*HYPERVISOR)) == running
    vm.remove()
    net.delete("mile-br")

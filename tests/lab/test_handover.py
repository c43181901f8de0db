"""One collector a host: who takes over when the holder dies, and what everyone says when it hangs."""

import json
import re
import time

import pytest

from lab import Nic, net, run, wait_for
from line import COLLECT, MIB, Line

HERE, HOLDER_PID, STOPPED = f"{MIB}.1.1.3.0", f"{MIB}.1.1.4.0", f"{MIB}.1.1.6.0"


def snapshot(line):
    """The present snapshot, as --json tells it."""
    return json.loads(run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout)


def writer(line):
    done = run(line.programs / COLLECT.name, "--json", "--config", line.config, check=False)
    return json.loads(done.stdout)["writer"]["program"] if done.returncode == 0 else None


@pytest.fixture
def busy(libvirt):
    """Two VMs of which one pings the other all the time."""
    net.bridge("ho-br")
    vms = [libvirt.vm(f"hand-{n}", [Nic("bridge", "ho-br", ip=f"10.15.0.{n}/24")]) for n in (1, 2)]
    libvirt.start_all(vms)
    for vm in vms:
        vm.wait_up()
    yield vms
    for vm in vms:
        vm.remove()
    net.delete("ho-br")


def vnic_of(line, name):
    data = snapshot(line)
    (domain,) = [d for d in data["domains"] if d["name"] == name]
    return next(v for v in data["vnics"] if v["domain_uuid"] == domain["uuid"])


def test_a_killed_holder_is_followed_within_two_intervals(libvirt, busy):
    line = Line(libvirt, interval_s=1)
    holder = line.start_collector()
    wait_for(lambda: writer(line) == "vmtraffic-collect", 10, "the first collector to publish")
    line.start_collectd()
    line.start_snmp()
    line.start_nrpe()
    busy[0].ping("10.15.0.2", count=10)
    (nic,) = busy[0].nics
    guest = busy[0].settled_counters()[nic.mac]
    wait_for(lambda: line.all_say(busy[0], nic, guest), 15, "all front ends to agree")
    time.sleep(3)
    before = vnic_of(line, "hand-1")
    sequence = snapshot(line)["sequence"]
    started = time.monotonic()
    holder.kill()
    wait_for(lambda: writer(line) != "vmtraffic-collect", 5, "somebody to take over")
    assert time.monotonic() - started < 2.5
    assert writer(line) in ("collectd", "vmtraffic-agentx")
    after = vnic_of(line, "hand-1")
    assert snapshot(line)["sequence"] > sequence
    assert after["rx"]["octets"] == before["rx"]["octets"]
    assert after["discontinuity_boottime_ns"] is None
    # The follower kept its own windows warm: they go on, and say what they cover.
    assert after["rates"]["5m"]["covered_s"] > 3
    busy[0].ping("10.15.0.2", count=5)
    guest = busy[0].settled_counters()[nic.mac]
    wait_for(lambda: line.all_say(busy[0], nic, guest), 15, "all front ends to agree under the new holder")
    line.stop()


def test_the_collector_alone_is_handed_the_lease(libvirt, busy):
    """Under its own user, with the one right that captures: collectd, which is root, collects only without it."""
    line = Line(libvirt, interval_s=1, extra="[capture]\nall = true\n")
    line.start_collectd()
    wait_for(lambda: writer(line) == "collectd", 10, "collectd to collect")
    busy[0].ping("10.15.0.2", count=10)
    (nic,) = busy[0].nics
    guest = busy[0].settled_counters()[nic.mac]
    wait_for(lambda: line.collectd_totals("hand-1", nic.mac) and vnic_of(line, "hand-1")["rx"]["octets"] == guest.rx_octets, 15, "collectd to agree")
    before, sequence = vnic_of(line, "hand-1"), snapshot(line)["sequence"]
    collector = line.start_collector()
    wait_for(lambda: writer(line) == "vmtraffic-collect", 8, "the lease to be handed over", line.collectd.log)
    after = vnic_of(line, "hand-1")
    assert (after["rx"]["octets"], after["discontinuity_boottime_ns"]) == (before["rx"]["octets"], None)
    assert snapshot(line)["sequence"] > sequence
    wait_for(lambda: next(p for p in snapshot(line)["health"] if p["name"] == "capture")["state"] == "up", 10, "the capture")
    time.sleep(3)
    assert writer(line) == "vmtraffic-collect", "and it stays there"
    collector.kill()
    wait_for(lambda: writer(line) == "collectd", 8, "collectd to take over")
    line.start_collector()
    wait_for(lambda: writer(line) == "vmtraffic-collect", 8, "the lease to be handed over again", line.collectd.log)
    line.stop()


def test_a_stopped_holder_is_named_and_not_robbed(libvirt, busy):
    line = Line(libvirt, interval_s=1)
    holder = line.start_collector()
    wait_for(lambda: writer(line) == "vmtraffic-collect", 10, "the collector to publish")
    line.start_collectd()
    line.start_snmp()
    line.start_nrpe()
    wait_for(lambda: line.collectd_totals("hand-1", busy[0].nics[0].mac), 10, "collectd to dispatch")
    wait_for(lambda: line.snmp_totals(busy[0].nics[0].mac), 10, "snmpd to show the vNIC")
    holder.hang()
    try:
        def told() -> bool:
            code, text = line.nrpe.check("vm_collector")
            return code == 3 and str(holder.pid) in text
        wait_for(told, 15, "check_vm_collector to name the holder's pid")
        code, text = line.nrpe.check("vm_traffic")
        assert code == 3 and re.search(rf"\b{holder.pid}\b", text), text
        wait_for(lambda: line.snmpd.get(HOLDER_PID)[0].value == holder.pid, 5, "SNMP to name the holder's pid")
        assert line.snmpd.get(STOPPED)[0].value == 1
        assert line.snmp_totals(busy[0].nics[0].mac) is None, "stale rows are absent"
        line.collectd.wait_for(lambda: re.search(rf"\b{holder.pid}\b", line.collectd.log_text()), 10, "collectd to log the holder's pid")
        rows = line.collectd.values()
        time.sleep(3)
        assert line.collectd.values() == rows, "nothing is dispatched while stale"
        assert snapshot(line)["writer"]["pid"] == holder.pid, "the lease was not stolen"
    finally:
        holder.resume()
    wait_for(lambda: line.nrpe.check("vm_collector")[0] == 0, 10, "all to be well again")
    wait_for(lambda: line.snmp_totals(busy[0].nics[0].mac), 10, "the rows to come back")
    line.stop()

"""VMs and vNICs come, change and go: the right rows appear and go, indexes stay, no rate is ever absurd."""

import json
import re
import time

import pytest

from lab import Nic, net, run, wait_for
from line import COLLECT, VNIC_ENTRY, Line

VM_NAME = "1.3.6.1.2.1.236.1.4.1.2"
VM_OPER_STATE = "1.3.6.1.2.1.236.1.4.1.6"
VN_PHYS_ADDRESS = "1.3.6.1.2.1.236.1.8.1.5"
RUNNING, PAUSED, SHUTDOWN = 4, 8, 11
SANE_OCTETS_PER_S = 20e9


@pytest.fixture(scope="module")
def line(libvirt):
    line = Line(libvirt, interval_s=1, refresh_s=3)
    line.start_collectd(block="")
    line.start_snmp()
    line.start_nrpe()
    net.bridge("lc-br", "10.17.0.254/24")
    yield line
    line.stop()
    net.delete("lc-br")


def snapshot(line):
    return json.loads(run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout)


def domain(line, name):
    return next((d for d in snapshot(line)["domains"] if d["name"] == name), None)


def vnics(line, name):
    data = snapshot(line)
    uuids = {d["uuid"] for d in data["domains"] if d["name"] == name}
    return [v for v in data["vnics"] if v["domain_uuid"] in uuids]


def events(line, name):
    return [(e["kind"], e["detail"]) for e in snapshot(line)["events"] if e["domain"] == name]


def vm_index(line, name):
    for row in line.snmpd.bulkwalk(VM_NAME):
        if row.value == name.encode():
            return int(row.oid.rsplit(".", 1)[1])
    return None


def no_absurd_rates(line):
    for vnic in snapshot(line)["vnics"]:
        for window in vnic["rates"].values():
            for direction in ("rx", "tx", "rx_highest", "tx_highest"):
                for value in (window.get(direction) or {}).values():
                    assert value is None or 0 <= value < SANE_OCTETS_PER_S, vnic


def test_a_vms_whole_life(libvirt, line):
    vm = libvirt.vm("life-1", [Nic("bridge", "lc-br", ip="10.17.0.1/24")]).start().wait_up()
    (nic,) = vm.nics
    wait_for(lambda: (d := domain(line, "life-1")) and d["state"] == "running", 10, "the VM to appear")
    vm.ping("10.17.0.254", count=5)
    first = vm.settled_counters()[nic.mac]
    wait_for(lambda: line.all_say(vm, nic, first), 15, "all to agree")
    index = vm_index(line, "life-1")
    assert index is not None
    assert line.snmpd.get(f"{VM_OPER_STATE}.{index}")[0].value == RUNNING

    vm.pause()
    wait_for(lambda: domain(line, "life-1")["state"] == "paused", 10, "the pause to show")
    wait_for(lambda: line.snmpd.get(f"{VM_OPER_STATE}.{index}")[0].value == PAUSED, 5, "SNMP to show the pause")
    wait_for(lambda: line.all_say(vm, nic, first), 10, "a paused VM to keep its rows")
    vm.resume()
    wait_for(lambda: domain(line, "life-1")["state"] == "running", 10, "the VM to run again")

    vm.destroy()
    wait_for(lambda: domain(line, "life-1")["state"] == "shut off", 10, "the stop to show")
    wait_for(lambda: line.snmpd.get(f"{VM_OPER_STATE}.{index}")[0].value == SHUTDOWN, 5, "SNMP to show the stop")
    wait_for(lambda: line.snmp_totals(nic.mac) is None, 5, "the counters of a VM that is off to be absent")
    code, text = line.nrpe.check("vm_traffic")
    assert code == 0 and "life-1 is shut off" in text and "|" not in text, text
    rows = len(line.collectd.values()[f"life-1/vmtraffic/if_octets-{nic.mac}"])
    time.sleep(3)
    assert len(line.collectd.values()[f"life-1/vmtraffic/if_octets-{nic.mac}"]) == rows

    # A new tap under the same vNIC: the total goes on and never runs backwards.
    vm.start().wait_up()
    vm.ping("10.17.0.254", count=7)
    second = vm.settled_counters()[nic.mac]
    wait_for(lambda: (v := vnics(line, "life-1")) and v[0]["rx"]["octets"] == first.rx_octets + second.rx_octets, 10, "the totals to go on over the restart")
    assert vnics(line, "life-1")[0]["discontinuity_boottime_ns"] is not None
    assert vm_index(line, "life-1") == index
    written = [v for _, v in line.collectd.values()[f"life-1/vmtraffic/if_octets-{nic.mac}"]]
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(written, written[1:])), "collectd's derive never falls"

    vm.destroy()
    vm.rename("life-renamed")
    wait_for(lambda: domain(line, "life-renamed") and not domain(line, "life-1"), 10, "the new name to replace the old")
    wait_for(lambda: vm_index(line, "life-renamed") == index, 5, "the index to stay with the UUID")
    no_absurd_rates(line)
    vm.undefine()
    wait_for(lambda: not domain(line, "life-renamed"), 10, "the row to go")
    wait_for(lambda: vm_index(line, "life-renamed") is None, 5, "the SNMP row to go")
    kinds = [kind for kind, _ in events(line, "life-1") + events(line, "life-renamed")]
    for kind in ("defined", "started", "suspended", "resumed", "stopped", "renamed", "undefined"):
        assert kind in kinds, kinds
    assert kinds.count("suspended") == 1 and kinds.count("undefined") == 1, kinds


def test_vnics_plugged_unplugged_and_set_down(libvirt, line):
    vm = libvirt.vm("plug-1", [Nic("bridge", "lc-br", ip="10.17.0.2/24")]).start().wait_up()
    (first,) = vm.nics
    extra = vm.plug(Nic("bridge", "lc-br", ip="10.17.1.2/24"))
    wait_for(lambda: len(vnics(line, "plug-1")) == 2, 10, "the plugged vNIC to appear")
    vm.ping("10.17.0.254", count=3)
    counted = vm.settled_counters()
    wait_for(lambda: line.all_say(vm, first, counted[first.mac]), 15, "the first vNIC to count")
    wait_for(lambda: line.snmp_totals(extra.mac), 5, "the second in SNMP")
    index = next(row.oid for row in line.snmpd.bulkwalk(VN_PHYS_ADDRESS) if row.value == bytes.fromhex(first.mac.replace(":", "")))
    vm.set_link(first, "down")
    wait_for(lambda: next(v for v in vnics(line, "plug-1") if v["mac"] == first.mac)["link"] == "down", 10, "the link state, by the refresh behind the events")
    vm.set_link(first, "up")
    vm.unplug(extra)
    wait_for(lambda: len(vnics(line, "plug-1")) == 1, 10, "the unplugged vNIC to go")
    wait_for(lambda: line.snmp_totals(extra.mac) is None, 5, "its SNMP row to go")
    assert next(row.oid for row in line.snmpd.bulkwalk(VN_PHYS_ADDRESS) if row.value == bytes.fromhex(first.mac.replace(":", ""))) == index
    again = vm.plug(Nic("bridge", "lc-br", ip="10.17.1.3/24", mac=extra.mac))
    wait_for(lambda: len(vnics(line, "plug-1")) == 2, 10, "it to come back")
    assert again.mac == extra.mac
    kinds = [e for e in events(line, "plug-1") if e[0].startswith("vnic")]
    assert kinds.count(("vnic added", extra.mac)) == 2 and kinds.count(("vnic removed", extra.mac)) == 1, kinds
    no_absurd_rates(line)
    vm.remove()


def test_two_vnics_with_one_mac_stay_two_rows(libvirt, line):
    mac = "52:54:00:77:77:77"
    net.bridge("lc-two", "10.18.0.254/24")
    vm = libvirt.vm("twin-1", [Nic("bridge", "lc-br", mac=mac, target="twin-a"), Nic("bridge", "lc-two", mac=mac, target="twin-b")], tiny=True).start()
    wait_for(lambda: len(vnics(line, "twin-1")) == 2, 10, "both rows")
    rows = {v["tap"]: v for v in vnics(line, "twin-1")}
    assert {(tap, v["mac"], v["ordinal"]) for tap, v in rows.items()} == {("twin-a", mac, 0), ("twin-b", mac, 1)}
    wait_for(lambda: len([r for r in line.snmpd.bulkwalk(f"{VNIC_ENTRY}.5") if r.value == bytes.fromhex(mac.replace(":", ""))]) == 2, 5, "two rows in SNMP")
    names = [name for name in line.collectd.wait_for_values("^twin-1/vmtraffic/if_octets-", 2)]
    assert len(names) == 2, names
    _, text = line.nrpe.check("vm_traffic")
    labels = re.findall(r"'([^']*)_rx_octets_total'=", text.replace("''", "’"))
    assert len(set(labels)) == len(labels)
    vm.remove()
    net.delete("lc-two")


def test_hostile_names_that_libvirt_accepts(libvirt, line):
    names = ["quo'te", 'dou"ble', "eq=ual", "pi|pe", "se;mi", "back\\slash", "sp ace", "ünï-日本", "$(id)", "x" * 200]
    vms = [libvirt.vm(name, [Nic("bridge", "lc-br", target=f"odd-{n}")], tiny=True, title=f"<b>{n}|'\"") for n, name in enumerate(names)]
    for vm in vms:
        vm.start()
    escaped = {name.replace("\\", "\\\\") for name in names}  # a backslash stands doubled, see json.hpp
    wait_for(lambda: {d["name"] for d in snapshot(line)["domains"]} >= escaped, 15, "all names in valid JSON")
    table = run(line.programs / COLLECT.name, "--print", "--config", line.config).stdout
    assert "\x1b" not in table
    wait_for(lambda: {row.value.decode() for row in line.snmpd.bulkwalk(VM_NAME)} >= {n for n in names if "\\" not in n}, 10, "SNMP to show the names")
    for vm in vms:
        wait_for(lambda: len([n for n in line.collectd.values() if n.endswith(f"if_octets-{vm.nics[0].mac}")]) == 1, 10,
                 f"collectd to show {vm.name!r} under one name")
    code, text = line.nrpe.check("vm_traffic")
    assert code in (0, 3)
    assert text.splitlines()[0].count("|") <= 1
    perfdata = text.split("|", 1)[1]
    labels = re.findall(r"(?:^|\s)('(?:[^']|'')*'|[^\s='|]+)=", perfdata)
    assert len(labels) == len(set(labels)) and len(labels) >= 4 * len(names)
    for vm in vms:
        vm.remove()

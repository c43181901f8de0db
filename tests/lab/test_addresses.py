"""Addresses that nobody told us: a guest talks with its host, and the host's neighbour table knows it from then on."""

import json

import pytest

from lab import Nic, net, run, wait_for
from line import COLLECT, Line


@pytest.fixture(scope="module")
def line(libvirt):
    line = Line(libvirt, interval_s=1, refresh_s=2)
    net.bridge("ad-br", "10.18.0.254/24")
    line.start_collector()
    yield line
    line.stop()
    net.delete("ad-br")


def snapshot(line):
    return json.loads(run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout)


def addresses(line):
    """{VM's name: its first vNIC's addresses}"""
    data = snapshot(line)
    names = {domain["uuid"]: domain["name"] for domain in data["domains"]}
    return {names[vnic["domain_uuid"]]: vnic["addresses"] for vnic in data["vnics"]}


def link_counters(line):
    return next(probe["counters"] for probe in snapshot(line)["health"] if probe["name"] == "link_counters")


def test_the_neighbour_table_tells_a_guests_address(libvirt, line):
    talker = libvirt.vm("ad-talker", [Nic("bridge", "ad-br", ip="10.18.0.1/24")]).start().wait_up()
    silent = libvirt.vm("ad-silent", [Nic("bridge", "ad-br", ip="10.18.0.2/24")]).start().wait_up()
    wait_for(lambda: addresses(line) == {"ad-talker": [], "ad-silent": []}, 20, "both VMs without addresses")
    talker.ping("10.18.0.254", count=1)
    wait_for(lambda: addresses(line) == {"ad-talker": ["10.18.0.1"], "ad-silent": []}, 20, "the talker's address alone")

    # It stays, raises no event, and is asked for again.
    before = snapshot(line)
    wait_for(lambda: link_counters(line)["neighbour_dumps"] >= 4, 20, "more dumps")
    after = snapshot(line)
    assert addresses(line)["ad-talker"] == ["10.18.0.1"]
    assert after["events"] == before["events"]
    assert link_counters(line)["neighbour_failures"] == 0

    # A MAC that two domains have names neither.
    twin = libvirt.vm("ad-twin", [Nic("bridge", "ad-br", mac=talker.nics[0].mac)], tiny=True).define()
    wait_for(lambda: addresses(line) == {"ad-talker": [], "ad-silent": [], "ad-twin": []}, 20, "the address to be withdrawn")
    twin.undefine()
    wait_for(lambda: addresses(line)["ad-talker"] == ["10.18.0.1"], 20, "the address to come back")
    for vm in (talker, silent):
        vm.remove()

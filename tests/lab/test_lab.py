"""The lab's proof of itself: three independent counts of the same traffic agree to the octet, for every kind of vNIC."""

import signal
import time
from dataclasses import replace

import pytest

from flows import calm
from lab import Binding, Counters, LabError, Nic, Vm, net, run, virsh, wait_for

NO_ERRORS = dict(rx_errors=0, rx_drops=0, tx_errors=0, tx_drops=0)


def agreed(vm: Vm) -> list[Counters]:
    """What each vNIC's guest, libvirt and the kernel (turned) all say, once the guest rests."""
    own = vm.settled_counters()
    for nic in vm.nics:
        assert vm.domifstat(nic) == own[nic.mac]
        assert vm.kernel_counters(nic) == own[nic.mac]
        assert net.sys_counters(vm.device(nic)) == net.link_counters(vm.device(nic))
    return [own[nic.mac] for nic in vm.nics]


@pytest.fixture(scope="module")
def pair(libvirt):
    """Two guests on a Linux bridge, up."""
    net.bridge("lab-br")
    vms = [libvirt.vm(f"pair{n}", [Nic("bridge", "lab-br", ip=f"10.0.0.{n}/24")]) for n in (1, 2)]
    libvirt.start_all(vms)
    yield [vm.wait_up() for vm in vms]
    for vm in vms:
        vm.remove()


def test_bridge_counts_agree_to_the_octet(pair):
    client, server = pair
    client.ping("10.0.0.2", count=5)
    payload = client.fetch("10.0.0.2", times=5)
    (seen_by_client,), (seen_by_server,) = agreed(client), agreed(server)
    assert seen_by_server == seen_by_client.turned()
    assert payload < seen_by_client.rx_octets < payload * 1.1
    assert replace(seen_by_client, **NO_ERRORS) == seen_by_client


def test_silence_is_silence(pair):
    before = [vm.settled_counters() for vm in pair]
    time.sleep(7)  # longer than the delay after which a kernel confirms a neighbour
    assert [vm.fresh_counters() for vm in pair] == before


def test_a_guest_with_ipv6_has_said_its_groups_when_it_is_up(libvirt):
    net.bridge("lab-br6")
    vm = libvirt.vm("six", [Nic("bridge", "lab-br6", ip6="fd05::1/64")])
    try:
        before = vm.start().wait_up().fresh_counters()
        assert before[vm.nics[0].mac].tx_packets > 0
        time.sleep(3)
        assert vm.fresh_counters() == before
    finally:
        vm.remove()


def test_life_of_a_vm(libvirt):
    vm = libvirt.vm("life", [Nic("bridge", "lab-br", mac="52:54:00:AA:BB:CC", target="lab-life", inbound_kib=1024)], tiny=True, title="first <title>",
                    metadata_xml="<x:y xmlns:x='http://example.org/x'>z</x:y>", uuid="11111111-2222-3333-4444-555555555555")
    vm.start()
    assert vm.state() == "running"
    assert vm.devices() == {"52:54:00:aa:bb:cc": "lab-life"}
    xml = virsh("--readonly", "dumpxml", vm.name).stdout
    assert "<title>first &lt;title&gt;</title>" in xml and "http://example.org/x" in xml and "<inbound average='1024'/>" in xml
    vm.pause()
    assert vm.state() == "paused"
    vm.resume()
    vm.set_title("second")
    assert virsh("desc", vm.name, "--title").stdout.strip() == "second"
    vm.destroy()
    assert vm.state() == "shut off"
    vm.rename("renamed")
    assert virsh("domuuid", "renamed").stdout.strip() == vm.uuid
    vm.undefine()
    with pytest.raises(LabError, match="failed to get domain"):
        vm.state()


def test_plug_unplug_and_link_state(pair):
    client, server = pair
    extra = client.plug(Nic("bridge", "lab-br", ip="10.0.3.1/24"))
    other = server.plug(Nic("bridge", "lab-br", ip="10.0.3.2/24"))
    client.fetch("10.0.3.2")
    assert agreed(client)[1].rx_octets > 4 << 20
    client.set_link(extra, "down")
    wait_for(lambda: client.run("cat /sys/class/net/eth1/carrier").strip() == "0", 10, "the guest to notice")
    client.set_link(extra, "up")
    client.unplug(extra)
    server.unplug(other)
    assert len(client.devices()) == len(server.devices()) == 1


def test_open_vswitch_counts_agree_to_the_octet(libvirt):
    switch = libvirt.start_ovs()
    switch.bridge("lab-ovs")
    switch.sflow("lab-ovs")
    client, server = (libvirt.vm(f"ovs{n}", [Nic("ovs", "lab-ovs", ip=f"10.1.0.{n}/24")]) for n in (1, 2))
    libvirt.start_all([client, server])
    client.wait_up(), server.wait_up()
    for vm in (client, server):
        calm(vm)
    client.ping("10.1.0.2")
    client.fetch("10.1.0.2", times=3)
    (seen_by_client,), (seen_by_server,) = agreed(client), agreed(server)
    assert seen_by_client.rx_octets > 12 << 20
    assert seen_by_server.tx_packets - seen_by_client.rx_packets < 100  # a busy switch drops some by itself
    for vm in (client, server):
        vm.remove()
    switch.delete_bridge("lab-ovs")


def test_every_other_kind_of_vnic(libvirt):
    """Each in a network of its own, so that traffic takes the vNIC it is meant for."""
    host = "".join(f" 10.2.{n}.254/24" for n in range(1, 5)).split()
    net.bridge("lab-kinds")
    for address in host:
        net.ip("address", "add", address, "dev", "lab-kinds")
    net.veth("lab-parent", "lab-port", "lab-kinds")
    libvirt.network("lab-network", "lab-kinds")
    vm = libvirt.vm("kinds", [
        Nic("direct", "lab-parent", ip="10.2.1.1/24"),
        Nic("ethernet", "lab-kinds", ip="10.2.2.1/24"),
        Nic("ethernet", "lab-kinds", ip="10.2.3.1/24", managed=False, target="lab-mine"),
        Nic("network", "lab-network", ip="10.2.4.1/24"),
    ]).start().wait_up()
    assert [net.kind(vm.device(nic)) for nic in vm.nics] == ["macvtap", "tun", "tun", "tun"]
    for n in range(1, 5):
        vm.ping(f"10.2.{n}.254", count=n)
    for n, counted in enumerate(agreed(vm), start=1):
        assert counted.tx_packets == n + 1  # the echoes, and one question for the neighbour
        assert counted.tx_octets == n * 98 + 42
    vm.remove()
    assert net.exists("lab-mine")  # an unmanaged tap is the administrator's
    for device in ("lab-mine", "lab-kinds", "lab-parent"):
        net.delete(device)


def test_container_counts_agree_to_the_octet(libvirt, pair):
    container = libvirt.container("box", [Nic("bridge", "lab-br", ip="10.0.0.9/24")]).start()
    container.ping("10.0.0.1")
    container.fetch("10.0.0.1", times=2)
    pair[0].fetch("10.0.0.9")
    mac = container.nics[0].mac
    assert net.kind(container.device()) == "veth"
    own = wait_for(lambda: (one := container.counters()[mac]) == container.kernel_counters() and one, 5, "the counts to rest")
    assert container.domifstat() == own
    assert own.rx_octets > 8 << 20 and own.tx_octets > 4 << 20
    container.remove()


def test_tiny_vms_in_numbers(libvirt):
    begin = time.monotonic()
    vms = libvirt.start_all([libvirt.vm(f"tiny{n}", [Nic("bridge", "lab-br")], tiny=True) for n in range(12)])
    print(f"{len(vms)} tiny VMs in {time.monotonic() - begin:.1f} s")
    assert all(vm.state() == "running" for vm in vms)
    for vm in vms:
        vm.remove()


def test_libvirtd_hangs_dies_and_comes_back(libvirt, pair):
    daemon = libvirt.libvirtd
    daemon.hang()
    with pytest.raises(LabError, match="had not ended after 1 s"):
        virsh("list", timeout=1)
    daemon.resume()
    virsh("list")
    daemon.kill()
    assert virsh("list", check=False).returncode != 0
    pair[0].fetch("10.0.0.2")  # the VMs live on
    daemon.start()
    assert pair[0].state() == "running"
    assert daemon.stop() < 10
    daemon.start()
    agreed(pair[0])


def test_network_namespace_as_a_host(pair):
    host = net.host("far", "10.0.0.7/24", "lab-br")
    before = pair[0].settled_counters()[pair[0].nics[0].mac]
    host.run("ping", "-c", "2", "-i", "0.2", "10.0.0.1")
    difference = agreed(pair[0])[0] - before
    assert difference.traffic() == (2 * 98 + 42, 3, 2 * 98 + 42, 3)
    assert host.counters().tx_packets == 3
    host.delete()


def test_collectd(lab):
    daemon = lab.collectd("LoadPlugin interface\n", interval_s=0.5)
    rows = daemon.wait_for_values("^lab-host/interface-lo/if_octets$", count=2)["lab-host/interface-lo/if_octets"]
    assert len(rows[0][1]) == 2 and rows[0][0] < rows[1][0]
    assert daemon.stop() < 5 and daemon.exit_code == 0


def test_snmpd_and_its_answers(lab):
    agent = lab.snmpd(config="sysName a name that needs more than one line in hexadecimal")
    name, up, object_id, missing = agent.get("1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.99.0")
    assert name.value == b"a name that needs more than one line in hexadecimal"
    assert (up.type, object_id.type, missing.type, missing.value) == ("Timeticks", "OID", "noSuchObject", None)
    walked = agent.walk("1.3.6.1.2.1.31.1.1")
    assert [one.oid for one in walked] == [one.oid for one in agent.bulkwalk("1.3.6.1.2.1.31.1.1")]
    assert {one.type for one in walked} >= {"OCTET STRING", "Counter64", "Gauge32"}
    assert agent.getnext("2.9")[0].type == "endOfMibView"
    assert agent.stop() < 5


def test_nrpe_runs_checks_as_nagios_in_group_vmtraffic(lab):
    _, gid = lab.user_group()
    daemon = lab.nrpe({"whoami": "/usr/bin/id", "bad": "/usr/lib/nagios/plugins/check_dummy 2 bad"})
    code, text = daemon.check("whoami")
    assert code == 0 and "(nagios)" in text and f"{gid}(vmtraffic)" in text
    assert daemon.check("bad") == (2, "CRITICAL: bad\n")


def test_a_wait_that_fails_shows_the_log(lab):
    process = lab.process("speaks", ["sh", "-c", "echo some last words; exit 3"])
    with pytest.raises(LabError, match="ended with 3 while a miracle was awaited(.|\n)*some last words"):
        process.wait_for(lambda: False, 5, "a miracle")
    sleeper = lab.process("sleeps", ["sleep", "100"])
    assert sleeper.stop() < 1 and sleeper.exit_code == -signal.SIGTERM


def test_trap_receiver(lab):
    receiver = lab.trap_receiver()
    run("snmptrap", "-v2c", "-c", "public", receiver.address, "", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.7", "i", "7",
        "1.3.6.1.2.1.31.1.1.1.1.7", "s", "vnet7 with a long name, longer than a line", env={"MIBS": "", "PATH": "/usr/bin"})
    (notification,) = receiver.wait_for(receiver.notifications, 5, "a notification")
    assert notification[1:] == [
        Binding("1.3.6.1.6.3.1.1.4.1.0", "OID", "1.3.6.1.6.3.1.1.5.3"),
        Binding("1.3.6.1.2.1.2.2.1.1.7", "INTEGER", 7),
        Binding("1.3.6.1.2.1.31.1.1.1.1.7", "OCTET STRING", b"vnet7 with a long name, longer than a line"),
    ]

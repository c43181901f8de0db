#!/usr/bin/python3
"""Record domain XML as a real libvirtd writes it, of running domains and of their definitions:

    tests/lab/sandbox tests/data/domains/record.py tests/data/domains.new

Needs root and what the lab needs. Ids, port ids and machine types vary with the host; then compare, and bring the .txt files up to date with
VMTRAFFIC_UPDATE_GOLDEN=1 domain_xml_test.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))
from lab import LXC, QEMU, Lab, run, virsh  # noqa: E402

NOVA = """<title>Web server /1</title><metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
  <nova:package version="27.0.0"/><nova:name>web &lt;1&gt; "a=b" | c</nova:name><nova:creationTime>2023-05-04 09:11:12</nova:creationTime>
  <nova:flavor name="m1.small"><nova:memory>2048</nova:memory><nova:disk>20</nova:disk><nova:swap>0</nova:swap><nova:ephemeral>0</nova:ephemeral>
    <nova:vcpus>1</nova:vcpus></nova:flavor>
  <nova:owner><nova:user uuid="0d9e5b3ef1a84d0a8f9bb6bdbd0c1d2e">alice</nova:user>
    <nova:project uuid="5a1d5f9c6bb34a18b2d2c8b1f0d4e6aa">blue team</nova:project></nova:owner>
  <nova:root type="image" uuid="3b1c7f5e-8f51-4a0c-9d2b-111122223333"/>
  <nova:ports><nova:port uuid="c2b9a1de-1111-4222-8333-444455556666"><nova:ip type="fixed" address="10.0.0.12" ipVersion="4"/>
    <nova:ip type="fixed" address="FD00:0:0::12" ipVersion="6"/></nova:port></nova:ports>
</nova:instance></metadata>"""

BRIDGE = """<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><target dev='tapc2b9a1de-11'/><model type='virtio'/>
  <mtu size='1450'/><bandwidth><inbound average='1000' peak='2000' burst='512'/><outbound average='128'/></bandwidth></interface>"""

KINDS = """
<interface type='network'><mac address='52:54:00:00:00:05'/><source network='ports'/><model type='virtio'/></interface>
<interface type='direct'><mac address='52:54:00:00:00:04'/><source dev='phys0' mode='bridge'/><model type='e1000'/></interface>
<interface type='ethernet'><mac address='52:54:00:00:00:03'/><target dev='tap-own'/><link state='down'/><model type='virtio'/></interface>
<interface type='user'><mac address='52:54:00:00:00:02'/><model type='virtio'/></interface>
<interface type='udp'><mac address='52:54:00:00:00:06'/><source address='127.0.0.1' port='11115'><local address='127.0.0.1' port='11116'/></source>
</interface>
<interface type='mcast'><mac address='52:54:00:00:00:07'/><source address='230.0.0.1' port='5558'/></interface>"""

TEAMING = """
<interface type='bridge'><mac address='52:54:00:00:00:0a'/><source bridge='br0'/><model type='virtio'/><teaming type='persistent'/>
  <alias name='ua-backup0'/></interface>
<interface type='hostdev' managed='yes'><mac address='52:54:00:00:00:0a'/>
  <source><address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/></source>
  <teaming type='transient' persistent='ua-backup0'/></interface>"""

VHOST_USER = """
<interface type='vhostuser'><mac address='52:54:00:00:00:0b'/><source type='unix' path='/var/run/openvswitch/vhu0' mode='server'/>
  <target dev='vhu0'/><model type='virtio'/><driver queues='2'/></interface>
<interface type='vdpa'><mac address='52:54:00:00:00:0c'/><source dev='/dev/vhost-vdpa-0'/></interface>
<interface type='bridge'><mac address='52:54:00:00:00:0d'/><source bridge='br-int'/><virtualport type='openvswitch'>
  <parameters interfaceid='c2b9a1de-1111-4222-8333-444455556666'/></virtualport><model type='virtio'/></interface>
<interface type='internal'><mac address='52:54:00:00:00:0e'/><source name='hidden'/></interface>
<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x03' slot='0x10' function='0x2'/></source></hostdev>"""

BOX = """<domain type='lxc'><name>box</name><uuid>51111111-2222-4333-8444-555566667777</uuid><memory unit='KiB'>65536</memory><vcpu>1</vcpu>
<os><type>exe</type><init>/bin/sh</init></os><devices><filesystem type='mount'><source dir='/'/><target dir='/'/></filesystem>
<interface type='bridge'><mac address='52:54:00:00:00:0f'/><source bridge='br0'/><guest dev='eth0'/></interface><console type='pty'/></devices></domain>"""


def vm(name: str, first_digit: int, interfaces: str, extra: str = "") -> str:
    return f"""<domain type='qemu'><name>{name}</name><uuid>{first_digit}1111111-2222-4333-8444-555566667777</uuid>{extra}
<memory unit='MiB'>24</memory><currentMemory unit='MiB'>16</currentMemory><vcpu placement='static' current='1'>2</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<devices><controller type='usb' model='none'/>{interfaces}<memballoon model='none'/></devices></domain>"""


def record(lab: Lab, out: Path, file: str, name: str, xml: str, start: bool = True) -> None:
    definition = lab.tmp / "definition.xml"
    definition.write_text(xml)
    virsh("define", str(definition))
    (out / f"{file}-inactive.xml").write_text(virsh("dumpxml", "--inactive", name).stdout)
    if start:
        virsh("start", "--paused", name)
        (out / f"{file}.xml").write_text(virsh("dumpxml", name, uri=QEMU).stdout)
        virsh("destroy", name)
    virsh("undefine", name)


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(exist_ok=True)
    with Lab() as lab:
        lab.start_libvirt()
        lab.net.bridge("br0")
        run("ip", "link", "add", "phys0", "type", "veth", "peer", "name", "phys1")
        run("ip", "link", "set", "phys0", "up")
        run("ip", "route", "add", "224.0.0.0/4", "dev", "lo")  # for type mcast
        network = lab.tmp / "ports.xml"
        network.write_text("<network><name>ports</name><forward mode='bridge'/><bridge name='br0'/></network>")
        virsh("net-define", str(network))
        virsh("net-start", "ports")
        record(lab, out, "qemu-bridge-nova", "instance-0000002a", vm("instance-0000002a", 1, BRIDGE, NOVA))
        record(lab, out, "qemu-kinds", "kinds", vm("kinds", 2, KINDS))
        record(lab, out, "qemu-teaming", "teaming", vm("teaming", 3, TEAMING), start=False)  # needs the card
        record(lab, out, "qemu-vhostuser", "vhost", vm("vhost", 4, VHOST_USER), start=False)  # needs its devices
        box = lab.tmp / "box.xml"
        box.write_text(BOX)
        virsh("create", str(box), uri=LXC)
        (out / "lxc-bridge.xml").write_text(virsh("dumpxml", "box", uri=LXC).stdout)
        virsh("destroy", "box", uri=LXC)


if __name__ == "__main__":
    main()

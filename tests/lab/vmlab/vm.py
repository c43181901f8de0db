"""Virtual machines and their vNICs.

What to know:
- A guest takes two to three seconds to boot in software emulation. Until its driver is up, what a bridge floods to its tap waits in the tap:
  it is counted late, but not lost, up to the tap's queue of 1,000 frames.
- A card has no boot ROM here, since a VM with nothing to boot from would shout for a DHCP server through it.
- A vNIC whose link is set down still gets what its bridge floods: the host counts those frames as handed over, the guest never sees them.
- A busy machine may not emulate the timer in time, and the guest's kernel then gives up at its start: hence no_timer_check.
- Several vNICs belong in several IP networks. In one, Linux answers ARP for any of its addresses on any card, and traffic takes odd ways.
"""

from __future__ import annotations

import re
import socket
import time
import uuid as uuids
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from . import LAB_DIR, LabError, net
from .guest import HTTP_FILE_MIB, Counters, guest_image, read_console
from .libvirt import domiflist, domifstat, virsh
from .process import wait_for

NUMBER_OF_CARD = iter(range(1, 1 << 24))
# A guest with IPv6 has the given addresses at once, and none of its own: it looks neither for their doubles nor for routers, and says
# within a moment, not spread over seconds, which groups it has joined (MLD; guest.py waits for that).
QUIET_IPV6 = " ".join(f"sysctl.net.ipv6.conf.default.{setting}"
                      for setting in ("accept_dad=0", "addr_gen_mode=1", "accept_ra=0", "mldv2_unsolicited_report_interval=0"))


@dataclass(frozen=True)
class Nic:
    """A vNIC as a test wants it.

    kind is bridge (source: a Linux bridge), ovs (an Open vSwitch bridge), network (a libvirt network), direct (source: the macvtap's
    parent), ethernet (source: a bridge to put the tap on, or None; with managed=False the lab makes the tap beforehand) or vhostuser
    (source: the socket that the VM opens, target: the port's name at the switch; see OpenVSwitch.vhost_user_port).
    inbound_kib and outbound_kib are libvirt's <bandwidth> averages in KiB/s; ip and ip6 are the guest's addresses, such as 10.0.0.2/24.
    With offload=False the guest fills its checksums and cuts its segments itself, so that its frames are those of a wire.
    """
    kind: str
    source: str | None = None
    ip: str | None = None
    mac: str | None = None
    target: str | None = None
    inbound_kib: int | None = None
    outbound_kib: int | None = None
    link: str = "up"
    managed: bool = True
    interface_id: str | None = None  # ovs: what OpenStack puts a Neutron port's id into
    model: str = "virtio"
    offload: bool = True
    ip6: str | None = None

    @property
    def address(self) -> str:
        """The IP without its prefix length."""
        if self.ip is None:
            raise LabError("This vNIC was given no IP address.")
        return self.ip.partition("/")[0]

    def completed(self) -> Nic:
        """With a MAC address, and a name where one must be known beforehand."""
        number = next(NUMBER_OF_CARD)
        mac = self.mac or "52:54:00:%02x:%02x:%02x" % (number >> 16, number >> 8 & 255, number & 255)
        needs_name = self.kind == "ethernet" and self.target is None
        return replace(self, mac=mac.lower(), target=f"labtap{number}" if needs_name else self.target)

    def xml(self, in_container: bool = False) -> str:
        parts = {
            "bridge": ("bridge", f"<source bridge={quoteattr(self.source or '')}/>"),
            "ovs": ("bridge", f"<source bridge={quoteattr(self.source or '')}/><virtualport type='openvswitch'>"
                    + (f"<parameters interfaceid='{self.interface_id}'/>" if self.interface_id else "") + "</virtualport>"),
            "network": ("network", f"<source network={quoteattr(self.source or '')}/>"),
            "direct": ("direct", f"<source dev={quoteattr(self.source or '')} mode='bridge'/>"),
            "ethernet": ("ethernet", ""),
            "vhostuser": ("vhostuser", f"<source type='unix' path={quoteattr(str(self.source))} mode='server'/>"),
        }
        if self.kind not in parts:
            raise LabError(f"There is no vNIC of kind {self.kind!r}: say one of {', '.join(parts)}.")
        kind, source = parts[self.kind]
        managed = "" if self.managed else " managed='no'"
        target = f"<target dev={quoteattr(self.target)}{managed if kind == 'ethernet' else ''}/>" if self.target else ""
        limits = "".join(f"<{way} average='{rate}'/>" for way, rate in (("inbound", self.inbound_kib), ("outbound", self.outbound_kib)) if rate)
        # The userspace datapath of Open vSwitch neither completes checksums nor cuts segments: TCP breaks there unless all of it is off.
        offload = ("<driver name='qemu'><host csum='off' gso='off' tso4='off' tso6='off' ecn='off' ufo='off' mrg_rxbuf='off'/>"
                   "<guest csum='off' tso4='off' tso6='off' ecn='off' ufo='off'/></driver>") if self.kind == "ovs" or not self.offload else ""
        if in_container:  # without a stated link state libvirt leaves the container's end down, so that there is time to silence it
            card = ""
        else:  # without a boot ROM, since that would look for a network to boot from, loudly
            card = f"<model type='{self.model}'/>{offload}<link state='{self.link}'/><rom enabled='no'/>"
        return (f"<interface type='{kind}'><mac address='{self.mac}'/>{source}{target}{card}"
                f"{f'<bandwidth>{limits}</bandwidth>' if limits else ''}</interface>")


class Vm:
    """One virtual machine. Made by lab.vm(); its methods are virsh's commands, and a line into the guest that is no network."""

    def __init__(self, name: str, nics: Sequence[Nic] = (), *, memory_mib: int | None = None, tiny: bool = False, title: str | None = None,
                 metadata_xml: str | None = None, uuid: str | None = None):
        self.name = name
        self.nics = [nic.completed() for nic in nics]
        self.tiny = tiny
        self.title = title
        self.metadata_xml = metadata_xml
        self.uuid = uuid or str(uuids.uuid4())
        self.memory_mib = memory_mib or (16 if tiny else 128)
        self.directory = LAB_DIR / "vm" / self.uuid
        self.directory.mkdir(parents=True)
        self.console = self.directory / "console"
        self._line: socket.socket | None = None
        self._commands = 0

    # --- life ---

    def xml(self) -> str:
        boot, serial = "", ""
        if not self.tiny:
            image = guest_image()
            addresses = " ".join(f"lab.ip={nic.mac}={ip}" for nic in self.nics for ip in (nic.ip, nic.ip6) if ip)
            ipv6 = QUIET_IPV6 if any(nic.ip6 for nic in self.nics) else "ipv6.disable=1"
            boot = (f"<kernel>{image.kernel}</kernel><initrd>{image.initramfs}</initrd><cmdline>console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check "
                    f"{ipv6} net.ifnames=0 mitigations=off {addresses}</cmdline>")
            serial = (f"<serial type='file'><source path='{self.console}'/><target port='0'/></serial>"
                      f"<serial type='unix'><source mode='bind' path='{self.directory}/line'/><target port='1'/></serial>")
        title = f"<title>{escape(self.title)}</title>" if self.title is not None else ""
        metadata = f"<metadata>{self.metadata_xml}</metadata>" if self.metadata_xml else ""
        memory, arguments = "", ""
        if any(nic.kind == "vhostuser" for nic in self.nics):
            # The switch reads and writes the guest's memory. And without KVM, QEMU 7.2 dies of a vhost-user card with MSI-X.
            memory = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
            arguments = ("<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-global'/>"
                         "<arg value='virtio-net-pci.vectors=0'/></commandline>")
        return (f"<domain type='qemu'><name>{escape(self.name)}</name><uuid>{self.uuid}</uuid>{title}{metadata}{memory}"
                f"<memory unit='MiB'>{self.memory_mib}</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type>{boot}</os>"
                f"<features><acpi/></features><on_reboot>destroy</on_reboot><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
                f"<controller type='usb' model='none'/><memballoon model='none'/>{serial}{''.join(nic.xml() for nic in self.nics)}"
                f"</devices>{arguments}</domain>")

    def define(self) -> Vm:
        """Makes it known to libvirt. Returns itself."""
        file = self.directory / "domain.xml"
        file.write_text(self.xml())
        virsh("define", str(file))
        return self

    def start(self) -> Vm:
        """Starts it, defined or not yet, and returns at once: wait_up() waits for the guest."""
        if virsh("domid", self.uuid, check=False).returncode != 0:
            self.define()
        for nic in self.nics:
            self._prepare(nic)
        self.console.unlink(missing_ok=True)
        self._hang_up()
        virsh("start", self.uuid, timeout=60)
        for nic in self.nics:
            self._connect(nic)
        return self

    def wait_up(self, timeout: float = 60.0) -> Vm:
        """Waits until the guest counts and obeys. Returns itself."""
        if self.tiny:
            raise LabError(f"{self.name} is tiny: it has no guest system that could come up.")
        wait_for(lambda: self.console.exists() and read_console(self.console), timeout, f"the guest {self.name} to boot", self.console)
        self.run("true")
        return self

    def destroy(self) -> None:
        """Pulls the plug."""
        self._hang_up()
        virsh("destroy", self.uuid)

    def undefine(self) -> None:
        virsh("undefine", self.uuid)

    def remove(self) -> None:
        """Destroys and undefines, whatever state it is in."""
        self._hang_up()
        virsh("destroy", self.uuid, check=False)
        virsh("undefine", self.uuid, check=False)

    def pause(self) -> None:
        virsh("suspend", self.uuid)

    def resume(self) -> None:
        virsh("resume", self.uuid)

    def state(self) -> str:
        """In virsh's words: running, paused, shut off."""
        return virsh("domstate", self.uuid).stdout.strip()

    def rename(self, name: str) -> None:
        """Only while it is shut off."""
        virsh("domrename", self.uuid, name)
        self.name = name

    def set_title(self, title: str, live: bool = True) -> None:
        """Raises a metadata change event in libvirt."""
        virsh("desc", self.uuid, "--title", "--live" if live else "--config", title)
        self.title = title

    def set_metadata(self, uri: str, key: str, xml: str) -> None:
        """Puts one element into the running domain's <metadata>."""
        virsh("metadata", self.uuid, "--live", "--uri", uri, "--key", key, "--set", xml)

    @property
    def qemu_pid(self) -> int:
        return int(Path("/run/libvirt/qemu", f"{self.name}.pid").read_text())

    # --- vNICs ---

    def plug(self, nic: Nic) -> Nic:
        """Plugs a vNIC into the running VM, waits until the guest counts on it (unless tiny), gives it its address. Returns it completed."""
        nic = nic.completed()
        self._prepare(nic)
        file = self.directory / "nic.xml"
        file.write_text(nic.xml())
        virsh("attach-device", self.uuid, str(file), "--live")
        self.nics.append(nic)
        self._connect(nic)
        if not self.tiny:
            wait_for(lambda: nic.mac in self.guest_counters(), 20, f"the guest {self.name} to see the new {nic.mac}", self.console)
            card = f"$(basename $(dirname $(grep -l {nic.mac} /sys/class/net/eth*/address)))"
            for ip in filter(None, (nic.ip, nic.ip6)):
                self.run(f"ip address add {ip} dev {card}")
            self.run(f"ip link set {card} up")
        return nic

    def unplug(self, nic: Nic) -> None:
        """Unplugs it and waits until libvirt says it is gone. A tiny VM has no system that would let it go: LabError after a while."""
        file = self.directory / "nic.xml"
        file.write_text(self.live_interface(nic))
        virsh("detach-device", self.uuid, str(file), "--live")
        wait_for(lambda: nic.mac not in self.devices(), 20, f"{nic.mac} to be unplugged from {self.name}")
        self.nics = [one for one in self.nics if one.mac != nic.mac]

    def set_link(self, nic: Nic, state: str) -> None:
        """The vNIC's cable: up or down."""
        virsh("domif-setlink", self.uuid, self.device(nic), state)

    def devices(self) -> dict[str, str]:
        """{MAC: the host's link} of the running VM."""
        return domiflist(self.uuid)

    def device(self, nic: Nic | None = None) -> str:
        """The host's link of a vNIC, by default of the first."""
        return self.devices()[(nic or self.nics[0]).mac]

    def live_interface(self, nic: Nic) -> str:
        """The vNIC's <interface> as libvirt has it now."""
        for element in ET.fromstring(virsh("dumpxml", self.uuid).stdout).iterfind("devices/interface"):
            if element.find("mac").get("address") == nic.mac:
                return ET.tostring(element, encoding="unicode")
        raise LabError(f"{self.name} has no vNIC {nic.mac}.")

    # --- counts ---

    def domifstat(self, nic: Nic | None = None) -> Counters:
        """libvirt's numbers; on taps it turns them to the guest's view. What it does not know is None."""
        return domifstat(self.uuid, self.device(nic))

    def kernel_counters(self, nic: Nic | None = None) -> Counters:
        """The host kernel's numbers of the vNIC's link, turned to the guest's view."""
        return net.guest_view(self.device(nic))

    def guest_counters(self) -> dict[str, Counters]:
        """The guest's own count at some moment of the last second, {MAC: Counters}; empty before it has booted."""
        seen = read_console(self.console)
        return seen[1] if seen else {}

    def fresh_counters(self, timeout: float = 10.0) -> dict[str, Counters]:
        """The guest's own count, begun after this call."""
        before = read_console(self.console)
        target = (before[0] if before else -1) + 2
        return wait_for(lambda: (seen := read_console(self.console)) and seen[0] >= target and seen[1], timeout,
                        f"a fresh count from {self.name}", self.console)

    def settled_counters(self, quiet_s: float = 0.8, timeout: float = 30.0) -> dict[str, Counters]:
        """The guest's own count once it has not changed for `quiet_s` seconds. LabError when it never rests."""
        deadline = time.monotonic() + timeout
        counted, since = self.fresh_counters(), time.monotonic()
        while time.monotonic() - since < quiet_s:
            now = self.fresh_counters()
            if now != counted:
                counted, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise LabError(f"The guest {self.name} still counts after {timeout:g} s.")
        return counted

    # --- the line into the guest ---

    def run(self, command: str, timeout: float = 30.0, check: bool = True) -> str:
        """Runs a shell command in the guest, waits for its end and returns its output. LabError if it fails or takes too long."""
        deadline = time.monotonic() + timeout
        if self._line is None:
            self._line = self._dial(deadline)
        self._commands += 1
        self._line.sendall(f"{self._commands} {command}\n".encode())
        begin, end = f"lab-begin {self._commands}\n", f"lab-end {self._commands} "
        text = ""
        while True:
            text += self._hear(deadline, f"`{command}`").replace("\r", "")
            _, found, rest = text.partition(begin)
            output, ended, status = rest.partition(end)
            if found and ended and "\n" in status:
                code = int(status.split()[0])
                if check and code != 0:
                    raise LabError(f"`{command}` ended with {code} in the guest {self.name}: {output.strip()}")
                return output

    def fetch(self, address: str, times: int = 1, file: str = "file", timeout: float = 60.0) -> int:
        """Fetches http://ADDRESS/FILE in the guest, one after the other; `file` has 4 MiB, `small` six bytes. Returns the octets of payload."""
        self.run(f"i=0; while [ $i -lt {times} ]; do wget -q -O /dev/null http://{address}/{file} || exit 1; i=$((i+1)); done", timeout)
        return times * (HTTP_FILE_MIB << 20 if file == "file" else 6)

    def ping(self, address: str, count: int = 3, size: int = 56, timeout: float = 30.0) -> None:
        """Pings from the guest, five a second; LabError unless every echo came back."""
        output = self.run(f"ping -c {count} -i 0.2 -W 2 -s {size} {address}", timeout)
        if f" {count} packets received" not in output:
            raise LabError(f"The guest {self.name} lost echoes: {output.strip()}")

    def ping_times(self, address: str, count: int, interval_s: float = 0.1, timeout: float = 60.0) -> list[float]:
        """Pings from the guest; the round-trip times, in milliseconds, of the echoes that came back."""
        output = self.run(f"ping -c {count} -i {interval_s:g} -W 1 {address}", timeout, check=False)
        if f"{count} packets transmitted" not in output:
            raise LabError(f"The guest {self.name} did not ping: {output.strip()}")
        return [float(ms) for ms in re.findall(r" time=([\d.]+) ms", output)]

    def protocol_counters(self) -> dict[str, int]:
        """The guest's own count of its protocols' work: /proc/net/snmp and netstat, such as {"Tcp.RetransSegs": 0, "TcpExt.TCPTimeouts": 0}."""
        lines = self.run("cat /proc/net/snmp /proc/net/netstat").splitlines()
        found = {}
        for names, values in zip(lines[::2], lines[1::2]):
            family, *names = names.split()
            found |= {f"{family.rstrip(':')}.{name}": int(value) for name, value in zip(names, values.split()[1:], strict=True)}
        return found

    def _dial(self, deadline: float) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self.directory / "line"))
        self._line = line
        line.sendall(b"\nhello\n")
        text = ""
        again = time.monotonic() + 1
        while "lab-ready" not in text:
            text += self._hear(min(deadline, again), "", quiet=True)
            if time.monotonic() > deadline:
                self._hang_up()
                raise LabError(f"The guest {self.name} does not listen on its line.")
            if time.monotonic() > again:  # the guest may have opened the line after the greeting was lost
                line.sendall(b"hello\n")
                again = time.monotonic() + 1
        return line

    def _hear(self, deadline: float, what: str, quiet: bool = False) -> str:
        self._line.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = self._line.recv(65536)
        except TimeoutError:
            if quiet:
                return ""
            self._hang_up()
            raise LabError(f"{what} had not ended in the guest {self.name} in time.") from None
        if not data:
            self._hang_up()
            raise LabError(f"The guest {self.name} ended while {what or 'the greeting'} was under way.")
        return data.decode(errors="replace")

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    # --- the host's part of a vNIC ---

    def _prepare(self, nic: Nic) -> None:
        if nic.kind == "direct":
            net.avoid_taken_tap_nodes()
        if nic.kind == "ethernet" and not nic.managed and not net.exists(nic.target):
            net.tap(nic.target)

    def _connect(self, nic: Nic) -> None:
        if nic.kind == "ethernet":
            net.ip("link", "set", "dev", nic.target, "up")
            if nic.source:
                net.ip("link", "set", "dev", nic.target, "master", nic.source)
        if nic.kind == "direct":
            net.check_tap_node(self.device(nic))


def start_all(vms: Iterable[Vm], parallel: int = 4) -> list[Vm]:
    """Starts many VMs, a few at a time, and returns them."""
    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(Vm.start, vms))

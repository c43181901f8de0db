"""The lab: real VMs, containers, switches and monitoring daemons inside tests/lab/sandbox. Everything starts here.

    with Lab() as lab:
        lab.start_libvirt()
        lab.net.bridge("br0")
        a = lab.vm("a", [Nic("bridge", "br0", ip="10.0.0.1/24")]).start()
        b = lab.vm("b", [Nic("bridge", "br0", ip="10.0.0.2/24")]).start()
        a.wait_up(), b.wait_up()
        a.fetch("10.0.0.2", times=3)
        assert a.domifstat() == a.settled_counters()[a.nics[0].mac]

The details, with what was learned about each part, stand in the modules of vmlab/.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from vmlab import LAB_DIR, LabError, net, require_sandbox, vm as machines
from vmlab.collectd import Collectd
from vmlab.container import Container
from vmlab.forwarder import BothWays, Forwarder, ForwarderCounts
from vmlab.guest import Counters
from vmlab.libvirt import LXC, QEMU, Libvirtd, define_network, virsh
from vmlab.nrpe import Nrpe
from vmlab.ovs import OpenVSwitch
from vmlab.process import Process, run, tail, usual_signals, wait_for
from vmlab.snmp import Binding, Snmpd, TrapReceiver
from vmlab.vm import Nic, Vm

__all__ = ["LAB_DIR", "LXC", "QEMU", "Binding", "BothWays", "Collectd", "Container", "Counters", "Forwarder", "ForwarderCounts", "Lab", "LabError",
           "Libvirtd", "Nic", "Nrpe", "OpenVSwitch", "Process", "Snmpd", "TrapReceiver", "Vm", "net", "run", "tail", "usual_signals",
           "virsh", "wait_for"]


class Lab:
    """Makes the parts and takes them down again in close(), or at the end of a `with` block. One at a time."""

    net = net
    directory = LAB_DIR
    tmp = LAB_DIR / "tmp"

    def __init__(self) -> None:
        require_sandbox()
        self.libvirtd: Libvirtd | None = None
        self.switch: OpenVSwitch | None = None
        self._domains: list[Vm | Container] = []
        self._processes: list[Process | Forwarder] = []

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every domain and process that was made here. What it misses ends with the sandbox."""
        for process in reversed(self._processes):
            process.kill()
        if self.libvirtd is not None and self.libvirtd.process is not None:
            if not self.libvirtd.process.running() and self._domains:
                self.libvirtd.start()
            self.libvirtd.resume()
            for domain in reversed(self._domains):
                with contextlib.suppress(LabError):
                    domain.remove()
            self.libvirtd.kill()
        if self.switch is not None:
            with contextlib.suppress(LabError):
                self.switch.stop()
        self._processes, self._domains, self.libvirtd, self.switch = [], [], None, None

    # --- virtualisation ---

    def start_libvirt(self) -> Libvirtd:
        """libvirtd, started and answering. A second call returns the first one."""
        if self.libvirtd is None:
            self.libvirtd = Libvirtd()
            self.libvirtd.start()
        return self.libvirtd

    def start_ovs(self) -> OpenVSwitch:
        """Open vSwitch, started. A second call returns the first one."""
        if self.switch is None:
            self.switch = OpenVSwitch()
        return self.switch

    def network(self, name: str, bridge: str) -> str:
        """A libvirt network on an existing bridge."""
        return define_network(name, bridge)

    def vm(self, name: str, nics: Sequence[Nic] = (), *, memory_mib: int | None = None, tiny: bool = False, title: str | None = None,
           metadata_xml: str | None = None, uuid: str | None = None) -> Vm:
        """A VM, neither defined nor started yet. A tiny one has no system: it only exists, and is cheap."""
        vm = Vm(name, nics, memory_mib=memory_mib, tiny=tiny, title=title, metadata_xml=metadata_xml, uuid=uuid)
        self._domains.append(vm)
        return vm

    def start_all(self, vms: Iterable[Vm], parallel: int = 4) -> list[Vm]:
        """Starts many VMs, a few at a time."""
        return machines.start_all(vms, parallel)

    def container(self, name: str, nics: Sequence[Nic], *, title: str | None = None, uuid: str | None = None) -> Container:
        """A container, not started yet."""
        container = Container(name, nics, title=title, uuid=uuid)
        self._domains.append(container)
        return container

    def forwarder(self, name: str, program: Path, **options: object) -> Forwarder:
        """Two bridges and a network of known delay and loss between them; see Forwarder."""
        return self._kept(Forwarder(name, program, **options))

    # --- programs ---

    def process(self, name: str, command: Sequence[str | os.PathLike], **options: object) -> Process:
        """A program in the background; see Process for the options (env, user, cwd, log)."""
        return self._kept(Process(name, command, **options))

    def collectd(self, config: str, modules: Sequence[Path] = (), **options: object) -> Collectd:
        """A collectd with this configuration and these modules; see Collectd for the options."""
        return self._kept(Collectd(config, modules, **options))

    def snmpd(self, **options: object) -> Snmpd:
        """A master agent whose socket members of group vmtraffic may use; see Snmpd for the options."""
        self.user_group()
        return self._kept(Snmpd(**{"group": "vmtraffic"} | options))

    def trap_receiver(self, **options: object) -> TrapReceiver:
        return self._kept(TrapReceiver(**options))

    def nrpe(self, commands: dict[str, str], **options: object) -> Nrpe:
        """An NRPE daemon as user nagios, who is in group vmtraffic, with these commands."""
        self.user_group()
        return self._kept(Nrpe(commands, **options))

    def publish(self, *files: Path) -> Path:
        """Copies programs to a directory that any user may reach (a checkout may lie in a private home); returns that directory."""
        directory = LAB_DIR / "bin"
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
        for file in files:
            target = directory / Path(file).name
            target.unlink(missing_ok=True)  # a running program cannot be overwritten
            shutil.copy(file, target)
            target.chmod(0o755)
        return directory

    # --- users ---

    def user_group(self, members: Sequence[str] = ("nagios",)) -> tuple[int, int]:
        """Makes user and group vmtraffic and their directories /run/vmtraffic and /var/lib/vmtraffic, with `members` in the group.

        In the sandbox alone: /etc is an overlay there. Returns (uid, gid); may be called again.
        """
        try:
            gid = grp.getgrnam("vmtraffic").gr_gid
        except KeyError:
            gid = next(number for number in range(970, 100, -1) if not _taken(grp.getgrgid, number))
            with open("/etc/group", "a") as file:
                file.write(f"vmtraffic:x:{gid}:\n")
        try:
            uid = pwd.getpwnam("vmtraffic").pw_uid
        except KeyError:
            uid = next(number for number in range(970, 100, -1) if not _taken(pwd.getpwuid, number))
            with open("/etc/passwd", "a") as file:
                file.write(f"vmtraffic:x:{uid}:{gid}::/var/lib/vmtraffic:/usr/sbin/nologin\n")
        lines = []
        for line in Path("/etc/group").read_text().splitlines():
            if line.startswith("vmtraffic:"):
                present = [one for one in line.split(":")[3].split(",") if one]
                line = ":".join([*line.split(":")[:3], ",".join(dict.fromkeys([*present, *members]))])
            lines.append(line)
        Path("/etc/group").write_text("\n".join(lines) + "\n")
        for directory in (Path("/run/vmtraffic"), Path("/var/lib/vmtraffic")):
            directory.mkdir(exist_ok=True)
            os.chown(directory, uid, gid)
            directory.chmod(0o750)
        return uid, gid

    def _kept(self, process):
        self._processes.append(process)
        return process


def _taken(lookup, number: int) -> bool:
    try:
        lookup(number)
    except KeyError:
        return False
    return True

"""A busybox container under libvirt's LXC driver.

Its own count is read by entering its network namespace with the host's `ip`, its commands by entering its namespaces: no packet is involved.
libvirt's LXC driver has no bulk statistics; domifstat works, and turns them to the container's view.
"""

from __future__ import annotations

import json
import os
import uuid as uuids
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from . import LAB_DIR, LabError, net
from .guest import HTTP_FILE_MIB, Counters
from .libvirt import LXC, domiflist, domifstat, virsh
from .process import run, wait_for
from .vm import Nic

INIT = """#!/bin/sh
httpd -h /www
while :; do sleep 3600; done
"""


class Container:
    """One container with the given vNICs (of kind bridge or network), serving the guests' files over HTTP."""

    def __init__(self, name: str, nics: Sequence[Nic], *, title: str | None = None, uuid: str | None = None):
        self.name = name
        self.nics = [nic.completed() for nic in nics]
        self.title = title
        self.uuid = uuid or str(uuids.uuid4())
        self.root = LAB_DIR / "container" / self.uuid

    def start(self) -> Container:
        """Builds its root directory, defines and starts it, sets its addresses, and waits until it serves. Returns itself."""
        self._build_root()
        file = self.root.with_suffix(".xml")
        file.write_text(self.xml())
        virsh("define", str(file), uri=LXC)
        virsh("start", self.uuid, uri=LXC, timeout=60)
        for nic in self.nics:
            wait_for(lambda: nic.mac in self._links(), 10, f"{nic.mac} in the container {self.name}")
            inside = self._links()[nic.mac]["ifname"]
            net.silence(self.device(nic))
            run("nsenter", "-t", str(self.pid), "-n", "sh", "-c", net.silencer(inside))
            if nic.ip:
                self._ip("address", "add", nic.ip, "dev", inside)
            self._ip("link", "set", "dev", inside, "up")
        wait_for(lambda: ":80 " in self.run("netstat -ltn"), 10, f"the container {self.name} to serve")
        return self

    def destroy(self) -> None:
        virsh("destroy", self.uuid, uri=LXC)

    def remove(self) -> None:
        virsh("destroy", self.uuid, uri=LXC, check=False)
        virsh("undefine", self.uuid, uri=LXC, check=False)

    @property
    def pid(self) -> int:
        """Its first process, in the sandbox's numbering."""
        controller = Path("/run/libvirt/lxc", f"{self.name}.pid").read_text().strip()
        return int(Path(f"/proc/{controller}/task/{controller}/children").read_text().split()[0])

    def run(self, command: str, timeout: float = 30.0, check: bool = True) -> str:
        """Runs a shell command inside and returns its output."""
        return run("nsenter", "-t", str(self.pid), "-m", "-n", "-p", "/bin/sh", "-c", command, timeout=timeout, check=check,
                   env=os.environ | {"PATH": "/usr/bin:/bin"}).stdout

    def fetch(self, address: str, times: int = 1, file: str = "file", timeout: float = 60.0) -> int:
        """Fetches http://ADDRESS/FILE in the container. Returns the octets of payload."""
        self.run(f"i=0; while [ $i -lt {times} ]; do wget -q -O /dev/null http://{address}/{file} || exit 1; i=$((i+1)); done", timeout)
        return times * (HTTP_FILE_MIB << 20 if file == "file" else 6)

    def ping(self, address: str, count: int = 3, timeout: float = 30.0) -> None:
        output = self.run(f"ping -c {count} -i 0.2 -W 2 {address}", timeout)
        if f" {count} packets received" not in output:
            raise LabError(f"The container {self.name} lost echoes: {output.strip()}")

    def counters(self) -> dict[str, Counters]:
        """The container's own count, {MAC: Counters}."""
        return {mac: Counters(*(link["stats64"][way][name] for way in ("rx", "tx") for name in ("bytes", "packets", "errors", "dropped")))
                for mac, link in self._links().items()}

    def devices(self) -> dict[str, str]:
        """{MAC: the host's link}."""
        return domiflist(self.uuid, uri=LXC)

    def device(self, nic: Nic | None = None) -> str:
        return self.devices()[(nic or self.nics[0]).mac]

    def inner_device(self, nic: Nic | None = None) -> str:
        """The container's own link of a vNIC."""
        return self._links()[(nic or self.nics[0]).mac]["ifname"]

    def domifstat(self, nic: Nic | None = None) -> Counters:
        """libvirt's numbers, as the container sees them."""
        return domifstat(self.uuid, self.device(nic), uri=LXC)

    def kernel_counters(self, nic: Nic | None = None) -> Counters:
        """The host kernel's numbers of the vNIC's link, turned to the container's view."""
        return net.guest_view(self.device(nic))

    def xml(self) -> str:
        title = f"<title>{escape(self.title)}</title>" if self.title is not None else ""
        return (f"<domain type='lxc'><name>{escape(self.name)}</name><uuid>{self.uuid}</uuid>{title}<memory unit='MiB'>64</memory>"
                f"<vcpu>1</vcpu><os><type>exe</type><init>/init</init></os><devices><emulator>/usr/lib/libvirt/libvirt_lxc</emulator>"
                f"<filesystem type='mount'><source dir='{self.root}'/><target dir='/'/></filesystem>"
                f"{''.join(nic.xml(in_container=True) for nic in self.nics)}<console type='pty'/></devices></domain>")

    def _build_root(self) -> None:
        for directory in ("bin", "dev", "etc", "proc", "sys", "tmp", "www"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        busybox = self.root / "bin" / "busybox"
        if not busybox.exists():
            busybox.write_bytes(Path("/bin/busybox").read_bytes())
            busybox.chmod(0o755)
            for applet in run("/bin/busybox", "--list").stdout.split():
                if applet != "busybox":
                    (self.root / "bin" / applet).symlink_to("busybox")
        (self.root / "init").write_text(INIT)
        (self.root / "init").chmod(0o755)
        with open(self.root / "www" / "file", "wb") as file:
            file.truncate(HTTP_FILE_MIB << 20)
        (self.root / "www" / "small").write_text("small\n")

    def _links(self) -> dict[str, dict]:
        links = json.loads(run("nsenter", "-t", str(self.pid), "-n", "ip", "-s", "-j", "link").stdout)
        return {link["address"]: link for link in links if link.get("link_type") == "ether"}

    def _ip(self, *words: str) -> None:
        run("nsenter", "-t", str(self.pid), "-n", "ip", *words)

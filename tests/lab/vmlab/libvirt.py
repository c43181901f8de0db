"""libvirtd, virsh, and what virsh says of vNICs.

What to know:
- QEMU opens its serial files itself (stdio_handler = "file"), so neither a dead libvirtd nor log rotation touches a guest's console.
  virtlogd is there for who wants it, and no VM depends on it.
- libvirtd's children (the VMs) are not ours to wait for; they end with destroy(), or with the sandbox.
- <bandwidth> needs the kernel's sfq and police; where it lacks them, the lab lets libvirt believe that they work: the limit then stands in the
  XML, as a test of stated speeds needs, and is not enforced.
"""

from __future__ import annotations

import time
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from . import LAB_DIR, LabError
from .guest import Counters
from .process import Process, run

QEMU = "qemu:///system"
LXC = "lxc:///"
READ_ONLY_SOCKET = Path("/run/libvirt/libvirt-sock-ro")


def virsh(*words: str, uri: str = QEMU, timeout: float = 30.0, check: bool = True):
    """`virsh -c URI WORDS...`; the result has .stdout, .stderr and .returncode. LabError on failure or after `timeout` seconds."""
    return run("virsh", "-q", "-c", uri, *words, timeout=timeout, check=check)


def domiflist(domain: str, uri: str = QEMU) -> dict[str, str]:
    """{MAC: the host's link} of a running domain."""
    rows = (line.split() for line in virsh("domiflist", domain, uri=uri).stdout.splitlines())
    return {row[4]: row[0] for row in rows if len(row) == 5}


def domifstat(domain: str, device: str, uri: str = QEMU) -> Counters:
    """libvirt's numbers of one vNIC; on taps it turns them to the guest's view. What it does not know is None."""
    words = dict(line.split()[1:3] for line in virsh("domifstat", domain, device, uri=uri).stdout.splitlines() if line.strip())
    names = ("rx_bytes", "rx_packets", "rx_errs", "rx_drop", "tx_bytes", "tx_packets", "tx_errs", "tx_drop")
    return Counters(*(int(words[name]) if words.get(name, "-1") != "-1" else None for name in names))


def lenient_tc() -> Path:
    """A directory with a `tc` that never fails, for libvirtd's PATH."""
    directory = LAB_DIR / "lenient"
    directory.mkdir(exist_ok=True)
    program = directory / "tc"
    program.write_text('#!/bin/sh\n/usr/sbin/tc "$@"\nexit 0\n')
    program.chmod(0o755)
    return directory


class Libvirtd:
    """The daemon, with QEMU and LXC drivers. Its VMs outlive stop() and kill(), as on any host."""

    def __init__(self) -> None:
        self.process: Process | None = None
        Path("/etc/libvirt/qemu.conf").write_text(
            'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nstdio_handler = "file"\nmax_core = 0\n')
        Path("/etc/libvirt/libvirtd.conf").write_text(
            'auth_unix_ro = "none"\nauth_unix_rw = "none"\nunix_sock_ro_perms = "0777"\nunix_sock_rw_perms = "0770"\n'
            'max_clients = 500\nmax_workers = 20\n')

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self, timeout: float = 30.0) -> float:
        """Starts it and waits until it answers on both URIs; returns the seconds that took."""
        begin = time.monotonic()
        self.process = Process("libvirtd", ["/usr/sbin/libvirtd"], env={"PATH": f"{lenient_tc()}:/usr/sbin:/usr/bin:/sbin:/bin"})
        for uri in (QEMU, LXC):
            self.process.wait_for(lambda: self._answers(uri), timeout, f"an answer on {uri}")
        return time.monotonic() - begin

    def stop(self, timeout: float = 20.0) -> float:
        """SIGTERM; returns the seconds it took."""
        return self._running().stop(timeout)

    def kill(self) -> None:
        """SIGKILL: its sockets stay as files that nobody serves."""
        self._running().kill()

    def hang(self) -> None:
        """SIGSTOP: clients can connect, and wait for ever."""
        self._running().hang()

    def resume(self) -> None:
        """SIGCONT."""
        self._running().resume()

    def restart(self) -> None:
        self.stop()
        self.start()

    def start_virtlogd(self) -> Process:
        """virtlogd beside it, for who wants one."""
        Path("/etc/libvirt/virtlogd.conf").touch()
        return Process("virtlogd", ["/usr/sbin/virtlogd"])

    def _answers(self, uri: str) -> bool:
        return READ_ONLY_SOCKET.exists() and virsh("--readonly", "uri", uri=uri, check=False).returncode == 0

    def _running(self) -> Process:
        if self.process is None:
            raise LabError("libvirtd was not started: call lab.start_libvirt() first.")
        return self.process


def define_network(name: str, bridge: str) -> str:
    """A libvirt network that hands out ports of an existing bridge. Returns the name."""
    file = LAB_DIR / "tmp" / f"network-{name}.xml"
    file.write_text(f"<network><name>{escape(name)}</name><forward mode='bridge'/><bridge name={quoteattr(bridge)}/></network>")
    virsh("net-define", str(file))
    virsh("net-start", name)
    return name

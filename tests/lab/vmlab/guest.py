"""The guest: a kernel and an initramfs that boot in two or three seconds, stay silent, count, and obey over a serial line.

What to know about its counts:
- `statistics` of the guest's own NICs are read by a shell loop and printed on the first serial line three times a second, in one line with
  a sequence number. No packet is involved, so the reading cannot disturb what it reads.
- The second serial line takes commands. It too is not network.
- IPv6 is off, unless a vNIC was given an IPv6 address, and no daemon talks by itself. A kernel asks for a neighbour's address when it
  first talks to it, and would confirm it by ARP 5 s after the last use and again within a minute: both are put off by an hour here
  (QUIET_NEIGHBOURS_S), so that silence is silence. The last frames of a transfer may still be under way when a command has ended: Vm.settled_counters() waits for that.
- A frame that the tap has handed over is counted by the host, yet not by a guest whose card is not up, whose vNIC's link is set down,
  or whose card's filter it does not pass: another unicast address (see net.py on flooding), a multicast group that the guest has not joined
  (IPv6's chatter above all). So the counts agree to the octet only where nobody on the segment sends such frames.
- A packet is what the driver saw: with segmentation offload one packet of up to 64 KiB, on both sides of the tap alike.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from . import LAB_DIR, LabError

MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "failover", "net_failover", "virtio_net")
HTTP_FILE_MIB = 4
KERNEL_ROOTS = (Path("/"), Path(__file__).resolve().parents[3] / "build" / "guest-kernel")  # the host's own, else the one of tools/setup
QUIET_NEIGHBOURS_S = 3600
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for setting in base_reachable_time_ms=%(quiet_s)d000 delay_first_probe_time=%(quiet_s)d; do
    for defaults in /proc/sys/net/ipv*/neigh/default; do
        echo ${setting#*=} > $defaults/${setting%%=*}
    done
done
for module in %(modules)s; do insmod /modules/$module.ko; done
echo 0 > /proc/sys/kernel/printk

# Addresses stand on the command line as lab.ip=MAC=ADDRESS/PREFIX, because the order of NICs is nobody's promise.
bring_up() {
    ip link set lo up
    for nic in /sys/class/net/eth*; do
        [ -e $nic/address ] || continue
        read -r mac < $nic/address
        for word in $(cat /proc/cmdline); do
            case $word in lab.ip=$mac=*) ip address add ${word#lab.ip=$mac=} dev ${nic##*/};; esac
        done
        ip link set ${nic##*/} up
    done
}
bring_up

# It is up when it has said which groups it has joined: what is counted from then on is the test's own traffic.
if [ -e /proc/net/snmp6 ]; then
    for _ in $(seq 30); do
        while read -r name value; do [ $name = Icmp6OutMsgs ] && [ $value -gt 0 ] && break 2; done < /proc/net/snmp6
        sleep 0.1
    done
    sleep 0.3
fi

mkdir -p /www
dd if=/dev/zero of=/www/file bs=1048576 count=%(mib)d 2>/dev/null
echo small > /www/small
httpd -h /www

# One line per command: NUMBER COMMAND. Its output comes back between two marks, the second with the exit status.
obey() {
    stty raw -echo < /dev/ttyS1
    exec < /dev/ttyS1 > /dev/ttyS1 2>&1
    echo lab-ready
    while read -r number command; do
        [ "$number" = hello ] && echo lab-ready && continue
        echo "lab-begin $number"
        sh -c "$command" < /dev/null
        echo "lab-end $number $?"
    done
}
(while :; do obey; done) &

sequence=0
while :; do
    line=
    for nic in /sys/class/net/eth*; do
        [ -e $nic/address ] || continue
        read -r mac < $nic/address || continue
        line="$line $mac"
        for name in rx_bytes rx_packets rx_errors rx_dropped tx_bytes tx_packets tx_errors tx_dropped; do
            read -r value < $nic/statistics/$name
            line="$line,$value"
        done
    done
    echo "lab-count $sequence$line ."
    sequence=$((sequence + 1))
    sleep 0.25
done
"""


@dataclass(frozen=True)
class Counters:
    """Exact counts of one network card. In this lab always as the guest sees them: rx is what the guest received."""
    rx_octets: int | None = None
    rx_packets: int | None = None
    rx_errors: int | None = None
    rx_drops: int | None = None
    tx_octets: int | None = None
    tx_packets: int | None = None
    tx_errors: int | None = None
    tx_drops: int | None = None

    def turned(self) -> Counters:
        """The same numbers seen from the other end of the wire."""
        return Counters(self.tx_octets, self.tx_packets, self.tx_errors, self.tx_drops,
                        self.rx_octets, self.rx_packets, self.rx_errors, self.rx_drops)

    def traffic(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Octets and packets alone: (rx octets, rx packets, tx octets, tx packets). Drops differ by where they happen."""
        return self.rx_octets, self.rx_packets, self.tx_octets, self.tx_packets

    def __sub__(self, earlier: Counters) -> Counters:
        def difference(name: str) -> int | None:
            ours, theirs = getattr(self, name), getattr(earlier, name)
            return None if ours is None or theirs is None else ours - theirs
        return Counters(**{name: difference(name) for name in self.__dataclass_fields__})


COUNT_LINE = re.compile(r"^lab-count (\d+)((?: [0-9a-f:]{17}(?:,\d+){8})*) \.\r?$", re.MULTILINE)


def read_console(log: Path) -> tuple[int, dict[str, Counters]] | None:
    """The newest complete count on a console: (sequence number, {MAC: Counters}); None before the first."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return None
    found = None
    for found in COUNT_LINE.finditer(text):
        pass
    if found is None:
        return None
    cards = (card.split(",") for card in found[2].split())
    return int(found[1]), {mac: Counters(*map(int, numbers)) for mac, *numbers in cards}


@dataclass(frozen=True)
class GuestImage:
    kernel: Path
    initramfs: Path


def guest_image() -> GuestImage:
    """The kernel and the initramfs, built when the cache (VMTRAFFIC_LAB_CACHE, else the sandbox's own directory) lacks it."""
    kernels = [kernel for root in KERNEL_ROOTS for kernel in sorted((root / "boot").glob("vmlinuz-*-cloud-amd64"), reverse=True)]
    busybox = Path("/bin/busybox")
    if not kernels or not busybox.exists():
        raise LabError("A guest needs a kernel and a busybox: run tools/setup.")
    kernel = kernels[0]
    cache = Path(os.environ.get("VMTRAFFIC_LAB_CACHE") or LAB_DIR / "cache")
    init = INIT % {"quiet_s": QUIET_NEIGHBOURS_S, "modules": " ".join(MODULES), "mib": HTTP_FILE_MIB}
    image = cache / f"guest-{kernel.name}-{zlib.crc32(init.encode()):08x}.cpio"
    if not image.exists():
        cache.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=cache)  # another thread or sandbox may be building the same
        with open(handle, "wb") as file:
            file.write(archive(kernel, busybox, init))
        os.rename(unfinished, image)
    return GuestImage(kernel, image)


def archive(kernel: Path, busybox: Path, init: str) -> bytes:
    parts = [entry(directory, stat.S_IFDIR | 0o755) for directory in ("bin", "dev", "etc", "modules", "proc", "root", "sys", "tmp")]
    parts.append(entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)))
    parts.append(entry("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes()))
    for module in MODULES:
        parts.append(entry(f"modules/{module}.ko", stat.S_IFREG | 0o644, module_bytes(kernel, module)))
    parts.append(entry("init", stat.S_IFREG | 0o755, init.encode()))
    parts.append(entry("TRAILER!!!", 0))
    return b"".join(parts)


def entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One member of a "newc" cpio archive: the format's header of 13 hexadecimal fields, name and data padded to four."""
    raw = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def module_bytes(kernel: Path, module: str) -> bytes:
    """A kernel module's bytes, unpacked: kernels differ in whether they pack them."""
    release = kernel.name.removeprefix("vmlinuz-")
    for path in (kernel.parents[1] / "lib/modules" / release).rglob(f"{module}.ko*"):
        if path.suffix == ".ko":
            return path.read_bytes()
        tool = {".xz": "xz", ".zst": "zstd"}.get(path.suffix)
        if tool and shutil.which(tool):
            return subprocess.run([tool, "-dc", path], capture_output=True, check=True, timeout=30).stdout
    raise LabError(f"The guest's kernel {release} has no module {module} that can be read.")

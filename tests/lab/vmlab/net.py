"""Links of the sandbox: bridges, veth pairs, test hosts in network namespaces, and what the kernel counted on them.

What to know:
- The kernel counts from the host's end: RX of a tap or veth is what the guest sent. A macvtap is the guest's own end, not turned.
- A bridge floods frames for an address it has not learned, so a third guest's tap counts frames that are not for it, and the guest's
  card (QEMU's filter) then drops them uncounted. A guest that has sent anything is known for BRIDGE_AGEING_S.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from . import LabError
from .guest import QUIET_NEIGHBOURS_S, Counters
from .process import Process, run

BRIDGE_AGEING_S = 3600


def ip(*words: str | int) -> None:
    """`ip WORDS...`"""
    run("ip", *map(str, words))


def exists(device: str) -> bool:
    return Path("/sys/class/net", device).exists()


def kind(device: str) -> str | None:
    """The kernel's name for the kind of a link: tun, macvtap, veth, bridge; None for a plain device."""
    return json.loads(run("ip", "-j", "-d", "link", "show", "dev", device).stdout)[0].get("linkinfo", {}).get("info_kind")


def ifindex(device: str) -> int:
    return int(Path("/sys/class/net", device, "ifindex").read_text())


def silence(device: str) -> None:
    """Lets a link send nothing by itself: no IPv6, no confirming of neighbours (see guest.py)."""
    run("sh", "-c", silencer(device))


def silencer(device: str) -> str:
    """The same as a shell command, for another namespace."""
    settings = {f"ipv6/conf/{device}/disable_ipv6": 1, f"ipv4/neigh/{device}/base_reachable_time_ms": QUIET_NEIGHBOURS_S * 1000,
                f"ipv4/neigh/{device}/delay_first_probe_time": QUIET_NEIGHBOURS_S}
    return "; ".join(f"[ ! -e /proc/sys/net/{name} ] || echo {value} > /proc/sys/net/{name}" for name, value in settings.items())


def bridge(name: str, address: str | None = None) -> str:
    """A Linux bridge that sends nothing by itself; `address` such as 10.0.0.1/24 puts the host on it. Returns the name."""
    ip("link", "add", "name", name, "type", "bridge", "mcast_snooping", 0, "stp_state", 0, "forward_delay", 0, "ageing_time", BRIDGE_AGEING_S * 100)
    silence(name)
    if address:
        ip("address", "add", address, "dev", name)
    ip("link", "set", "dev", name, "up")
    return name


def veth(first: str, second: str, bridge: str | None = None) -> tuple[str, str]:
    """A pair of links, both up; `bridge` takes the second one. Returns the names."""
    ip("link", "add", "name", first, "type", "veth", "peer", "name", second)
    for one in (first, second):
        silence(one)
        ip("link", "set", "dev", one, "up")
    if bridge:
        ip("link", "set", "dev", second, "master", bridge)
    return first, second


def tap(name: str) -> str:
    """A tap that exists without a VM, as an administrator would make for an unmanaged `ethernet` vNIC."""
    ip("tuntap", "add", "dev", name, "mode", "tap", "vnet_hdr")
    silence(name)
    ip("link", "set", "dev", name, "up")
    return name


def delete(device: str) -> None:
    ip("link", "delete", "dev", device)


def link_counters(device: str) -> Counters:
    """What the kernel counted on a link, as `ip -s -j link` says it: NOT turned, rx is what this host received on it."""
    stats = json.loads(run("ip", "-s", "-j", "link", "show", "dev", device).stdout)[0]["stats64"]
    rx, tx = stats["rx"], stats["tx"]
    return Counters(rx["bytes"], rx["packets"], rx["errors"], rx["dropped"], tx["bytes"], tx["packets"], tx["errors"], tx["dropped"])


def sys_counters(device: str) -> Counters:
    """The same from /sys/class/net."""
    directory = Path("/sys/class/net", device, "statistics")
    names = ("rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped")
    return Counters(*(int((directory / name).read_text()) for name in names))


def guest_view(device: str) -> Counters:
    """The kernel's count of a vNIC's link, turned to the guest's direction where the kind of link asks for it."""
    counted = link_counters(device)
    return counted if kind(device) == "macvtap" else counted.turned()


@dataclass
class Host:
    """A test host: a network namespace with one link into a bridge."""
    name: str
    device: str  # the host's end, on the bridge

    def run(self, *command: str, timeout: float = 30.0, check: bool = True):
        """Runs a program there to its end."""
        return run("ip", "netns", "exec", self.name, *command, timeout=timeout, check=check)

    def start(self, name: str, *command: str) -> Process:
        """Starts a program there in the background."""
        return Process(name, ["ip", "netns", "exec", self.name, *command])

    def counters(self) -> Counters:
        """What the far end counted: this host's view."""
        return link_counters(self.device).turned()

    def delete(self) -> None:
        ip("netns", "delete", self.name)


def host(name: str, address: str, bridge: str | None = None) -> Host:
    """A network namespace `name` with link eth0 at `address`, whose peer `h-NAME` is on `bridge` (or on nothing)."""
    ip("netns", "add", name)
    device = f"h-{name}"[:15]
    inside = Host(name, device)
    ip("link", "add", "name", device, "type", "veth", "peer", "name", "eth0", "netns", name)
    silence(device)
    inside.run("sh", "-c", silencer("eth0"))
    for words in (f"address add {address} dev eth0", "link set lo up", "link set eth0 up"):
        ip("-n", name, *words.split())
    ip("link", "set", "dev", device, "up")
    if bridge:
        ip("link", "set", "dev", device, "master", bridge)
    return inside


def avoid_taken_tap_nodes() -> None:
    """Moves on to link numbers whose /dev/tapN is free. To be called before a macvtap is made.

    A macvtap's character device is named by its link's number in its own namespace, but /dev is the whole machine's: with the same number
    in use elsewhere (another sandbox), libvirt would open the other one's device.
    """
    while True:
        ip("link", "add", "lab-probe0", "type", "veth", "peer", "name", "lab-probe1")
        newest = max(ifindex("lab-probe0"), ifindex("lab-probe1"))
        delete("lab-probe0")
        if not any(Path(f"/dev/tap{number}").exists() for number in range(newest + 1, newest + 9)):
            return


def check_tap_node(device: str) -> None:
    """LabError if the character device of a macvtap is another one's: see avoid_taken_tap_nodes()."""
    directory = next(Path("/sys/class/net", device, "macvtap").iterdir())
    node = os.stat(Path("/dev", directory.name)).st_rdev
    if (directory / "dev").read_text().strip() != f"{os.major(node)}:{os.minor(node)}":
        raise LabError(f"/dev/{directory.name} belongs to another network namespace's macvtap: try again.")

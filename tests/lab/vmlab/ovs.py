"""Open vSwitch without its kernel module: the userspace datapath, on the usual sockets (the sandbox's own).

What to know:
- The switch reads and writes a VM's tap through packet sockets. Checksum offload breaks TCP there: Nic("ovs") switches it off, and
  bridge() does so for the host's own end.
- The host's network stack sees each of those frames too and drops it, so a tap's rx drops may rise though nothing was lost.
- On a busy machine this switch drops a frame now and then: each guest still agrees with its own tap, but one guest's tx is no longer
  exactly the other's rx. A Linux bridge has shown no such loss.
- vhost-user needs the switch that Debian builds with DPDK. Its package would take the other's place, so tools/setup unpacks it below build/.
  Without huge pages it wants both --no-huge and --legacy-mem, and the VM's memory in a shared memfd.
- The sub-agent in sFlow is the bridge's number among those that send it, in no order: a bridge that is left behind may give the others new
  numbers when the switch is restarted, and a collector takes them for new agents.
- Port octets in sFlow and in `ovs-vsctl` are the switch's view.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from . import LAB_DIR, LabError, net
from .process import Process, run

DATABASE = Path("/etc/openvswitch/conf.db")
SOCKET = Path("/run/openvswitch/db.sock")
DPDK_ROOT = Path(__file__).resolve().parents[3] / "build" / "ovs-dpdk"  # from tools/setup
DPDK_SWITCH = DPDK_ROOT / "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def vsctl(*words: str, timeout: float = 15.0) -> str:
    """`ovs-vsctl WORDS...`, waiting for the switch; returns what it prints."""
    return run("ovs-vsctl", f"--timeout={max(1, int(timeout))}", *words, timeout=timeout + 2).stdout.strip()


class OpenVSwitch:
    """ovsdb-server and ovs-vswitchd."""

    def __init__(self) -> None:
        SOCKET.parent.mkdir(exist_ok=True)
        if not DATABASE.exists():
            run("ovsdb-tool", "create", str(DATABASE), SCHEMA)
        self.database = Process("ovsdb-server", ["ovsdb-server", str(DATABASE), f"--remote=punix:{SOCKET}", "--pidfile"])
        self.database.wait_for(SOCKET.exists, 10, "its socket")
        run("ovs-vsctl", "--no-wait", "init")
        self.switch = Process("ovs-vswitchd", ["ovs-vswitchd", f"unix:{SOCKET}", "--pidfile"])
        self.switch.wait_for(lambda: vsctl("get", "Open_vSwitch", ".", "ovs_version") != "", 10, "the switch")

    def use_dpdk(self) -> None:
        """From now on the switch speaks vhost-user. Bridges stay; their ports lose some frames."""
        if not DPDK_SWITCH.exists():
            raise LabError(f"There is no {DPDK_SWITCH}: `tools/setup lab` unpacks it.")
        self.switch.stop()
        libraries = DPDK_ROOT / "usr/lib/x86_64-linux-gnu"
        # DPDK takes no plugin from below a directory that everybody may write, and a clone may lie in /tmp.
        plugin = Path(shutil.copy(libraries / "librte_mempool_ring.so.23", LAB_DIR))
        extra = f"--no-huge --legacy-mem --no-pci --no-telemetry -m 256 -l 0 -d {plugin}"
        run("ovs-vsctl", "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true", f"other_config:dpdk-extra={extra}",
            "other_config:per-port-memory=true", "other_config:pmd-maxsleep=500")
        self.switch = Process("ovs-vswitchd-dpdk", [DPDK_SWITCH, f"unix:{SOCKET}", "--pidfile"], env={"LD_LIBRARY_PATH": str(libraries)})
        self.switch.wait_for(lambda: vsctl("get", "Open_vSwitch", ".", "dpdk_initialized") == "true", 20, "DPDK")

    def leave_dpdk(self) -> None:
        run("ovs-vsctl", "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=false")
        self.restart()

    def restart(self) -> None:
        """Ends the switch and starts it again: bridges, ports and sFlow stand in its database."""
        self.switch.stop()
        self.switch = Process("ovs-vswitchd", ["ovs-vswitchd", f"unix:{SOCKET}", "--pidfile"])
        # Its version stands in the database since its life before: what it has of its own are the bridges it runs.
        bridges = set(vsctl("list-br").split())
        self.switch.wait_for(lambda: set(run("ovs-appctl", "ofproto/list", check=False).stdout.split()) == bridges, 20, "the switch's bridges")

    def vhost_user_port(self, bridge: str, name: str, socket: Path) -> None:
        """A port that connects to the socket which the VM's Nic("vhostuser", socket, target=name) opens."""
        vsctl("add-port", bridge, name, "--", "set", "Interface", name, "type=dpdkvhostuserclient", f"options:vhost-server-path={socket}")

    def stop(self) -> None:
        self.switch.stop()
        self.database.stop()

    def bridge(self, name: str, address: str | None = None) -> str:
        """A bridge on the userspace datapath; `address` puts the host on it. Returns the name."""
        vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", f"other_config:mac-aging-time={net.BRIDGE_AGEING_S}")
        run("ethtool", "-K", name, "tx", "off")
        net.silence(name)
        if address:
            net.ip("address", "add", address, "dev", name)
        net.ip("link", "set", "dev", name, "up")
        return name

    def add_port(self, bridge: str, device: str, *settings: str) -> None:
        """Takes a link that exists; settings such as tag=7."""
        vsctl("add-port", bridge, device, *settings)

    def remove_port(self, bridge: str, device: str) -> None:
        vsctl("del-port", bridge, device)

    def internal_port(self, bridge: str, device: str) -> None:
        """A port that is a link of this host, up and silent."""
        vsctl("add-port", bridge, device, "--", "set", "Interface", device, "type=internal")
        net.silence(device)
        net.ip("link", "set", "dev", device, "up")

    def mirror(self, bridge: str, output: str) -> None:
        """Copies every packet of this bridge to its port `output`, once. stop_mirror() ends it."""
        vsctl("--", "--id=@o", "get", "Port", output, "--", "--id=@m", "create", "Mirror", "name=all", "select-all=true", "output-port=@o",
              "--", "set", "Bridge", bridge, "mirrors=@m")

    def stop_mirror(self, bridge: str) -> None:
        vsctl("clear", "Bridge", bridge, "mirrors")

    def tunnel_port(self, bridge: str, name: str, vni: int, remote: str) -> None:
        """A VXLAN tunnel to `remote`, which the host must reach through another bridge of this switch."""
        vsctl("add-port", bridge, name, "--", "set", "Interface", name, "type=vxlan", f"options:remote_ip={remote}", f"options:key={vni}")

    def delete_bridge(self, name: str) -> None:
        vsctl("del-br", name)

    def sflow(self, bridge: str, target: str = "127.0.0.1:6343", sampling: int = 10, polling: int = 2, header: int = 128,
              agent: str = "lo") -> None:
        """Sends sFlow of this bridge to `target`: one of `sampling` packets, counters every `polling` seconds."""
        vsctl("--", "--id=@s", "create", "sflow", f"agent={agent}", f'target="{target}"', f"header={header}", f"sampling={sampling}",
              f"polling={polling}", "--", "set", "bridge", bridge, "sflow=@s")

    def stop_sflow(self, bridge: str) -> None:
        vsctl("clear", "bridge", bridge, "sflow")

"""The whole line in the lab: our plugin in a collectd, our check behind NRPE, our subagent behind snmpd, and what each says of a vNIC.

The build under test is named by VMTRAFFIC_BUILD (default: build/dev in the checkout).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from lab import Collectd, Counters, Lab, Nic, Nrpe, Process, Snmpd, Vm

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VMTRAFFIC_BUILD", ROOT / "build" / "dev"))
PLUGIN = BUILD / "plugins/collectd/vmtraffic.so"
CHECK_TRAFFIC = BUILD / "plugins/nagios/check_vm_traffic"
CHECK_COLLECTOR = BUILD / "plugins/nagios/check_vm_collector"
CHECK_TALKERS = BUILD / "plugins/nagios/check_vm_talkers"
CHECK_LATENCY = BUILD / "plugins/nagios/check_vm_latency"
CHECK_LOSS = BUILD / "plugins/nagios/check_vm_loss"
AGENTX = BUILD / "plugins/snmp-subagent/vmtraffic-agentx"
COLLECT = BUILD / "plugins/standalone/vmtraffic-collect"
FORWARDER = BUILD / "tests/lab/lab_forwarder"

MIB = "1.3.6.1.4.1.8072.9999.9999.6343"
VNIC_ENTRY = f"{MIB}.1.2.1"
MAC_COLUMN = 5
# vtVnicRxOctets …, in the order of Counters
TOTAL_COLUMNS = {"rx_octets": 12, "rx_packets": 13, "rx_errors": 14, "rx_drops": 15, "tx_octets": 16, "tx_packets": 17, "tx_errors": 18, "tx_drops": 19}


@dataclass
class Line:
    """Front ends over one runtime directory. Which of them collects is decided by who is started first."""

    lab: Lab
    interval_s: float = 1.0
    uris: tuple[str, ...] = ("qemu:///system",)
    refresh_s: float = 60.0
    extra: str = ""
    collectd: Collectd | None = None
    snmpd: Snmpd | None = None
    agentx: Process | None = None
    nrpe: Nrpe | None = None
    collector: Process | None = None
    programs: Path = field(init=False)

    def __post_init__(self) -> None:
        self.lab.user_group()
        files = [f for f in (CHECK_TRAFFIC, CHECK_COLLECTOR, CHECK_TALKERS, CHECK_LATENCY, CHECK_LOSS, AGENTX, COLLECT) if f.exists()]
        self.programs = self.lab.publish(*files)
        self.runtime = Path("/run/vmtraffic")
        self.config = self.lab.directory / "vmtraffic.toml"
        uris = ", ".join(f'"{uri}"' for uri in self.uris)
        self.config.write_text(f"interval = {self.interval_s:g}\n{self.extra}\n[libvirt]\nuris = [{uris}]\nrefresh_interval = {self.refresh_s:g}\n")
        self.config.chmod(0o644)

    # --- starting ---

    def start_collectd(self, block: str = "", **options: object) -> Collectd:
        self.collectd = self.lab.collectd(
            f'LoadPlugin vmtraffic\n<Plugin vmtraffic>\n  ConfigFile "{self.config}"\n  {block}\n</Plugin>\n{options.pop("config", "")}', [PLUGIN],
            interval_s=self.interval_s, **options)
        return self.collectd

    def start_snmp(self, **options: object) -> Process:
        self.snmpd = self.lab.snmpd(name="line-snmpd", port=16261)
        return self.start_agentx(**options)

    def start_agentx(self, user: str | None = None, arguments: tuple[str, ...] = ()) -> Process:
        self.agentx = self.lab.process("agentx", [self.programs / "vmtraffic-agentx", "--config", self.config, "--agentx-socket", self.snmpd.socket,
                                                  *arguments], user=user)
        return self.agentx

    def start_nrpe(self, **commands: str) -> Nrpe:
        standard = {"vm_traffic": f"{self.programs}/check_vm_traffic --totals --perfdata all --window interval",
                    "vm_collector": f"{self.programs}/check_vm_collector"}
        self.nrpe = self.lab.nrpe(standard | commands, name="line-nrpe", port=15777)  # other tests have daemons of their own
        return self.nrpe

    def start_collector(self, user: str | None = None, arguments: tuple[str, ...] = ()) -> Process:
        self.collector = self.lab.process("vmtraffic-collect", [self.programs / "vmtraffic-collect", "--config", self.config, *arguments], user=user)
        return self.collector

    def stop(self) -> None:
        for process in (self.collectd, self.agentx, self.snmpd, self.nrpe, self.collector):
            if process is not None and process.running():
                process.resume()
                process.stop()
        self.collectd = self.agentx = self.snmpd = self.nrpe = self.collector = None

    # --- what the front ends say of one vNIC, in the guest's direction ---

    def collectd_totals(self, vm_name: str, mac: str) -> Counters | None:
        """The last row that csv wrote for each of the four types."""
        values = self.collectd.values()
        found: dict[str, int] = {}
        for kind, name in (("if_octets", "octets"), ("if_packets", "packets"), ("if_errors", "errors"), ("if_dropped", "drops")):
            rows = values.get(f"{vm_name}/vmtraffic/{kind}-{mac}")
            if not rows:
                return None
            found[f"rx_{name}"], found[f"tx_{name}"] = rows[-1][1]
        return Counters(**found)

    def check_totals(self, vm_name: str, mac: str) -> dict[str, int] | None:
        """Octets and packets from check_vm_traffic's perfdata, through NRPE."""
        _, text = self.nrpe.check("vm_traffic")
        found = {}
        for metric in ("rx_octets", "rx_packets", "tx_octets", "tx_packets"):
            match = re.search(rf"'?{re.escape(vm_name)}/{mac}_{metric}_total'?=(\d+)c", text)
            if not match:
                return None
            found[metric] = int(match.group(1))
        return found

    def snmp_totals(self, mac: str) -> Counters | None:
        """vtVnicTable's row with this MAC, by bulk walks."""
        wanted = bytes.fromhex(mac.replace(":", ""))
        for row in self.snmpd.bulkwalk(f"{VNIC_ENTRY}.{MAC_COLUMN}"):
            if row.value != wanted:
                continue
            index = row.oid.removeprefix(f"{VNIC_ENTRY}.{MAC_COLUMN}")
            values = {name: self.snmpd.get(f"{VNIC_ENTRY}.{column}{index}")[0] for name, column in TOTAL_COLUMNS.items()}
            if any(value.type != "Counter64" for value in values.values()):
                return None
            return Counters(**{name: value.value for name, value in values.items()})
        return None

    def all_say(self, vm: Vm, nic: Nic, counters: Counters) -> bool:
        """Whether all three front ends give these counters for this vNIC."""
        check = self.check_totals(vm.name, nic.mac)
        return (self.collectd_totals(vm.name, nic.mac) == counters and self.snmp_totals(nic.mac) == counters and
                check == {name: getattr(counters, name) for name in ("rx_octets", "rx_packets", "tx_octets", "tx_packets")})

"""What the front ends say of sampled flows, and an independent count of the same frames.

The numbers are read from the subagent by the names that stand in VMTRAFFIC-MIB. At a sampling of 1 in 1 they are exact, so that they may be
compared to the octet with the kernel's and with what dumpcap saw on the taps.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lab import Lab, LabError, Process, Vm, run, wait_for
from line import COLLECT, MIB, ROOT, Line

PORT = 16343
Index = tuple[int, ...]
Row = dict[str, object]


def sflow_section(**keys: object) -> str:
    """The configuration's [sflow], on loopback and a port of the lab's own; values in TOML's words."""
    words = {"port": PORT, "listen": '["127.0.0.1"]', "window": 10} | keys
    return "[sflow]\n" + "".join(f"{key} = {value}\n" for key, value in words.items())


class Sums(NamedTuple):
    """Packets and octets of one vNIC, in the guest's direction."""
    rx_packets: int = 0
    rx_octets: int = 0
    tx_packets: int = 0
    tx_octets: int = 0

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*(a - b for a, b in zip(self, other)))

    def __add__(self, other: Sums) -> Sums:  # not a tuple's
        return Sums(*(a + b for a, b in zip(self, other)))


def kernel_sums(vm: Vm) -> Sums:
    """What the kernel counted on the tap."""
    counted = vm.kernel_counters()
    return Sums(counted.rx_packets, counted.rx_octets, counted.tx_packets, counted.tx_octets)


# --- the front ends ---

@cache
def objects() -> dict[str, tuple[str, int]]:
    """{an object's name: (its parent's name, its number there)}, from the MIB's text."""
    text = (ROOT / "plugins/snmp-subagent/VMTRAFFIC-MIB.txt").read_text()
    return {name: (parent, int(number)) for name, parent, number in
            re.findall(r"^(vt\w+) +OBJECT(?:-TYPE| IDENTIFIER).*?::= \{ (\w+) (\d+) \}", text, re.MULTILINE | re.DOTALL)}


def oid_of(name: str) -> str:
    if name == "vmtrafficMIB":
        return MIB
    parent, number = objects()[name]
    return f"{oid_of(parent)}.{number}"


class FlowTables:
    """The subagent's tables of sampled flows."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def scalar(self, name: str) -> object:
        return self.line.snmpd.get(oid_of(name) + ".0")[0].value

    def table(self, name: str) -> dict[Index, Row]:
        """The rows of a table such as vtAgent: {index: {column without that prefix: value}}."""
        entry = oid_of(f"{name}Entry")
        columns = {number: column.removeprefix(name) for column, (parent, number) in objects().items() if parent == f"{name}Entry"}
        found: dict[Index, Row] = {}
        for binding in self.line.snmpd.bulkwalk(entry):
            if binding.oid.startswith(entry + "."):
                column, *index = map(int, binding.oid.removeprefix(entry + ".").split("."))
                found.setdefault(tuple(index), {})[columns[column]] = binding.value
        return found

    def names(self) -> dict[Index, str]:
        """{vtVnicTable's index: the domain's name}; in these tests a domain has one vNIC."""
        column = oid_of("vtVnicDomainName")
        return {tuple(map(int, b.oid.removeprefix(column + ".").split("."))): b.value.decode() for b in self.line.snmpd.bulkwalk(column)}

    def vnics(self) -> dict[str, Row]:
        """vtVnicFlowTable by domain."""
        names = self.names()
        return {names[index]: row for index, row in self.table("vtVnicFlow").items() if index in names}

    def sums(self) -> dict[str, Sums]:
        return {name: sums_of(row) for name, row in self.vnics().items()}

    def conversations(self, domain: str) -> dict[str, Row]:
        """vtConversationTable of one domain, by the other end: vm:NAME, an address in hexadecimal digits, or network:NAME."""
        names = self.names()
        found = {}
        for (*index, _rank), row in self.table("vtConversation").items():
            if names.get(tuple(index)) != domain:
                continue
            if row["PeerType"] == 2:
                found["vm:" + names[row["PeerVmIndex"], row["PeerVnicIndex"]]] = row
            elif row["PeerType"] == 3:
                found[row["PeerAddress"].hex()] = row
            elif row["PeerType"] == 4:
                found["network:" + row["PeerNetwork"].decode()] = row
        return found

    def agents(self) -> dict[int, Row]:
        """vtAgentTable by index."""
        return {index: row for (index,), row in self.table("vtAgent").items()}

    def agent(self) -> Row:
        """The only agent; LabError when there is none or more than one."""
        agents = self.agents()
        if len(agents) != 1:
            raise LabError(f"There are {len(agents)} agents: {agents}")
        return next(iter(agents.values()))


def sums_of(row: Row) -> Sums:
    return Sums(*(row.get(column, 0) for column in ("RxPackets", "RxOctets", "TxPackets", "TxOctets")))


def snapshot(line: Line) -> dict:
    return json.loads(run(line.programs / COLLECT.name, "--json", "--config", line.config).stdout)


def health(line: Line, name: str = "sflow") -> dict:
    """A probe's health in the snapshot, its counters by name."""
    probe = next((one for one in snapshot(line)["health"] if one["name"] == name), None)
    if probe is None:
        return {"state": None, "message": "", "counters": {}}
    return probe


def calm(vm: Vm) -> None:
    """Lets a guest have little under way at once: the switch reads taps from a short queue, and what it has no time for it never sees."""
    vm.run("echo 4096 16384 16384 > /proc/sys/net/ipv4/tcp_rmem")


def wait_known(line: Line, *vms: Vm) -> None:
    """Waits until the snapshot has the vNICs of these VMs with their links: from then on their ports are attributed."""
    def known() -> bool:
        found = snapshot(line)
        linked = {vnic["domain_uuid"] for vnic in found["vnics"] if vnic["if_index"]}
        return all(vm.uuid in linked for vm in vms)
    wait_for(known, 20, "the collector to know the VMs", interval=0.2)


def soon(read, expected: object, timeout: float = 15.0) -> object:
    """What read() gives, once that is `expected`, or at last: to be compared with it once more."""
    seen = [read()]

    def same() -> bool:
        seen[0] = read()
        return seen[0] == expected
    with contextlib.suppress(LabError):
        wait_for(same, timeout, interval=0.25)
    return seen[0]


def settled(tables: FlowTables, quiet_s: float = 2.5) -> dict[str, Sums]:
    """The sums once the agent has sent all that it held."""
    last, since = None, time.monotonic()
    while time.monotonic() - since < quiet_s:
        now = tables.sums()
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.2)
    return last


# --- an independent count ---

@dataclass(frozen=True)
class Frame:
    octets: int
    head: bytes
    time_us: int

    @property
    def destination(self) -> bytes:
        return self.head[:6]

    @property
    def source(self) -> bytes:
        return self.head[6:12]


def read_pcap(file: Path) -> Iterator[Frame]:
    data = file.read_bytes()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, kept, octets = struct.unpack_from("=IIII", data, at)
        yield Frame(octets, data[at + 16:at + 16 + kept], seconds * 1_000_000 + micros)
        at += 16 + kept


class Capture:
    """dumpcap on one link; frames() ends it. LabError when it lost one."""

    def __init__(self, lab: Lab, device: str, snap: int = 64, filter: str = "") -> None:
        self.file = lab.tmp / f"{device}.pcap"
        self.file.unlink(missing_ok=True)
        self.process: Process = lab.process(f"dumpcap-{device}", ["dumpcap", "-q", "-P", "-i", device, "-s", str(snap), "-B", "256", "-w", self.file,
                                                                 *(("-f", filter) if filter else ())])
        self.process.wait_for_log("File:")

    def stop(self) -> None:
        if self.process.running():
            self.process.signal(signal.SIGINT)
            self.process.wait(20)
            if not re.search(r"received/dropped on interface .*: \d+/0 ", self.process.log_text()):
                raise LabError(f"dumpcap lost frames: {self.process.log_text()}")

    def frames(self) -> list[Frame]:
        self.stop()
        return list(read_pcap(self.file))


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def count(frames: list[Frame], mac: str, keep=lambda frame, sent: True) -> Sums:
    """What a guest with this MAC received and sent, of the frames on its tap that `keep` takes (the second argument: whether it sent it)."""
    own, found = mac_bytes(mac), [0, 0, 0, 0]
    for frame in frames:
        sent = frame.source == own
        if keep(frame, sent):
            found[2 if sent else 0] += 1
            found[3 if sent else 1] += frame.octets
    return Sums(*found)


def is_flooded(frame: Frame, _sent: bool = False) -> bool:
    """Of what is sent in this lab broadcasts alone leave the switch at several ports, and so have no single output."""
    return frame.destination[0] & 1 == 1

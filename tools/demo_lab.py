#!/usr/bin/python3
"""tools/demo, second half: runs inside tests/lab/sandbox. Starts VMs (or watches the host's) and the three front ends, then shows their figures.

Each front end is asked as its users ask it: collectd's unixsock by GETVAL, the check by check_nrpe, the subagent by snmpbulkwalk of snmpd.
libvirt's figures are differences of `virsh domstats`, read at the moment each snapshot appears, so that all are of the same seconds.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

from demo_view import SOURCES, Key, Rates, Screen, Steps, block

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ["VMTRAFFIC_BUILD"])
sys.path.insert(0, str(ROOT / "tests" / "lab"))
from lab import Collectd, Lab, LabError, Nic, Nrpe, Process, Snmpd, Vm, run, wait_for  # noqa: E402

SNAPSHOT = Path("/run/vmtraffic/snapshot")
CONFIGURATION = Path("/etc/vmtraffic/vmtraffic.toml")
VNIC_TABLE = "1.3.6.1.4.1.8072.9999.9999.6343.1.2.1"  # VMTRAFFIC-MIB's vtVnicEntry
NAME, MAC, RX_BIT_RATE, TX_BIT_RATE = 3, 5, 22, 24  # its columns
PACES_MS = (80, 40, 20, 10, 20, 40)  # between two pieces of what the guests send each other: the rate rises and falls
PIECES = 60  # at one pace
MOST_TRIES = 3  # to ask all front ends before the next snapshot


# --- the virtual machines -------------------------------------------------------------------------------------------

def boot(lab: Lab) -> list[Vm]:
    bridge = lab.start_ovs().bridge("ovs-demo")
    vms = [lab.vm(name, [Nic("ovs", bridge, ip=f"10.0.0.{number}/24")]) for number, name in enumerate(("alice", "bob"), start=1)]
    lab.start_all(vms, 2)
    for vm in vms:
        vm.wait_up()
    return vms


def exchange(vms: list[Vm]) -> None:
    """Lets each guest send the other a stream for ever, in pieces so small that an interval's edges cut little."""
    first, second = vms
    for sender, receiver, kib in ((first, second, 4), (second, first, 32)):
        receiver.run("(while :; do sleep 100000 | nc -l -p 9000; done) > /dev/null 2>&1 &")  # nc ends with its input
        sender.run(f"dd if=/dev/zero of=/tmp/piece bs=1024 count={kib} 2> /dev/null")
        paces = " ".join(str(1000 * pace) for pace in PACES_MS)
        one = f"i=0; while [ $i -lt {PIECES} ]; do cat /tmp/piece || exit; usleep $pace; i=$((i+1)); done"
        stream = f"while :; do for pace in {paces}; do {one}; done; done"
        sender.run(f"(while :; do ({stream}) | nc {receiver.nics[0].address} 9000; sleep 1; done) > /dev/null 2>&1 &")


# --- the front ends -------------------------------------------------------------------------------------------------

def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class FrontEnds:
    """collectd with the plugin, snmpd with the subagent, NRPE with the check: private, and each asked for all vNICs' rates."""

    def __init__(self, lab: Lab):
        self.command = ""
        self._collectd_socket = lab.directory / "collectd.sock"
        self.collectd: Collectd = lab.collectd(
            f'LoadPlugin unixsock\n<Plugin unixsock>\n  SocketFile "{self._collectd_socket}"\n</Plugin>\nLoadPlugin vmtraffic\n',
            [BUILD / "plugins/collectd/vmtraffic.so"], csv=False)
        self.snmpd: Snmpd = lab.snmpd(port=free_port(socket.SOCK_DGRAM))
        programs = lab.publish(BUILD / "plugins/nagios/check_vm_traffic", BUILD / "plugins/snmp-subagent/vmtraffic-agentx")
        self.subagent: Process = lab.process("vmtraffic-agentx", [programs / "vmtraffic-agentx", "--agentx-socket", self.snmpd.socket],
                                             user="vmtraffic")
        self.nrpe: Nrpe = lab.nrpe({"check_vm_traffic": f"{programs}/check_vm_traffic --per vnic --window interval --top 2 --perfdata all"},
                                   port=free_port(socket.SOCK_STREAM))
        self.nrpe_text = ""

    def rates(self) -> dict[str, dict[Key, Rates]]:
        return dict(zip(SOURCES[:3], (self._collectd(), self._check(), self._snmp())))

    def _collectd(self) -> dict[Key, Rates]:
        found = {}
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(self._collectd_socket))
            with line.makefile("rw") as stream:
                for value in ask(stream, "LISTVAL"):
                    identifier = value.partition(" ")[2]
                    if named := re.fullmatch(r"([^/]+)/vmtraffic/if_octets-([0-9a-f:]{17})", identifier):
                        parts = dict(part.split("=") for part in ask(stream, f'GETVAL "{identifier}"'))
                        octets = {way: float(parts[way]) for way in ("rx", "tx") if parts.get(way, "NaN") != "NaN"}
                        found[named[1], named[2]] = Rates(**{way: 8 * rate for way, rate in octets.items()})
        return found

    def _check(self) -> dict[Key, Rates]:
        _, output = self.nrpe.check("check_vm_traffic")
        self.nrpe_text, _, perfdata = output.strip().partition("\n")[0].partition(" | ")
        found: dict[Key, dict[str, float]] = {}
        for name, mac, way, value in re.findall(r"'?([^'/|= ][^'/|=]*)/([0-9a-f:]{17})_(rx|tx)_bits'?=([0-9.e+]+)", perfdata):
            found.setdefault((name, mac), {})[way] = float(value)
        return {key: Rates(**ways) for key, ways in found.items()}

    def _snmp(self) -> dict[Key, Rates]:
        try:
            columns = {column: {bound.oid.removeprefix(f"{VNIC_TABLE}.{column}."): bound.value
                                for bound in self.snmpd.bulkwalk(f"{VNIC_TABLE}.{column}", timeout=5) if isinstance(bound.value, (bytes, int))}
                       for column in (NAME, MAC, RX_BIT_RATE, TX_BIT_RATE)}
        except LabError:  # the master has not heard of the subagent yet
            return {}
        return {(name.decode(errors="replace"), columns[MAC].get(row, b"").hex(":")): Rates(columns[RX_BIT_RATE].get(row), columns[TX_BIT_RATE].get(row))
                for row, name in columns[NAME].items()}


def ask(stream, command: str) -> list[str]:
    """One command of collectd's unixsock protocol: the lines of its answer."""
    stream.write(command + "\n")
    stream.flush()
    count = int(stream.readline().split()[0])
    return [stream.readline().rstrip("\n") for _ in range(max(0, count))]


# --- libvirt's own figures ------------------------------------------------------------------------------------------

class Libvirt:
    """Rates from differences of `virsh domstats --interface`, read-only."""

    def __init__(self) -> None:
        self._macs: dict[tuple[str, str], str] = {}  # domain, tap
        self._before: tuple[float, dict[Key, tuple[int, int]]] | None = None

    def rates(self) -> dict[Key, Rates]:
        """Since the call before; nothing at the first."""
        start = time.monotonic()
        text = virsh("domstats", "--raw", "--interface", "--list-running")
        moment = (start + time.monotonic()) / 2
        now = self._parse(text)
        before, self._before = self._before, (moment, now)
        if before is None:
            return {}
        seconds = moment - before[0]
        return {key: Rates(*(8 * (new - old) / seconds for new, old in zip(now[key], before[1][key]))) for key in now.keys() & before[1].keys()}

    def _parse(self, text: str) -> dict[Key, tuple[int, int]]:
        found = {}
        for block in text.split("Domain: '")[1:]:
            name = block.partition("'\n")[0]
            values = dict(line.strip().split("=", 1) for line in block.splitlines()[1:] if "=" in line)
            for number in range(int(values.get("net.count", 0))):
                tap = values.get(f"net.{number}.name", "")
                octets = [values.get(f"net.{number}.{way}.bytes") for way in ("rx", "tx")]
                if None not in octets and (mac := self._mac(name, tap)):
                    found[name, mac] = (int(octets[0]), int(octets[1]))
        return found

    def _mac(self, domain: str, tap: str) -> str | None:
        if (domain, tap) not in self._macs:
            self._macs |= {(domain, row[0]): row[4] for row in map(str.split, virsh("domiflist", "--domain", domain).splitlines()) if len(row) == 5}
        return self._macs.get((domain, tap))


def virsh(*words: str) -> str:
    return run("virsh", "--readonly", "-q", "-c", "qemu:///system", *words).stdout


# --- the show -------------------------------------------------------------------------------------------------------

def snapshot_stamp() -> int:
    try:
        return SNAPSHOT.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def watch(front_ends: FrontEnds, libvirt: Libvirt, steps: Steps, interval: float, seconds: float | None) -> None:
    """A block for each new snapshot, once the front ends had the time to take it up; until `seconds` have passed since the first."""
    screen = Screen()
    stamp, first, ready, tries = 0, None, False, 0
    while first is None or seconds is None or time.monotonic() - first < seconds:
        stamp = wait_for(lambda: (now := snapshot_stamp()) != stamp and now, 10 * interval + 10, "the next snapshot", interval=0.01)
        reference = libvirt.rates()
        age = max(0.0, time.time() - stamp / 1e9)  # more than a moment when the front ends are asked again
        time.sleep(max(0.0, min(0.7 * interval, 1.3) - age))  # collectd and the subagent look twice a second
        for program in (front_ends.collectd, front_ends.snmpd, front_ends.subagent, front_ends.nrpe):
            if not program.running():
                raise LabError(f"{program.name} has ended with {program.exit_code}:\n{program.log_text()}")
        figures = front_ends.rates() | {SOURCES[-1]: reference}
        tries += 1
        if snapshot_stamp() != stamp and tries < MOST_TRIES:  # they may have answered from different snapshots
            continue
        tries = 0
        if first is None:
            ready, were_ready = all(figures.values()) or not any(figures.values()), ready
            if not (ready and were_ready):  # the first interval began at a different moment for each
                steps.progress("two samples make a rate")
                continue
            steps.done("here they are")
            first = time.monotonic()
        title = f"{time.strftime('%H:%M:%S')}   rates over the last {interval:g} s   running {steps.elapsed()}, Ctrl-C ends"
        screen.show(block(figures, title, front_ends.nrpe_text, screen.width(), screen.room()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--began", type=float, required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--host", action="store_true")
    chosen = parser.parse_args()
    steps = Steps(chosen.began)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Lab() as lab:
        lab.user_group()
        CONFIGURATION.write_text(f'interval = {chosen.interval:g}\n\n[libvirt]\nuris = ["qemu:///system"]\n')
        if chosen.host:
            steps.begin("This host")
            if "error" in (refusal := run("virsh", "--readonly", "-c", "qemu:///system", "uri", check=False).stderr):
                raise LabError(f"no libvirt answers on this host: {refusal.strip()}")
            steps.done(f"{len(virsh('list', '--name').split())} running VMs in libvirt, which is read and nothing more")
        else:
            steps.begin("Private world")
            lab.start_libvirt()
            lab.start_ovs()
            steps.done("libvirtd and Open vSwitch, in namespaces of their own")
            steps.begin("Virtual machines")
            vms = boot(lab)
            exchange(vms)
            steps.done("alice and bob are up and send each other data")
        steps.begin("Front ends")
        front_ends = FrontEnds(lab)
        steps.done("collectd with vmtraffic.so, snmpd with vmtraffic-agentx, NRPE with check_vm_traffic")
        steps.begin("First figures")
        try:
            watch(front_ends, Libvirt(), steps, chosen.interval, chosen.seconds)
        except KeyboardInterrupt:
            pass
        print()
        steps.begin("Taking it all down")
    steps.done("nothing is left behind. On a real host: see README.md")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"\ntools/demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader has gone: as SIGPIPE would have ended us, but all was taken down first
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(128 + signal.SIGPIPE)

"""Two guests with a network of known delay and loss between them, and recordings of what passes their taps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows import Capture
from lab import BothWays, Lab, LabError, Nic, Vm, run
from line import FORWARDER

MS = 1_000_000
SNAP = 128  # the headers; of an ACK all
LONGEST_FRAME = 1514


@dataclass(frozen=True)
class Recorded:
    """What was true while something was recorded."""
    counts: BothWays
    server: dict[str, int]  # what the server's protocol_counters() rose by
    client: dict[str, int]


class Pair:
    """A client and an HTTP server, guests whose frames are those of a wire (see Nic.offload), with a Forwarder between them.

    The client is on the forwarder's first bridge, so that way ab leads to the server, and ba is the way of what the client fetches.
    Addresses are 10.NET.0.1 and 10.NET.0.2, fdNET::1 and fdNET::2.
    """

    FAMILIES = ("ipv4", "ipv6")

    def __init__(self, lab: Lab, name: str = "fw", net: int = 31) -> None:
        self.lab = lab
        self.addresses = {"ipv4": f"10.{net}.0.2", "ipv6": f"fd{net}::2"}
        self.network = lab.forwarder(name, FORWARDER)
        self.client, self.server = lab.start_all(
            lab.vm(f"{name}-{n}", [Nic("bridge", bridge, ip=f"10.{net}.0.{n}/24", ip6=f"fd{net}::{n}/64", offload=False)])
            for n, bridge in enumerate(self.network.bridges, start=1))
        for vm in (self.client, self.server):
            vm.wait_up()
        self._sums: dict[str, str] = {}

    def stop(self) -> None:
        for vm in (self.client, self.server):
            vm.remove()
        self.network.stop()

    def serve(self, file: str, kib: int) -> None:
        """Makes a file of random octets for the server to offer."""
        self.server.run(f"dd if=/dev/urandom of=/www/{file} bs=1024 count={kib} 2>/dev/null")
        self._sums[file] = self.server.run(f"md5sum < /www/{file}")

    def fetch(self, file: str, family: str = "ipv4", address: str | None = None, times: int = 1) -> None:
        """Fetches what serve() made, one connection after the other; LabError unless each time the very octets come."""
        address = address or self.addresses[family]
        host = f"[{address}]" if ":" in address else address
        for _ in range(times):
            came = self.client.run(f"wget -q -O - http://{host}/{file} | md5sum", timeout=120)
            if came != self._sums[file]:
                raise LabError(f"{file} came with the sum {came.strip()}, not {self._sums[file].strip()}.")

    def record(self, traffic: Callable[[], None], recordings: dict[Path, Vm]) -> Recorded:
        """Records VMs' taps into files while `traffic` runs, and until it has come to rest. LabError when a frame is not one of a wire."""
        before, server, client = self.network.settled_counts(), self.server.protocol_counters(), self.client.protocol_counters()
        captures = {file: Capture(self.lab, vm.device(), snap=SNAP) for file, vm in recordings.items()}
        traffic()
        counts = self.network.settled_counts(quiet_s=1) - before
        for file, capture in captures.items():
            capture.stop()
            longer = run("tshark", "-r", capture.file, "-Y", f"frame.len > {LONGEST_FRAME}").stdout
            if longer:
                raise LabError(f"There are frames of more than {LONGEST_FRAME} octets: {longer}")
            shutil.copyfile(capture.file, file)
        return Recorded(counts, rise(server, self.server.protocol_counters()), rise(client, self.client.protocol_counters()))


def rise(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


def sent_data(recording: Path, server_port: int = 80) -> tuple[int, int]:
    """Of the server's segments in a recording: those with data, and those (with a FIN alone, too) that begin before what was sent already."""
    fields = ("tcp.stream", "tcp.seq", "tcp.len", "tcp.flags.fin")
    wanted = [word for name in fields for word in ("-e", name)]
    text = run("tshark", "-r", recording, "-Y", f"tcp.srcport == {server_port}", "-T", "fields", *wanted).stdout
    sent, again, ends = 0, 0, {}
    for stream, begin, length, fin in (map(int, line.split()) for line in text.splitlines()):
        sent += length > 0
        again += length + fin > 0 and begin < ends.get(stream, 0)
        ends[stream] = max(ends.get(stream, 0), begin + length + fin)
    return sent, again

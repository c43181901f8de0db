"""A collector that captures at the taps of VMs, and what it says of one of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from flows import Sums, health, kernel_sums, snapshot
from lab import net, wait_for
from line import Line

ALL = "[capture]\nall = true\nwindow = 10\n"


@pytest.fixture
def begin(libvirt):
    """begin(): a collector that captures, from nothing on. Its figures are those of what follows."""
    lines = []

    def begin(extra: str = ALL, **options: object) -> Line:
        line = Line(libvirt, interval_s=1.0, extra=extra)
        (line.runtime / "snapshot").unlink(missing_ok=True)
        lines.append(line)
        line.start_collector(**options)
        wait_for(lambda: (line.runtime / "snapshot").exists(), 10, "a snapshot", line.collector.log)
        return line
    yield begin
    for line in lines:
        line.stop()


def capturing(line: Line, *vms) -> Line:
    """Waits until the probe captures at the taps of these VMs."""
    def is_ready() -> bool:
        probe = health(line, "capture")
        return probe["state"] == "up" and probe["counters"]["links"] >= len(vms)
    wait_for(is_ready, 15, "the probe to capture", line.collector.log, interval=0.1)
    time.sleep(0.5)  # the filter follows within 200 ms
    return line


def vnic(line: Line, vm) -> dict:
    return next(row for row in snapshot(line)["vnics"] if row["mac"] == vm.nics[0].mac)


def latencies(line: Line, vm) -> dict:
    """{kind: statistics over five minutes} of the VM as a whole."""
    return {row["kind"]: row["five_minutes"] for row in vnic(line, vm)["latency"] if not row["service"] and not row["peer"]}


def losses(line: Line, vm, way: str) -> dict:
    loss = vnic(line, vm)["loss"]
    return loss[way]["total"] if loss else {}


def volumes(line: Line, vm) -> Sums:
    """What was captured of the VM's packets, since the collector knows it."""
    flows = vnic(line, vm)["flows"]
    return Sums(*(int(flows[way]["total"][what]) for way in ("rx", "tx") for what in ("packets", "octets"))) if flows else Sums()


def missing(line: Line, *vms) -> list[Sums]:
    """What the kernel has counted of each VM and what was captured has not, at this moment."""
    return [kernel_sums(vm) - volumes(line, vm) for vm in vms]


def uncaptured(line: Line, *vms) -> list[Sums]:
    """What the kernel counted of each VM before its packets were captured, once nothing is under way any more."""
    seen: list[list[Sums]] = []

    def rests() -> list[Sums] | None:
        seen.append(missing(line, *vms))
        return seen[-1] if len(seen) >= 5 and all(one == seen[-1] for one in seen[-5:]) else None
    return wait_for(rests, 20, "what is captured to follow what is counted", interval=0.5)


@contextlib.contextmanager
def mirror_port(bridge: str) -> Iterator[str]:
    """A link that gets each frame which passes a Linux bridge."""
    net.veth("mir0", "mir1", bridge)
    net.ip("link", "set", "dev", bridge, "type", "bridge", "ageing_time", 0)  # it learns nothing, so each port gets everything
    try:
        yield "mir1"
    finally:
        net.delete("mir0")
        net.ip("link", "set", "dev", bridge, "type", "bridge", "ageing_time", net.BRIDGE_AGEING_S * 100)

"""What was captured of real guests is the same in every front end: check_vm_latency and check_vm_loss behind NRPE, collectd, snmpd, and --json.

The collector is stopped while the guests talk, so that all read one snapshot, with an interval in which everything was measured; they must
have read it before it is stale.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import pytest

from captured import capturing, vnic
from flows import FlowTables, Row, snapshot
from lab import Vm, wait_for
from line import Line
from pair import MS, Pair

INTERVAL_S = 4
DELAY_MS = 10
KINDS = ("guest_rtt", "network_rtt", "served", "asked", "dns", "guest_echo", "network_echo")  # in the order of VtLatencyKind
CLIENT = {"guest_rtt", "network_rtt", "asked", "network_echo"}
SERVER = {"guest_rtt", "network_rtt", "served", "guest_echo"}
SIDES = ("guest", "network")
ALL_KINDS = " ".join(f"--kind {kind.replace('_', '-')}" for kind in KINDS)
CHECKS = {
    "median_5m": f"check_vm_latency --perfdata all {ALL_KINDS}",
    "p95_interval": f"check_vm_latency --perfdata all --statistic p95 --window interval {ALL_KINDS}",
    "service": "check_vm_latency --name fr-2 --service tcp/80",
    "slow_network": f"check_vm_latency --name fr-1 --network-warning {DELAY_MS * 1.5:g}",
    "lost": "check_vm_loss --perfdata all",
    "spurious": "check_vm_loss --perfdata all --metric spurious",
    "lossy_network": "check_vm_loss --name fr-2 --network-critical 0.5",
}


@dataclass(frozen=True)
class Said:
    """What each front end said of one snapshot."""
    client: Vm
    server: Vm
    vnics: dict[str, dict]                 # --json, by the VM's name
    checks: dict[str, tuple[int, str]]
    latency: dict[tuple[str, str], Row]    # vtVnicLatencyTable, by VM and kind
    services: dict[tuple, Row]             # vtServiceLatencyTable, by VM, protocol and port
    peers: list[tuple[str, str, Row]]      # vtPeerLatencyTable, with VM and kind
    loss: dict[str, Row]                   # vtVnicLossTable, by VM
    collectd: dict[str, dict[str, float]]  # {VM: {type-instance without the vNIC: value}}
    dropped: int                           # of the data to the client

    def rows(self, vm: Vm) -> dict[str, dict]:
        """--json's latencies of the VM as a whole, by kind."""
        return {row["kind"]: row for row in self.vnics[vm.name]["latency"] if not row["service"] and not row["peer"]}

    def shares(self, vm: Vm, before: str, after: str | None) -> dict[str, float]:
        """{side: percent}: of what was sent both ways (with `after`), or by that side, over the recent window."""
        rx, tx = (self.vnics[vm.name]["loss"][way]["recent"] for way in ("rx", "tx"))
        found = {}
        for side, by, to in (("guest", tx, rx), ("network", rx, tx)):
            ways = (by, to) if after else (by,)
            found[side] = 100 * (by[before] + (to[after] if after else 0)) / sum(way["segments"] + way["lost_before"] for way in ways)
        return found

    def perfdata(self, check: str) -> dict[str, float]:
        _, text = self.checks[check]
        return {label: float(value) for label, value in re.findall(r"'([^']+)'=([\d.]+)", text.partition("|")[2])}


def talk_on(pair: Pair) -> None:
    """Lets the client fetch and ping for as long as it lives."""
    address = pair.addresses["ipv4"]
    pair.client.run(f"(while true; do wget -q -O /dev/null http://{address}/small; ping -c 1 {address}; done) > /dev/null 2>&1 &")


def freeze(line: Line, pair: Pair) -> dict:
    """Stops the collector behind an interval in which all was measured, and the VMs; the snapshot."""
    def measured() -> bool:
        return all({row["kind"] for row in vnic(line, vm)["latency"] if row["interval"]["count"] > 0} >= kinds
                   for vm, kinds in ((pair.client, CLIENT), (pair.server, SERVER)))
    wait_for(measured, 30, "an interval in which all is measured", line.collector.log, interval=0.1)
    line.collector.hang()
    for vm in (pair.client, pair.server):  # the machine is the front ends' now: what they read is soon stale
        vm.pause()
    return snapshot(line)


@pytest.fixture(scope="module")
def said(libvirt):
    pair = Pair(libvirt, "fr", 37)
    pair.serve("small", 1)
    pair.serve("large", 256)
    line = Line(libvirt, interval_s=INTERVAL_S, extra="[capture]\nall = true\nwindow = 60\n")
    (line.runtime / "snapshot").unlink(missing_ok=True)
    try:
        line.start_collector()
        wait_for(lambda: (line.runtime / "snapshot").exists(), 10, "a snapshot", line.collector.log)
        line.start_collectd()
        line.start_snmp()
        line.start_nrpe(**{name: f"{line.programs}/{command}" for name, command in CHECKS.items()})
        capturing(line, pair.client, pair.server)
        pair.network.set("both", delay_ns=DELAY_MS * MS)
        pair.network.set("ba", loss=0.05, loss_of="data", seed=7)
        before = pair.network.settled_counts()
        pair.fetch("large", times=4)
        counted = pair.network.settled_counts(quiet_s=1) - before
        pair.network.set("ba", loss=0)
        time.sleep(2)  # beyond which nobody reports a duplicate any more
        talk_on(pair)
        yield read_all(line, pair, freeze(line, pair), counted.ba.dropped_data_segments)
    finally:
        line.stop()
        pair.stop()


def read_all(line: Line, pair: Pair, json: dict, dropped: int) -> Said:
    tables, macs = FlowTables(line), {vm.name: vm.nics[0].mac for vm in (pair.client, pair.server)}
    sampled = json["sampled_walltime_ns"] / 1e9
    wait_for(lambda: tables.scalar("vtSnapshotSequence") == json["sequence"], 5, "the subagent to read the snapshot")

    def by_collectd() -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for name, rows in line.collectd.values().items():
            at, values = rows[-1]
            host, _, kind = name.split("/")
            if abs(at - sampled) < INTERVAL_S / 2 and re.match("ping|latency", kind):
                found.setdefault(host, {})[kind.replace(f"-{macs[host]}:", " ")] = values[0]
        return found
    # A snapshot's values are written one by one; the losses' are a vNIC's last.
    line.collectd.wait_for(lambda: all("ping_droprate network" in by_collectd().get(name, {}) for name in macs), 10, "the snapshot's values")
    names = tables.names()

    def of_vnics(table: str) -> list[tuple]:
        return [(names[index[:2]], *index[2:], row) for index, row in tables.table(table).items()]
    found = Said(pair.client, pair.server, {name: next(row for row in json["vnics"] if row["mac"] == mac) for name, mac in macs.items()},
                 {name: line.nrpe.check(name) for name in CHECKS},
                 {(vm, KINDS[kind - 1]): row for vm, kind, row in of_vnics("vtVnicLatency")},
                 {(vm, protocol, port): row for vm, protocol, port, row in of_vnics("vtServiceLatency")},
                 [(vm, KINDS[kind - 1], row) for vm, kind, _rank, row in of_vnics("vtPeerLatency")],
                 dict(of_vnics("vtVnicLoss")), by_collectd(), dropped)
    after = snapshot(line)
    assert (after["sequence"], after["stale"]) == (json["sequence"], False), "all had the time to read it"
    return found


def mib_row(row: dict) -> Row:
    """A row of --json as the three tables of latencies have it."""
    columns = {"Count": "count", "Min": "minimum_us", "Mean": "mean_us", "Median": "median_us", "95th": "p95_us", "99th": "p99_us"}
    return {column + suffix: round(row[window][name]) for window, suffix in (("interval", ""), ("five_minutes", "5m"))
            for column, name in columns.items() if row[window][name] is not None}


def near(values: Row) -> object:
    return pytest.approx(values, abs=1)  # what is half a microsecond is rounded differently


def test_what_is_read_is_what_was_made(said):
    client, server = said.rows(said.client), said.rows(said.server)
    assert (set(client), set(server)) == (CLIENT, SERVER)
    for kind in ("network_rtt", "asked", "network_echo"):
        assert client[kind]["interval"]["minimum_us"] >= 2000 * DELAY_MS
    assert said.dropped > 0
    loss = said.vnics[said.server.name]["loss"]["tx"]["total"]
    assert loss["lost_after"] >= said.dropped - min(1, loss["spurious"]), "a copy sent for nothing that is dropped is no loss"
    assert said.vnics[said.client.name]["loss"]["rx"]["total"]["lost_before"] > 0


def test_check_vm_latency(said):
    for check, window, statistic, suffix in (("median_5m", "five_minutes", "median_us", ""), ("p95_interval", "interval", "p95_us", "_p95")):
        expected = {f"{vm.name}_{kind}{suffix}": row[window][statistic] / 1000 for vm in (said.client, said.server)
                    for kind, row in said.rows(vm).items()}
        code, text = said.checks[check]
        assert code == 0, text
        found = {label: value for label, value in said.perfdata(check).items() if label.startswith("fr-")}
        assert found == pytest.approx(expected, abs=0.001)
    (service,) = (row for row in said.vnics[said.server.name]["latency"] if row["service"])
    assert service["service"] == "tcp/80"
    assert said.perfdata("service") == pytest.approx({f"{said.server.name}_served": service["five_minutes"]["median_us"] / 1000}, abs=0.001)
    code, text = said.checks["slow_network"]
    assert code == 1 and text.startswith(f"VM_LATENCY WARNING: {said.client.name} network side "), text


def test_check_vm_loss(said):
    for metric, before, after in (("lost", "lost_before", "lost_after"), ("spurious", "spurious", None)):
        expected = {f"{vm.name}_{side}_{metric}": share for vm in (said.client, said.server)
                    for side, share in said.shares(vm, before, after).items()}
        code, text = said.checks[metric]
        assert code == 0, text
        found = {label: value for label, value in said.perfdata(metric).items() if label.startswith("fr-")}
        assert found == pytest.approx(expected, abs=0.001)
    code, text = said.checks["lossy_network"]
    assert code == 2 and text.startswith(f"VM_LOSS CRITICAL: {said.server.name} network side lost "), text


def test_collectd(said):
    types = {"guest_rtt": ("ping guest", 1e3), "network_rtt": ("ping network", 1e3), "guest_echo": ("ping guest_echo", 1e3),
             "network_echo": ("ping network_echo", 1e3), "served": ("latency served", 1e6), "asked": ("latency asked", 1e6)}
    for vm in (said.client, said.server):
        expected = {}
        for kind, row in said.rows(vm).items():
            name, us = types[kind]
            expected |= {name: row["interval"]["median_us"] / us, f"{name}-p95": row["interval"]["p95_us"] / us}
        expected |= {f"ping_droprate {side}": share / 100 for side, share in said.shares(vm, "lost_before", "lost_after").items()}
        assert said.collectd[vm.name] == pytest.approx(expected, abs=2e-6)


def test_snmp(said):
    for vm in (said.client, said.server):
        rows = said.vnics[vm.name]["latency"]
        whole = said.rows(vm)
        assert {kind for name, kind in said.latency if name == vm.name} == set(whole)
        for kind, row in whole.items():
            assert said.latency[vm.name, kind] == near(mib_row(row))
        services = {(vm.name, 6, int(row["service"].removeprefix("tcp/"))): mib_row(row) for row in rows if row["service"]}
        assert {key for key in said.services if key[0] == vm.name} == set(services)
        for key, row in services.items():
            assert said.services[key] == near(row)
        peers = {row["kind"]: mib_row(row) for row in rows if row["peer"]}
        found = {kind: row for name, kind, row in said.peers if name == vm.name}
        assert set(found) == set(peers) == {"guest_rtt", "network_rtt"}
        other = said.server if vm is said.client else said.client
        address = bytes(map(int, other.nics[0].ip.partition("/")[0].split(".")))
        for kind, row in peers.items():
            assert (found[kind].pop("AddressType"), found[kind].pop("Address")) == (1, address)
            assert found[kind] == near(row)

        loss, row = said.vnics[vm.name]["loss"], dict(said.loss[vm.name])
        shares = said.shares(vm, "lost_before", "lost_after")
        row.pop("StartTime")
        assert row == {f"{way.capitalize()}{name.title().replace('_', '')}": count for way in ("rx", "tx") for name, count in loss[way]["total"].items()} | {
            f"{side.capitalize()}Share": near(round(100 * shares[side])) for side in SIDES}

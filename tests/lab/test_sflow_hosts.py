"""A collector for other hypervisors: what hsflowd and a switch would send from there, made by hand, through to every front end."""

import json

from flows import PORT, FlowTables, sflow_section, soon
from lab import run, wait_for
from line import COLLECT, Line
from vmlab.hypervisor import Hypervisor

WEB, DB = "52:54:00:00:07:01", "52:54:00:00:07:02"


def shown(line: Line, host: str) -> dict | None:
    said = run(str(COLLECT), "--json", "--runtime-directory", str(line.runtime), "--host", host, check=False)
    return json.loads(said.stdout) if said.returncode == 0 else None


def check(line: Line, name: str, *arguments: str) -> tuple[int, str]:
    done = run(str(line.programs / name), "--runtime-directory", str(line.runtime), *arguments, check=False)
    return done.returncode, done.stdout.strip()


def test_two_hypervisors_are_two_hosts_in_every_front_end(lab):
    line = Line(lab, uris=(), extra=sflow_section(allow='["127.0.0.0/8"]'))
    line.start_collector()
    line.collector.wait_for_log(f"listening on UDP port {PORT}")
    line.start_snmp()
    line.start_collectd()
    here, there = Hypervisor("hv-2", "10.0.0.2", PORT, "127.0.0.2"), Hypervisor("hv-3", "10.0.0.3", PORT, "127.0.0.3")
    for hypervisor in (here, there):  # the two ends of a migration: one VM on both
        hypervisor.guest("web", WEB, 7)
    there.guest("db", DB, 8)
    for hypervisor in (here, there):
        hypervisor.describe()
    wait_for(lambda: shown(line, "hv-3") is not None and len(shown(line, "hv-3")["vnics"]) == 2, 10, "the hosts")
    there.counters("web", 5, 1, 6, 2)
    here.packets("web", "192.0.2.9", 50, rate=100, octets=1000)
    here.counters("web", 1_000_000, 1000, 2_000_000, 2000)  # the last: who has seen it has all
    wait_for(lambda: any(v["tx"].get("octets") == 1_000_000 for v in shown(line, "hv-2")["vnics"]), 10, "its counters")

    assert [(v["mac"], v["rx"].get("octets"), v["tx"].get("octets")) for v in shown(line, "10.0.0.2")["vnics"]] == [(WEB, 2_000_000, 1_000_000)]
    assert sorted((v["mac"], v["tx"].get("octets")) for v in shown(line, "hv-3")["vnics"]) == [(WEB, 5), (DB, None)]

    code, text = check(line, "check_vm_talkers", "--host", "hv-2", "--name", "web", "--deny", "192.0.2.0/24")
    assert code == 2 and "192.0.2.9" in text, text
    code, text = check(line, "check_vm_talkers", "--host", "hv-9")
    assert (code, text) == (3, "VM_TALKERS UNKNOWN: no host hv-9 among the 2 known: hv-2 (10.0.0.2), hv-3 (10.0.0.3)")
    code, text = check(line, "check_vm_traffic", "--host", "hv-3", "--name", "nobody")
    assert code == 3, text

    tables = FlowTables(line)
    wait_for(lambda: len(tables.table("vtHost")) == 2, 10, "the hosts in SNMP")
    assert sorted((row["Name"], row["Domains"], row["Vnics"]) for row in tables.table("vtHost").values()) == [(b"hv-2", 1, 1), (b"hv-3", 2, 2)]

    def web() -> list[tuple]:
        rows = [row for row in tables.table("vtHostVnic").values() if row["HostName"] == b"hv-2"]
        return [tuple(row.get(column) for column in ("DomainName", "TxOctets", "FlowTxPackets", "FlowTxOctets")) for row in rows]
    expected = [(b"web", 1_000_000, 5000, 5_000_000)]
    assert soon(web, expected) == expected

    values = line.collectd.wait_for_values(r"^web/vmtraffic-hv-2/if_octets-52", 1)
    assert [rows[-1][1] for rows in values.values()] == [[2_000_000, 1_000_000]]

    here.socket.close()
    wait_for(lambda: (line.runtime / "hosts/10.0.0.2/snapshot").exists(), 1, "its file")
    line.stop()

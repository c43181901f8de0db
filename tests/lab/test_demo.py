"""tools/demo shows figures that agree, and leaves the host that it runs on as it was.

The sandbox of these tests plays the host: it has libvirtd with a VM, Open vSwitch, snmpd, NRPE and collectd of its own, which the demo must
neither use nor disturb.
"""

import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab import Lab, Nic, run, usual_signals, wait_for
from line import BUILD
from test_sandbox import assert_unchanged, quiet_world

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tools" / "demo"
CONFIGURATION = ("/etc/libvirt", "/etc/openvswitch", "/etc/collectd", "/etc/snmp", "/etc/nagios", "/etc/vmtraffic", "/var/lib/libvirt", "/run/vmlab/snmpd",
                 "/run/vmlab/nrpe", "/run/vmlab/collectd/collectd.conf")
TOLERANCE = 0.2  # virsh is read some milliseconds after the kernel was, and this may be a busy machine
LAST_WORDS = "nothing is left behind. On a real host: see README.md"
UNITS = {"bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9}


def checksums() -> dict[str, str]:
    """Of all configuration; Open vSwitch's database is a journal in which its own daemon writes, so what it says is compared instead."""
    files = [path for top in map(Path, CONFIGURATION) for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    found = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.name != "conf.db"}
    found["ovs"] = run("ovs-vsctl", "show").stdout
    return found


@pytest.fixture(scope="module")
def host(lab: Lab):
    lab.start_libvirt()
    lab.start_ovs().bridge("host-ovs")
    lab.net.bridge("host-line")
    vms = [lab.vm(f"host-vm{n}", [Nic("bridge", "host-line", ip=f"10.7.0.{n}/24")]) for n in (1, 2)]
    lab.start_all(vms)
    for vm in vms:
        vm.wait_up()
    programs = [lab.snmpd(), lab.nrpe({"id": "/usr/bin/id"}), lab.collectd("")]
    yield vms
    for program in programs:
        program.stop()
    for vm in vms:
        vm.remove()


def demo(*options: str, timeout: float = 120) -> str:
    return run(DEMO, *options, timeout=timeout, env=os.environ | {"VMTRAFFIC_BUILD": str(BUILD)}).stdout


def blocks(text: str) -> list[dict[tuple[str, str], list[float | None]]]:
    """Each block's figures: {(VM, "receives" or "sends"): [collectd, check, SNMP, virsh] in bit/s}."""
    found, name = [], ""
    for line in text.splitlines():
        if line.startswith("  VM  "):
            found.append({})
        if row := re.match(r"  (\S+)?\s+(?:[0-9a-f:]{17})?\s+(receives|sends)\s+(.*)$", line):
            name = row[1] or name
            figures = re.findall(r"(-|([0-9.]+) ([kMG]?bit/s))(?:\s|$)", row[3])
            found[-1][name, row[2]] = [None if whole == "-" else float(number) * UNITS[unit] for whole, number, unit in figures]
    return found


def agree(figures: list[float | None]) -> bool:
    return len(figures) == 4 and None not in figures and max(figures) - min(figures) <= TOLERANCE * max(figures) + 1000


def assert_figures(text: str, names: set[str]) -> None:
    """Every block has both directions of each VM from all four; all but the odd one, caught between two looks, agree; and there is traffic."""
    shown = blocks(text)
    assert len(shown) >= 3, text
    rows = [figures for block in shown for figures in block.values()]
    assert all({name for name, _ in block} == names and len(block) == 2 * len(names) for block in shown), text
    assert sum(map(agree, rows)) >= 0.8 * len(rows), text
    assert max(max(filter(None, figures), default=0) for figures in rows) > 100_000, text
    assert "\033" not in text and "NRPE says: VM_TRAFFIC OK" in text


def test_two_vms_of_its_own(host):
    before, sums = quiet_world(), checksums()
    text = demo("--interval", "4", "--seconds", "17")
    assert_figures(text, {"alice", "bob"})
    assert text.rstrip().endswith(LAST_WORDS)
    assert_unchanged(before)
    assert checksums() == sums


def test_the_reader_goes(host):
    before = quiet_world()
    done = run("bash", "-o", "pipefail", "-c", f"{DEMO} --seconds 60 | grep -m 1 'NRPE says'", check=False, timeout=120,
               env=os.environ | {"VMTRAFFIC_BUILD": str(BUILD)})
    assert (done.returncode, done.stderr) == (141, "")
    assert_unchanged(before)


def test_the_vms_of_the_host(host):
    client, server = host
    server.run("dd if=/dev/zero of=/www/some bs=1024 count=64 2> /dev/null")
    client.run(f"(for i in $(seq 1000); do wget -q -O /dev/null http://{server.nics[0].address}/some; usleep 20000; done) > /dev/null 2>&1 &")
    before, sums = quiet_world(), checksums()
    assert_figures(demo("--host", "--interval", "4", "--seconds", "17"), {"host-vm1", "host-vm2"})
    assert_unchanged(before)
    assert checksums() == sums


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_ended_from_outside(host, number, code):
    before = quiet_world()
    with subprocess.Popen([DEMO], stdout=subprocess.PIPE, text=True, env=os.environ | {"VMTRAFFIC_BUILD": str(BUILD)},
                          preexec_fn=usual_signals) as process:
        lines = iter(process.stdout.readline, "")
        assert any("NRPE says" in line for line in lines)
        process.send_signal(number)
        rest = "".join(lines)
        assert process.wait(40) == code
    assert number != signal.SIGINT or rest.rstrip().endswith(LAST_WORDS)
    assert_unchanged(before)


def test_host_without_libvirt(host):
    script = f"mount -t tmpfs tmpfs /run/libvirt && exec {DEMO} --host"
    done = run("unshare", "--mount", "sh", "-c", script, check=False, env=os.environ | {"VMTRAFFIC_BUILD": str(BUILD)})
    assert done.returncode == 1
    assert "tools/demo: no libvirt answers on this host" in done.stderr


@pytest.mark.parametrize("options", [["--seconds", "0"], ["--interval", "0.5"], ["--what"]])
def test_wrong_options(lab, options):
    assert run(DEMO, *options, check=False).returncode == 2


sys.path.insert(0, str(ROOT / "tools"))
import demo_view  # noqa: E402


@pytest.mark.parametrize("rate, text", [(None, "-"), (0, "0 bit/s"), (999.4, "999 bit/s"), (999.6, "1.00 kbit/s"), (9994, "9.99 kbit/s"), (99_940, "99.9 kbit/s"),
                                        (999_400, "999 kbit/s"), (999_600, "1.00 Mbit/s"), (12_340_000, "12.3 Mbit/s"), (2.5e9, "2.50 Gbit/s")])
def test_rates_for_people(rate, text):
    assert demo_view.human(rate) == text


def test_names_cannot_command_the_terminal():
    assert demo_view.shown("a\033[31mb\u202e", 20) == "a?[31mb?"
    assert demo_view.shown("a" * 30, 5) == "aaaa…"


def test_the_busiest_come_first_when_not_all_have_room():
    rows = {source: {(name, "52:54:00:00:00:01"): demo_view.Rates(rate, 0) for name, rate in (("a", 1), ("b", 3), ("c", 2))} for source in demo_view.SOURCES}
    lines = demo_view.table(rows, most=2)
    assert [line.split()[0] for line in lines[1::2]] == ["b", "c", "..."]
    assert lines[-1] == "  ... and 1 more vNICs with less traffic"
